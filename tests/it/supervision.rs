//! Supervisors and their children: faults of all kinds, at 1, 2 and 8 threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use throng::prelude::*;
use throng::{
    AutoShutdown, Backoff, ChildError, ChildKey, ChildSpec, ChildState, DeadReason, ExitReason, LifeStep, Notice, RestartPolicy, Shutdown,
    SpecError, Supervisor, SupervisorSpec,
};

use crate::support::*;

/// A child that does as told and keeps the diary of its life.
fn diarist(name: &str, diary: &Diary) -> ChildSpec {
    let (own, diary) = (name.to_owned(), diary.clone());
    ChildSpec::new(name, move |_| named_diarist(&own, &diary))
}

fn named_diarist(name: &str, diary: &Diary) -> Probe<0> {
    let (name, diary) = (name.to_owned(), diary.clone());
    Probe::hooked(move |hook, _, cx| {
        if hook == Hook::Started {
            cx.trap_exit(true);
        }
        note(&diary, format!("{name} {hook:?}"));
        Ok(())
    })
}

fn plain(name: &str) -> ChildSpec {
    ChildSpec::new(name, |_| Probe::<0>::default())
}

/// The live child of this name.
fn child(throng: &mut Throng, supervisor: &str, name: &str) -> ActorRef<Probe<0>> {
    let tree = throng.supervision_tree();
    let mut nodes: Vec<_> = tree.roots.iter().collect();
    while let Some(node) = nodes.pop() {
        if node.name == supervisor {
            let child = node.children.iter().find(|child| child.name == name).expect("the child is there");
            return all_probes(throng).into_iter().find(|probe| Some(probe.id().to_bits()) == child.id).expect("it lives");
        }
        nodes.extend(&node.children);
    }
    panic!("no supervisor {supervisor}");
}

fn all_probes(throng: &mut Throng) -> Vec<ActorRef<Probe<0>>> {
    all_of(throng)
}

/// Runs until quiet and nothing is due, checking the accounting.
fn rest(throng: &mut Throng) {
    for _ in 0..2_000 {
        settle(throng);
        if throng.next_due().is_none() {
            return;
        }
        throng.tick();
    }
    panic!("never at rest");
}

#[test]
fn a_restart_keeps_the_address_and_the_mail() {
    everywhere(|options| {
        for drops in [false, true] {
            let mut throng = Throng::new(options.clone());
            let spec = if drops { plain("a").drop_mailbox_on_restart() } else { plain("a") };
            throng.start_tree(Supervisor::one_for_one("root").child(spec)).unwrap();
            let a = child(&mut throng, "root", "a");
            throng.tell(a, Say::Note(1));
            throng.tell(a, burst());
            throng.tell(a, Say::Note(2));
            settle_all(&mut throng);
            assert_eq!(child(&mut throng, "root", "a"), a);
            assert_eq!(numbers(&mut throng, a), if drops { vec![] } else { vec![2] });
            assert_eq!(throng.stats().mail.dead_by(DeadReason::Restarted), u64::from(drops));
        }
    });
}

#[test]
fn start_and_stop_are_in_order() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let diary = Diary::default();
        let inner = Supervisor::one_for_one("inner").child(diarist("b", &diary)).child(diarist("c", &diary));
        let root = throng.start_tree(Supervisor::one_for_all("root").child(diarist("a", &diary)).child(inner)).unwrap();
        assert_eq!(lines(&diary), ["a Started", "b Started", "c Started"]);
        diary.lock().unwrap().clear();
        throng.stop_tree(root, ExitReason::Shutdown);
        settle_all(&mut throng);
        assert_eq!(lines(&diary), ["c Stopping", "c Stopped", "b Stopping", "b Stopped", "a Stopping", "a Stopped"]);
        assert_eq!(throng.stats().actors, 0);
    });
}

#[test]
fn impossible_specs_name_the_child_and_start_nothing() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let wrong: [(SupervisorSpec, &str); 5] = [
            (Supervisor::one_for_one("r").child(plain("x")).child(plain("x")), "two children named `x`"),
            (
                Supervisor::one_for_one("r").auto_shutdown(AutoShutdown::AnySignificant).child(plain("x").significant()),
                "`x` of supervisor `r` is significant and permanent",
            ),
            (Supervisor::one_for_one("r").child(plain("x").transient().significant()), "`x` of supervisor `r` is significant, but"),
            (Supervisor::one_for_one("r").child(Supervisor::one_for_one("x").intensity(1, 0)), "`x` has a restart period of 0"),
            (Supervisor::simple_one_for_one("r", plain("t")).child(plain("x")), "`x` can only be started at run time"),
        ];
        for (spec, text) in wrong {
            assert!(spec.check().unwrap_err().to_string().contains(text), "{:?}", spec.check());
            let Err(ChildError::Spec(error)) = throng.start_tree(spec) else { panic!("it was started") };
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!(throng.stats().actors, 0);
        assert!(matches!(Supervisor::one_for_one("r").intensity(1, 0).check(), Err(SpecError::PeriodZero { .. })));
    });
}

/// A panic in the factory, in `started`, in `terminate`'s kin and in `Drop`: the tree goes on or gives up, in order.
#[test]
fn panics_everywhere() {
    for at in [Hook::Started, Hook::Stopping, Hook::Stopped, Hook::Restarting] {
        everywhere(move |options| {
            let mut throng = Throng::new(options);
            let starts = Arc::new(AtomicU32::new(0));
            let counted = starts.clone();
            let bad = ChildSpec::new("bad", move |_| {
                let nth = counted.fetch_add(1, Ordering::Relaxed);
                Probe::<0>::hooked(move |hook, _, _| {
                    assert!(hook != at || (at == Hook::Started && nth == 0), "as told");
                    Ok(())
                })
            });
            let root = throng.start_tree(Supervisor::one_for_one("root").intensity(3, 10).child(plain("good")).child(bad)).unwrap();
            let bad = child(&mut throng, "root", "bad");
            throng.tell(bad, burst());
            rest(&mut throng);
            if at == Hook::Started {
                assert!(!throng.is_alive(root), "four starts failed: the supervisor gave up");
                assert_eq!(throng.stats().actors, 0);
                assert_eq!(throng.stats().failed_starts, 3);
            } else {
                assert!(throng.is_alive(bad));
                throng.stop_tree(root, ExitReason::Shutdown);
                rest(&mut throng);
                assert_eq!(throng.stats().actors, 0);
            }
        });
    }
}

#[test]
fn a_factory_that_panics_is_a_failed_start() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let made = Arc::new(AtomicU32::new(0));
        let bad = ChildSpec::new("bad", move |_| {
            assert!(made.fetch_add(1, Ordering::Relaxed) != 1, "as told");
            Probe::<0>::default()
        });
        throng.start_tree(Supervisor::one_for_one("root").intensity(5, 5).child(bad)).unwrap();
        let bad = child(&mut throng, "root", "bad");
        throng.tell(bad, fail());
        rest(&mut throng);
        assert!(throng.is_alive(bad));
        assert_eq!((throng.stats().failed_starts, throng.stats().restarts), (1, 1));
    });
}

/// A child that never stops holds its supervisor up until its time is over; one with `Infinity`, until the shutdown's.
#[test]
fn a_child_that_never_stops() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register::<Stubborn>().unwrap();
        let stubborn = |name: &'static str, shutdown| ChildSpec::new(name, |_| Stubborn).shutdown(shutdown);
        let root = throng.start_tree(Supervisor::one_for_one("root").child(stubborn("a", Shutdown::Ticks(7)))).unwrap();
        throng.stop_tree(root, ExitReason::Shutdown);
        throng.run_ticks(6);
        assert!(throng.is_alive(root));
        throng.run_ticks(1);
        assert!(!throng.is_alive(root));
        assert_eq!(throng.stats().forced, 1);
        throng.start_tree(Supervisor::one_for_one("next").child(plain("fine")).child(stubborn("b", Shutdown::Infinity))).unwrap();
        let report = throng.shutdown_within(20);
        assert_eq!(report.ticks, 20);
        let names: Vec<_> = report.unstopped.iter().map(|late| late.name.as_deref().unwrap().to_owned()).collect();
        assert_eq!(names, ["fine", "b"], "the first was not even told: it comes after the second");
        assert_eq!(throng.stats().actors, 0);
    });
}

#[derive(bevy_ecs::component::Component)]
struct Stubborn;
impl Actor for Stubborn {
    type Msg = ();
    type Params = ();
    fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
        Ok(())
    }
    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        cx.trap_exit(true);
        Ok(())
    }
    fn terminate(&mut self, _: &ExitReason, cx: &Context<'_, Self>) {
        cx.linger(u64::MAX);
    }
}

/// A start that always fails takes rounds and the intensity, and never hangs the tick.
#[test]
fn a_restart_storm_ends() {
    everywhere(|options| {
        for intensity in [50, u32::MAX] {
            let mut throng = Throng::new(options.clone().rounds_max(200));
            let starts = Arc::new(AtomicU32::new(0));
            let bad = ChildSpec::new("bad", move |_| {
                let nth = starts.fetch_add(1, Ordering::Relaxed);
                Probe::<0>::hooked(
                    move |hook, _, _| {
                        if hook == Hook::Started && nth > 0 { Err(throng::ActorFailure::msg("never")) } else { Ok(()) }
                    },
                )
            });
            let root = throng.start_tree(Supervisor::one_for_one("root").intensity(intensity, 10).child(bad)).unwrap();
            let bad = child(&mut throng, "root", "bad");
            throng.tell(bad, burst());
            throng.run_ticks(3);
            assert_eq!(throng.is_alive(root), intensity == u32::MAX);
            throng.shutdown(5);
            assert_eq!(throng.stats().actors, 0);
        }
    });
}

/// A supervisor whose entity the host takes away counts as killed: its children go, and its own supervisor starts it anew.
#[test]
fn a_supervisor_that_the_host_despawns() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let inner = Supervisor::one_for_one("inner").child(plain("a"));
        throng.start_tree(Supervisor::one_for_one("root").intensity(5, 5).child(inner)).unwrap();
        let a = child(&mut throng, "inner", "a");
        let inner = *all_of::<Supervisor>(&mut throng).last().unwrap();
        let inner = throng.entity(inner.id()).unwrap();
        throng.world_mut().despawn(inner);
        rest(&mut throng);
        assert!(!throng.is_alive(a));
        assert_ne!(child(&mut throng, "inner", "a"), a);
        assert_eq!(throng.stats().actors, 3);
    });
}

/// A tree a thousand levels deep starts, restarts at the bottom, and stops.
#[test]
fn a_deep_tree() {
    within(std::time::Duration::from_secs(300), "a deep tree", || {
        let mut throng = Throng::new(ThrongOptions::new().threads(1));
        let deep = (0..1_000).fold(Supervisor::one_for_one("bottom").intensity(1, 5).child(plain("leaf")), |below, level| {
            Supervisor::one_for_one(format!("level {level}")).intensity(1, 5).child(below)
        });
        let root = throng.start_tree(deep).unwrap();
        assert_eq!(throng.stats().actors, 1_002);
        let leaf = all_probes(&mut throng)[0];
        throng.tell(leaf, burst());
        settle_all(&mut throng);
        assert!(throng.is_alive(leaf));
        assert_eq!(throng.supervision_tree().to_string().lines().count(), 1_002);
        throng.stop_tree(root, ExitReason::Shutdown);
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 0);
    });
}

/// Very many children under one supervisor start, fail and stop, all in one round.
#[test]
fn two_hundred_thousand_children() {
    within(std::time::Duration::from_secs(300), "200,000 children", || {
        let mut throng = Throng::new(ThrongOptions::new().threads(2));
        let pool = throng.start_tree(Supervisor::simple_one_for_one("pool", plain("one")).unlimited_restarts()).unwrap();
        for _ in 0..200_000 {
            assert!(throng.start_from_template(pool).get().unwrap().is_ok());
        }
        throng.broadcast::<Probe<0>>(fail());
        settle_all(&mut throng);
        let stats = throng.stats();
        assert_eq!((stats.restarts, stats.rounds, stats.actors), (200_000, 1, 200_001));
        throng.stop_tree(pool, ExitReason::Shutdown);
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 0);
    });
}

#[test]
fn stop_during_a_restart() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let backoff = Backoff { initial_ticks: 10, ticks_max: 40, jitter_ticks: 0 };
        let root = throng.start_tree(Supervisor::one_for_one("root").intensity(9, 99).backoff(backoff).child(plain("a"))).unwrap();
        let a = child(&mut throng, "root", "a");
        throng.tell(a, burst());
        throng.run_ticks(3);
        let state = throng.supervision_tree().roots[0].children[0].state;
        assert_eq!(state, ChildState::Restarting);
        throng.tell(a, Say::Note(5));
        throng.stop_tree(root, ExitReason::Shutdown);
        rest(&mut throng);
        assert_eq!(throng.stats().actors, 0);
        assert_eq!(throng.stats().mail.dead(), 1, "mail that waited for the restart is accounted for");
    });
}

/// Each restart in the window waits twice as long.
#[test]
fn backoff_doubles() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let backoff = Backoff { initial_ticks: 2, ticks_max: 5, jitter_ticks: 0 };
        throng.start_tree(Supervisor::one_for_one("root").intensity(9, 999).backoff(backoff).child(plain("a"))).unwrap();
        let a = child(&mut throng, "root", "a");
        for waits in [2, 4, 5, 5] {
            throng.tell(a, burst());
            throng.tick();
            let mut ticks = 0;
            while throng.supervision_tree().roots[0].children[0].state == ChildState::Restarting {
                throng.tick();
                ticks += 1;
            }
            assert_eq!(ticks, waits);
        }
    });
}

/// `watch` follows the address; a monitor does not.
#[test]
fn watch_follows_restarts_and_a_monitor_does_not() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register::<Watcher>().unwrap();
        let root = throng.start_tree(Supervisor::one_for_one("root").intensity(9, 9).child(plain("a"))).unwrap();
        let a = child(&mut throng, "root", "a");
        let watcher = watch(&mut throng, a);
        throng.tell(a, fail());
        rest(&mut throng);
        throng.tell(a, fail());
        rest(&mut throng);
        throng.terminate_child(root, "a");
        rest(&mut throng);
        let heard = throng.state(watcher).unwrap().heard.clone();
        assert_eq!(heard, ["down error:as told", "restarted error:as told", "restarted error:as told", "stopped shutdown"]);
    });
}

#[derive(bevy_ecs::component::Component)]
struct Watcher {
    of: ActorId,
    heard: Vec<String>,
}
impl Actor for Watcher {
    type Msg = ();
    type Params = ();
    fn handle(&mut self, (): (), cx: &Context<'_, Self>) -> Handled {
        cx.watch(self.of);
        let _ = cx.monitor(self.of);
        Ok(())
    }
    fn notified(&mut self, notice: Notice, _: &Context<'_, Self>) -> Handled {
        self.heard.push(match notice {
            Notice::Restarted { reason, .. } => format!("restarted {reason}"),
            Notice::Stopped { reason, .. } => format!("stopped {reason}"),
            Notice::Down { reason, .. } => format!("down {reason}"),
            other => format!("{other:?}"),
        });
        Ok(())
    }
}

/// An actor that watches and monitors another.
fn watch(throng: &mut Throng, of: ActorRef<Probe<0>>) -> ActorRef<Watcher> {
    let watcher = throng.spawn(Watcher { of: of.id(), heard: Vec::new() });
    throng.tell(watcher, ());
    rest(throng);
    watcher
}

/// A watcher that dies leaves nothing behind; one that comes too late hears of it at once.
#[test]
fn a_watcher_that_dies() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let watcher = watch(&mut throng, a);
        throng.stop(watcher);
        throng.stop(a);
        rest(&mut throng);
        assert_eq!((throng.stats().actors, throng.stats().notices), (0, 0));
        let late = watch(&mut throng, a);
        assert_eq!(throng.state(late).unwrap().heard, ["stopped noproc", "down noproc"]);
    });
}

/// Notices do not wait behind a mailbox that is full, and are not dropped for it.
#[test]
fn notices_pass_a_full_mailbox() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let watcher = watch(&mut throng, a);
        throng.configure_mailbox(watcher, MailboxConfig::new(1).unwrap().budget(1).unwrap().overflow(Overflow::DropNewest));
        (0..50).for_each(|_| throng.tell(watcher, ()));
        throng.stop(a);
        throng.tick();
        assert_eq!(throng.state(watcher).unwrap().heard[0], "down shutdown");
    });
}

/// Handlers ask supervisors as the host does.
#[test]
fn handlers_ask_supervisors() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let pool = throng.start_tree(Supervisor::simple_one_for_one("pool", plain("x"))).unwrap();
        let root = throng.start_tree(Supervisor::one_for_one("root")).unwrap();
        let asker = throng.spawn(Probe::<1>::default());
        let answers = Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = answers.clone();
        throng.tell(
            asker,
            act(move |_, cx| {
                let mut answers = kept.lock().unwrap();
                answers.push(cx.start_from_template(pool));
                answers.push(cx.start_child(root, plain("a").temporary()));
                answers.push(cx.delete_child(root, "a"));
                answers.push(cx.terminate_child(root, "a"));
                answers.push(cx.restart_child(root, "a"));
                Ok(())
            }),
        );
        assert!(answers.lock().unwrap().is_empty());
        rest(&mut throng);
        let answers: Vec<_> = answers.lock().unwrap().iter().map(|answer| answer.get().cloned().unwrap()).collect();
        assert!(matches!(answers[0], Ok(Some(_))) && matches!(answers[1], Ok(Some(_))));
        assert_eq!(answers[2..], [Err(ChildError::Running), Ok(None), Err(ChildError::NotFound)]);
    });
}

/// What a failing call ordered is taken back.
#[test]
fn orders_of_a_failing_call_are_taken_back() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let b = throng.spawn(Probe::<0>::default());
        throng.tell(
            a,
            act(move |_, cx| {
                cx.link(b);
                cx.exit_signal(b, ExitReason::Kill);
                Err(throng::ActorFailure::msg("as told"))
            }),
        );
        rest(&mut throng);
        assert!(!throng.is_alive(a) && throng.is_alive(b));
    });
}

/// Life events tell starts and ends in order.
#[test]
fn life_events_in_order() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let events = throng.life_events(100);
        throng.start_tree(Supervisor::one_for_all("root").child(plain("a")).child(plain("b"))).unwrap();
        let b = child(&mut throng, "root", "b");
        throng.tell(
            b,
            act(|_, cx| {
                cx.exit(ExitReason::custom("bored"));
                Ok(())
            }),
        );
        rest(&mut throng);
        let told: Vec<String> = events
            .try_iter()
            .map(|event| {
                let name = event.name.unwrap();
                match event.what {
                    LifeStep::Started => format!("{name} starts"),
                    LifeStep::Exited(reason) => format!("{name} ends {reason}"),
                    other => format!("{name} {other:?}"),
                }
            })
            .collect();
        assert_eq!(
            told,
            [
                "root starts",
                "a starts",
                "b starts",
                r#"b Terminating(Custom("bored"))"#,
                "b ends bored",
                "a ends shutdown",
                "a starts",
                "b starts"
            ]
        );
    });
}

#[derive(Debug, Clone)]
enum Deed {
    Crash(prop::sample::Index),
    Kill(prop::sample::Index),
    Leave(prop::sample::Index),
    Despawn(prop::sample::Index),
    Start(u8),
    Terminate(u8),
    Pool,
    KillSupervisor,
    Tick,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let index = any::<prop::sample::Index>;
    let deed = prop_oneof![
        4 => index().prop_map(Deed::Crash),
        1 => index().prop_map(Deed::Kill),
        2 => index().prop_map(Deed::Leave),
        1 => index().prop_map(Deed::Despawn),
        2 => (0..6u8).prop_map(Deed::Start),
        1 => (0..6u8).prop_map(Deed::Terminate),
        2 => Just(Deed::Pool),
        1 => Just(Deed::KillSupervisor),
        3 => Just(Deed::Tick),
    ];
    prop::collection::vec(deed, 1..40)
}

fn leave(_: &mut Probe<0>, cx: &Context<'_, Probe<0>>) -> Handled {
    cx.stop_self();
    Ok(())
}

/// Plays deeds; the digest and the tree after each tick.
fn play(options: ThrongOptions, deeds: &[Deed]) -> Vec<(u64, String)> {
    let mut throng = Throng::new(options);
    throng.register::<Probe<0>>().unwrap();
    let pool = Supervisor::simple_one_for_one("pool", plain("p")).intensity(5, 3);
    let inner = Supervisor::rest_for_one("inner").intensity(3, 2).child(plain("d")).child(plain("e").transient());
    let spec = Supervisor::one_for_all("root").intensity(40, 2).child(plain("a")).child(inner).child(plain("b").temporary()).child(pool);
    let root = throng.start_tree(spec).unwrap();
    let mut record = Vec::new();
    for deed in deeds {
        let probes = all_probes(&mut throng);
        let pick = |at: &prop::sample::Index| (!probes.is_empty()).then(|| probes[at.index(probes.len())]);
        let supervisor = |throng: &mut Throng, name: &str| {
            let tree = throng.supervision_tree();
            let id = tree.roots.first()?.children.iter().find(|child| child.name == name)?.id?;
            all_of::<Supervisor>(throng).into_iter().find(|supervisor| supervisor.id().to_bits() == id)
        };
        match deed {
            Deed::Crash(at) => pick(at).into_iter().for_each(|probe| throng.tell(probe, burst())),
            Deed::Kill(at) => pick(at).into_iter().for_each(|probe| throng.exit_signal(probe, ExitReason::Kill)),
            Deed::Leave(at) => {
                if let Some(probe) = pick(at) {
                    throng.tell(probe, act(leave));
                }
            }
            Deed::Despawn(at) => {
                if let Some(entity) = pick(at).and_then(|probe| throng.entity(probe.id())) {
                    throng.world_mut().despawn(entity);
                }
            }
            Deed::Start(n) => drop(throng.start_child(root, plain(&format!("x{n}")).restart(RestartPolicy::Transient))),
            Deed::Terminate(n) => drop(throng.terminate_child(root, ChildKey::from(format!("x{n}")))),
            Deed::Pool => {
                if let Some(pool) = supervisor(&mut throng, "pool") {
                    throng.start_from_template(pool);
                }
            }
            Deed::KillSupervisor => {
                if let Some(inner) = supervisor(&mut throng, "inner") {
                    throng.exit_signal(inner, ExitReason::Kill);
                }
            }
            Deed::Tick => {
                throng.tick();
                record.push((throng.digest(), throng.supervision_tree().to_string()));
            }
        }
    }
    rest(&mut throng);
    record.push((throng.digest(), throng.supervision_tree().to_string()));
    assert_consistent(&mut throng);
    throng.shutdown(10);
    assert_eq!(throng.stats().actors, 0);
    assert!(throng.stats().mail.is_balanced());
    record
}

/// Every live actor is in the tree once, and everything in the tree lives.
fn assert_consistent(throng: &mut Throng) {
    let tree = throng.supervision_tree();
    let mut nodes: Vec<_> = tree.roots.iter().collect();
    let (mut in_tree, mut supervisors) = (Vec::new(), 0);
    while let Some(node) = nodes.pop() {
        assert_ne!(node.state, ChildState::Restarting, "at rest nobody is restarting: {tree}");
        assert_eq!(node.id.is_some(), node.state == ChildState::Running, "{tree}");
        match node.strategy {
            Some(_) => supervisors += usize::from(node.id.is_some()),
            None => in_tree.extend(node.id),
        }
        nodes.extend(&node.children);
    }
    in_tree.sort_unstable();
    let alive: Vec<u64> = all_probes(throng).into_iter().map(|probe| probe.id().to_bits()).collect();
    assert_eq!(in_tree, alive, "{tree}");
    assert_eq!(throng.stats().actors, alive.len() + supervisors);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// After any sequence of crashes, stops and starts the tree is consistent, and the same on any number of threads.
    #[test]
    fn any_sequence_leaves_a_consistent_tree(deeds in deeds()) {
        let one = play(ThrongOptions::new().threads(1), &deeds);
        for threads in [2, 8] {
            prop_assert_eq!(&one, &play(ThrongOptions::new().threads(threads).share_always(true), &deeds));
        }
    }
}
