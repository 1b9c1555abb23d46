//! Jobs on threads of their own.
//!
//! # Model
//!
//! Jobs that a tick asked for start when it ends, numbered in the order of the calls. Results come in with the
//! tick at whose edge they are there. A log of which result came in with which tick makes a run repeatable:
//! replayed, the jobs run at the edges that the log names.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::actor::{AskKey, End, Go, Job, Return};
use crate::systems::{Engine, JobLog, JobMode, ThrongOptions};

type Run = Box<dyn FnOnce(Go) -> End + Send>;

/// A job under way.
struct Started {
    number: u64,
    key: AskKey,
    run: Run,
}

/// The result of a job.
struct Done {
    number: u64,
    back: Return,
}

impl Started {
    fn end(self, go: Go) -> Done {
        let Self { number, key, run } = self;
        Done { number, back: Return { key, end: run(go) } }
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
    started: u64,
    /// Made with the first job.
    pool: Option<Pool>,
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
    fn start(threads: usize) -> Self {
        let ((jobs, todo), (results, done)) = (unbounded::<(Started, Go)>(), unbounded());
        for number in 0..threads.max(1) {
            let (todo, results) = (todo.clone(), results.clone());
            let work = move || todo.into_iter().map(|(job, go)| job.end(go)).all(|done| results.send(done).is_ok());
            if let Err(error) = std::thread::Builder::new().name(format!("throng-job-{number}")).spawn(work) {
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
            started: 0,
            pool: None,
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
        let started = Started { number, key: job.ticket.redeem(), run: job.run };
        let is_full = self.in_flight >= self.in_flight_max;
        self.in_flight += 1;
        if is_full {
            return self.refused.push(started.end(Go::Refuse));
        }
        if self.mode != JobMode::Threads {
            self.waiting.insert(number, started);
            return;
        }
        let go = self.go(number);
        let threads = self.threads;
        let pool = self.pool.get_or_insert_with(|| Pool::start(threads));
        if let Err(unsent) = pool.jobs.send((started, go)) {
            self.refused.push(unsent.into_inner().0.end(Go::Refuse));
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
    fn take_done(&mut self, tick: u64) -> Vec<Return> {
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
        self.in_flight -= done.len();
        if let Some(log) = &mut self.log {
            done.iter().for_each(|done| log.note(tick, done.number));
        }
        done.into_iter().map(|done| done.back).collect()
    }
}

/// Part of the phase [`ThrongSystems::Inlet`](crate::ThrongSystems::Inlet): results come in.
pub(super) fn take_results(engine: &mut Engine, world: &mut World) {
    let Some(jobs) = world.get_resource::<Jobs>() else { return };
    let mut crew = jobs.get();
    if crew.in_flight > 0 {
        let tick = engine.hub.tick;
        engine.hub.bring_in(crew.take_done(tick));
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
