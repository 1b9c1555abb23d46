//! Conversations: a question and its answer beside a message and its echo, and the same in an async block; a
//! topic beside a broadcast.

mod support;

use bevy_ecs::component::Component;
use criterion::{Criterion, Throughput};
use throng::prelude::*;

/// Round trips of a run.
const TRIPS: u32 = 10_000;
/// Members of the topic.
const MEMBERS: u32 = 1_000_000;

/// Asks, or plays ping-pong.
#[derive(Component, Default)]
struct Party {
    other: Option<ActorRef<Self>>,
    left: u32,
}

enum Talk {
    Meet(ActorRef<Party>),
    AskSoMany(u32),
    Ask(ReplyTo<u32>),
    /// Asks so many times, in an async block each.
    AwaitSoMany(u32),
    PlaySoMany(u32),
    Play(u32),
}

impl Party {
    fn ask(&self, cx: &Context<'_, Self>) {
        let Some(other) = self.other else { return };
        cx.ask(other, Talk::Ask).then(|party, answer, cx| {
            party.left -= answer?;
            if party.left > 0 {
                party.ask(cx);
            }
            Ok(())
        });
    }
}

impl Actor for Party {
    type Msg = Talk;
    type Params = ();

    fn handle(&mut self, msg: Talk, cx: &Context<'_, Self>) -> Handled {
        match (msg, self.other) {
            (Talk::Meet(other), _) => self.other = Some(other),
            (Talk::AskSoMany(n), _) => {
                self.left = n;
                self.ask(cx);
            }
            (Talk::Ask(reply), _) => cx.reply(reply, 1),
            (Talk::AwaitSoMany(n), Some(other)) if n > 0 => cx.run_async(move |this| async move {
                let answer = this.ask(other, Talk::Ask).await?;
                this.with(|_, cx| cx.tell(cx.me(), Talk::AwaitSoMany(n - answer)));
                Ok(())
            }),
            (Talk::PlaySoMany(n), Some(other)) => cx.tell(other, Talk::Play(2 * n - 1)),
            (Talk::Play(n), Some(other)) if n > 0 => cx.tell(other, Talk::Play(n - 1)),
            _ => {}
        }
        Ok(())
    }
}

fn pairs(throng: &mut Throng, n: usize) -> Vec<ActorRef<Party>> {
    let all = throng.spawn_many((0..2 * n).map(|_| Party::default()));
    let at = |n: usize| all.get(n).expect("spawned");
    for pair in 0..n {
        throng.tell(at(2 * pair), Talk::Meet(at(2 * pair + 1)));
        throng.tell(at(2 * pair + 1), Talk::Meet(at(2 * pair)));
    }
    throng.tick();
    (0..n).map(|pair| at(2 * pair)).collect()
}

fn round_trip(criterion: &mut Criterion) {
    for (name, n) in [("round_trip", 1), ("round_trip_of_10000_pairs", 10_000)] {
        let mut group = criterion.benchmark_group(name);
        let each = TRIPS / n as u32;
        group.throughput(Throughput::Elements(u64::from(TRIPS)));
        for (name, start) in [("pingpong", Talk::PlaySoMany as fn(u32) -> Talk), ("ask", Talk::AskSoMany), ("async_ask", Talk::AwaitSoMany)]
        {
            group.bench_function(name, |bencher| {
                let mut throng = support::until_quiet();
                let askers = pairs(&mut throng, n);
                bencher.iter(|| {
                    throng.tell_many(askers.iter().map(|&asker| (asker, start(each))));
                    throng.tick();
                });
                let asks = throng.stats().asks;
                assert_eq!(asks.asked, asks.answered);
            });
        }
        group.finish();
    }
}

#[derive(Component)]
struct Member(u64);

impl Actor for Member {
    type Msg = u64;
    type Params = ();

    fn handle(&mut self, n: u64, _: &Context<'_, Self>) -> Handled {
        self.0 += n;
        Ok(())
    }
}

fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("to_a_million");
    group.throughput(Throughput::Elements(u64::from(MEMBERS)));
    for publishes in [false, true] {
        group.bench_function(if publishes { "publish" } else { "broadcast" }, |bencher| {
            let mut throng = support::one_round(2);
            let members = throng.spawn_many((0..MEMBERS).map(|_| Member(0)));
            let topic = throng.topic::<u64>("all").expect("new");
            for member in members.iter() {
                throng.subscribe(topic, member);
            }
            bencher.iter(|| {
                if publishes {
                    throng.publish(topic, 1);
                } else {
                    throng.broadcast::<Member>(1);
                }
                throng.tick();
            });
        });
    }
    group.finish();
}

fn main() {
    support::run(&[round_trip, publish]);
}
