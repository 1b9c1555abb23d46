//! Jobs on threads of their own.
//!
//! # Model
//!
//! Jobs that a tick asked for start when it ends, numbered in the order of the calls. Results come in with the
//! tick at whose edge they are there. A log of which result came in with which tick makes a run repeatable:
//! replayed, the jobs run at the edges that the log names.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use crossbeam_channel::{Receiver, Select, Sender, unbounded};

use crate::actor::{Act, AskKey, Client, Go, Job, Return};
use crate::id::Kind;
use crate::systems::{Engine, JobLog, JobMode, ThrongOptions};

/// Threads for the jobs of stores: one to load, one to save.
const STORE_THREADS: usize = 2;

/// Where a result goes.
enum Goal {
    Ask(AskKey),
    /// The keyed actors of a kind.
    Store(Kind),
}

type Run = Box<dyn FnOnce(Go) -> Box<dyn Any + Send> + Send>;

/// A job under way.
struct Started {
    number: u64,
    goal: Goal,
    run: Run,
}

/// The result of a job.
struct Done {
    number: u64,
    act: Act,
}

impl Started {
    fn end(self, go: Go) -> Done {
        let Self { number, goal, run } = self;
        let act = match goal {
            Goal::Ask(key) => Act::Return(Return { key, end: Ok(run(go)) }),
            Goal::Store(kind) => Act::Stored(kind, run(go)),
        };
        Done { number, act }
    }
}

/// The jobs of a world. The lock is for the compiler: jobs may be sent, not shared.
#[derive(Resource)]
pub(crate) struct Jobs(Mutex<JobCrew>);

impl Jobs {
    pub(crate) fn new(options: &ThrongOptions) -> Self {
        Self(Mutex::new(JobCrew::new(options)))
    }

    pub(crate) fn get(&self) -> MutexGuard<'_, JobCrew> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct JobCrew {
    mode: JobMode,
    threads: usize,
    in_flight_max: usize,
    in_flight: usize,
    /// Of those, the ones that are on threads and for stores.
    stores_at_work: usize,
    started: u64,
    /// Made with the first job of an ask.
    pool: Option<Pool>,
    /// Made with the first job of a store. Those of asks may take long; states do not wait for them.
    store_pool: Option<Pool>,
    /// Without threads: jobs that wait for their tick.
    waiting: BTreeMap<u64, Started>,
    /// Jobs that were refused; told with the next tick.
    refused: Vec<Done>,
    pub(crate) log: Option<JobLog>,
    /// Numbers of jobs to break, by the tests' wish.
    #[cfg(feature = "testkit")]
    pub(crate) to_break: Vec<u64>,
}

struct Pool {
    jobs: Sender<(Started, Go)>,
    done: Receiver<Done>,
}

impl Pool {
    /// Threads that end when the pool is dropped, each after its job.
    fn start(name: &str, threads: usize) -> Self {
        let ((jobs, todo), (results, done)) = (unbounded::<(Started, Go)>(), unbounded());
        for number in 0..threads.max(1) {
            let (todo, results) = (todo.clone(), results.clone());
            let work = move || todo.into_iter().map(|(job, go)| job.end(go)).all(|done| results.send(done).is_ok());
            if let Err(error) = std::thread::Builder::new().name(format!("throng-{name}-{number}")).spawn(work) {
                tracing::error!(%error, number, "a thread for jobs could not be started");
            }
        }
        Self { jobs, done }
    }
}

impl JobCrew {
    fn new(options: &ThrongOptions) -> Self {
        let (mode, threads, in_flight_max) = options.job_settings();
        Self {
            mode,
            threads,
            in_flight_max,
            in_flight: 0,
            stores_at_work: 0,
            started: 0,
            pool: None,
            store_pool: None,
            waiting: BTreeMap::new(),
            refused: Vec::new(),
            log: None,
            #[cfg(feature = "testkit")]
            to_break: Vec::new(),
        }
    }

    /// Jobs whose results have not come in yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn start(&mut self, job: Job) {
        let number = self.started;
        self.started += 1;
        let goal = match job.client {
            Client::Ask(ticket) => Goal::Ask(ticket.redeem()),
            Client::Store(kind) => Goal::Store(kind),
        };
        let started = Started { number, goal, run: job.run };
        // A store has few jobs at a time by itself.
        let is_full = self.in_flight >= self.in_flight_max && matches!(started.goal, Goal::Ask(_));
        self.in_flight += 1;
        if is_full {
            return self.refused.push(started.end(Go::Refuse));
        }
        if self.mode != JobMode::Threads {
            self.waiting.insert(number, started);
            return;
        }
        let go = self.go(number);
        let pool = match started.goal {
            Goal::Ask(_) => self.pool.get_or_insert_with(|| Pool::start("job", self.threads)),
            Goal::Store(_) => {
                self.stores_at_work += 1;
                self.store_pool.get_or_insert_with(|| Pool::start("store", STORE_THREADS))
            }
        };
        if let Err(unsent) = pool.jobs.send((started, go)) {
            let (unsent, _) = unsent.into_inner();
            self.stores_at_work -= usize::from(matches!(unsent.goal, Goal::Store(_)));
            self.refused.push(unsent.end(Go::Refuse));
        }
    }

    fn go(&self, number: u64) -> Go {
        #[cfg(feature = "testkit")]
        if self.to_break.contains(&number) {
            return Go::Break;
        }
        let _ = number;
        Go::Run
    }

    /// What comes in with this tick.
    fn take_done(&mut self, tick: u64) -> Vec<Act> {
        let mut done = std::mem::take(&mut self.refused);
        let due: VecDeque<u64> = match &self.mode {
            JobMode::Threads => VecDeque::new(),
            JobMode::Inline => self.waiting.keys().copied().collect(),
            JobMode::Replay(log) => log.of_tick(tick).collect(),
        };
        for number in due {
            if let Some(job) = self.waiting.remove(&number) {
                let go = self.go(number);
                done.push(job.end(go));
            }
        }
        done.extend(self.pool.iter().flat_map(|pool| pool.done.try_iter()));
        let before = done.len();
        done.extend(self.store_pool.iter().flat_map(|pool| pool.done.try_iter()));
        self.stores_at_work -= done.len() - before;
        self.in_flight -= done.len();
        if let Some(log) = &mut self.log {
            done.iter().for_each(|done| log.note(tick, done.number));
        }
        done.into_iter().map(|done| done.act).collect()
    }

    /// Waits until a store has done something, for so long at most. Does nothing if it has nothing to do.
    pub(crate) fn wait_for_store(&self, at_most: Duration) {
        if let Some(pool) = self.store_pool.as_ref().filter(|_| self.stores_at_work > 0) {
            let mut select = Select::new();
            select.recv(&pool.done);
            // If its threads are gone, it is over at once.
            let _ = select.ready_timeout(at_most);
        }
    }
}

/// Part of the phase [`ThrongSystems::Inlet`](crate::ThrongSystems::Inlet): results come in.
pub(super) fn take_results(engine: &mut Engine, world: &mut World) {
    let Some(jobs) = world.get_resource::<Jobs>() else { return };
    let mut crew = jobs.get();
    if crew.in_flight > 0 {
        let tick = engine.hub.tick;
        engine.hub.acts.extend(crew.take_done(tick));
    }
}

/// Part of the phase [`ThrongSystems::Outlet`](crate::ThrongSystems::Outlet): jobs start.
pub(super) fn start_jobs(engine: &mut Engine, world: &mut World) {
    if engine.jobs.is_empty() {
        return;
    }
    let Some(jobs) = world.get_resource::<Jobs>() else { return };
    let mut crew = jobs.get();
    engine.jobs.drain(..).for_each(|job| crew.start(job));
}
