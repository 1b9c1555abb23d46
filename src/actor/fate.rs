//! What a handler can do about lives: its own end, links, monitors, signals.

use super::exit::Order;
use super::{ExitReason, MonitorRef, Stop, Turn, Wish};
use crate::id::ActorId;

/// Lives and deaths. All of it acts, in the order asked for, when the round is settled, and only if the
/// call succeeds.
impl Turn<'_> {
    pub(crate) fn order(&self, order: Order) {
        let me = self.id();
        self.outbox().with(|outbox| outbox.order(me, order));
    }

    /// Ends this actor with a reason, when the call succeeds. It handles nothing more;
    /// [`Actor::terminate`](crate::Actor::terminate) runs, links and monitors hear of it, and its supervisor decides whether it is
    /// restarted.
    pub fn exit(&self, reason: ExitReason) {
        self.order(Order::Exit(reason));
        self.wish(Wish::EXIT);
    }

    /// In [`Actor::started`](crate::Actor::started) of a supervised child: it does not want to be started. The supervisor goes
    /// on without it and keeps its spec, unless it is temporary. Elsewhere the same as
    /// [`Turn::stop_self`]. (OTP: `ignore`.)
    pub fn ignore(&self) {
        self.outbox().with(|outbox| outbox.stop(Stop { id: self.id(), leaves: true }));
        self.wish(Wish::STOP | Wish::IGNORE);
    }

    /// In [`Actor::terminate`](crate::Actor::terminate): takes so many ticks over it. Until then the actor lives, but handles
    /// nothing; only a kill ends it earlier. `u64::MAX` means until killed.
    pub fn linger(&self, ticks: u64) {
        self.order(Order::Linger(ticks));
    }

    /// Sends an exit signal. An actor that traps exits gets it as a [`Notice`](crate::Notice); another ends with that
    /// reason, unless it is `Normal`. `Kill` ends every actor, with reason `Killed`. A dead receiver ignores it.
    #[doc(alias = "exit/2")]
    pub fn exit_signal(&self, to: impl Into<ActorId>, reason: ExitReason) {
        self.order(Order::Signal { to: to.into(), reason });
    }

    /// Turns exit signals into [`Notice::Exit`](crate::Notice::Exit) from now on, or no longer.
    #[doc(alias = "process_flag")]
    pub fn trap_exit(&self, on: bool) {
        self.order(Order::TrapExit(on));
    }

    /// Links this actor and another: when one ends, the other gets an exit signal with the same reason.
    /// Linking twice is one link. To a dead actor: a notice, [`Notice::Exit`](crate::Notice::Exit) with `NoProc` if this actor
    /// traps exits, else [`Notice::LinkRefused`](crate::Notice::LinkRefused).
    pub fn link(&self, other: impl Into<ActorId>) {
        self.order(Order::Link(other.into()));
    }

    /// Removes a link; either end may.
    pub fn unlink(&self, other: impl Into<ActorId>) {
        self.order(Order::Unlink(other.into()));
    }

    /// Asks for one [`Notice::Down`](crate::Notice::Down) when the present incarnation of an actor ends. Each call is independent.
    #[must_use]
    pub fn monitor(&self, actor: impl Into<ActorId>) -> MonitorRef {
        let monitor = MonitorRef { tick: self.tick(), round: self.round(), nth: self.next_monitor() };
        self.order(Order::Monitor { actor: actor.into(), monitor });
        monitor
    }

    /// Takes a monitor back. A notice that waits already still comes, unless `flush` is set.
    pub fn demonitor(&self, monitor: MonitorRef, flush: bool) {
        self.order(Order::Demonitor { monitor, flush });
    }

    /// Follows an address over restarts: [`Notice::Restarted`](crate::Notice::Restarted) each time, [`Notice::Stopped`](crate::Notice::Stopped) at its end
    /// (at once if it does not live). Watching twice is watching once.
    pub fn watch(&self, actor: impl Into<ActorId>) {
        self.order(Order::Watch(actor.into()));
    }

    /// Watches no longer.
    pub fn unwatch(&self, actor: impl Into<ActorId>) {
        self.order(Order::Unwatch(actor.into()));
    }

    /// Leaves notices waiting until [`Turn::release_notices`]; the control lane's `postpone`.
    pub fn hold_notices(&self) {
        self.order(Order::HoldNotices(true));
    }

    /// Takes notices again; those that waited come first, in order.
    pub fn release_notices(&self) {
        self.order(Order::HoldNotices(false));
    }
}
