//! Pools: who is chosen, who takes a lost member's place, and what resizing moves.

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, Pool, Router, Routing};

use crate::support::{everywhere, settle_all};

#[derive(Component, Hash, Default)]
struct Worker {
    done: Vec<u64>,
}

#[derive(Clone)]
enum Work {
    Do(u64),
    Fail,
    Stop,
}

impl Actor for Worker {
    type Msg = Work;
    type Params = ();

    fn handle(&mut self, msg: Work, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Work::Do(n) => self.done.push(n),
            Work::Fail => return Err(ActorFailure::msg("as told")),
            Work::Stop => cx.stop_self(),
        }
        Ok(())
    }
}

#[derive(Component, Hash)]
struct Desk(Router<Worker>, u32);

enum Order {
    Route(u64),
    ByKey(Pool<Worker>, u64),
    All(Pool<Worker>, Work),
    Resize(Pool<Worker>, usize),
}

impl Actor for Desk {
    type Msg = Order;
    type Params = ();

    fn handle(&mut self, msg: Order, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Order::Route(n) => match self.0.pick(cx) {
                Some(worker) => cx.tell(worker, Work::Do(n)),
                None => self.1 += 1,
            },
            Order::ByKey(pool, key) => pool.for_key(cx, &key).into_iter().for_each(|worker| cx.tell(worker, Work::Do(key))),
            Order::All(pool, work) => cx.tell_all(pool.members(cx), work),
            Order::Resize(pool, members) => pool.resize(cx, members),
        }
        Ok(())
    }
}

fn scene(options: ThrongOptions, members: usize, routing: Routing) -> (Throng, Pool<Worker>, ActorRef<Desk>) {
    let mut throng = Throng::new(options);
    throng.register_with(ActorConfig::<Worker>::new().mailbox(MailboxConfig::default().budget(2).unwrap()).digest()).unwrap();
    throng.register_with(ActorConfig::<Desk>::new().digest()).unwrap();
    let pool = throng.spawn_pool(members, |_| Worker::default());
    let desk = throng.spawn(Desk(Router::new(pool, routing), 0));
    (throng, pool, desk)
}

fn done(throng: &mut Throng, pool: Pool<Worker>) -> Vec<Vec<u64>> {
    throng.pool_members(pool).into_iter().map(|worker| throng.state(worker).map_or(vec![], |worker| worker.done.clone())).collect()
}

#[test]
fn routers_spread_work_as_they_are_told() {
    everywhere(|options| {
        let (mut throng, pool, desk) = scene(options.clone(), 3, Routing::RoundRobin);
        throng.tell_many((0..7).map(|n| (desk, Order::Route(n))));
        settle_all(&mut throng);
        assert_eq!(done(&mut throng, pool), [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);

        let (mut throng, pool, desk) = scene(options.clone().seed(5), 4, Routing::Random);
        throng.tell_many((0..400).map(|n| (desk, Order::Route(n))));
        settle_all(&mut throng);
        let counts: Vec<usize> = done(&mut throng, pool).iter().map(Vec::len).collect();
        assert!(counts.iter().sum::<usize>() == 400 && counts.iter().all(|&n| n > 60), "{counts:?}");

        let (mut throng, pool, desk) = scene(options.rounds_max(2), 3, Routing::LeastMail);
        let first = throng.pool_members(pool)[0];
        throng.tell_many((0..8).map(|n| (first, Work::Do(n))));
        throng.tick();
        // Four are left in the first one's mailbox.
        throng.tell_many((100..108).map(|n| (desk, Order::Route(n))));
        settle_all(&mut throng);
        let counts: Vec<usize> = done(&mut throng, pool).iter().map(Vec::len).collect();
        assert_eq!(counts, [8, 4, 4]);
    });
}

#[test]
fn a_member_that_stops_is_replaced_in_its_place() {
    everywhere(|options| {
        let (mut throng, pool, desk) = scene(options, 3, Routing::RoundRobin);
        let before = throng.pool_members(pool);
        throng.tell(before[0], Work::Fail);
        throng.tell(before[1], Work::Stop);
        throng.tick();
        throng.tell_many((0..3).map(|n| (desk, Order::Route(n))));
        settle_all(&mut throng);
        let after = throng.pool_members(pool);
        assert_eq!((after[0], after[2]), (before[0], before[2]), "one that fails is restarted");
        assert!(after[1] != before[1] && throng.is_alive(after[1]));
        assert_eq!(done(&mut throng, pool), [[0], [1], [2]]);
    });
}

#[test]
fn keys_stay_with_their_member_and_few_move_when_the_pool_grows() {
    everywhere(|options| {
        let (mut throng, pool, desk) = scene(options, 4, Routing::RoundRobin);
        let owners = |throng: &mut Throng| -> Vec<usize> {
            throng.tell_many((0..200).map(|key| (desk, Order::ByKey(pool, key))));
            settle_all(throng);
            let done = done(throng, pool);
            (0..200).map(|key| done.iter().position(|done| done.ends_with(&[key]) || done.contains(&key)).unwrap()).collect()
        };
        let before = owners(&mut throng);
        throng.tell(desk, Order::Resize(pool, 5));
        throng.run_ticks(2);
        assert_eq!(throng.pool_members(pool).len(), 5);
        for worker in throng.pool_members(pool) {
            let entity = throng.entity(worker.id()).unwrap();
            throng.world_mut().get_mut::<Worker>(entity).unwrap().done.clear();
        }
        let after = owners(&mut throng);
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!((10..90).contains(&moved) && before.iter().zip(&after).all(|(before, after)| before == after || *after == 4));
        throng.resize_pool(pool, 2);
        assert_eq!((throng.pool_members(pool).len(), throng.stats().actors), (2, 3));
        throng.tell(desk, Order::All(pool, Work::Do(1_000)));
        settle_all(&mut throng);
        assert!(done(&mut throng, pool).iter().all(|done| done.last() == Some(&1_000)));
    });
}

#[test]
fn an_empty_pool_has_nobody() {
    let (mut throng, _, desk) = scene(ThrongOptions::new().threads(1), 0, Routing::LeastMail);
    throng.tell(desk, Order::Route(1));
    throng.tick();
    assert_eq!(throng.state(desk).unwrap().1, 1);
}

#[test]
fn a_member_that_cannot_be_made_is_tried_again() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let mut throng = Throng::new(ThrongOptions::new().threads(1));
    let made = Arc::new(AtomicU32::new(0));
    let count = made.clone();
    let pool = throng.spawn_pool(2, move |_| {
        assert!(count.fetch_add(1, Ordering::Relaxed) != 2, "not now");
        Worker::default()
    });
    let second = throng.pool_members(pool)[1];
    throng.tell(second, Work::Stop);
    throng.run_ticks(4);
    assert_eq!(made.load(Ordering::Relaxed), 4);
    let members = throng.pool_members(pool);
    assert!(members.iter().all(|&member| throng.is_alive(member)) && members[1] != second);
}

#[test]
fn pools_are_the_same_on_any_number_of_threads() {
    let run = |options: ThrongOptions| {
        let (mut throng, pool, _) = scene(options.seed(9), 50, Routing::RoundRobin);
        let routings = [Routing::RoundRobin, Routing::Random, Routing::LeastMail];
        let desks = throng.spawn_many((0..20_000).map(|n| Desk(Router::new(pool, routings[n % 3]), 0)));
        (0..6)
            .map(|tick| {
                throng.tell_many(desks.iter().zip(0..).map(|(desk, n)| (desk, Order::Route(n))));
                let victim = throng.pool_members(pool)[tick * 3];
                throng.tell(victim, Work::Stop);
                throng.tell(desks.get(0).unwrap(), Order::Resize(pool, 50 + tick));
                throng.tick();
                throng.digest()
            })
            .collect::<Vec<u64>>()
    };
    let one = run(ThrongOptions::new().threads(1));
    for options in [ThrongOptions::new().threads(2).share_always(true), ThrongOptions::new().threads(8).share_always(true)] {
        assert_eq!(run(options), one);
    }
}
