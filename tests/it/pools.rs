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

/// Pools whose members are children of a supervisor.
mod supervised {
    use throng::{ChildError, ChildSpec, RestartPolicy, Shutdown, SpecError, Supervisor};

    use super::*;

    struct Scene {
        throng: Throng,
        boss: ActorRef<Supervisor>,
        pool: Pool<Worker>,
        desk: ActorRef<Desk>,
    }

    fn template(restart: RestartPolicy) -> ChildSpec {
        ChildSpec::new("worker", |_| Worker::default()).restart(restart).shutdown(Shutdown::Ticks(3))
    }

    fn scene(options: ThrongOptions, members: usize, restart: RestartPolicy) -> Scene {
        let mut throng = Throng::new(options);
        throng.register_with(ActorConfig::<Worker>::new().digest()).unwrap();
        throng.register_with(ActorConfig::<Desk>::new().digest()).unwrap();
        // Above it is one that starts it again.
        let top = throng.start_tree(Supervisor::one_for_one("top").intensity(1, 1_000)).unwrap();
        let spec = Supervisor::simple_one_for_one("boss", template(restart)).intensity(2, 5);
        let boss = throng.start_child(top, spec).get().cloned().unwrap().unwrap().unwrap();
        let boss = throng.actor_ref::<Supervisor>(boss).unwrap();
        let pool = throng.spawn_pool_under::<Worker>(boss, members).unwrap();
        let desk = throng.spawn(Desk(Router::new(pool, Routing::RoundRobin), 0));
        Scene { throng, boss, pool, desk }
    }

    impl Scene {
        fn members(&mut self) -> Vec<ActorRef<Worker>> {
            self.throng.pool_members(self.pool)
        }

        /// Children of the supervisor, and how often any was restarted.
        fn children(&mut self) -> (usize, u64) {
            let tree = self.throng.supervision_tree();
            let boss = tree.roots[0].children.first().expect("the pool's supervisor is there");
            (boss.children_total, boss.restarts)
        }
    }

    #[test]
    fn a_crash_is_a_restart_in_the_same_place() {
        everywhere(|options| {
            let mut scene = scene(options, 4, RestartPolicy::Permanent);
            let before = scene.members();
            scene.throng.tell(before[1], Work::Do(7));
            scene.throng.tell(before[1], Work::Fail);
            scene.throng.tell(before[3], Work::Stop);
            scene.throng.run_ticks(2);
            assert_eq!(scene.members(), before);
            assert_eq!(scene.children(), (4, 2));
            assert_eq!(done(&mut scene.throng, scene.pool), [[]; 4] as [[u64; 0]; 4], "with fresh state");
        });
    }

    #[test]
    fn one_that_is_not_restarted_is_asked_for_again() {
        everywhere(|options| {
            for restart in [RestartPolicy::Transient, RestartPolicy::Temporary] {
                let mut scene = scene(options.clone(), 3, restart);
                let before = scene.members();
                scene.throng.tell(before[1], Work::Stop);
                scene.throng.run_ticks(2);
                let after = scene.members();
                assert_eq!((after[0], after[2]), (before[0], before[2]));
                assert!(after[1] != before[1] && scene.throng.is_alive(after[1]));
                assert_eq!(scene.children(), (3, 0));
            }
        });
    }

    #[test]
    fn it_grows_and_shrinks_through_its_supervisor() {
        everywhere(|options| {
            let mut scene = scene(options, 2, RestartPolicy::Permanent);
            scene.throng.tell(scene.desk, Order::Resize(scene.pool, 5));
            scene.throng.run_ticks(2);
            assert_eq!((scene.members().len(), scene.children()), (5, (5, 0)));
            let members = scene.members();
            scene.throng.resize_pool(scene.pool, 1);
            scene.throng.tick();
            assert_eq!((scene.members(), scene.children()), (vec![members[0]], (1, 0)));
            assert!(members[1..].iter().all(|&member| !scene.throng.is_alive(member)));
            scene.throng.tell_many((0..3).map(|n| (scene.desk, Order::Route(n))));
            settle_all(&mut scene.throng);
            assert_eq!(done(&mut scene.throng, scene.pool), [[0, 1, 2]]);
        });
    }

    #[test]
    fn too_many_restarts_end_the_supervisor_and_the_next_one_fills_the_pool() {
        everywhere(|options| {
            let mut scene = scene(options, 3, RestartPolicy::Permanent);
            let before = scene.members();
            before.iter().for_each(|&member| scene.throng.tell(member, Work::Fail));
            scene.throng.run_ticks(3);
            assert!(scene.throng.is_alive(scene.boss), "it was restarted in its place");
            let after = scene.members();
            assert!(after.len() == 3 && after.iter().all(|&member| scene.throng.is_alive(member)));
            assert!(before.iter().all(|&member| !scene.throng.is_alive(member)));
            assert_eq!(scene.children().0, 3);

            // Once more, and the one above gives up, too.
            after.iter().for_each(|&member| scene.throng.tell(member, Work::Fail));
            scene.throng.run_ticks(3);
            assert!(!scene.throng.is_alive(scene.boss));
            assert!(scene.members().is_empty());
            scene.throng.resize_pool(scene.pool, 9);
            scene.throng.tell(scene.desk, Order::Route(1));
            scene.throng.run_ticks(2);
            assert!(scene.members().is_empty(), "nobody makes them");
            assert_eq!(scene.throng.state(scene.desk).unwrap().1, 1);
            let stats = scene.throng.stats();
            assert!(stats.mail.is_balanced() && stats.actors == 1, "{stats:?}");
        });
    }

    #[test]
    fn what_cannot_be_a_pool_is_refused() {
        let mut scene = scene(ThrongOptions::new().threads(1), 1, RestartPolicy::Permanent);
        let throng = &mut scene.throng;
        let error = throng.spawn_pool_under::<Desk>(scene.boss, 1).unwrap_err();
        assert!(matches!(&error, ChildError::Spec(SpecError::ActorType { child, .. }) if &**child == "worker"), "{error}");
        let plain = throng.start_tree(Supervisor::one_for_one("plain")).unwrap();
        assert_eq!(throng.spawn_pool_under::<Worker>(plain, 1).unwrap_err(), ChildError::BadCombination);
        throng.stop_tree(plain, throng::ExitReason::Shutdown);
        throng.tick();
        assert_eq!(throng.spawn_pool_under::<Worker>(plain, 1).unwrap_err(), ChildError::NoProc);
    }

    #[test]
    fn it_is_the_same_on_any_number_of_threads() {
        let run = |options: ThrongOptions| {
            let Scene { mut throng, pool, desk, .. } = scene(options.seed(4), 40, RestartPolicy::Transient);
            (0..8_u64)
                .map(|tick| {
                    throng.tell_many((0..2_000).map(|n| (desk, Order::Route(n))));
                    let members = throng.pool_members(pool);
                    if let [first, second, ..] = members[..] {
                        throng.tell(first, Work::Fail);
                        throng.tell(second, Work::Stop);
                        // In tick 5 the supervisor gives up.
                        if tick == 5 {
                            members.iter().for_each(|&member| throng.tell(member, Work::Fail));
                        }
                    }
                    throng.tell(desk, Order::Resize(pool, 40 + 3 * (tick as usize % 3)));
                    throng.tick();
                    (throng.digest(), throng.pool_members(pool).len())
                })
                .collect::<Vec<_>>()
        };
        let one = run(ThrongOptions::new().threads(1));
        assert!(one.iter().any(|&(_, members)| members == 46), "{one:?}");
        for options in [ThrongOptions::new().threads(2).share_always(true), ThrongOptions::new().threads(8).share_always(true)] {
            assert_eq!(run(options), one);
        }
    }
}

#[test]
fn a_pool_may_shrink_to_nothing_while_its_mail_is_under_way_and_grow_again() {
    everywhere(|options| {
        let (mut throng, pool, desk) = scene(options.rounds_max(2), 4, Routing::LeastMail);
        throng.tell_many((0..40).map(|n| (desk, Order::Route(n))));
        throng.tell(desk, Order::Resize(pool, 0));
        throng.tick();
        throng.tell_many((0..3).map(|n| (desk, Order::ByKey(pool, n))));
        throng.tell(desk, Order::All(pool, Work::Do(1)));
        throng.tell(desk, Order::Route(1));
        throng.tick();
        assert_eq!((throng.pool_members(pool), throng.stats().actors, throng.state(desk).unwrap().1), (vec![], 1, 1));
        let mail = throng.stats().mail;
        assert!(mail.is_balanced() && mail.queued == 0, "{mail:?}");
        throng.tell(desk, Order::Resize(pool, 2));
        throng.tick();
        throng.tell(desk, Order::All(pool, Work::Do(7)));
        settle_all(&mut throng);
        assert_eq!(done(&mut throng, pool), [[7], [7]]);
    });
}

#[test]
fn members_made_before_one_that_cannot_be_are_kept() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    const MEMBERS: usize = 20_000;
    const FAILS_AT: usize = 17_000;
    let mut throng = Throng::new(ThrongOptions::new().threads(1));
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let pool = throng.spawn_pool(MEMBERS, move |_| {
        assert!(!(FAILS_AT..FAILS_AT + 3).contains(&count.fetch_add(1, Ordering::Relaxed)), "not now");
        Worker::default()
    });
    for _ in 0..4 {
        assert_eq!(throng.pool_members(pool).len(), throng.stats().actors, "who lives is a member");
        throng.tick();
    }
    let members = throng.pool_members(pool);
    assert_eq!((members.len(), made.load(Ordering::Relaxed)), (MEMBERS, MEMBERS + 3));
    assert!(members.iter().all(|member| (member.id().slot() as usize) < MEMBERS), "no slot is lost");
}
