//! Jobs on threads of their own.
//!
//! # Model
//!
//! Jobs that a tick asked for start when it ends, numbered in the order of the calls. Results come in with the
//! tick at whose edge they are there. A log of which result came in with which tick makes a run repeatable:
//! replayed, the jobs run at the edges that the log names.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use crossbeam_channel::{Receiver, Select, Sender, unbounded};

#[cfg(feature = "tokio")]
use super::tokio::Runtime;
#[cfg(feature = "tokio")]
use crate::actor::AskError;
use crate::actor::{Act, AskKey, Client, End, Go, Job, Return, Work};
use crate::id::Kind;
use crate::systems::{Engine, JobLog, JobMode, ThrongOptions};

/// Threads for the jobs of stores: one to load, one to save.
const STORE_THREADS: usize = 2;

/// Where a result goes.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    Ask(AskKey),
    /// The keyed actors of a kind.
    Store(Kind),
}

/// A job under way.
struct Started {
    number: u64,
    goal: Goal,
    work: Work,
}

/// The result of a job.
pub(super) struct Done {
    pub(super) number: u64,
    pub(super) goal: Goal,
    pub(super) end: End,
}

/// A job that a thread runs.
struct Todo {
    number: u64,
    goal: Goal,
    run: Box<dyn FnOnce(Go) -> End + Send>,
    go: Go,
}

impl Todo {
    fn end(self) -> Done {
        Done { number: self.number, goal: self.goal, end: (self.run)(self.go) }
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
    #[cfg(feature = "tokio")]
    runtime: Runtime,
    /// Results of jobs that run elsewhere.
    done: (Sender<Done>, Receiver<Done>),
    /// And of those for stores.
    stored: (Sender<Done>, Receiver<Done>),
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
    jobs: Sender<Todo>,
}

impl Pool {
    /// Threads that end when the pool is dropped, each after its job.
    fn start(name: &str, threads: usize, results: &Sender<Done>) -> Self {
        let (jobs, todo) = unbounded::<Todo>();
        for number in 0..threads.max(1) {
            let (todo, results) = (todo.clone(), results.clone());
            let work = move || todo.into_iter().map(Todo::end).all(|done| results.send(done).is_ok());
            if let Err(error) = std::thread::Builder::new().name(format!("throng-{name}-{number}")).spawn(work) {
                tracing::error!(%error, number, "a thread for jobs could not be started");
            }
        }
        Self { jobs }
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
            #[cfg(feature = "tokio")]
            runtime: Runtime::new(options.tokio_handle.clone()),
            done: unbounded(),
            stored: unbounded(),
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
        let started = Started { number, goal, work: job.work };
        // A store has few jobs at a time by itself.
        let is_full = self.in_flight >= self.in_flight_max && matches!(goal, Goal::Ask(_));
        self.in_flight += 1;
        if is_full {
            let refused = self.end_here(started, Go::Refuse);
            self.refused.push(refused);
        } else if self.mode == JobMode::Threads {
            self.send_off(started);
        } else {
            self.waiting.insert(number, started);
        }
    }

    /// Starts a job elsewhere.
    fn send_off(&mut self, Started { number, goal, work }: Started) {
        let go = self.go(number);
        match work {
            Work::Blocking(run) => {
                let todo = Todo { number, goal, run, go };
                let pool = match goal {
                    Goal::Ask(_) => self.pool.get_or_insert_with(|| Pool::start("job", self.threads, &self.done.0)),
                    Goal::Store(_) => self.store_pool.get_or_insert_with(|| Pool::start("store", STORE_THREADS, &self.stored.0)),
                };
                match pool.jobs.send(todo) {
                    Ok(()) => self.stores_at_work += usize::from(matches!(goal, Goal::Store(_))),
                    Err(unsent) => self.refused.push(Todo { go: Go::Refuse, ..unsent.into_inner() }.end()),
                }
            }
            #[cfg(feature = "tokio")]
            Work::Future(make) => self.runtime.start(number, goal, make(go), self.done.0.clone()),
        }
    }

    /// Does a job on this thread.
    fn end_here(&mut self, Started { number, goal, work }: Started, go: Go) -> Done {
        match work {
            Work::Blocking(run) => Todo { number, goal, run, go }.end(),
            #[cfg(feature = "tokio")]
            Work::Future(make) => {
                let (result, done) = unbounded();
                self.runtime.start(number, goal, make(go), result);
                done.recv().unwrap_or(Done { number, goal, end: Err(AskError::NoReply) })
            }
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
    fn take_done(&mut self, tick: u64) -> Vec<Done> {
        let mut done = std::mem::take(&mut self.refused);
        let due: VecDeque<u64> = match &self.mode {
            JobMode::Threads => VecDeque::new(),
            JobMode::Inline => self.waiting.keys().copied().collect(),
            JobMode::Replay(log) => log.of_tick(tick).collect(),
        };
        for number in due {
            if let Some(job) = self.waiting.remove(&number) {
                let go = self.go(number);
                done.push(self.end_here(job, go));
            }
        }
        done.extend(self.done.1.try_iter());
        let before = done.len();
        done.extend(self.stored.1.try_iter());
        self.stores_at_work -= done.len() - before;
        self.in_flight -= done.len();
        if let Some(log) = &mut self.log {
            done.iter().for_each(|done| log.note(tick, done.number));
        }
        done
    }

    /// Waits until a store has done something, for so long at most. Does nothing if it has nothing to do.
    pub(crate) fn wait_for_store(&self, at_most: Duration) {
        if self.stores_at_work > 0 {
            let mut select = Select::new();
            select.recv(&self.stored.1);
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
        for Done { goal, end, .. } in crew.take_done(tick) {
            match goal {
                Goal::Ask(key) => engine.hub.bring_in(Return { key, end }),
                Goal::Store(kind) => engine.hub.acts.extend(end.ok().map(|done| Act::Stored(kind, done))),
            }
        }
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
