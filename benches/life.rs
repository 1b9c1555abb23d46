//! The cost of actors that come and go.

mod support;

use std::time::Duration;

use bevy_ecs::component::Component;
use criterion::{BatchSize, Criterion, Throughput};
use throng::{Actor, ActorRefs, Context, Handled, Throng};

const MANY: u64 = 100_000;
const BROOD: u64 = 1_000;

/// Spawns as many as it is told.
#[derive(Component)]
struct Parent;

impl Actor for Parent {
    type Msg = u64;
    type Params = ();

    fn handle(&mut self, children: u64, cx: &Context<'_, Self>) -> Handled {
        for n in 0..children {
            cx.try_spawn_detached(Mayfly(n))?;
        }
        Ok(())
    }
}

/// Handles one message and stops.
#[derive(Component)]
struct Mayfly(u64);

impl Actor for Mayfly {
    type Msg = u64;
    type Params = ();

    fn handle(&mut self, n: u64, cx: &Context<'_, Self>) -> Handled {
        self.0 += n;
        cx.stop_self();
        Ok(())
    }
}

fn world() -> Throng {
    let mut throng = support::until_quiet();
    throng.register::<Mayfly>().expect("registered once");
    throng
}

fn populated() -> (Throng, ActorRefs<Mayfly>) {
    let mut throng = world();
    let flies = throng.spawn_many((0..MANY).map(Mayfly));
    (throng, flies)
}

fn spawn_one(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("spawn");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one", |bencher| {
        bencher.iter_custom(|spawns| {
            let mut throng = world();
            support::timed(|| {
                for n in 0..spawns {
                    throng.spawn(Mayfly(n));
                }
            })
        });
    });
    group.finish();
}

fn spawn_many(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "spawn_many");
    group.throughput(Throughput::Elements(MANY));
    group.bench_function("batch", |bencher| {
        bencher.iter_batched_ref(world, |throng| throng.spawn_many((0..MANY).map(Mayfly)), BatchSize::PerIteration);
    });
    group.throughput(Throughput::Elements(BROOD));
    group.bench_function("in_a_handler", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut throng = world();
            let parent = throng.spawn(Parent);
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                throng.tell(parent, BROOD);
                spent += support::timed(|| throng.tick());
            }
            spent
        });
    });
    group.finish();
}

fn stop(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "stop");
    group.throughput(Throughput::Elements(MANY));
    group.bench_function("from_outside", |bencher| {
        bencher.iter_batched_ref(populated, |(throng, flies)| throng.stop_many(flies.iter()), BatchSize::PerIteration);
    });
    group.bench_function("by_themselves", |bencher| {
        let setup = || {
            let (mut throng, flies) = populated();
            throng.tell_many(flies.iter().map(|fly| (fly, 1)));
            throng
        };
        bencher.iter_batched_ref(setup, Throng::tick, BatchSize::PerIteration);
    });
    group.finish();
}

fn main() {
    support::run(&[spawn_one, spawn_many, stop]);
}
