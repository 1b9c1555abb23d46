//! Timers: what one costs to set and to fire, among how many others, and what idle ones add to a tick.

mod support;

use bevy_ecs::component::Component;
use criterion::{BenchmarkId, Criterion, Throughput};
use rand_core::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use throng::{Actor, Context, Handled, Throng};

/// Timers of a run.
const TIMERS: u64 = 1_000_000;
/// Ticks within which they are due.
const SPAN: u64 = 1_000;

/// Sets timers for itself at random ticks, and counts what comes.
#[derive(Component)]
struct Clock {
    random: Xoshiro256PlusPlus,
    /// Ticks until the first may ring, and among which they are spread.
    first: u64,
    span: u64,
    rung: u64,
}

impl Clock {
    fn new(first: u64, span: u64) -> Self {
        Self { random: Xoshiro256PlusPlus::seed_from_u64(1), first, span, rung: 0 }
    }
}

/// How many timers to set; none when one rings.
type Ring = u32;

impl Actor for Clock {
    type Msg = Ring;
    type Params = ();

    fn handle(&mut self, timers: Ring, cx: &Context<'_, Self>) -> Handled {
        if timers == 0 {
            self.rung += 1;
        }
        for _ in 0..timers {
            cx.tell_after(self.first + self.random.next_u64() % self.span, cx.me(), 0);
        }
        Ok(())
    }
}

/// A million pending timers with random deadlines, set and fired: by one actor, and by a thousand.
fn set_and_fire(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timers_set_and_fire");
    group.throughput(Throughput::Elements(TIMERS));
    group.sample_size(10);
    for actors in [1, 1_000, 100_000] {
        group.bench_function(BenchmarkId::new("actors", actors), |bencher| {
            let mut throng = support::until_quiet();
            let clocks = throng.spawn_many((0..actors).map(|_| Clock::new(1, SPAN)));
            bencher.iter(|| {
                let set = (TIMERS / actors) as Ring;
                throng.tell_many(clocks.iter().map(|clock| (clock, set)));
                throng.run_ticks(SPAN + 1);
                assert_eq!(throng.stats().timers, 0);
            });
        });
    }
    group.finish();
}

/// The same hop from actor to actor each tick, beside idle timers.
fn tick_beside_idle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timers_idle");
    for idle in [0, TIMERS, 10 * TIMERS] {
        group.bench_function(BenchmarkId::new("tick_with_idle", idle), |bencher| {
            let mut throng: Throng = support::until_quiet();
            let clock = throng.spawn(Clock::new(1 << 40, 1 << 40));
            for _ in 0..idle / TIMERS {
                throng.tell(clock, TIMERS as Ring);
                throng.tick();
            }
            bencher.iter(|| {
                throng.tell(clock, 0);
                throng.tick();
            });
            assert_eq!(throng.stats().timers as u64, idle);
        });
    }
    group.finish();
}

fn main() {
    support::run(&[set_and_fire, tick_beside_idle]);
}
