//! The engine: all actor types and the hub between them, kept in the world as one resource.

use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::time::Duration;

use bevy_ecs::entity::Entity;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;

use super::behaviour::{Behaviour, Unhandled};
use super::config::Fresh;
use super::hub::{Hub, Sharing, TICK_PERIOD_DEFAULT};
use super::jobs::JobMode;
use super::keeper::{Keeper, Runner};
use super::keyed::KeyedTypes;
use super::lives::{LifeStep, Lives};
use super::pools::Source;
use super::tick::WakeList;
use super::timers::Timers;
use crate::actor::{Actor, ActorRefs, AskStats, AtWork, Desk, ExitReason, HasMailbox, Job, Newborn, WorldNo};
use crate::digest::Digester;
use crate::error::{RegisterError, SpawnError};
use crate::id::{ActorId, KINDS_MAX, Kind};
use crate::mailbox::{DeadLetter, MailStats, MailboxConfig};
use crate::panics;
use crate::wheel::Wheel;
use crate::world::{Lost, Mailbox, Roster, Ticking};
use std::any::{Any, TypeId, type_name};

/// Rounds that a tick runs at most if nothing else is set.
const ROUNDS_MAX_DEFAULT: u32 = 10_000;

/// Threads for offloaded jobs, and jobs in flight, if nothing else is set.
const JOB_THREADS_DEFAULT: usize = 4;
const JOBS_MAX_DEFAULT: usize = 1_024;

/// Generations of actors that a shutdown stops: actors whose end spawned others.
const HEIRS_MAX: u32 = 100;

/// The settings of a world of actors.
///
/// # Examples
///
/// ```
/// use throng::{Throng, ThrongOptions};
///
/// let throng = Throng::new(ThrongOptions::new().threads(2).seed(7).rounds_max(100));
/// ```
#[derive(Clone, Debug)]
pub struct ThrongOptions {
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    pub(crate) rounds_max: u32,
    pub(crate) sharing: Sharing,
    pub(crate) inlet_capacity: usize,
    pub(crate) tick_period: Duration,
    job_mode: JobMode,
    job_threads: usize,
    jobs_max: usize,
    #[cfg(feature = "tokio")]
    pub(crate) tokio_handle: Option<tokio::runtime::Handle>,
}

impl ThrongOptions {
    /// All processors, seed 0, at most 10,000 rounds a tick, an inlet for 65,536 messages.
    #[must_use]
    pub fn new() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            seed: 0,
            rounds_max: ROUNDS_MAX_DEFAULT,
            sharing: Sharing::Auto,
            inlet_capacity: 65_536,
            tick_period: TICK_PERIOD_DEFAULT,
            job_mode: JobMode::Threads,
            job_threads: JOB_THREADS_DEFAULT,
            jobs_max: JOBS_MAX_DEFAULT,
            #[cfg(feature = "tokio")]
            tokio_handle: None,
        }
    }

    /// Sets how many threads handle mail, the one that runs the tick included. It changes speed only,
    /// never a result. 0 counts as 1.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets the seed of all random numbers that handlers draw.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many rounds a tick runs at most; 1 gives one hop a tick. What is left goes on in the
    /// next tick. 0 counts as 1.
    #[must_use]
    pub fn rounds_max(mut self, rounds: u32) -> Self {
        self.rounds_max = rounds.max(1);
        self
    }

    /// Sets how many messages from outside wait for a tick at most. 0 counts as 1.
    #[must_use]
    pub fn inlet_capacity(mut self, messages: usize) -> Self {
        self.inlet_capacity = messages.max(1);
        self
    }

    /// Sets the time that a tick stands for, by which handlers
    /// [turn durations into ticks](crate::Turn::ticks_in); 1/64 s by default.
    /// [`Throng::run`](crate::Throng::run) with a fixed pace sets it to that pace. 0 counts as a nanosecond.
    #[must_use]
    pub fn tick_period(mut self, period: Duration) -> Self {
        self.tick_period = period;
        self
    }

    /// Sets how many threads run offloaded jobs; 4 by default, started with the first job. 0 counts as 1.
    #[must_use]
    pub fn job_threads(mut self, threads: usize) -> Self {
        self.job_threads = threads;
        self
    }

    /// Sets how many offloaded jobs may be in flight; further ones are [refused](crate::JobError::Full). 1,024
    /// by default.
    #[must_use]
    pub fn jobs_max(mut self, jobs: usize) -> Self {
        self.jobs_max = jobs;
        self
    }

    /// Sets the Tokio runtime for the futures of [`This::outside`](crate::This::outside); without it, one of our own
    /// is started with the first future. With [`JobMode::Inline`] and [`JobMode::Replay`] ticks must not run on the
    /// only thread of that runtime.
    #[cfg(feature = "tokio")]
    #[must_use]
    pub fn tokio(mut self, handle: tokio::runtime::Handle) -> Self {
        self.tokio_handle = Some(handle);
        self
    }

    /// Sets how offloaded jobs are run.
    #[must_use]
    pub fn jobs(mut self, mode: JobMode) -> Self {
        self.job_mode = mode;
        self
    }

    pub(crate) fn job_settings(&self) -> (JobMode, usize, usize) {
        (self.job_mode.clone(), self.job_threads, self.jobs_max)
    }

    /// Runs every round on the calling thread (`false`) or cuts up even the smallest (`true`), instead
    /// of choosing by size. It changes speed only; tests compare the two.
    #[must_use]
    pub fn share_always(mut self, share: bool) -> Self {
        self.sharing = if share { Sharing::Always } else { Sharing::Never };
        self
    }
}

impl Default for ThrongOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts over all actor types since the world began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Ticks run.
    pub ticks: u64,
    /// Rounds run.
    pub rounds: u64,
    /// Actors alive.
    pub actors: usize,
    /// The accounting of mail, all types together.
    pub mail: MailStats,
    /// Failed calls, of handlers and of hooks.
    pub failures: u64,
    /// Restarts.
    pub restarts: u64,
    /// Actors that were given up after a failure, and supervisors that gave up; they stopped.
    pub given_up: u64,
    /// What became of asks.
    pub asks: AskStats,
    /// Incarnations that ended, for whatever reason.
    pub exits: u64,
    /// Starts of supervised children that failed.
    pub failed_starts: u64,
    /// Children that did not stop in time and were killed.
    pub forced: u64,
    /// Notices handed over.
    pub notices: u64,
    /// Messages to ids of no actor type that this world knows.
    pub unroutable: u64,
    /// Values emitted to an outlet whose receiver was full or gone.
    pub outlet_dropped: u64,
    /// Timers pending, those of stopped actors that were not found yet included.
    pub timers: usize,
    /// Timers dropped because the actor that had set them was stopped.
    pub timers_dropped: u64,
}

/// Everything throng keeps in a world, but for the components.
pub(crate) struct Engine {
    pub(crate) hub: Box<Hub>,
    /// Where other threads bring answers.
    pub(crate) desk: Desk,
    pub(crate) runners: Vec<Box<dyn Runner>>,
    /// Ties, supervisors, and what is under way between them.
    pub(crate) lives: Lives,
    /// Kinds with mail for the next round.
    pub(super) awake: WakeList,
    /// Kinds whose actors are visited once a tick.
    pub(super) ticking: Vec<Kind>,
    /// Kinds with mail that nobody can handle in this tick.
    pub(super) stalled: Vec<Kind>,
    /// Kinds with newborn actors.
    pub(super) newborn: Vec<Kind>,
    pub(super) timers: Timers,
    pub(super) rounds_max: u32,
    pub(crate) stats: Stats,
    /// Values for the outside, in order, by port.
    pub(crate) emitted: Vec<(u32, Box<dyn Any + Send>)>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    /// Where members come from, by pool.
    pub(super) pool_sources: Vec<Source>,
    /// Jobs for outside the tick, in order.
    pub(crate) jobs: Vec<Job>,
    pub(super) keyed: KeyedTypes,
    /// In a world without another host, which would do it: actors that had ended when bevy last forgot removed components.
    pub(crate) tidies: Option<u64>,
}

/// The engine's place in the world; empty while it is at work.
#[derive(Resource)]
struct EngineSlot(Mutex<Option<Box<Engine>>>);

impl Engine {
    /// Puts an engine into the world.
    pub(crate) fn install(world: &mut World, options: &ThrongOptions) -> WorldNo {
        panics::install_hook();
        let mut hub = Hub::new(options.threads, options.seed);
        hub.sharing = options.sharing;
        hub.tick_period = options.tick_period;
        let desk = Desk::open();
        let number = desk.world();
        hub.world = number;
        let engine = Self {
            hub: Box::new(hub),
            desk,
            runners: Vec::new(),
            lives: Lives::new(),
            awake: WakeList::default(),
            ticking: Vec::new(),
            stalled: Vec::new(),
            newborn: Vec::new(),
            timers: Timers::default(),
            rounds_max: options.rounds_max,
            stats: Stats::default(),
            emitted: Vec::new(),
            dead_letters: Vec::new(),
            pool_sources: Vec::new(),
            jobs: Vec::new(),
            keyed: KeyedTypes::default(),
            tidies: None,
        };
        world.insert_resource(EngineSlot(Mutex::new(Some(Box::new(engine)))));
        world.init_resource::<Lost>();
        number
    }

    pub(crate) fn is_installed(world: &World) -> bool {
        world.contains_resource::<EngineSlot>()
    }

    /// Takes the engine out of the world.
    ///
    /// # Panics
    ///
    /// Panics if it was never installed, or is at work: a handler or a hook cannot drive the engine.
    pub(super) fn take(world: &mut World) -> Box<Self> {
        let slot = world.get_resource_mut::<EngineSlot>();
        let mut slot = slot.expect("no throng in this world: add `ThrongPlugin`, or make it with `Throng::new`");
        let engine = slot.0.get_mut().ok().and_then(Option::take);
        engine.expect("throng is at work: this cannot be called from inside a tick's phases; use the handler's context")
    }

    pub(super) fn put_back(self: Box<Self>, world: &mut World) {
        if let Some(mut slot) = world.get_resource_mut::<EngineSlot>()
            && let Ok(slot) = slot.0.get_mut()
        {
            *slot = Some(self);
        }
    }

    /// Runs `work` with the engine beside the world.
    ///
    /// # Panics
    ///
    /// As [`Engine::take`], and with whatever `work` panics with.
    pub(crate) fn scope<R>(world: &mut World, work: impl FnOnce(&mut Self, &mut World) -> R) -> R {
        let mut engine = Self::take(world);
        let at_work = AtWork::begin(engine.hub.world);
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut engine, world)));
        engine.hub.take_returns();
        drop(at_work);
        engine.put_back(world);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Registers a type with a mailbox.
    pub(crate) fn register<A: HasMailbox>(
        &mut self,
        world: &mut World,
        config: MailboxConfig<A::Msg>,
        behaviour: Option<Box<dyn Behaviour<A>>>,
    ) -> Result<Kind, RegisterError> {
        if self.runners.len() >= KINDS_MAX {
            return Err(RegisterError::TooMany);
        }
        let Entry::Vacant(entry) = self.hub.kinds.entry(TypeId::of::<A>()) else {
            return Err(RegisterError::Twice { actor: type_name::<A>() });
        };
        entry.insert(self.runners.len() as Kind);
        let kind = self.hub.add_kind::<A>();
        let mut roster = Box::new(Roster::<A>::new(kind, config));
        let cell_component = world.register_component::<Mailbox<A>>();
        let behaviour = behaviour.unwrap_or_else(|| Box::new(Unhandled));
        if behaviour.ticks() {
            roster.ticking = Ticking::all();
            self.ticking.push(kind);
        }
        let wheel = Wheel::new(self.hub.tick);
        self.runners.push(Box::new(Keeper { roster, cell_component, behaviour, system: None, wheel, places: Vec::new() }));
        self.awake.add_kind();
        Ok(kind)
    }

    /// Lets an actor act unasked from the next tick on, or no more.
    pub(crate) fn set_ticking(&mut self, id: ActorId, ticks: bool) {
        self.runners[id.kind() as usize].set_ticking(id, ticks);
        if ticks && !self.ticking.contains(&id.kind()) {
            self.ticking.push(id.kind());
        }
    }

    pub(crate) fn kind_of<A: HasMailbox>(&self) -> Option<Kind> {
        self.hub.kinds.get(&TypeId::of::<A>()).copied()
    }

    /// The keeper of a registered type.
    pub(crate) fn keeper<A: HasMailbox>(&mut self) -> Option<&mut Keeper<A>> {
        let kind = self.kind_of::<A>()?;
        self.runners[kind as usize].as_any().downcast_mut()
    }

    pub(crate) fn runner(&mut self, id: ActorId) -> Option<&mut Box<dyn Runner>> {
        self.runners.get_mut(id.kind() as usize)
    }

    pub(crate) fn is_alive(&self, id: ActorId) -> bool {
        self.runners.get(id.kind() as usize).is_some_and(|runner| runner.entity(id).is_some())
    }

    /// The next `n` ids of a registered type.
    pub(crate) fn reserve<A: HasMailbox>(&mut self, n: usize) -> Vec<ActorId> {
        let kind = self.kind_of::<A>().expect("invariant: callers register the type first");
        self.hub.nurseries[kind as usize].take(n)
    }

    /// Gives ids back that were reserved last and that no actor has had.
    pub(super) fn give_back<A: HasMailbox>(&mut self, unborn: &[ActorId]) {
        let kind = self.kind_of::<A>().expect("invariant: callers register the type first");
        self.hub.nurseries[kind as usize].give_back(unborn);
    }

    /// Puts actors into the world at once, as long as `next` has more of them.
    pub(crate) fn spawn_in_batches<A: HasMailbox>(
        &mut self,
        world: &mut World,
        mut next: impl FnMut(&mut Self) -> Vec<Newborn<A>>,
    ) -> ActorRefs<A> {
        let batches = std::iter::from_fn(|| {
            let births = next(self);
            let ids: Vec<ActorId> = births.iter().map(|birth| birth.id).collect();
            self.bear_now(world, births);
            if self.lives.told.is_some() {
                ids.iter().for_each(|&id| self.tell_step(id, LifeStep::Started));
            }
            (!ids.is_empty()).then_some(ids)
        });
        ActorRefs::new(batches.flatten())
    }

    pub(super) fn bear_now<A: HasMailbox>(&mut self, world: &mut World, births: Vec<Newborn<A>>) {
        if births.is_empty() {
            return;
        }
        let kind = self.kind_of::<A>().expect("invariant: callers register the type first");
        let keeper: Option<&mut Keeper<A>> = self.runners[kind as usize].as_any().downcast_mut();
        if let Some(keeper) = keeper {
            keeper.behaviour.bear(world, &mut self.hub, &mut keeper.roster, births);
        }
        self.gather();
    }

    /// Remembers how to make fresh state for actors.
    pub(crate) fn set_factories<A: Actor>(&mut self, ids: &[ActorId], fresh: &Fresh<A>) {
        if let Some(keeper) = self.keeper::<A>() {
            keeper.behaviour.set_factories(ids, fresh);
        }
    }

    /// Gives an entity a mailbox.
    ///
    /// # Panics
    ///
    /// Panics if the type is not registered.
    pub(crate) fn adopt<A: HasMailbox>(&mut self, world: &mut World, entity: Entity) -> ActorId {
        assert!(self.kind_of::<A>().is_some(), "{}", SpawnError::not_registered::<A>());
        let id = self.reserve::<A>(1)[0];
        world.entity_mut(entity).insert(Mailbox::<A>::new(id));
        if let (Some(keeper), Ok(location)) = (self.keeper::<A>(), world.entities().get_spawned(entity)) {
            keeper.roster.slots.insert(id, entity, location.table_id, location.table_row.index() as u32);
        }
        id
    }

    pub(crate) fn stats_of<A: HasMailbox>(&mut self) -> Option<MailStats> {
        self.gather();
        self.keeper::<A>().map(|keeper| keeper.roster.stats())
    }

    /// Whether a tick would find nothing to do.
    pub(crate) fn is_idle(&mut self, world: &World) -> bool {
        self.gather_desk();
        let due = self.lives.next_due().is_some_and(|due| due <= self.hub.tick + 1);
        self.is_quiet()
            && self.desk.is_empty()
            && !due
            && !self.waits_for_stores()
            && world.get_resource::<Lost>().is_none_or(Lost::is_empty)
    }

    /// Stops all actors; mail that is left becomes dead letters.
    pub(crate) fn shut_down(&mut self, world: &mut World) {
        self.close_keyed();
        self.stop_all(world);
        self.hub.round = 0;
        self.run_round(world, false);
        self.stop_all(world);
    }

    /// Stops all actors, the youngest type first.
    fn stop_all(&mut self, world: &mut World) {
        for _ in 0..HEIRS_MAX {
            for kind in (0..self.runners.len()).rev() {
                let mut ids = self.runners[kind].all_ids();
                ids.reverse();
                self.stop(world, &ids, &ExitReason::Shutdown);
            }
            // Hooks of those who stopped may have spawned others.
            self.gather_desk();
            if self.newborn.is_empty() {
                return;
            }
            self.bear(world);
        }
        tracing::error!(HEIRS_MAX, "actors that stop keep spawning others; shut down all the same");
    }

    /// The counts as of now.
    pub(crate) fn stats(&mut self) -> Stats {
        self.gather();
        let mut stats = self.stats.clone();
        for runner in &mut self.runners {
            stats.actors += runner.live();
            stats.mail.add(&runner.stats());
            stats.timers += runner.timers().len();
        }
        stats.ticks = self.hub.tick;
        stats.asks = self.ask_stats();
        stats.unroutable = self.hub.unroutable;
        stats
    }

    /// Digests all that the next tick depends on.
    pub(crate) fn digest(&mut self, world: &mut World) -> u64 {
        use std::hash::{Hash, Hasher};
        self.gather();
        let mut digester = Digester::default();
        (self.hub.tick, self.hub.seed, self.stats.failures, self.stats.restarts).hash(&mut digester);
        for runner in &mut self.runners {
            runner.digest(world, &mut digester);
        }
        self.lives.digest(&mut digester);
        self.digest_asks(&mut digester);
        self.digest_registry(&mut digester);
        self.digest_keyed(&mut digester);
        for nursery in &self.hub.nurseries {
            let (free, fresh) = nursery.state();
            fresh.hash(&mut digester);
            free.for_each(|id| id.hash(&mut digester));
        }
        digester.finish()
    }
}
