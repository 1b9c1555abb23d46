//! What handlers may ask of supervisors.

use super::lives::ChildReply;
use super::spec::{ChildSpec, Supervisor};
use super::supervise::{ChildKey, ChildRequest, Request};
use crate::actor::{ActorRef, Order, Turn};

/// Children at run time. Supervisors see to requests when the round is settled, if the call succeeds, one after
/// the other.
impl Turn<'_> {
    /// Starts a child, behind those that are there. Under a simple_one_for_one supervisor the template's rules hold for it,
    /// and the spec's own way to make its state.
    pub fn start_child(&self, supervisor: ActorRef<Supervisor>, child: impl Into<ChildSpec>) -> ChildReply {
        self.ask_supervisor(supervisor, ChildRequest::Start(child.into()))
    }

    /// Starts one more child of a simple_one_for_one supervisor.
    pub fn start_from_template(&self, supervisor: ActorRef<Supervisor>) -> ChildReply {
        self.ask_supervisor(supervisor, ChildRequest::StartFromTemplate)
    }

    /// Stops a child; its spec is kept, unless it is temporary.
    pub fn terminate_child(&self, supervisor: ActorRef<Supervisor>, child: impl Into<ChildKey>) -> ChildReply {
        self.ask_supervisor(supervisor, ChildRequest::Terminate(child.into()))
    }

    /// Starts a stopped child again.
    pub fn restart_child(&self, supervisor: ActorRef<Supervisor>, child: impl Into<ChildKey>) -> ChildReply {
        self.ask_supervisor(supervisor, ChildRequest::Restart(child.into()))
    }

    /// Forgets a stopped child.
    pub fn delete_child(&self, supervisor: ActorRef<Supervisor>, child: impl Into<ChildKey>) -> ChildReply {
        self.ask_supervisor(supervisor, ChildRequest::Delete(child.into()))
    }

    fn ask_supervisor(&self, supervisor: ActorRef<Supervisor>, what: ChildRequest) -> ChildReply {
        let reply = ChildReply::new();
        let request = Box::new(Request { what, reply: reply.clone() });
        self.order(Order::Ask { supervisor: supervisor.id(), request });
        reply
    }
}
