//! Offloaded jobs: every job ends, and what came of it is told or counted.

use std::sync::mpsc;
use std::time::Duration;

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{JobError, JobMode};

use crate::support::{BLOCK, everywhere};

type Work = Box<dyn FnOnce() -> u64 + Send>;

#[derive(Component, Hash, Default)]
struct Boss {
    done: Vec<(u64, Result<u64, JobError>)>,
}

enum Do {
    Job(Work),
    JobAndFail(Work),
    Fail,
    Done(Result<u64, JobError>),
}

impl Actor for Boss {
    type Msg = Do;
    type Params = ();

    fn handle(&mut self, msg: Do, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Do::Job(work) => cx.offload(work, Do::Done),
            Do::JobAndFail(work) => {
                cx.offload(work, Do::Done);
                return Err(throng::ActorFailure::msg("as told"));
            }
            Do::Fail => return Err(throng::ActorFailure::msg("as told")),
            Do::Done(result) => self.done.push((cx.tick(), result)),
        }
        Ok(())
    }
}

fn job(work: impl FnOnce() -> u64 + Send + 'static) -> Do {
    Do::Job(Box::new(work))
}

fn done(throng: &mut Throng, boss: ActorRef<Boss>) -> Vec<Result<u64, JobError>> {
    throng.state(boss).unwrap().done.iter().map(|done| done.1.clone()).collect()
}

/// Runs ticks until no job is in flight and its mail was handled.
fn finish(throng: &mut Throng) {
    for _ in 0..10_000 {
        throng.tick();
        if throng.jobs_in_flight() == 0 && throng.is_quiet() {
            assert!(throng.stats().asks.is_balanced() && throng.stats().mail.is_balanced());
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("jobs never end: {:?}", throng.stats());
}

#[test]
fn results_panics_and_refusals_are_told() {
    everywhere(|options| {
        let mut throng = Throng::new(options.job_threads(2).jobs_max(3));
        let boss = throng.spawn(Boss::default());
        let (open, gate) = mpsc::channel::<()>();
        let blocked = move || {
            gate.recv().expect("opened");
            1
        };
        throng.tell(boss, job(blocked));
        throng.tell(boss, job(|| panic!("as told")));
        throng.tell(boss, job(|| 3));
        throng.tell(boss, job(|| 4));
        throng.tick();
        assert_eq!(throng.jobs_in_flight(), 4, "the refused one is told with the next tick");
        throng.tick();
        assert!(done(&mut throng, boss).contains(&Err(JobError::Full)));
        open.send(()).expect("the job waits");
        finish(&mut throng);
        let mut all = done(&mut throng, boss);
        all.sort_by_key(|result| format!("{result:?}"));
        assert!(matches!(&all[1], Err(JobError::Panicked(text)) if text.contains("as told")), "{all:?}");
        assert_eq!((all.len(), &all[0], &all[2], &all[3]), (4, &Err(JobError::Full), &Ok(1), &Ok(3)));
    });
}

#[test]
fn a_failing_call_offloads_nothing_and_a_jobs_actor_may_go_before_it() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let boss = throng.spawn_with(|_| Boss::default());
        throng.tell(boss, Do::JobAndFail(Box::new(|| unreachable!("taken back"))));
        throng.tick();
        assert_eq!((throng.jobs_in_flight(), throng.stats().asks.asked), (0, 0));
        throng.tell(boss, job(|| 1));
        throng.tell(boss, Do::Fail);
        let mortal = throng.spawn(Boss::default());
        throng.tell(mortal, job(|| 2));
        throng.tick();
        throng.stop(mortal);
        finish(&mut throng);
        assert_eq!(done(&mut throng, boss), [], "the state that asked has failed");
        assert_eq!(throng.stats().asks.dropped, 2);
    });
}

/// Has sums computed, by a rule of its own number.
#[derive(Component, Hash)]
struct Sum(u64);

enum Add {
    Start,
    Done(Result<u64, JobError>),
}

impl Actor for Sum {
    type Msg = Add;
    type Params = ();

    fn handle(&mut self, msg: Add, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Add::Start => {
                let n = self.0;
                let work = move || {
                    std::thread::sleep(Duration::from_micros(n % 300));
                    assert!(!n.is_multiple_of(7), "now and then");
                    n * n
                };
                cx.offload(work, Add::Done);
            }
            Add::Done(result) => {
                let n = result.unwrap_or_else(|error| error.to_string().len() as u64);
                self.0 = self.0.wrapping_mul(31).wrapping_add(n) ^ cx.tick();
            }
        }
        Ok(())
    }
}

/// The digests of some ticks, and the log of the jobs.
fn run(options: ThrongOptions, ticks: u64) -> (Vec<u64>, throng::JobLog) {
    let mut throng = Throng::new(options.jobs_max(90));
    throng.register_with(ActorConfig::<Sum>::new().digest()).unwrap();
    throng.record_jobs();
    let crowd = throng.spawn_many((0..2 * BLOCK as u64).map(Sum));
    let digests = (0..ticks)
        .map(|tick| {
            throng.tell_many(crowd.iter().skip(tick as usize).step_by(150).map(|sum| (sum, Add::Start)));
            throng.tick();
            throng.digest()
        })
        .collect();
    (digests, throng.job_log())
}

#[test]
fn a_recorded_run_is_repeated_on_any_number_of_threads() {
    let (digests, log) = run(ThrongOptions::new().threads(1).jobs(JobMode::Threads), 30);
    assert!(log.len() > 100);
    for options in [
        ThrongOptions::new().threads(1),
        ThrongOptions::new().threads(2).share_always(true),
        ThrongOptions::new().threads(8).share_always(true),
    ] {
        let (again, log_again) = run(options.jobs(JobMode::Replay(log.clone())), 30);
        assert_eq!(again, digests);
        assert_eq!(log_again, log);
    }
}

#[test]
fn inline_jobs_are_the_same_on_any_number_of_threads() {
    let one = run(ThrongOptions::new().threads(1).jobs(JobMode::Inline), 10);
    assert_eq!(run(ThrongOptions::new().threads(8).share_always(true).jobs(JobMode::Inline), 10), one);
}
