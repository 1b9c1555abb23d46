//! Panics and errors wherever user code runs; storms of them; loops without end.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};

use bevy_ecs::component::Component;
use bevy_ecs::lifecycle::Add;
use bevy_ecs::observer::On;
use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Query, ResMut};
use throng::prelude::*;
use throng::{ActorFailure, Failed, FailureKind};

use crate::support::*;

fn forgiving(options: ThrongOptions) -> Throng {
    let mut throng = Throng::new(options);
    let config = ActorConfig::<Probe<0>>::new().fresh(|_| Probe::default()).restart(RestartIntensity::UNLIMITED);
    throng.register_with(config).unwrap();
    throng.register::<Probe<1>>().unwrap();
    throng
}

#[derive(Resource, Default)]
struct Seen(Vec<(FailureKind, String)>);

/// The host's observers see each failure with its kind and reason.
#[test]
fn failures_are_seen_with_kind_and_reason() {
    everywhere(|options| {
        let mut throng = forgiving(options);
        throng.world_mut().init_resource::<Seen>();
        throng.world_mut().add_observer(|on: On<Add<Failed>>, failed: Query<&Failed>, mut seen: ResMut<Seen>| {
            let failure = failed.get(on.entity).unwrap().failure();
            seen.0.push((failure.kind, failure.reason.clone()));
        });
        let a = throng.spawn(Probe::<0>::default());
        for msg in [burst(), fail()] {
            throng.tell(a, msg);
            settle_all(&mut throng);
        }
        throng.tell(a, act(|_, _| std::panic::panic_any(7_u8)));
        throng.configure_mailbox(a, MailboxConfig::new(1).unwrap().overflow(Overflow::Fail));
        settle_all(&mut throng);
        (0..3).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        let seen = &throng.world().resource::<Seen>().0;
        let kinds: Vec<_> = seen.iter().map(|(kind, _)| *kind).collect();
        use FailureKind::{Error, MailboxFull, Panic};
        assert_eq!(kinds, [Panic, Error, Panic, MailboxFull]);
        assert!(seen[0].1.contains("as told") && seen[0].1.contains("support.rs:"), "{seen:?}");
        assert_eq!(seen[1].1, "as told");
        assert!(seen[2].1.contains("no text"));
        assert_eq!(throng.stats().failures, 4);
        assert_eq!(throng.stats().restarts, 4);
    });
}

/// A panic in a hook fails the actor or is logged; neighbours and the tick go on.
#[test]
fn a_panic_in_each_hook() {
    for at in [Hook::Started, Hook::Stopping, Hook::Stopped, Hook::Restarting, Hook::Undelivered] {
        everywhere(move |options| {
            let mut throng = forgiving(options.rounds_max(40));
            let full = throng.spawn(Probe::<0>::default());
            let tiny = MailboxConfig::new(1).unwrap().overflow(Overflow::Bounce);
            throng.configure_mailbox(full, tiny);
            let bad = throng.spawn_with(move |_| {
                Probe::<0>::hooked(move |hook, _, _| {
                    assert!(hook != at, "as told");
                    Ok(())
                })
            });
            let good = throng.spawn(Probe::<0>::default());
            throng.tell(
                bad,
                act(move |_, cx| {
                    (0..2).for_each(|n| cx.tell(full, Say::Note(n)));
                    Ok(())
                }),
            );
            throng.tell(good, Say::Note(1));
            throng.run_ticks(30);
            throng.tell(bad, burst());
            throng.tell(good, Say::Note(2));
            throng.run_ticks(30);
            throng.stop(bad);
            throng.tell(good, Say::Note(3));
            settle_all(&mut throng);
            assert!(!throng.is_alive(bad));
            assert_eq!(numbers(&mut throng, good), [1, 2, 3]);
        });
    }
}

/// States whose drop panics, wherever they are dropped.
#[derive(Component)]
struct Bomb {
    start_fails: bool,
}

enum BombMsg {
    Panic,
    Stop,
    SpawnAndFail,
}

impl Actor for Bomb {
    type Msg = BombMsg;
    type Params = ();
    fn handle(&mut self, msg: BombMsg, cx: &Context<'_, Self>) -> Handled {
        match msg {
            BombMsg::Panic => panic!("as told"),
            BombMsg::Stop => cx.stop_self(),
            BombMsg::SpawnAndFail => {
                cx.spawn(Self { start_fails: false });
                cx.spawn(Self { start_fails: false });
                return Err(ActorFailure::msg("as told"));
            }
        }
        Ok(())
    }
    fn started(&mut self, _: &Context<'_, Self>) -> Handled {
        if self.start_fails {
            return Err(ActorFailure::msg("as told"));
        }
        Ok(())
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[test]
fn a_panic_in_drop_hurts_nobody() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let starts = Arc::new(AtomicU32::new(0));
        let counted = starts.clone();
        let config = ActorConfig::<Bomb>::new()
            .fresh(move |_| Bomb { start_fails: counted.fetch_add(1, Ordering::Relaxed) == 0 })
            .restart(RestartIntensity { intensity: 3, period_ticks: 1_000 });
        throng.register_with(config).unwrap();
        let crowd = throng.spawn_many((0..4).map(|_| Bomb { start_fails: false }));
        let friend = throng.spawn(Probe::<0>::default());
        let tell = |throng: &mut Throng, at, msg| throng.tell(crowd.get(at).unwrap(), msg);
        // Replaced at a restart, whose first try fails in `started`.
        tell(&mut throng, 0, BombMsg::Panic);
        settle_all(&mut throng);
        // Stopped; undone births.
        tell(&mut throng, 1, BombMsg::Stop);
        tell(&mut throng, 2, BombMsg::SpawnAndFail);
        throng.tell(friend, Say::Note(1));
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 4);
        // Given up.
        for _ in 0..4 {
            tell(&mut throng, 3, BombMsg::Panic);
            settle_all(&mut throng);
        }
        assert_eq!(throng.stats().actors, 3);
        throng.shutdown(10);
        assert_eq!(throng.stats().actors, 0);
    });
}

#[test]
fn a_panic_in_the_factory_is_a_failed_start() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let calls = Arc::new(AtomicU32::new(0));
        let counted = calls.clone();
        let a = throng.spawn_with(move |_| {
            assert!(counted.fetch_add(1, Ordering::Relaxed) != 1, "as told");
            Probe::<0>::default()
        });
        throng.tell(a, burst());
        throng.tell(a, Say::Note(1));
        settle_all(&mut throng);
        assert_eq!(calls.load(Ordering::Relaxed), 3);
        assert_eq!(numbers(&mut throng, a), [1]);
        assert_eq!((throng.stats().failures, throng.stats().given_up), (2, 0));
    });
}

/// While a restart's `started` fails, mail waits: the torn state handles nothing.
#[test]
fn a_torn_state_handles_nothing() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let starts = Arc::new(AtomicU32::new(0));
        let counted = starts.clone();
        let config = ActorConfig::<Probe<0>>::new().fresh(move |_| {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            Probe::hooked(move |hook, _, _| match (hook, number) {
                (Hook::Started, 0..3) => Err(ActorFailure::msg("as told")),
                _ => Ok(()),
            })
        });
        throng.register_with(config).unwrap();
        let a = throng.spawn(Probe::<0>::default());
        throng.tell(a, Say::Note(0));
        throng.tell(
            a,
            act(|me: &mut Probe<0>, _| {
                me.mark = 1;
                panic!("torn")
            }),
        );
        (1..6).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        assert_eq!(starts.load(Ordering::Relaxed), 4);
        assert_eq!(numbers(&mut throng, a), [1, 2, 3, 4, 5], "all by the fresh state");
        assert_eq!(throng.stats().failures, 4);
    });
}

#[test]
fn a_restart_storm_is_given_up() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let config = ActorConfig::<Probe<0>>::new().fresh(|_| Probe::default()).restart(RestartIntensity { intensity: 3, period_ticks: 5 });
        throng.register_with(config).unwrap();
        // Three in five ticks are forgiven, for as long as one likes.
        let a = throng.spawn(Probe::<0>::default());
        for _ in 0..30 {
            throng.tell(a, burst());
            throng.tick();
            throng.tick();
        }
        assert!(throng.is_alive(a));
        // Four are not.
        (0..4).for_each(|_| throng.tell(a, burst()));
        (0..3).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        assert!(!throng.is_alive(a));
        assert_eq!(throng.stats().given_up, 1);
    });
}

#[test]
fn an_actor_that_never_starts_is_given_up() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let make = || {
            Probe::<0>::hooked(|hook, _, _| match hook {
                Hook::Started => Err(ActorFailure::msg("never")),
                _ => Ok(()),
            })
        };
        let a = throng.spawn_with(move |_| make());
        let b = throng.spawn(make());
        throng.tell(a, Say::Note(1));
        throng.tell(b, Say::Note(1));
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 0);
        assert_eq!(throng.stats().given_up, 2);
        assert_eq!(throng.stats().failures, 12, "ten restarts are allowed, and one more is too many");
        assert_eq!(throng.stats().mail.dead(), 2);
    });
}

#[test]
fn one_that_never_starts_and_is_never_given_up_is_bounded() {
    everywhere(|options| {
        let mut throng = Throng::new(options.rounds_max(50));
        let config = ActorConfig::<Probe<0>>::new()
            .fresh(|_| {
                Probe::hooked(|hook, _, _| match hook {
                    Hook::Started => panic!("never"),
                    _ => Ok(()),
                })
            })
            .restart(RestartIntensity::UNLIMITED);
        throng.register_with(config).unwrap();
        let a = throng.spawn(Probe::<0>::default());
        throng.tell(a, burst());
        throng.tick();
        throng.tick();
        assert!(throng.stats().rounds <= 100);
        throng.stop(a);
        settle_all(&mut throng);
    });
}

#[test]
fn endless_ping_pong_is_bounded_and_goes_on() {
    everywhere(|options| {
        let mut throng = Throng::new(options.rounds_max(100));
        let (a, b) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<0>::default()));
        fn hit(other: ActorRef<Probe<0>>) -> Say<0> {
            act(move |me: &mut Probe<0>, cx| {
                me.mark += 1;
                cx.tell(other, hit(cx.me()));
                Ok(())
            })
        }
        throng.tell(a, hit(b));
        for tick in 1..=5 {
            throng.tick();
            let stats = throng.stats();
            assert_eq!((stats.rounds, stats.mail.handled), (tick * 100, tick * 100));
            assert_eq!(stats.mail.queued, 1);
        }
        assert_eq!(throng.state(a).unwrap().mark, 250);
        assert_eq!(throng.run_until_quiet(3), None);
    });
}

#[test]
fn a_spawn_bomb_is_bounded() {
    fn bomb() -> Probe<0> {
        Probe::hooked(|hook, _, cx| {
            if hook == Hook::Started {
                cx.spawn(bomb());
            }
            Ok(())
        })
    }
    everywhere(|options| {
        let mut throng = Throng::new(options.rounds_max(100));
        let root = throng.spawn(bomb());
        throng.tick();
        let born = throng.stats().actors;
        assert!((50..=210).contains(&born), "{born} were born in 100 rounds");
        throng.tick();
        assert!(throng.stats().actors <= 420);
        throng.stop(root);
        // Those on their way are the root's now; the bomb goes on in each tick, and stays bounded.
        throng.tick();
        assert!(throng.stats().actors <= 420);
    });
}

thread_local! {
    /// Lines that this thread has logged.
    static LINES: Cell<usize> = const { Cell::new(0) };
}

/// Counts the lines of logs by thread, as the ticks of other tests run beside this one.
struct Counted;

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let lines = bytes.iter().filter(|&&b| b == b'\n').count();
        LINES.set(LINES.get() + lines);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that a body logs on this thread, on which the tick settles. One subscriber for the whole
/// process: scoped ones of tests side by side switch each other's events off.
fn logged(body: impl FnOnce()) -> usize {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(|| Counted).finish();
        tracing::subscriber::set_global_default(log).expect("no other test sets one");
    });
    let before = LINES.get();
    body();
    LINES.get() - before
}

const STORM: usize = 10_000;

#[test]
fn ten_thousand_panics_in_a_tick_are_counted_and_logged_at_a_limited_rate() {
    everywhere(|options| {
        let mut throng = forgiving(options);
        let crowd = throng.spawn_many((0..STORM).map(|_| Probe::<0>::default()));
        let lines = logged(|| {
            throng.tell_many(crowd.iter().map(|actor| (actor, burst())));
            throng.tick();
        });
        let stats = throng.stats();
        assert_eq!(stats.failures, STORM as u64);
        assert_eq!(stats.restarts, STORM as u64);
        assert_eq!(stats.mail.handled, STORM as u64);
        assert!((1..100).contains(&lines), "{lines} lines");
    });
}

#[test]
fn ten_thousand_given_up_are_logged_at_a_limited_rate() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let crowd = throng.spawn_many((0..STORM).map(|_| Probe::<0>::default()));
        let lines = logged(|| {
            throng.tell_many(crowd.iter().map(|actor| (actor, burst())));
            throng.tick();
        });
        let stats = throng.stats();
        assert_eq!((stats.given_up, stats.actors), (STORM as u64, 0));
        assert!((1..100).contains(&lines), "{lines} lines");
    });
}

#[test]
fn ten_thousand_panicking_hooks_and_drops_are_logged_at_a_limited_rate() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let crowd = throng.spawn_many((0..STORM).map(|_| {
            Probe::<0>::hooked(|hook, _, _| match hook {
                Hook::Stopping | Hook::Stopped => panic!("as told"),
                _ => Ok(()),
            })
        }));
        let bombs = throng.spawn_many((0..STORM).map(|_| Bomb { start_fails: false }));
        let lines = logged(|| {
            throng.stop_many(crowd.iter());
            throng.stop_many(bombs.iter());
            throng.tick();
        });
        assert_eq!(throng.stats().actors, 0);
        assert!((1..100).contains(&lines), "{lines} lines");
    });
}

const CHILD: &str = "THRONG_TEST_STORM";

/// Nothing is printed by panics in handlers, while a panic elsewhere still is: looked at in a process
/// of its own.
#[test]
fn panics_in_handlers_print_nothing() {
    if std::env::var_os(CHILD).is_some() {
        for threads in [1, 2, 8] {
            let mut throng = forgiving(ThrongOptions::new().threads(threads).share_always(true));
            let crowd = throng.spawn_many((0..2 * BLOCK).map(|_| Probe::<0>::default()));
            throng.tell_many(crowd.iter().map(|actor| (actor, burst())));
            throng.tick();
            assert_eq!(throng.stats().failures, 2 * BLOCK as u64);
        }
        let _ = std::panic::catch_unwind(|| panic!("outside of handlers"));
        return;
    }
    let me = std::env::current_exe().unwrap();
    let output = std::process::Command::new(me)
        .args(["--exact", "failures::panics_in_handlers_print_nothing", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(!printed.contains("as told"), "{}", &printed[..printed.len().min(2_000)]);
    assert!(printed.contains("outside of handlers"), "other panics are the program's own affair");
}
