//! Supervisors, signals and lives, from outside.

use std::borrow::BorrowMut;

use bevy_ecs::world::World;
use crossbeam_channel::Receiver;

use super::Throng;
use crate::actor::{Actor, ActorRef, ExitReason, Pool};
use crate::border::Outlets;
use crate::id::ActorId;
use crate::supervision::ChildError;
use crate::systems::{ChildKey, ChildReply, ChildRequest, ChildSpec, LifeEvent, SupervisionTree, Supervisor, SupervisorSpec};

/// Supervision from outside. All of it acts at once, as far as no actor takes its time.
impl<W: BorrowMut<World>> Throng<W> {
    /// Starts a tree of supervisors under the root, children in order.
    ///
    /// # Errors
    ///
    /// [`ChildError::Spec`] if the tree cannot work: then nothing was started. [`ChildError::Start`] if a child did not
    /// start: then those before it are stopped again, in reverse order; children that take their time are
    /// gone some ticks later.
    pub fn start_tree(&mut self, spec: SupervisorSpec) -> Result<ActorRef<Supervisor>, ChildError> {
        self.engine(|engine, world| engine.start_tree(world, spec)).map(ActorRef::from_id)
    }

    /// Tells a supervisor to stop all its children, in reverse order, and to exit with this reason, as its own
    /// supervisor would.
    pub fn stop_tree(&mut self, supervisor: ActorRef<Supervisor>, reason: ExitReason) {
        self.engine(|engine, world| engine.stop_supervisor(world, supervisor.id(), reason));
    }

    /// Starts a child, behind those that are there. Under a simple_one_for_one supervisor the template's rules hold for it,
    /// and the spec's own way to make its state.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bevy_ecs::component::Component;
    /// # use throng::prelude::*;
    /// use throng::{ChildError, ChildSpec, Supervisor};
    /// # #[derive(Component)] struct Cook;
    /// # impl Actor for Cook { type Msg = (); type Params = (); fn handle(&mut self, _: (), _: &Context<'_, Self>) -> Handled { Ok(()) } }
    /// let mut throng = Throng::default();
    /// let kitchen = throng.start_tree(Supervisor::one_for_one("kitchen"))?;
    /// let reply = throng.start_child(kitchen, ChildSpec::new("cook", |_| Cook));
    /// assert!(reply.get().unwrap().is_ok());
    /// let again = throng.start_child(kitchen, ChildSpec::new("cook", |_| Cook));
    /// assert_eq!(again.get(), Some(&Err(ChildError::AlreadyStarted)));
    /// # Ok::<(), ChildError>(())
    /// ```
    pub fn start_child(&mut self, supervisor: ActorRef<Supervisor>, child: impl Into<ChildSpec>) -> ChildReply {
        self.request(supervisor, ChildRequest::Start(child.into()))
    }

    /// Starts one more child of a simple_one_for_one supervisor.
    pub fn start_from_template(&mut self, supervisor: ActorRef<Supervisor>) -> ChildReply {
        self.request(supervisor, ChildRequest::StartFromTemplate)
    }

    /// Stops a child; its spec is kept, unless it is temporary.
    pub fn terminate_child(&mut self, supervisor: ActorRef<Supervisor>, child: impl Into<ChildKey>) -> ChildReply {
        self.request(supervisor, ChildRequest::Terminate(child.into()))
    }

    /// Starts a stopped child again. If that fails it stays stopped.
    pub fn restart_child(&mut self, supervisor: ActorRef<Supervisor>, child: impl Into<ChildKey>) -> ChildReply {
        self.request(supervisor, ChildRequest::Restart(child.into()))
    }

    /// Forgets a stopped child.
    pub fn delete_child(&mut self, supervisor: ActorRef<Supervisor>, child: impl Into<ChildKey>) -> ChildReply {
        self.request(supervisor, ChildRequest::Delete(child.into()))
    }

    /// Starts a [`Pool`] of `n` children of a [simple_one_for_one](Supervisor::simple_one_for_one) supervisor, made from its
    /// template.
    ///
    /// Their supervisor restarts them by its rules, in their places. A child that it does not restart, and one whose
    /// start fails, is asked for again when the next tick begins. When the supervisor is gone, the pool stays empty.
    ///
    /// # Errors
    ///
    /// [`ChildError::NoProc`] if the supervisor does not live, [`ChildError::BadCombination`] if it has no template,
    /// [`ChildError::Spec`] if that makes actors of another type.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bevy_ecs::component::Component;
    /// # use throng::prelude::*;
    /// use throng::{ActorFailure, ChildSpec, Pool, Supervisor};
    /// #[derive(Component)]
    /// struct Worker;
    /// impl Actor for Worker {
    ///     type Msg = u32;
    ///     type Params = ();
    ///     fn handle(&mut self, n: u32, _cx: &Context<'_, Self>) -> Handled {
    ///         if n == 0 { Err(ActorFailure::msg("cannot divide by it")) } else { Ok(()) }
    ///     }
    /// }
    ///
    /// let mut throng = Throng::default();
    /// let template = ChildSpec::new("worker", |_| Worker);
    /// let boss = throng.start_tree(Supervisor::simple_one_for_one("boss", template).intensity(3, 60))?;
    /// let pool: Pool<Worker> = throng.spawn_pool_under(boss, 4)?;
    /// let workers = throng.pool_members(pool);
    /// throng.tell(workers[2], 0);
    /// throng.tick();
    /// assert_eq!(throng.pool_members(pool), workers, "it was restarted");
    /// throng.resize_pool(pool, 2);
    /// throng.tick();
    /// assert_eq!(throng.stats().actors, 3, "two workers and their boss");
    /// # Ok::<(), throng::ChildError>(())
    /// ```
    pub fn spawn_pool_under<A: Actor>(&mut self, supervisor: ActorRef<Supervisor>, n: usize) -> Result<Pool<A>, ChildError> {
        self.engine(|engine, world| engine.open_pool_under::<A>(world, supervisor.id(), n)).map(Pool::new)
    }

    fn request(&mut self, supervisor: ActorRef<Supervisor>, what: ChildRequest) -> ChildReply {
        self.engine(|engine, world| engine.request(world, supervisor.id(), what))
    }

    /// Sends an exit signal from outside; see [`Turn::exit_signal`](crate::Turn::exit_signal).
    pub fn exit_signal(&mut self, to: impl Into<ActorId>, reason: ExitReason) {
        let to = to.into();
        self.engine(|engine, world| engine.signal_from_outside(world, to, reason));
    }

    /// All supervisors and their children, with states, restarts and last reasons.
    #[must_use]
    pub fn supervision_tree(&mut self) -> SupervisionTree {
        self.engine(|engine, _| engine.supervision_tree())
    }

    /// Subscribes to starts and ends of actors, in order, from now on; up to `capacity` wait to be read. They come at the
    /// end of a tick. While anybody subscribes, stops take the long way, one by one.
    pub fn life_events(&mut self, capacity: usize) -> Receiver<LifeEvent> {
        let receiver = self.world_mut().get_resource_or_init::<Outlets>().life_events(capacity);
        self.engine(|engine, _| {
            engine.lives.told.get_or_insert_default();
        });
        receiver
    }

    /// The next tick at which a time-out, a put-off restart or a lingering end is due.
    #[must_use]
    pub fn next_due(&mut self) -> Option<u64> {
        self.engine(|engine, _| engine.lives.next_due())
    }
}
