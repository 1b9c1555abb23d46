//! The cost of a message: sent, delivered in dense and in sparse rounds, and broadcast.

mod support;

use std::time::Duration;

use bevy_ecs::component::Component;
use bevy_ecs::resource::Resource;
use bevy_ecs::system::Res;
use criterion::{BenchmarkId, Criterion, Throughput};
use throng::{Actor, ActorRefs, Context, Handled, MailboxConfig, Throng};

const MANY: usize = 1_000_000;
const ACTIVE: usize = 1_000;
const BURST: u32 = 100_000;

/// The golden ratio's step of a Weyl sequence: spreads consecutive numbers over all of them.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Takes what comes.
#[derive(Component)]
struct Sink(u64);

impl Actor for Sink {
    type Msg = [u64; 2];
    type Params = ();

    fn handle(&mut self, [a, b]: [u64; 2], _cx: &Context<'_, Self>) -> Handled {
        self.0 = self.0.wrapping_add(a ^ b);
        Ok(())
    }
}

#[derive(Resource)]
struct Sinks(ActorRefs<Sink>);

/// Sends as many messages as it is told, each to another sink.
#[derive(Component)]
struct Source;

impl Actor for Source {
    type Msg = u32;
    type Params = Res<'static, Sinks>;

    fn handle(&mut self, messages: u32, cx: &Context<'_, Self>) -> Handled {
        let sinks = &cx.params().0;
        for n in 0..u64::from(messages) {
            let to = pick(n.wrapping_mul(STEP), sinks.len());
            cx.tell(sinks.get(to).ok_or_else(|| throng::ActorFailure::msg("no sink"))?, [n, n]);
        }
        Ok(())
    }
}

/// Passes each message on to another of its kind.
#[derive(Component)]
struct Node(u64);

#[derive(Resource)]
struct Nodes(ActorRefs<Node>);

impl Actor for Node {
    type Msg = [u64; 2];
    type Params = Res<'static, Nodes>;

    fn handle(&mut self, [seed, hops]: [u64; 2], cx: &Context<'_, Self>) -> Handled {
        self.0 += 1;
        let seed = (seed ^ (seed >> 31)).wrapping_mul(STEP);
        let nodes = &cx.params().0;
        cx.tell(nodes.get(pick(seed, nodes.len())).unwrap_or(cx.me()), [seed, hops + 1]);
        Ok(())
    }
}

/// A number below `len`, by the high bits of a random one.
fn pick(random: u64, len: usize) -> usize {
    ((u128::from(random) * len as u128) >> 64) as usize
}

/// `tell` from a handler: a tick that sends and a tick that delivers, of which the first is timed.
fn send(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "send");
    group.throughput(Throughput::Elements(u64::from(BURST)));
    for sinks in [1_000, MANY] {
        group.bench_function(BenchmarkId::new("tell", sinks), |bencher| {
            let mut throng = support::one_round(1);
            let refs = throng.spawn_many((0..sinks).map(|_| Sink(0)));
            throng.world_mut().insert_resource(Sinks(refs));
            let source = throng.spawn(Source);
            bencher.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    throng.tell(source, BURST);
                    spent += support::timed(|| throng.tick());
                    throng.tick();
                }
                spent
            });
        });
    }
    group.finish();
}

/// Actors of which `active` hold a message that goes to a random other in each round.
fn nodes(active: usize, threads: usize) -> Throng {
    let mut throng = support::one_round(threads);
    let refs = throng.spawn_many((0..MANY).map(|_| Node(0)));
    for n in 0..active {
        throng.tell(refs.get(n * (MANY / active)).expect("below the number of actors"), [(n as u64 + 1).wrapping_mul(STEP), 0]);
    }
    throng.world_mut().insert_resource(Nodes(refs));
    throng
}

/// A round of as many messages as there are actors, each to a random actor.
fn dense(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "dense_round");
    group.throughput(Throughput::Elements(MANY as u64));
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::new("threads", threads), |bencher| {
            let mut throng = nodes(MANY, threads);
            bencher.iter(|| throng.tick());
        });
    }
    group.finish();
}

/// A round of a thousand messages among a million actors.
fn sparse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sparse_round");
    group.throughput(Throughput::Elements(ACTIVE as u64));
    group.bench_function("1000_of_1000000", |bencher| {
        let mut throng = nodes(ACTIVE, 1);
        bencher.iter(|| throng.tick());
    });
    group.finish();
}

/// One message, a million readers.
fn broadcast(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "broadcast");
    group.throughput(Throughput::Elements(MANY as u64));
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::new("threads", threads), |bencher| {
            let mut throng = support::one_round(threads);
            throng.spawn_many((0..MANY).map(|_| Sink(0)));
            bencher.iter(|| {
                throng.broadcast::<Sink>([3, 5]);
                throng.tick();
            });
        });
    }
    group.finish();
}

/// Many messages from outside to one actor.
fn fan_in(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "fan_in");
    group.throughput(Throughput::Elements(u64::from(BURST)));
    group.bench_function("to_one", |bencher| {
        let mut throng = support::one_round(1);
        let sink = throng.spawn(Sink(0));
        throng.configure_mailbox(sink, MailboxConfig::unbounded());
        bencher.iter(|| {
            throng.tell_many((0..u64::from(BURST)).map(|n| (sink, [n, n])));
            throng.tick();
        });
    });
    group.finish();
}

fn main() {
    support::run(&[send, dense, sparse, broadcast, fan_in]);
}
