//! A world of actors, and the view of one inside a host's world.

mod keyed;
mod lives;

use std::borrow::BorrowMut;
use std::fmt;
use std::sync::Arc;

use bevy_ecs::entity::Entity;
use bevy_ecs::schedule::{IntoScheduleConfigs, Schedule, Schedules, SingleThreadedExecutor};
use bevy_ecs::system::{BoxedSystem, IntoSystem, ScheduleSystem};
use bevy_ecs::world::World;
use crossbeam_channel::Receiver;

use crate::actor::{
    Actor, ActorRef, ActorRefs, Destination, ExitReason, HasMailbox, Load, Newborn, Outbox, OutletPort, Pool, TellFrom, TimerSpec, Topic,
    publish, publish_to,
};
#[cfg(feature = "testkit")]
use crate::actor::{Failure, FailureKind, Signal};
#[cfg(feature = "testkit")]
use crate::border::{BatchFault, BatchFaults};
use crate::border::{Inlet, InletDrain, Jobs, Outlets, Pace, PaceReport, Pacer, drain_inlet, fill_outlets};
use crate::charted::{ChartActor, Charted, Charting, SharedChart};
use crate::error::{AdoptError, RegisterError};
use crate::id::ActorId;
use crate::mailbox::{DeadLetter, MailStats, MailboxConfig, Shout};
use crate::registry::{NameError, TopicError};
use crate::statechart::{Definition, StateSet};
use crate::systems::{
    ActorBehaviour, ActorConfig, ActorRound, ActorTick, Behaviour, Engine, Fresh, JobLog, MailSystem, SPAWN_BATCH, ShutdownReport, Stats,
    ThrongOptions, ThrongSystems, fire_timers, run_rounds,
};
use crate::world::Mailbox;

/// A world of actors.
///
/// `Throng<World>`, which [`Throng::new`] makes, owns its world. `Throng<&mut World>`, which
/// [`Throng::of`] gives, is a view of the actors in a host's world; both have the same methods.
///
/// # Examples
///
/// ```
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
///
/// #[derive(Component)]
/// struct Ping(u32);
///
/// impl Actor for Ping {
///     type Msg = ActorRef<Ping>;
///     type Params = ();
///     fn handle(&mut self, other: ActorRef<Ping>, cx: &Context<'_, Self>) -> Handled {
///         self.0 += 1;
///         if self.0 < 100 {
///             cx.tell(other, cx.me());
///         }
///         Ok(())
///     }
/// }
///
/// let mut throng = Throng::default();
/// let (a, b) = (throng.spawn(Ping(0)), throng.spawn(Ping(0)));
/// throng.tell(a, b);
/// throng.tick();
/// assert_eq!(throng.state(a).unwrap().0, 100);
/// assert!(throng.stats().mail.is_balanced());
/// ```
pub struct Throng<W: BorrowMut<World> = World> {
    world: W,
}

impl Throng {
    /// Makes a world of actors.
    #[must_use]
    pub fn new(options: ThrongOptions) -> Self {
        let mut world = World::new();
        install(&mut world, &options);
        Engine::scope(&mut world, |engine, _| engine.tidies = Some(0));
        Self { world }
    }

    /// The world, and no longer a throng: for a host that goes on alone with it.
    #[must_use]
    pub fn into_world(mut self) -> World {
        Engine::scope(&mut self.world, |engine, _| engine.tidies = None);
        self.world
    }
}

impl Default for Throng {
    fn default() -> Self {
        Self::new(ThrongOptions::default())
    }
}

/// Puts the engine and its tick into a world, once.
pub(crate) fn install(world: &mut World, options: &ThrongOptions) {
    if Engine::is_installed(world) {
        return;
    }
    let number = Engine::install(world, options);
    world.insert_resource(InletDrain::new(options.inlet_capacity, number));
    world.insert_resource(Jobs::new(options));
    world.init_resource::<Outlets>();
    let mut tick = Schedule::new(ActorTick);
    tick.set_executor(SingleThreadedExecutor::new());
    tick.configure_sets((ThrongSystems::Inlet, ThrongSystems::Timers, ThrongSystems::Rounds, ThrongSystems::Outlet).chain());
    tick.add_systems((
        drain_inlet.in_set(ThrongSystems::Inlet),
        fire_timers.in_set(ThrongSystems::Timers),
        run_rounds.in_set(ThrongSystems::Rounds),
        fill_outlets.in_set(ThrongSystems::Outlet),
    ));
    world.add_schedule(tick);
}

impl<'w> Throng<&'w mut World> {
    /// The actors of a host's world, which has throng's plugin.
    #[must_use]
    pub fn of(world: &'w mut World) -> Self {
        Self { world }
    }
}

impl<W: BorrowMut<World>> Throng<W> {
    /// The bevy world in which the actors are entities.
    pub fn world(&self) -> &World {
        self.world.borrow()
    }

    /// The bevy world, to change it.
    pub fn world_mut(&mut self) -> &mut World {
        self.world.borrow_mut()
    }

    fn engine<R>(&mut self, work: impl FnOnce(&mut Engine, &mut World) -> R) -> R {
        Engine::scope(self.world.borrow_mut(), work)
    }

    /// Makes an actor type known with its default settings. [`Throng::spawn`] does so by itself;
    /// handlers cannot.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] if it is known already, or its `Params` cannot be used.
    pub fn register<A: Actor>(&mut self) -> Result<&mut Self, RegisterError> {
        self.register_with(ActorConfig::<A>::new())
    }

    /// Makes an actor type known, with settings.
    ///
    /// # Errors
    ///
    /// As [`Throng::register`].
    pub fn register_with<A: Actor>(&mut self, config: ActorConfig<A>) -> Result<&mut Self, RegisterError> {
        self.engine(|engine, world| {
            let mailbox = config.mailbox.clone();
            let behaviour = ActorBehaviour::new(world, config)?;
            engine.register(world, mailbox, Some(Box::new(behaviour) as Box<dyn Behaviour<A>>))
        })?;
        Ok(self)
    }

    /// Makes a type with a mailbox known whose mail a system reads; see [`Mail`](crate::Mail).
    ///
    /// For an [`Actor`] type the system takes the place of its `handle`.
    ///
    /// # Panics
    ///
    /// Panics if bevy refuses the system's parameters.
    pub fn add_mail_system<A: HasMailbox, M>(&mut self, system: impl IntoSystem<(), (), M>) -> &mut Self {
        let system: BoxedSystem = Box::new(IntoSystem::into_system(system));
        self.engine(|engine, world| {
            if engine.kind_of::<A>().is_none() {
                let added = engine.register::<A>(world, MailboxConfig::default(), None);
                added.expect("invariant: the type was not known, and types without `Params` are accepted");
            }
            let keeper = engine.keeper::<A>().expect("invariant: known by now");
            keeper.system = Some(MailSystem::new(world, system));
        });
        self
    }

    fn ensure_registered<A: Actor>(&mut self) {
        let known = self.engine(|engine, _| engine.kind_of::<A>().is_some());
        if !known && let Err(error) = self.register::<A>() {
            panic!("{error}");
        }
    }

    /// Spawns an actor under the root. Its `started` hook runs at once; its mail from the next tick on.
    ///
    /// If the actor fails it is restarted with the state that [`ActorConfig::fresh`] makes; without that
    /// it stops. [`Throng::spawn_with`] brings a factory along.
    ///
    /// # Panics
    ///
    /// Panics if the type is not registered and its `Params` cannot be used; call [`Throng::register`]
    /// first to get that as an error.
    pub fn spawn<A: Actor>(&mut self, state: A) -> ActorRef<A> {
        self.spawn_many([state]).get(0).expect("invariant: one was spawned")
    }

    /// Spawns many actors at once, which is several times faster than one by one.
    ///
    /// # Panics
    ///
    /// As [`Throng::spawn`].
    pub fn spawn_many<A: Actor>(&mut self, states: impl IntoIterator<Item = A>) -> ActorRefs<A> {
        self.ensure_registered::<A>();
        let mut states = states.into_iter();
        self.engine(|engine, world| {
            engine.spawn_in_batches(world, |engine| {
                let states: Vec<A> = states.by_ref().take(SPAWN_BATCH).collect();
                let ids = engine.reserve::<A>(states.len());
                states.into_iter().zip(ids).map(|(state, id)| Newborn { id, state }).collect()
            })
        })
    }

    /// Spawns an actor that can be restarted: `make` makes its first state and, after a failure, fresh
    /// state in the same place.
    ///
    /// # Panics
    ///
    /// As [`Throng::spawn`], and if `make` panics the first time.
    pub fn spawn_with<A: Actor>(&mut self, make: impl Fn(ActorId) -> A + Send + Sync + 'static) -> ActorRef<A> {
        self.spawn_many_with(1, make).get(0).expect("invariant: one was spawned")
    }

    /// Spawns `n` actors that can be restarted. Remembering how costs 16 bytes an actor.
    ///
    /// # Panics
    ///
    /// As [`Throng::spawn_with`].
    pub fn spawn_many_with<A: Actor>(&mut self, n: usize, make: impl Fn(ActorId) -> A + Send + Sync + 'static) -> ActorRefs<A> {
        self.ensure_registered::<A>();
        self.engine(|engine, world| {
            let make: Fresh<A> = Arc::new(make);
            engine.spawn_made(world, n, &make)
        })
    }

    /// Spawns a pool of `n` actors, kept at that number; see [`Pool`].
    ///
    /// # Panics
    ///
    /// As [`Throng::spawn`].
    pub fn spawn_pool<A: Actor>(&mut self, n: usize, make: impl Fn(ActorId) -> A + Send + Sync + 'static) -> Pool<A> {
        self.ensure_registered::<A>();
        Pool::new(self.engine(|engine, world| engine.open_pool::<A>(world, n, Arc::new(make))))
    }

    /// Sets how many members a pool is to have, at once. Those in the last places are stopped, by their supervisor if
    /// they have one; their mail becomes dead letters.
    pub fn resize_pool<A: Actor>(&mut self, pool: Pool<A>, members: usize) {
        self.engine(|engine, world| {
            engine.hub.registry.pools.resize(pool.index, members);
            engine.tend_pool(world, pool.index as usize);
        });
    }

    /// The members of a pool by place, as of the last tick's beginning.
    #[must_use]
    pub fn pool_members<A: Actor>(&mut self, pool: Pool<A>) -> Vec<ActorRef<A>> {
        let ids = |engine: &mut Engine| engine.hub.registry.pools.get(pool.index).map_or_else(Vec::new, |members| members.ids.clone());
        self.engine(|engine, _| ids(engine)).into_iter().map(ActorRef::from_id).collect()
    }

    /// Gives one actor mailbox settings of its own.
    ///
    /// Returns whether the actor is alive.
    pub fn configure_mailbox<A: HasMailbox>(&mut self, actor: ActorRef<A>, config: MailboxConfig<A::Msg>) -> bool {
        self.engine(|engine, world| engine.keeper::<A>().is_some_and(|keeper| keeper.configure(world, actor.id(), config)))
    }

    /// Makes an entity of the host's an actor: it gets a mailbox and an id.
    ///
    /// # Errors
    ///
    /// [`AdoptError`] if the entity is gone or has such a mailbox already.
    ///
    /// # Panics
    ///
    /// Panics if `A` has no mail system and is no registered actor type.
    pub fn adopt<A: HasMailbox>(&mut self, entity: Entity) -> Result<ActorRef<A>, AdoptError> {
        self.engine(|engine, world| {
            let known = world.get_entity(entity).map_err(|_| AdoptError::NoSuchEntity(entity))?;
            if known.contains::<Mailbox<A>>() {
                return Err(AdoptError::Already(entity));
            }
            Ok(ActorRef::from_id(engine.adopt::<A>(world, entity)))
        })
    }

    /// Lets an actor's [`Actor::tick`] run in every tick from the next on, or no more; as
    /// [`Context::set_ticking`](crate::Context::set_ticking) does from inside. A stopped actor is left alone.
    pub fn set_ticking<A: Actor>(&mut self, actor: ActorRef<A>, ticks: bool) {
        self.engine(|engine, _| engine.set_ticking(actor.id(), ticks));
    }

    /// Stops an actor and its children at once, with their hooks. A stopped or unknown actor is left alone.
    pub fn stop(&mut self, actor: impl Into<ActorId>) {
        let actor = actor.into();
        self.engine(|engine, world| engine.stop(world, &[actor], &ExitReason::Shutdown));
    }

    /// Stops many actors at once.
    pub fn stop_many(&mut self, actors: impl IntoIterator<Item = impl Into<ActorId>>) {
        let actors: Vec<ActorId> = actors.into_iter().map(Into::into).collect();
        self.engine(|engine, world| engine.stop(world, &actors, &ExitReason::Shutdown));
    }

    /// Sends a message from outside; it is handled in the next tick's first round.
    pub fn tell<M>(&mut self, to: impl Destination<M>, msg: M) {
        self.engine(|engine, _| {
            let (registry, outbox) = engine.hub.host();
            to.deliver(registry, outbox, None, msg);
        });
    }

    /// Sends many messages from outside, in order; cheaper than one by one.
    pub fn tell_many<M, D: Destination<M>>(&mut self, letters: impl IntoIterator<Item = (D, M)>) {
        self.engine(|engine, _| {
            let (registry, outbox) = engine.hub.host();
            for (to, msg) in letters {
                to.deliver(registry, outbox, None, msg);
                outbox.with(Outbox::begin);
            }
        });
    }

    /// Sends a message from outside to every actor of a type: one message, many readers.
    ///
    /// Does nothing if the type is not known: then it has no actors.
    pub fn broadcast<A: HasMailbox>(&mut self, msg: A::Msg)
    where
        A::Msg: Clone + Sync,
    {
        self.engine(|engine, _| {
            if let Some(kind) = engine.kind_of::<A>() {
                let shout = Shout { from: None, make: Box::new(move || msg.clone()), audience: None };
                engine.hub.host().1.with(|outbox| outbox.shout::<A>(kind, shout));
            }
        });
    }

    /// Sends a message in the name of "outside" in `ticks` ticks, counted from the last tick; 0 counts as 1.
    pub fn tell_after<M>(&mut self, ticks: u64, to: impl Destination<M>, msg: M) {
        self.engine(|engine, _| {
            let spec = TimerSpec { due: engine.hub.tick.saturating_add(ticks), owner: None, key: None };
            let (registry, outbox) = engine.hub.host();
            to.schedule(registry, outbox, spec, Load::Once(msg));
        });
    }

    /// A tick before which no timer falls due; `None` if none is pending. For hosts that sleep between ticks.
    #[must_use]
    pub fn next_timer_tick(&mut self) -> Option<u64> {
        self.engine(|engine, _| engine.next_timer_tick())
    }

    /// Makes an actor type of a chart: checks and compiles it, keeps it as the resource [`SharedChart`], and registers
    /// [`Charted<C>`].
    ///
    /// # Errors
    ///
    /// [`RegisterError::Chart`] lists what is wrong with the chart; the rest as [`Throng::register`].
    pub fn register_chart<C: ChartActor>(&mut self, chart: Definition<Charting<C>>) -> Result<&mut Self, RegisterError> {
        self.register_chart_with(chart, ActorConfig::new())
    }

    /// As [`Throng::register_chart`], with settings.
    ///
    /// # Errors
    ///
    /// As [`Throng::register_chart`].
    pub fn register_chart_with<C: ChartActor>(
        &mut self,
        chart: Definition<Charting<C>>,
        config: ActorConfig<Charted<C>>,
    ) -> Result<&mut Self, RegisterError> {
        let chart = chart.build()?;
        self.world_mut().insert_resource(SharedChart::<C>::new(chart));
        self.register_with(config)
    }

    /// The active states of a charted actor in document order, without the root; none if it is not alive.
    #[must_use]
    pub fn active_states<C: ChartActor>(&mut self, actor: ActorRef<Charted<C>>) -> Vec<C::State> {
        let Some(configuration) = self.state(actor).map(Charted::configuration) else { return Vec::new() };
        let (states, own) = (configuration.states(), configuration.own_chart().cloned());
        let chart = own.as_ref().unwrap_or_else(|| self.world().resource::<SharedChart<C>>().chart());
        states.ascending().filter_map(|at| chart.state(at).cloned()).collect()
    }

    /// Lets ticks pass without running them: what falls due in them is handled in the next tick, in order.
    ///
    /// For worlds in which nothing happens for long; see [`Throng::next_timer_tick`].
    pub fn skip_ticks(&mut self, ticks: u64) {
        self.engine(|engine, _| engine.skip_ticks(ticks));
    }

    /// Calls a live actor by a name. The name is released when the actor stops.
    ///
    /// # Errors
    ///
    /// [`NameError`] if another actor has the name, or the actor does not live.
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::prelude::*;
    /// # #[derive(bevy_ecs::component::Component)] struct Lamp;
    /// # impl Actor for Lamp { type Msg = (); type Params = ();
    /// #   fn handle(&mut self, _: (), _: &Context<'_, Self>) -> Handled { Ok(()) } }
    /// let mut throng = Throng::default();
    /// let (hall, porch) = (throng.spawn(Lamp), throng.spawn(Lamp));
    /// throng.register_name("light", hall)?;
    /// assert_eq!(throng.whereis::<Lamp>("light"), Some(hall));
    /// assert!(throng.register_name("light", porch).is_err());
    /// throng.stop(hall);
    /// throng.register_name("light", porch)?;
    /// # Ok::<(), throng::NameError>(())
    /// ```
    pub fn register_name(&mut self, name: impl Into<Arc<str>>, actor: impl Into<ActorId>) -> Result<(), NameError> {
        let (name, actor) = (name.into(), actor.into());
        self.engine(|engine, _| {
            if !engine.is_alive(actor) {
                return Err(NameError::NotAlive { name, actor });
            }
            engine.hub.registry.names.register(name, actor)
        })
    }

    /// Takes a name from whoever has it; returns who had.
    pub fn unregister_name(&mut self, name: &str) -> Option<ActorId> {
        self.engine(|engine, _| engine.hub.registry.names.unregister(name))
    }

    /// The actor of type `A` that has a name.
    #[must_use]
    pub fn whereis<A: HasMailbox>(&mut self, name: &str) -> Option<ActorRef<A>> {
        let holder = self.engine(|engine, _| engine.hub.registry.names.holder(name))?;
        self.actor_ref(holder)
    }

    /// Records from now on which results of offloaded jobs come in with which tick.
    pub fn record_jobs(&mut self) {
        self.world().resource::<Jobs>().get().log.get_or_insert_default();
    }

    /// What was recorded until now; empty without [`Throng::record_jobs`].
    #[must_use]
    pub fn job_log(&self) -> JobLog {
        self.world().resource::<Jobs>().get().log.clone().unwrap_or_default()
    }

    /// Offloaded jobs whose results have not come in yet.
    #[must_use]
    pub fn jobs_in_flight(&self) -> usize {
        self.world().resource::<Jobs>().get().in_flight()
    }

    /// Opens a topic, or finds it if it is open.
    ///
    /// # Errors
    ///
    /// [`TopicError::OtherType`] if it carries other messages.
    pub fn topic<M: 'static>(&mut self, name: &str) -> Result<Topic<M>, TopicError> {
        self.engine(|engine, _| engine.hub.registry.topics.open::<M>(name).map(Topic::new))
    }

    /// Makes an actor a member of a topic, at once. Returns whether it lives.
    pub fn subscribe<A: HasMailbox, M: Clone + Send + Sync + 'static>(&mut self, topic: Topic<M>, actor: ActorRef<A>) -> bool
    where
        A::Msg: From<M>,
    {
        let actor = actor.id();
        self.engine(|engine, _| {
            let lives = engine.is_alive(actor);
            if lives {
                engine.hub.registry.topics.join(topic.index, actor, publish_to::<A, M>());
            }
            lives
        })
    }

    /// Strikes an actor from a topic, at once.
    pub fn unsubscribe<M>(&mut self, topic: Topic<M>, actor: impl Into<ActorId>) {
        let actor = actor.into();
        self.engine(|engine, _| engine.hub.registry.topics.leave(topic.index, actor));
    }

    /// Sends a message from outside to all members of a topic.
    pub fn publish<M: Clone + Send + Sync + 'static>(&mut self, topic: Topic<M>, msg: M) {
        self.engine(|engine, _| {
            let (registry, outbox) = engine.hub.host();
            publish(registry, outbox, None, topic, msg);
        });
    }

    /// The live members of a topic, by type in the order of registration, then by id. O(all members).
    #[must_use]
    pub fn members<M>(&mut self, topic: Topic<M>) -> Vec<ActorId> {
        self.engine(|engine, _| engine.members(topic.index))
    }

    /// Runs one tick.
    ///
    /// # Panics
    ///
    /// Panics if a system of the host's in [`ActorTick`] panics; handlers cannot make it panic.
    pub fn tick(&mut self) {
        self.world.borrow_mut().run_schedule(ActorTick);
    }

    /// Runs `n` ticks.
    pub fn run_ticks(&mut self, n: u64) {
        (0..n).for_each(|_| self.tick());
    }

    /// Runs ticks until no mail is left, at most `ticks_max`. Returns how many it ran, or `None` if mail
    /// is left.
    ///
    /// Mail that nobody can handle now (postponed, or its handlers' `Params` are missing) does not count, nor
    /// do pending timers.
    pub fn run_until_quiet(&mut self, ticks_max: u64) -> Option<u64> {
        for ticks in 0..=ticks_max {
            if self.is_quiet() {
                return Some(ticks);
            }
            if ticks < ticks_max {
                self.wait_for_stores();
                self.tick();
            }
        }
        None
    }

    /// Runs ticks at a pace until `go_on` says `false`; it is asked after each tick.
    pub fn run(&mut self, pace: Pace, mut go_on: impl FnMut(&mut Self) -> bool) -> PaceReport {
        if let Pace::Every(period) = pace {
            self.engine(|engine, _| engine.hub.tick_period = period);
        }
        let mut pacer = Pacer::new(pace);
        loop {
            self.tick();
            pacer.after_tick();
            if !go_on(self) {
                return pacer.finish();
            }
        }
    }

    /// Whether a tick would find nothing to do.
    pub fn is_quiet(&mut self) -> bool {
        let inlet = self.world().get_resource::<InletDrain>().is_none_or(InletDrain::is_empty);
        inlet && self.engine(|engine, world| engine.is_idle(world))
    }

    /// Shuts down: closes the inlet, takes in what is in it, runs until quiet or for `ticks_max`, and
    /// stops all actors with their hooks: trees of supervisors first, then the rest, the youngest type first. Before the
    /// rest, the states of all keyed actors are saved; it waits for their stores.
    ///
    /// Returns whether all mail was handled before.
    pub fn shutdown(&mut self, ticks_max: u64) -> bool {
        self.shutdown_within(ticks_max).quiet
    }

    /// As [`Throng::shutdown`], and tells who did not stop in time: supervisors are told to stop, the youngest first,
    /// and have `ticks_max` ticks for it; then what is left is killed.
    pub fn shutdown_within(&mut self, ticks_max: u64) -> ShutdownReport {
        if let Some(inlet) = self.world().get_resource::<InletDrain>() {
            inlet.close();
        }
        let quiet = self.run_until_quiet(ticks_max).is_some();
        self.engine(Engine::stop_roots);
        let mut ticks = 0;
        while ticks < ticks_max && self.engine(|engine, _| engine.has_supervisors()) {
            self.tick();
            ticks += 1;
        }
        let unstopped = self.engine(Engine::force_all);
        let unsaved = self.save_states(ticks_max);
        self.engine(Engine::shut_down);
        // What the hooks emitted still goes out.
        fill_outlets(self.world.borrow_mut());
        tracing::info!(quiet, ticks, unstopped = unstopped.len(), unsaved, "throng is shut down");
        ShutdownReport { quiet, ticks, unstopped, unsaved }
    }

    /// The state of a live actor.
    #[must_use]
    pub fn state<A: Actor>(&mut self, actor: ActorRef<A>) -> Option<&A> {
        let entity = self.entity(actor.id())?;
        self.world().get::<A>(entity)
    }

    /// The entity of a live actor.
    #[must_use]
    pub fn entity(&mut self, actor: ActorId) -> Option<Entity> {
        self.engine(|engine, _| engine.runner(actor).and_then(|runner| runner.entity(actor)))
    }

    /// Types an id; `None` if it is not that of a live actor of type `A`.
    #[must_use]
    pub fn actor_ref<A: HasMailbox>(&mut self, actor: ActorId) -> Option<ActorRef<A>> {
        let kind = self.engine(|engine, _| engine.kind_of::<A>().filter(|_| engine.is_alive(actor)));
        (kind? == actor.kind()).then(|| ActorRef::from_id(actor))
    }

    /// Whether an actor lives.
    #[must_use]
    pub fn is_alive(&mut self, actor: impl Into<ActorId>) -> bool {
        let actor = actor.into();
        self.engine(|engine, _| engine.is_alive(actor))
    }

    /// All counts of this world.
    #[must_use]
    pub fn stats(&mut self) -> Stats {
        self.engine(|engine, _| engine.stats())
    }

    /// The accounting of one actor type; `None` if it is not known.
    #[must_use]
    pub fn stats_of<A: HasMailbox>(&mut self) -> Option<MailStats> {
        self.engine(|engine, _| engine.stats_of::<A>())
    }

    /// A digest of the world: of every actor's id, of the states whose type was registered with
    /// [`ActorConfig::digest`], of kept mail, of ties between actors, of free ids and of the counts.
    ///
    /// # Determinism
    ///
    /// Equal inputs and seeds give equal digests after each tick, on any number of threads.
    #[must_use]
    pub fn digest(&mut self) -> u64 {
        self.engine(Engine::digest)
    }

    /// A way in for other threads.
    ///
    /// # Panics
    ///
    /// Panics if the world has no throng.
    #[must_use]
    pub fn inlet(&self) -> Inlet {
        self.world().resource::<InletDrain>().inlet()
    }

    /// An exit for values of type `T`: handlers emit into the port, other threads read the receiver. It
    /// holds up to `capacity` values; what finds no room is dropped and counted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::prelude::*;
    /// # use bevy_ecs::component::Component;
    /// #[derive(Component)]
    /// struct Thermometer;
    /// impl Actor for Thermometer {
    ///     type Msg = OutletPort<f32>;
    ///     type Params = ();
    ///     fn handle(&mut self, reply: OutletPort<f32>, cx: &Context<'_, Self>) -> Handled {
    ///         cx.emit(reply, 21.5);
    ///         Ok(())
    ///     }
    /// }
    /// let mut throng = Throng::default();
    /// let thermometer = throng.spawn(Thermometer);
    /// let (port, readings) = throng.outlet::<f32>(16);
    /// throng.tell(thermometer, port);
    /// throng.tick();
    /// assert_eq!(readings.recv(), Ok(21.5));
    /// ```
    pub fn outlet<T: Send + 'static>(&mut self, capacity: usize) -> (OutletPort<T>, Receiver<T>) {
        self.world_mut().get_resource_or_init::<Outlets>().open(capacity)
    }

    /// Subscribes to dead letters from now on; up to `capacity` wait to be read. Each letter goes to one
    /// subscriber.
    pub fn dead_letters(&mut self, capacity: usize) -> Receiver<DeadLetter> {
        let receiver = self.world_mut().get_resource_or_init::<Outlets>().dead_letters(capacity);
        self.engine(|engine, _| engine.hub.keep_dead = true);
        receiver
    }

    /// Adds systems to the tick: order them against [`ThrongSystems`].
    pub fn add_systems<M>(&mut self, systems: impl IntoScheduleConfigs<ScheduleSystem, M>) -> &mut Self {
        self.world_mut().get_resource_or_init::<Schedules>().add_systems(ActorTick, systems);
        self
    }

    /// Adds systems that run after each round of a tick.
    pub fn add_round_systems<M>(&mut self, systems: impl IntoScheduleConfigs<ScheduleSystem, M>) -> &mut Self {
        let mut schedules = self.world_mut().get_resource_or_init::<Schedules>();
        if !schedules.contains(ActorRound) {
            let mut round = Schedule::new(ActorRound);
            round.set_executor(SingleThreadedExecutor::new());
            schedules.insert(round);
        }
        schedules.add_systems(ActorRound, systems);
        self
    }
}

/// Calls of services from the host tell; for an answer ask through [`Throng::inlet`].
impl<W: BorrowMut<World>> TellFrom for &mut Throng<W> {
    type Told<M> = ();

    fn tell_from<M: Send + 'static, D: Destination<M> + Send + 'static>(self, to: D, msg: M) {
        self.tell(to, msg);
    }
}

/// Faults for tests.
#[cfg(feature = "testkit")]
impl<W: BorrowMut<World>> Throng<W> {
    /// Makes an actor fail when the next tick begins.
    pub(crate) fn crash(&mut self, actor: ActorId) {
        let failure = Failure { kind: FailureKind::Panic, reason: "a fault was injected".to_owned() };
        self.engine(|engine, _| {
            if engine.is_alive(actor) {
                engine.hub.signals.push(Signal::Failed(actor, failure));
            }
        });
    }

    pub(crate) fn break_batch(&mut self, fault: BatchFault) {
        self.world_mut().get_resource_or_init::<BatchFaults>().add(fault);
    }

    pub(crate) fn break_job(&mut self, number: u64) {
        self.world().resource::<Jobs>().get().to_break.push(number);
    }
}

impl<W: BorrowMut<World>> fmt::Debug for Throng<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throng").finish_non_exhaustive()
    }
}
