//! Timers: when they are due, in which order, what replaces and ends them.

use std::time::Duration;

use bevy_ecs::component::Component;
use throng::prelude::*;

use crate::support::{BLOCK, Probe, Say, act, burst, everywhere, fail, numbers, settle_all};

fn probe(throng: &mut Throng) -> ActorRef<Probe<0>> {
    throng.spawn(Probe::default())
}

/// Tells an actor to run a closure, and runs the tick.
fn run(
    throng: &mut Throng,
    actor: ActorRef<Probe<0>>,
    job: impl Fn(&mut Probe<0>, &Context<'_, Probe<0>>) -> Handled + Send + Sync + 'static,
) {
    throng.tell(actor, act(job));
    throng.tick();
}

#[test]
fn a_timer_is_mail_of_its_tick_in_its_owners_name() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (a, b) = (probe(&mut throng), probe(&mut throng));
        run(&mut throng, a, move |_, cx| {
            cx.tell_after(0, b, Say::Note(1));
            cx.tell_after(1, b, Say::Note(2));
            cx.tell_at(4, b, Say::Note(4));
            cx.tell_after(2, b, Say::Note(3));
            cx.tell_at(0, b, Say::Note(5));
            Ok(())
        });
        assert_eq!(throng.stats().timers, 5);
        assert!(throng.is_quiet(), "a pending timer is no mail");
        assert_eq!(throng.run_until_quiet(100), Some(0));
        assert_eq!(throng.next_timer_tick(), Some(2));
        throng.run_ticks(5);
        let heard: Vec<_> = throng.state(b).unwrap().heard.iter().map(|h| (h.tick, h.round, h.n, h.from)).collect();
        let from = Some(a.id());
        assert_eq!(heard, [(2, 0, 1, from), (2, 0, 2, from), (2, 0, 5, from), (3, 0, 3, from), (4, 0, 4, from)]);
        assert_eq!((throng.stats().timers, throng.next_timer_tick()), (0, None));
        settle_all(&mut throng);
    });
}

#[test]
fn a_key_is_replaced_and_cancelled_for_its_owner_only() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (a, b) = (probe(&mut throng), probe(&mut throng));
        let other = throng.spawn(Probe::<1>::default());
        for actor in [a, b] {
            run(&mut throng, actor, |_, cx| {
                cx.set_timer(7, 5, cx.me(), Say::Note(1));
                cx.set_timer(8, 5, cx.me(), Say::Note(8));
                Ok(())
            });
        }
        // Replaced in a later call, by a message to an actor of another type.
        run(&mut throng, a, move |_, cx| {
            cx.set_timer(7, 5, other, Say::Note(2));
            cx.cancel_timer(8);
            cx.cancel_timer(99);
            Ok(())
        });
        // Set, cancelled and set again within a call.
        run(&mut throng, b, |_, cx| {
            cx.set_timer(9, 1, cx.me(), Say::Note(3));
            cx.cancel_timer(9);
            cx.set_timer(9, 2, cx.me(), Say::Note(4));
            Ok(())
        });
        assert_eq!(throng.stats().timers, 4);
        throng.run_ticks(20);
        assert_eq!(numbers(&mut throng, a), [] as [u32; 0]);
        assert_eq!(numbers(&mut throng, b), [4, 1, 8]);
        assert_eq!(numbers(&mut throng, other), [2]);
        assert_eq!(throng.stats().timers, 0);
    });
}

#[test]
fn a_failing_call_takes_its_timers_back() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn_with(|_| Probe::<0>::default());
        run(&mut throng, a, |_, cx| {
            cx.set_timer(1, 3, cx.me(), Say::Note(1));
            Ok(())
        });
        for panics in [false, true] {
            run(&mut throng, a, move |_, cx| {
                cx.cancel_timer(1);
                cx.set_timer(1, 1, cx.me(), Say::Note(2));
                cx.tell_after(1, cx.me(), Say::Note(3));
                cx.set_interval(2, 1, cx.me(), || Say::Note(4));
                assert!(!panics, "as told");
                Err(throng::ActorFailure::msg("as told"))
            });
        }
        assert_eq!(throng.stats().timers, 1);
        throng.run_ticks(5);
        assert_eq!(numbers(&mut throng, a), [1], "it outlives the restart");
        assert_eq!(throng.stats().restarts, 2);
    });
}

#[test]
fn an_interval_does_not_drift_and_ends_by_its_key() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = probe(&mut throng);
        run(&mut throng, a, |_, cx| {
            cx.set_interval(1, 3, cx.me(), || Say::Note(1));
            cx.set_interval(2, 0, cx.me(), || Say::Note(2));
            Ok(())
        });
        throng.run_ticks(3);
        run(&mut throng, a, |_, cx| {
            cx.cancel_timer(2);
            Ok(())
        });
        throng.run_ticks(5);
        let heard: Vec<_> = throng.state(a).unwrap().heard.iter().map(|h| (h.tick, h.n)).collect();
        assert_eq!(heard, [(2, 2), (3, 2), (4, 1), (4, 2), (5, 2), (7, 1), (10, 1)]);
        // Replaced by one that comes once.
        run(&mut throng, a, |probe, cx| {
            probe.heard.clear();
            cx.set_timer(1, 2, cx.me(), Say::Note(9));
            Ok(())
        });
        throng.run_ticks(10);
        assert_eq!(numbers(&mut throng, a), [9]);
    });
}

#[test]
fn an_interval_whose_message_panics_fails_its_owner_and_ends() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn_with(|_| Probe::<0>::default());
        run(&mut throng, a, |_, cx| {
            cx.set_interval(1, 2, cx.me(), || panic!("no message"));
            Ok(())
        });
        throng.run_ticks(6);
        let stats = throng.stats();
        assert_eq!((stats.failures, stats.restarts, stats.timers), (1, 1, 0));
        assert!(throng.is_alive(a));
    });
}

#[test]
fn a_stopped_actors_timers_are_dropped_and_those_to_it_become_dead_letters() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (a, b) = (probe(&mut throng), probe(&mut throng));
        run(&mut throng, a, move |_, cx| {
            cx.tell_after(3, b, Say::Note(1));
            cx.set_interval(1, 1, b, || Say::Note(2));
            Ok(())
        });
        run(&mut throng, b, move |_, cx| {
            cx.tell_after(4, a, Say::Note(3));
            Ok(())
        });
        throng.stop(a);
        throng.run_ticks(10);
        assert_eq!(numbers(&mut throng, b), [2], "what was due before the stop");
        let stats = throng.stats();
        assert_eq!((stats.timers, stats.timers_dropped, stats.mail.dead()), (0, 2, 1));
        assert!(stats.mail.is_balanced());
    });
}

#[test]
fn timers_of_stopped_actors_do_not_pile_up() {
    let mut throng = Throng::new(ThrongOptions::new().threads(1));
    for _ in 0..300 {
        let crowd = throng.spawn_many((0..100).map(|_| Probe::<0>::default()));
        for actor in crowd.iter() {
            throng.tell(
                actor,
                act(|_, cx| {
                    cx.set_timer(1, 1_000_000, cx.me(), Say::Note(1));
                    cx.stop_self();
                    Ok(())
                }),
            );
        }
        throng.tick();
        assert!(throng.stats().timers <= 2_200, "{}", throng.stats().timers);
    }
    assert!(throng.stats().timers_dropped > 27_000);
}

#[test]
fn the_hosts_timers_come_from_outside() {
    let mut throng = Throng::default();
    let a = probe(&mut throng);
    throng.tell_after(2, a, Say::Note(1));
    throng.tell_after(1, a.recipient::<Say<0>>(), Say::Note(2));
    throng.run_ticks(3);
    let heard: Vec<_> = throng.state(a).unwrap().heard.iter().map(|h| (h.tick, h.n, h.from)).collect();
    assert_eq!(heard, [(1, 2, None), (2, 1, None)]);
}

#[test]
fn durations_are_ticks_of_the_runners_pace() {
    let mut throng = Throng::new(ThrongOptions::new().tick_period(Duration::from_millis(10)));
    let a = probe(&mut throng);
    let ask = |throng: &mut Throng, millis: u64| {
        run(throng, a, move |probe, cx| {
            probe.mark = cx.ticks_in(Duration::from_millis(millis)) as u32;
            Ok(())
        });
        throng.state(a).unwrap().mark
    };
    assert_eq!([0, 1, 10, 11, 1_000].map(|millis| ask(&mut throng, millis)), [0, 1, 1, 2, 100]);
    throng.run(Pace::Every(Duration::from_millis(1)), |_| false);
    assert_eq!(ask(&mut throng, 1_000), 1_000);
}

#[test]
fn hooks_set_timers_too() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::hooked(|_, _, cx| {
            cx.tell_after(2, cx.me(), Say::Note(1));
            Ok(())
        }));
        throng.run_ticks(3);
        assert_eq!(numbers(&mut throng, a), [1]);
        for message in [fail(), burst()] {
            throng.tell_after(1, a, message);
        }
        throng.run_ticks(2);
        assert!(!throng.is_alive(a), "it had no fresh state");
    });
}

/// Sets timers for itself and its neighbours, by a rule of its own number and of what it hears.
#[derive(Component, Hash)]
struct Clock {
    at: u32,
    heard: u64,
    crowd: Vec<ActorRef<Self>>,
}

#[derive(Clone)]
enum Strike {
    Meet(Vec<ActorRef<Clock>>),
    Hour(u64),
}

impl Actor for Clock {
    type Msg = Strike;
    type Params = ();

    fn handle(&mut self, msg: Strike, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Strike::Meet(crowd) => self.crowd = crowd,
            Strike::Hour(n) => {
                self.heard = self.heard.wrapping_mul(31).wrapping_add(n ^ cx.tick());
                let next = self.heard % 97;
                let other = self.crowd[(self.heard as usize) % self.crowd.len()];
                match next % 5 {
                    0 => cx.set_timer(next % 3, next % 7, other, Strike::Hour(next)),
                    1 => cx.tell_after(next % 11, other, Strike::Hour(next)),
                    2 => cx.set_interval(next % 3, 1 + next % 4, cx.me(), move || Strike::Hour(next)),
                    3 => cx.cancel_timer(next % 3),
                    _ => return Err(throng::ActorFailure::msg("now and then")),
                }
            }
        }
        Ok(())
    }
}

#[test]
fn timers_are_the_same_on_any_number_of_threads() {
    let run = |options: ThrongOptions| {
        let mut throng = Throng::new(options.seed(3));
        throng
            .register_with(ActorConfig::<Clock>::new().fresh(|id| Clock { at: id.slot(), heard: 1, crowd: Vec::new() }).digest())
            .unwrap();
        let n = 3 * BLOCK as u32;
        let crowd = throng.spawn_many((0..n).map(|at| Clock { at, heard: u64::from(at), crowd: Vec::new() }));
        for (at, actor) in crowd.iter().enumerate() {
            let near = (0..3).map(|step| crowd.get((at * 7 + step * BLOCK) % n as usize).unwrap()).collect();
            throng.tell(actor, Strike::Meet(near));
            throng.tell(actor, Strike::Hour(at as u64));
        }
        let digests: Vec<u64> = (0..30)
            .map(|_| {
                throng.tick();
                assert!(throng.stats().mail.is_balanced());
                throng.digest()
            })
            .collect();
        assert!(throng.stats().timers > 1_000, "timers were pending");
        digests
    };
    let one = run(ThrongOptions::new().threads(1));
    for options in [ThrongOptions::new().threads(2).share_always(true), ThrongOptions::new().threads(8).share_always(true)] {
        assert_eq!(run(options), one);
    }
}

#[test]
fn timers_reach_to_the_end_of_time() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (a, b) = (probe(&mut throng), probe(&mut throng));
        run(&mut throng, a, move |_, cx| {
            cx.tell_after(u64::MAX, b, Say::Note(1));
            cx.tell_at(u64::MAX, b, Say::Note(2));
            cx.set_timer(1, u64::MAX, b, Say::Note(3));
            cx.set_interval(2, u64::MAX, b, || Say::Note(4));
            cx.set_interval(3, 0, b, || Say::Note(5));
            Ok(())
        });
        throng.run_ticks(70);
        assert_eq!((throng.state(b).unwrap().numbers(), throng.stats().timers), (vec![5; 70], 5));
        run(&mut throng, a, |_, cx| {
            cx.cancel_timer(3);
            Ok(())
        });
        let heard = throng.state(b).unwrap().heard.len();
        throng.skip_ticks(u64::MAX - 1 - 72);
        throng.tick();
        assert_eq!(throng.state(b).unwrap().numbers()[heard..], [1, 2, 3, 4]);
        settle_all(&mut throng);
    });
}
