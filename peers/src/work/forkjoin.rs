//! Fork-join throughput: one driver, many workers, a tiny calculation each.

use super::behaviour::{Behaviour, Outbox, Scene};
use super::counting::BURST;
use super::random::{digest, mix};

/// What driver and workers hear.
#[derive(Clone, Copy)]
pub enum Job {
    /// The driver sends its next burst.
    Deal,
    /// A worker works on this.
    Work(u64),
}

/// The driver has the index after the last worker.
pub enum ForkJoin {
    /// Deals `all` jobs round robin to `workers`.
    Driver { sent: u64, all: u64, workers: u32 },
    /// Does `left` more jobs.
    Worker { me: u32, left: u64, sum: u64 },
}

impl Behaviour for ForkJoin {
    type Msg = Job;

    #[inline]
    fn handle<O: Outbox<Job>>(&mut self, job: Job, out: &mut O) {
        match (self, job) {
            (Self::Worker { me, left, sum }, Job::Work(value)) => {
                *sum = sum.wrapping_add(mix(value));
                *left -= 1;
                if *left == 0 {
                    out.add(digest(*me, *sum));
                    out.arrive();
                }
            }
            (Self::Driver { sent, all, workers }, Job::Deal) => deal(sent, *all, *workers, out),
            _ => unreachable!("each job has one reader"),
        }
    }
}

fn deal<O: Outbox<Job>>(sent: &mut u64, all: u64, workers: u32, out: &mut O) {
    let end = all.min(*sent + BURST);
    let mut to = (*sent % u64::from(workers)) as u32;
    for value in *sent..end {
        out.send(to, Job::Work(value));
        to = if to + 1 == workers { 0 } else { to + 1 };
    }
    *sent = end;
    if end < all {
        out.send(workers, Job::Deal);
    }
}

/// `workers` workers and a driver; `messages` is a multiple of `workers`.
pub fn scene(workers: u32, messages: u64) -> Scene<ForkJoin> {
    let left = messages / u64::from(workers);
    Scene {
        size: workers + 1,
        make: Box::new(move |me| {
            if me == workers {
                return ForkJoin::Driver { sent: 0, all: messages, workers };
            }
            ForkJoin::Worker { me, left, sum: 0 }
        }),
        kicks: vec![(workers, Job::Deal)],
        awaited: u64::from(workers),
        audit: None,
    }
}

/// The digests of all workers.
pub fn expected(workers: u32, messages: u64) -> u64 {
    let worker = |me: u32| {
        let jobs = (u64::from(me)..messages).step_by(workers as usize);
        digest(me, jobs.fold(0, |sum, value| sum.wrapping_add(mix(value))))
    };
    (0..workers).map(worker).fold(0, u64::wrapping_add)
}
