//! G8: stops and notices pass user mail; trees stop the youngest first; nothing runs twice.

use std::sync::{Arc, Mutex};

use bevy_ecs::component::Component;
use throng::DeadReason;
use throng::prelude::*;

use crate::support::*;

/// An actor that writes its hooks into a diary under its name.
fn named<const N: usize>(name: &str, diary: &Diary) -> Probe<N> {
    let (name, diary) = (name.to_owned(), diary.clone());
    Probe::hooked(move |hook, _, _| {
        note(&diary, format!("{name} {hook:?}"));
        Ok(())
    })
}

/// The lines of a diary about the end of lives.
fn ends(diary: &Diary) -> Vec<String> {
    let mut lines = lines(diary);
    lines.retain(|line| !line.ends_with("Started"));
    lines
}

fn stop_other<const N: usize, const M: usize>(other: ActorRef<Probe<M>>) -> Say<N> {
    act(move |_, cx| {
        cx.stop(other);
        Ok(())
    })
}

fn stop_me<const N: usize>() -> Say<N> {
    act(|_, cx| {
        cx.stop_self();
        Ok(())
    })
}

#[test]
fn a_stop_passes_user_mail() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let busy = MailboxConfig::default().budget(1).unwrap();
        throng.register_with(ActorConfig::<Probe<0>>::new().mailbox(busy)).unwrap();
        let a = throng.spawn(Probe::<0>::default());
        let b = throng.spawn(Probe::<1>::default());
        (0..100).for_each(|n| throng.tell(a, Say::Note(n)));
        throng.tell(b, stop_other(a));
        settle_all(&mut throng);
        let mail = throng.stats_of::<Probe<0>>().unwrap();
        assert!(!throng.is_alive(a));
        assert_eq!((mail.handled, mail.dead_by(DeadReason::Stopped)), (1, 99));
    });
}

#[test]
fn stop_self_takes_nothing_more() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        throng.tell(a, Say::Note(1));
        throng.tell(a, stop_me());
        (0..5).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        let mail = throng.stats().mail;
        assert_eq!((mail.handled, mail.dead_by(DeadReason::Stopped)), (2, 5));
    });
}

#[test]
fn hooks_run_once_however_often_it_is_stopped() {
    for with_family in [false, true] {
        everywhere(move |options| {
            let mut throng = Throng::new(options);
            let diary = Diary::default();
            let victim = throng.spawn(named::<0>("victim", &diary));
            let killers = throng.spawn_many((0..3).map(|_| Probe::<1>::default()));
            if with_family {
                throng.tell(
                    killers.get(0).unwrap(),
                    act(|_, cx| {
                        cx.spawn(Probe::<1>::default());
                        Ok(())
                    }),
                );
                settle(&mut throng);
            }
            for killer in killers.iter() {
                throng.tell(killer, stop_other(victim));
                throng.tell(killer, stop_other(victim));
            }
            throng.tell(victim, stop_me());
            settle_all(&mut throng);
            throng.stop(victim);
            throng.stop_many([victim, victim]);
            throng.tick();
            assert_eq!(ends(&diary), ["victim Stopping", "victim Stopped"]);
        });
    }
}

#[test]
fn stop_many_with_one_twice() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let diary = Diary::default();
        let a = throng.spawn(named::<0>("a", &diary));
        throng.stop_many([a, a]);
        assert_eq!(ends(&diary), ["a Stopping", "a Stopped"]);
        assert_eq!(throng.stats().actors, 0);
    });
}

#[test]
fn children_stop_the_youngest_first_and_before_their_parent() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register::<Probe<1>>().unwrap();
        let diary = Diary::default();
        let parent = throng.spawn(named::<0>("p", &diary));
        let book = diary.clone();
        throng.tell(
            parent,
            act(move |_, cx| {
                for name in ["a", "b"] {
                    let (deep, inner) = (book.clone(), name.to_owned());
                    let child = cx.spawn(named::<1>(name, &book));
                    cx.tell(
                        child,
                        act(move |_, cx| {
                            cx.spawn(named::<0>(&format!("{inner}1"), &deep));
                            cx.spawn(named::<1>(&format!("{inner}2"), &deep));
                            Ok(())
                        }),
                    );
                }
                cx.try_spawn_detached(named::<1>("free", &book))?;
                Ok(())
            }),
        );
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 8);
        throng.stop(parent);
        throng.tick();
        let want = [
            "p Stopping",
            "b Stopping",
            "b2 Stopping",
            "b2 Stopped",
            "b1 Stopping",
            "b1 Stopped",
            "b Stopped",
            "a Stopping",
            "a2 Stopping",
            "a2 Stopped",
            "a1 Stopping",
            "a1 Stopped",
            "a Stopped",
            "p Stopped",
        ];
        assert_eq!(ends(&diary).len(), want.len());
        // `b2` is of another type than `b1`; births are entered type by type, so `b1` may be the younger.
        let ends = ends(&diary);
        let at = |line: &str| ends.iter().position(|l| l == line).expect("it stopped");
        assert_eq!((ends[0].as_str(), ends[13].as_str()), (want[0], want[13]));
        assert!(at("b Stopped") < at("a Stopping"), "{ends:?}");
        for (child, parent) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")] {
            assert!(at(&format!("{parent} Stopping")) < at(&format!("{child} Stopping")));
            assert!(at(&format!("{child} Stopped")) < at(&format!("{parent} Stopped")));
        }
        assert_eq!(throng.stats().actors, 1, "the detached one lives");
    });
}

/// Reverse order of spawning also among children of different types.
#[test]
fn children_of_several_types_stop_in_reverse_order_of_spawning() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register::<Probe<0>>().unwrap();
        throng.register::<Probe<1>>().unwrap();
        let diary = Diary::default();
        let parent = throng.spawn(Probe::<0>::default());
        let book = diary.clone();
        throng.tell(
            parent,
            act(move |_, cx| {
                cx.spawn(named::<1>("first", &book));
                cx.spawn(named::<0>("second", &book));
                cx.spawn(named::<1>("third", &book));
                Ok(())
            }),
        );
        settle_all(&mut throng);
        throng.stop(parent);
        let mut stopped = ends(&diary);
        stopped.retain(|line| line.ends_with("Stopped"));
        assert_eq!(stopped, ["third Stopped", "second Stopped", "first Stopped"]);
    });
}

#[test]
fn a_tree_of_ten_thousand_levels_stops() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let root = throng.spawn(Probe::<0>::default());
        fn grow(levels: u32) -> Say<0> {
            act(move |_, cx| {
                if levels > 0 {
                    let child = cx.spawn(Probe::<0>::default());
                    cx.tell(child, grow(levels - 1));
                }
                Ok(())
            })
        }
        throng.tell(root, grow(9_999));
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 10_000);
        throng.stop(root);
        assert_eq!(throng.stats().actors, 0);
    });
}

#[test]
fn a_parent_with_many_children_stops() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let parent = throng.spawn(Probe::<0>::default());
        throng.tell(
            parent,
            act(|_, cx| {
                (0..20_000).for_each(|_| {
                    cx.spawn(Probe::<0>::default());
                });
                Ok(())
            }),
        );
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 20_001);
        throng.stop(parent);
        assert_eq!(throng.stats().actors, 0);
    });
}

#[test]
fn a_child_can_be_told_at_once() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register::<Probe<0>>().unwrap();
        throng.register::<Probe<1>>().unwrap();
        let a = throng.spawn(Probe::<0>::default());
        let other = throng.spawn(Probe::<1>::default());
        let child = Arc::new(Mutex::new(None));
        let born = child.clone();
        throng.tell(
            a,
            act(move |_, cx| {
                let child = cx.spawn(Probe::<1>::default());
                cx.tell(child, Say::Note(7));
                *born.lock().unwrap() = Some(child);
                Ok(())
            }),
        );
        // The child's type is awake in the same round.
        throng.tell(other, Say::Note(1));
        settle_all(&mut throng);
        let child = child.lock().unwrap().expect("it was spawned");
        assert_eq!(throng.stats().mail.dead(), 0);
        assert_eq!(numbers(&mut throng, child), [7]);
    });
}

#[test]
fn stop_in_started() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let diary = Diary::default();
        let hooks = |diary: &Diary| {
            let diary = diary.clone();
            Probe::<0>::hooked(move |hook, _, cx| {
                note(&diary, format!("{hook:?}"));
                if hook == Hook::Started {
                    cx.stop_self();
                }
                Ok(())
            })
        };
        let a = throng.spawn(hooks(&diary));
        throng.tell(a, Say::Note(1));
        settle_all(&mut throng);
        assert!(!throng.is_alive(a));
        assert_eq!(throng.stats().mail.dead_by(DeadReason::Stopped), 1);
        assert_eq!(lines(&diary), ["Started", "Stopping", "Stopped"]);
        // The same for a child that is told at once.
        let parent = throng.spawn(Probe::<0>::default());
        let book = diary.clone();
        throng.tell(
            parent,
            act(move |_, cx| {
                let child = cx.spawn(hooks(&book));
                cx.tell(child, Say::Note(2));
                Ok(())
            }),
        );
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 1);
        assert_eq!(throng.stats().mail.dead_by(DeadReason::Stopped), 2);
        assert_eq!(lines(&diary).len(), 6);
    });
}

/// `stop_self` in the `started` of a restart: what waits is not handled.
#[test]
fn stop_in_started_after_a_restart() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let config = ActorConfig::<Probe<0>>::new().fresh(|_| {
            Probe::hooked(|hook, _, cx| {
                if hook == Hook::Started {
                    cx.stop_self();
                }
                Ok(())
            })
        });
        throng.register_with(config).unwrap();
        let a = throng.spawn(Probe::<0>::default());
        throng.tell(a, burst());
        (0..5).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        assert!(!throng.is_alive(a));
        let mail = throng.stats().mail;
        assert_eq!((mail.handled, mail.dead()), (1, 5), "it handles nothing more");
    });
}

/// What an actor spawns while it stops is under the root.
#[test]
fn spawn_while_stopping() {
    for at in [Hook::Stopping, Hook::Stopped] {
        everywhere(move |options| {
            let mut throng = Throng::new(options);
            let a = throng.spawn(Probe::<0>::hooked(move |hook, _, cx| {
                if hook == at {
                    let heir = cx.spawn(Probe::<0>::default());
                    cx.tell(heir, Say::Note(1));
                }
                Ok(())
            }));
            throng.tell(a, stop_me());
            settle_all(&mut throng);
            assert_eq!(throng.stats().actors, 1);
            assert_eq!(throng.stats().mail.handled, 2);
            assert_eq!(throng.stats().mail.dead(), 0);
        });
    }
}

/// Children spawned by `started`, generation after generation, can be told at once.
#[test]
fn spawn_in_started_and_tell() {
    fn family(levels: u32) -> Probe<0> {
        Probe::hooked(move |hook, _, cx| {
            if hook == Hook::Started && levels > 0 {
                let child = cx.spawn(family(levels - 1));
                cx.tell(child, Say::Note(levels));
            }
            Ok(())
        })
    }
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let root = throng.spawn(family(20));
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 21);
        let mail = throng.stats().mail;
        assert_eq!((mail.handled, mail.dead()), (20, 0));
        let spawner = throng.spawn(Probe::<0>::default());
        throng.tell(
            spawner,
            act(|_, cx| {
                cx.spawn(family(5));
                Ok(())
            }),
        );
        settle_all(&mut throng);
        let mail = throng.stats().mail;
        assert_eq!((mail.handled, mail.dead()), (26, 0));
        throng.stop(root);
        throng.stop(spawner);
        assert_eq!(throng.stats().actors, 0);
    });
}

#[test]
fn a_stopped_actor_may_say_farewell() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let friend = throng.spawn(Probe::<1>::default());
        let a = throng.spawn(Probe::<0>::hooked(move |hook, _, cx| {
            match hook {
                Hook::Stopping => cx.tell(friend, Say::Note(1)),
                Hook::Stopped => cx.tell(friend, Say::Note(2)),
                _ => {}
            }
            Ok(())
        }));
        throng.tell(a, stop_me());
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, friend), [1, 2]);
    });
}

#[test]
fn each_draw_of_random_numbers_is_another() {
    use rand_core::RngCore;
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let diary = Diary::default();
        let book = diary.clone();
        let a = throng.spawn(Probe::<0>::hooked(move |_, _, cx| {
            note(&book, cx.rng().next_u64().to_string());
            note(&book, cx.rng().next_u64().to_string());
            Ok(())
        }));
        let book = diary.clone();
        throng.tell(
            a,
            act(move |_, cx| {
                note(&book, cx.rng().next_u64().to_string());
                note(&book, cx.rng().next_u64().to_string());
                cx.stop_self();
                Ok(())
            }),
        );
        settle_all(&mut throng);
        let draws = lines(&diary);
        let distinct: std::collections::HashSet<_> = draws.iter().collect();
        assert_eq!(draws.len(), 8);
        assert_eq!(distinct.len(), 8, "{draws:?}");
    });
}

/// A type that nobody registered.
#[derive(Component)]
struct Stranger;
impl Actor for Stranger {
    type Msg = ();
    type Params = ();
    fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
        Ok(())
    }
}

#[test]
fn spawning_an_unregistered_type_is_an_error() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let diary = Diary::default();
        let book = diary.clone();
        throng.tell(
            a,
            act(move |_, cx| {
                let error = cx.try_spawn(Stranger).unwrap_err();
                note(&book, error.to_string());
                cx.try_spawn_detached(Stranger).unwrap_err();
                Ok(())
            }),
        );
        settle_all(&mut throng);
        assert!(lines(&diary)[0].contains("register::<"));
        for job in [
            act(|_: &mut Probe<0>, cx| {
                cx.spawn(Stranger);
                Ok(())
            }),
            act(|_: &mut Probe<0>, cx| {
                cx.broadcast::<Stranger>(());
                Ok(())
            }),
        ] {
            let a = throng.spawn(Probe::<0>::default());
            throng.tell(a, job);
            settle_all(&mut throng);
            assert!(!throng.is_alive(a), "a panic fails the actor");
        }
        throng.broadcast::<Stranger>(());
        assert!(throng.stats_of::<Stranger>().is_none());
    });
}

#[test]
fn shutdown_stops_all_and_leaves_nobody() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let diary = Diary::default();
        for name in ["a", "b"] {
            throng.spawn(named::<0>(name, &diary));
        }
        let c = throng.spawn(named::<1>("c", &diary));
        throng.tell(c, Say::Note(1));
        assert!(throng.shutdown(10));
        let mut stopped = ends(&diary);
        stopped.retain(|line| line.ends_with("Stopped"));
        assert_eq!(stopped, ["c Stopped", "b Stopped", "a Stopped"]);
        let stats = throng.stats();
        assert_eq!((stats.actors, stats.mail.handled, stats.mail.queued), (0, 1, 0));
    });
}

#[test]
fn shutdown_leaves_nobody_even_if_they_spawn_heirs() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.spawn(Probe::<0>::hooked(|hook, _, cx| {
            if hook == Hook::Stopped {
                cx.spawn(Probe::<0>::default());
            }
            Ok(())
        }));
        throng.shutdown(10);
        assert_eq!(throng.stats().actors, 0);
    });
}
