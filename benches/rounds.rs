//! The fixed costs: a tick with nothing to do, and a round with one message.

mod support;

use bevy_ecs::component::Component;
use criterion::{BenchmarkId, Criterion, Throughput};
use throng::{Actor, ActorRef, Context, Handled, HasMailbox, Throng};

const HOPS: u32 = 10_000;

/// Sends a token back until it has made its hops.
#[derive(Component)]
struct Player(Option<ActorRef<Self>>);

enum Play {
    Against(ActorRef<Player>),
    Token(u32),
}

impl Actor for Player {
    type Msg = Play;
    type Params = ();

    fn handle(&mut self, msg: Play, cx: &Context<'_, Self>) -> Handled {
        match (msg, self.0) {
            (Play::Against(other), _) => self.0 = Some(other),
            (Play::Token(hops), Some(other)) if hops > 0 => cx.tell(other, Play::Token(hops - 1)),
            (Play::Token(_), _) => {}
        }
        Ok(())
    }
}

/// Never gets mail.
#[derive(Component)]
struct Idle;

impl Actor for Idle {
    type Msg = u32;
    type Params = ();

    fn handle(&mut self, _msg: u32, _cx: &Context<'_, Self>) -> Handled {
        Ok(())
    }
}

/// One of many types that are known and have no mail. Without handlers, as each would compile for seconds.
struct Bystander<const N: usize>;

impl<const N: usize> HasMailbox for Bystander<N> {
    type Msg = u32;
}

macro_rules! register_bystanders {
    ($throng:expr, $($n:literal)*) => {
        $($throng.add_mail_system::<Bystander<$n>, _>(|| {});)*
    };
}

/// Makes 49 further types known.
fn register_49(throng: &mut Throng) {
    register_bystanders!(throng, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25);
    register_bystanders!(throng, 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49);
}

fn empty_tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("empty_tick");
    group.throughput(Throughput::Elements(1));
    for actors in [0, 1_000_000] {
        group.bench_function(BenchmarkId::new("idle_actors", actors), |bencher| {
            let mut throng = support::until_quiet();
            throng.spawn_many((0..actors).map(|_| Idle));
            throng.tick();
            bencher.iter(|| throng.tick());
        });
    }
    group.finish();
}

fn ping_pong(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ping_pong");
    group.throughput(Throughput::Elements(u64::from(HOPS)));
    for types in [1, 50] {
        group.bench_function(BenchmarkId::new("actor_types", types), |bencher| {
            let mut throng = support::until_quiet();
            if types == 50 {
                register_49(&mut throng);
            }
            let players = [throng.spawn(Player(None)), throng.spawn(Player(None))];
            throng.tell(players[0], Play::Against(players[1]));
            throng.tell(players[1], Play::Against(players[0]));
            throng.tick();
            bencher.iter(|| {
                throng.tell(players[0], Play::Token(HOPS));
                throng.tick();
            });
        });
    }
    group.finish();
}

fn main() {
    support::run(&[empty_tick, ping_pong]);
}
