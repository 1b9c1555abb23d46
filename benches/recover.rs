//! The cost of recovery: many crashes at once, one after the other, and one child among many.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bevy_ecs::component::Component;
use criterion::{BenchmarkId, Criterion, Throughput};
use throng::{Actor, ActorFailure, ActorRef, ActorRefs, ChildSpec, Context, ExitReason, Handled, RestartIntensity, Supervisor, Throng};

/// An actor that does as told.
#[derive(Component)]
struct Worker(u64);

#[derive(Clone, Copy)]
enum Order {
    Work(u64),
    Err,
    Panic,
    Exit,
}

impl Actor for Worker {
    type Msg = Order;
    type Params = ();

    fn handle(&mut self, order: Order, cx: &Context<'_, Self>) -> Handled {
        match order {
            Order::Work(n) => self.0 += n,
            Order::Err => return Err(ActorFailure::msg("as ordered")),
            Order::Panic => panic!("as ordered"),
            Order::Exit => cx.exit(ExitReason::Killed),
        }
        Ok(())
    }
}

/// A simple_one_for_one supervisor with `children` workers.
fn pool(throng: &mut Throng, children: usize) -> (ActorRef<Supervisor>, Vec<ActorRef<Worker>>) {
    let template = ChildSpec::new("worker", |_| Worker(0));
    let supervisor = throng.start_tree(Supervisor::simple_one_for_one("pool", template).unlimited_restarts()).expect("it can start");
    let workers = (0..children).map(|_| {
        let reply = throng.start_from_template(supervisor);
        let id = reply.get().cloned().expect("answered").expect("started").expect("started");
        throng.actor_ref(id).expect("it lives")
    });
    let workers = workers.collect();
    (supervisor, workers)
}

/// One tick in which all workers get this order.
fn all(throng: &mut Throng, workers: &[ActorRef<Worker>], order: Order) -> Duration {
    throng.tell_many(workers.iter().map(|&worker| (worker, order)));
    support::timed(|| throng.tick())
}

/// Crashes of many children of one supervisor in one tick; beside it, the same messages handled well, and the same
/// crashes without a supervisor.
fn recover(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "recover");
    for crashes in [10_000_usize, 100_000] {
        group.throughput(Throughput::Elements(crashes as u64));
        for (name, order) in [("work", Order::Work(1)), ("err", Order::Err), ("exit", Order::Exit), ("panic", Order::Panic)] {
            group.bench_function(BenchmarkId::new(name, crashes), |bencher| {
                let mut throng = support::until_quiet();
                let (_, workers) = pool(&mut throng, crashes);
                bencher.iter_custom(|runs| (0..runs).map(|_| all(&mut throng, &workers, order)).sum());
                let wanted = if matches!(order, Order::Work(_)) { 0 } else { throng.stats().ticks * crashes as u64 };
                assert_eq!(throng.stats().restarts, wanted, "all are restarted within their tick");
            });
        }
        group.bench_function(BenchmarkId::new("err_under_the_root", crashes), |bencher| {
            let mut throng = support::until_quiet();
            let config = throng::ActorConfig::<Worker>::new().fresh(|_| Worker(0)).restart(RestartIntensity::UNLIMITED);
            throng.register_with(config).expect("registered once");
            let workers: ActorRefs<Worker> = throng.spawn_many((0..crashes).map(|_| Worker(0)));
            let workers: Vec<ActorRef<Worker>> = workers.iter().collect();
            bencher.iter_custom(|runs| (0..runs).map(|_| all(&mut throng, &workers, Order::Err)).sum());
        });
    }
    group.finish();
}

/// Crashes one after the other through one supervisor that remembers 20,000 restarts. A batch of them shares a tick, as
/// a thousand crashes of as many children.
fn restart_cycles(criterion: &mut Criterion) {
    const CHILDREN: usize = 1_000;
    let mut group = support::slow_group(criterion, "restart_cycles");
    group.throughput(Throughput::Elements(CHILDREN as u64));
    for history in [20_u64, 20_000] {
        group.bench_function(BenchmarkId::new("history", history), |bencher| {
            let mut throng = support::until_quiet();
            let template = ChildSpec::new("worker", |_| Worker(0));
            let period = (history / CHILDREN as u64).max(1);
            let spec = Supervisor::simple_one_for_one("pool", template).intensity(u32::MAX - 1, period);
            let supervisor = throng.start_tree(spec).expect("it can start");
            let workers: Vec<ActorRef<Worker>> = (0..CHILDREN)
                .map(|_| {
                    let reply = throng.start_from_template(supervisor);
                    let id = reply.get().cloned().expect("answered").expect("started").expect("started");
                    throng.actor_ref(id).expect("it lives")
                })
                .collect();
            for _ in 0..=period {
                all(&mut throng, &workers, Order::Exit);
            }
            bencher.iter_custom(|runs| (0..runs).map(|_| all(&mut throng, &workers, Order::Exit)).sum());
        });
    }
    group.finish();
}

/// An actor that crashes as soon as it runs, until there have been enough crashes.
#[derive(Component)]
struct Doomed {
    left: Arc<AtomicU64>,
}

impl Actor for Doomed {
    type Msg = ();
    type Params = ();

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        if self.left.load(Ordering::Relaxed) > 0 {
            cx.tell(cx.me(), ());
        }
        Ok(())
    }

    fn handle(&mut self, (): (), cx: &Context<'_, Self>) -> Handled {
        self.left.fetch_sub(1, Ordering::Relaxed);
        cx.exit(ExitReason::Killed);
        Ok(())
    }
}

/// One child that crashes again as soon as it was restarted: a round for each crash, and 20,000 restarts in the window.
fn one_after_the_other(criterion: &mut Criterion) {
    const CRASHES: u64 = 20_000;
    let mut group = support::slow_group(criterion, "restart_cycles");
    group.throughput(Throughput::Elements(CRASHES));
    for (name, pooled) in [("one_child_of_a_pool", true), ("one_child", false)] {
        group.bench_function(name, |bencher| {
            let mut throng = support::until_quiet();
            let left = Arc::new(AtomicU64::new(0));
            let made = left.clone();
            let child = ChildSpec::new("doomed", move |_| Doomed { left: made.clone() });
            let spec = if pooled { Supervisor::simple_one_for_one("pool", child) } else { Supervisor::one_for_one("one").child(child) };
            let supervisor = throng.start_tree(spec.intensity(u32::MAX - 1, 1)).expect("it can start");
            if pooled {
                throng.start_from_template(supervisor);
            }
            bencher.iter_custom(|runs| {
                let one = |_| {
                    left.store(CRASHES, Ordering::Relaxed);
                    throng.broadcast::<Doomed>(());
                    support::timed(|| throng.tick())
                };
                (0..runs).map(one).sum()
            });
            assert_eq!(throng.stats().restarts, throng.stats().ticks * CRASHES);
        });
    }
    group.finish();
}

/// Stopping one child and starting another, under one supervisor with so many.
fn one_of_many(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "one_of_many");
    for children in [100, 1_000_000] {
        group.bench_function(BenchmarkId::new("stop_and_start", children), |bencher| {
            let mut throng = support::until_quiet();
            let (supervisor, mut workers) = pool(&mut throng, children);
            let mut at = 0;
            bencher.iter(|| {
                at = (at + 7) % children;
                throng.terminate_child(supervisor, workers[at]);
                let reply = throng.start_from_template(supervisor);
                let id = reply.get().cloned().expect("answered").expect("started").expect("started");
                workers[at] = throng.actor_ref(id).expect("it lives");
            });
        });
        group.bench_function(BenchmarkId::new("restart", children), |bencher| {
            let mut throng = support::until_quiet();
            let (_, workers) = pool(&mut throng, children);
            let mut at = 0;
            bencher.iter(|| {
                at = (at + 7) % children;
                throng.tell(workers[at], Order::Exit);
                throng.tick();
            });
        });
    }
    group.finish();
}

fn main() {
    support::run(&[recover, restart_cycles, one_after_the_other, one_of_many]);
}
