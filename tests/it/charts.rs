//! Charts as actors: mail, timers, postponing, failure, children, equal results on any number of threads.

use throng::prelude::*;
use throng::statechart::{Actions, ChartEvent, Definition, EventKind, Status};
use throng::{ChartActor, Charted, Charting, DeadReason, RegisterError, SharedChart};

use crate::support::{BLOCK, everywhere};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Patrol,
    Chase,
    Near,
    Far,
    Stunned,
    Back,
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, ChartEvent)]
enum Sense {
    #[event("enemy.seen")]
    Seen(u32),
    #[event("enemy.lost")]
    Lost,
    Hit,
    Order(u32),
    Break,
    Panic,
    Leave,
    Shout(ActorRef<Charted<Guard>>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Guard {
    distance: u32,
    orders: Vec<u32>,
    log: Vec<(u64, &'static str)>,
}

impl ChartActor for Guard {
    type State = Mood;
    type Event = Sense;
    type Set = u64;
    type Params = ();
}

fn guard_chart() -> Definition<Charting<Guard>> {
    Charted::<Guard>::define("guard", |guard| {
        guard.initial(Mood::Patrol);
        guard.on(SenseKind::Leave).go(Mood::Gone);
        guard.on(SenseKind::Shout).run(|_, sense, step| {
            if let Some(Sense::Shout(other)) = sense.event() {
                step.tell(*other, Sense::Seen(step.sender().map_or(7, |_| 8)).into());
            }
        });
        guard.state(Mood::Patrol, |patrol| {
            patrol.entry().run(|guard, _, step| guard.log.push((step.tick(), "patrol")));
            patrol.defer(SenseKind::Order);
            patrol.on_prefix("enemy").go(Mood::Chase).when(|_, sense| matches!(sense.event(), Some(Sense::Seen(_)))).run(
                |guard, sense, _| {
                    if let Some(Sense::Seen(distance)) = sense.event() {
                        guard.distance = *distance;
                    }
                },
            );
        });
        guard.state(Mood::Chase, |chase| {
            chase.initial(Mood::Far);
            chase.history(Mood::Back, throng::statechart::History::Deep, []);
            chase.on(SenseKind::Lost).go(Mood::Patrol);
            chase.on(SenseKind::Hit).go(Mood::Stunned);
            chase.on(SenseKind::Order).run(|guard, sense, _| {
                if let Some(Sense::Order(number)) = sense.event() {
                    guard.orders.push(*number);
                }
            });
            chase.state(Mood::Far, |far| {
                far.always().when(|guard, _| guard.distance < 5).go(Mood::Near);
                far.after(10).go(Mood::Patrol);
            });
            chase.state(Mood::Near, |_| {});
        });
        guard.state(Mood::Stunned, |stunned| {
            stunned.entry().run(|guard, _, step| guard.log.push((step.tick(), "stunned")));
            stunned.on(SenseKind::Break).run(|guard, _, step| {
                guard.orders.push(99);
                step.tell(step.me(), Sense::Lost.into());
                step.fail("broken");
            });
            stunned.on(SenseKind::Panic).run(|_, _, _| panic!("a chart's action panics"));
            stunned.after(3).go(Mood::Back);
        });
        guard.end(Mood::Gone, |_| {});
    })
}

fn world(options: ThrongOptions) -> Throng {
    let mut throng = Throng::new(options);
    throng.register_chart_with(guard_chart(), ActorConfig::new().digest()).expect("the chart is sound");
    throng
}

fn guard_of(throng: &mut Throng, actor: ActorRef<Charted<Guard>>) -> Guard {
    throng.state(actor).expect("it lives").context().clone()
}

#[test]
fn events_are_mail_and_prefixes_match() {
    everywhere(|options| {
        let mut throng = world(options);
        let guard = throng.spawn(Charted::new(Guard::default()));
        throng.tell(guard, Sense::Lost.into());
        throng.tick();
        assert_eq!(throng.active_states(guard), [Mood::Patrol]);
        throng.tell(guard, Sense::Seen(20).into());
        throng.tick();
        assert_eq!(throng.active_states(guard), [Mood::Chase, Mood::Far]);
        throng.tell(guard, Sense::Seen(1).into());
        throng.tell(guard, Sense::Lost.into());
        throng.tell(guard, Sense::Seen(3).into());
        throng.tick();
        assert_eq!(throng.active_states(guard), [Mood::Chase, Mood::Near], "eventless transitions follow");
    });
}

#[test]
fn delays_are_ticks_and_leaving_cancels_them() {
    everywhere(|options| {
        let mut throng = world(options);
        let guard = throng.spawn(Charted::new(Guard::default()));
        throng.tell(guard, Sense::Seen(20).into());
        throng.tick(); // tick 1: far, due at 11
        throng.run_ticks(9);
        assert_eq!(throng.active_states(guard), [Mood::Chase, Mood::Far]);
        throng.tick();
        assert_eq!(throng.active_states(guard), [Mood::Patrol]);
        throng.tell(guard, Sense::Seen(20).into());
        throng.tick(); // tick 12: due at 22
        throng.tell(guard, Sense::Hit.into());
        throng.tick(); // tick 13: stunned until 16, and then far again, due at 26
        throng.run_ticks(3);
        assert_eq!(throng.active_states(guard), [Mood::Chase, Mood::Far], "history leads back");
        throng.run_ticks(9);
        assert_eq!(throng.active_states(guard), [Mood::Chase, Mood::Far], "the first delay was cancelled");
        throng.tick();
        assert_eq!(throng.active_states(guard), [Mood::Patrol]);
        assert_eq!(guard_of(&mut throng, guard).log, [(0, "patrol"), (11, "patrol"), (13, "stunned"), (26, "patrol")]);
    });
}

#[test]
fn skipped_ticks_bring_what_was_due_in_them() {
    everywhere(|options| {
        let mut throng = world(options);
        let guard = throng.spawn(Charted::new(Guard::default()));
        throng.tell(guard, Sense::Seen(20).into());
        throng.tick();
        throng.skip_ticks(100);
        throng.tick();
        assert_eq!(guard_of(&mut throng, guard).log, [(0, "patrol"), (102, "patrol")]);
    });
}

#[test]
fn deferred_events_stay_in_the_mailbox_and_come_first() {
    everywhere(|options| {
        let mut throng = world(options);
        let guard = throng.spawn(Charted::new(Guard::default()));
        for number in [1, 2] {
            throng.tell(guard, Sense::Order(number).into());
        }
        throng.tick();
        let stats = throng.stats_of::<Charted<Guard>>().expect("the type is known");
        assert_eq!((stats.queued, stats.handled), (2, 0), "they are queued, not handled");
        throng.tell(guard, Sense::Seen(20).into());
        throng.tell(guard, Sense::Order(3).into());
        throng.tick();
        assert_eq!(guard_of(&mut throng, guard).orders, [1, 2, 3]);
        assert_eq!(throng.stats_of::<Charted<Guard>>().expect("the type is known").queued, 0);
    });
}

#[test]
fn failing_actions_fail_their_actor_only_and_take_back_what_they_told() {
    everywhere(|options| {
        for event in [Sense::Break, Sense::Panic] {
            let mut throng = world(options.clone());
            let guard = throng.spawn_with(|_| Charted::new(Guard::default()));
            let other = throng.spawn(Charted::new(Guard::default()));
            for actor in [guard, other] {
                throng.tell(actor, Sense::Seen(9).into());
                throng.tell(actor, Sense::Hit.into());
            }
            throng.tell(guard, event.into());
            throng.tick();
            assert_eq!(throng.active_states(guard), [Mood::Patrol], "it is restarted in its initial state");
            assert_eq!(guard_of(&mut throng, guard).orders, [] as [u32; 0], "with fresh context");
            assert_eq!(throng.active_states(other), [Mood::Stunned]);
            assert_eq!(throng.stats_of::<Charted<Guard>>().expect("the type is known").failed, 1);
            throng.run_ticks(3);
            assert_eq!(throng.active_states(guard), [Mood::Patrol], "no timer of the old one acts on it");
            assert_eq!(throng.active_states(other), [Mood::Chase, Mood::Far]);
        }
    });
}

#[test]
fn a_chart_that_is_done_stops_its_actor() {
    everywhere(|options| {
        let mut throng = world(options);
        let letters = throng.dead_letters(8);
        let guard = throng.spawn(Charted::new(Guard::default()));
        throng.tell(guard, Sense::Leave.into());
        throng.tell(guard, Sense::Hit.into());
        throng.tick();
        assert!(!throng.is_alive(guard));
        assert_eq!(letters.try_iter().map(|letter| letter.reason).collect::<Vec<_>>(), [DeadReason::Stopped]);
    });
}

#[test]
fn unhandled_events_are_counted() {
    everywhere(|options| {
        let mut throng = world(options);
        let guard = throng.spawn(Charted::new(Guard::default()));
        for _ in 0..3 {
            throng.tell(guard, Sense::Hit.into());
        }
        throng.tell(guard, Sense::Lost.into());
        throng.tick();
        let shared = throng.world().resource::<SharedChart<Guard>>();
        let counts = [SenseKind::Hit, SenseKind::Lost, SenseKind::Seen].map(|kind| shared.unhandled(kind));
        assert_eq!(counts, [3, 1, 0]);
        assert_eq!(SenseKind::NAMES[SenseKind::Seen.index()], "enemy.seen");
    });
}

#[test]
fn a_configuration_can_be_taken_up_again() {
    everywhere(|options| {
        let mut throng = world(options);
        let guard = throng.spawn(Charted::new(Guard::default()));
        throng.tell(guard, Sense::Seen(20).into());
        throng.tick();
        let state = throng.state(guard).expect("it lives");
        assert_eq!(state.configuration().status(), Status::Active);
        assert_eq!(state.configuration().next_due(), Some(11));
        let (context, configuration) = (state.context().clone(), state.configuration().clone());
        throng.run_ticks(4);
        let copy = throng.spawn(Charted::resume(context, configuration));
        throng.tick();
        assert_eq!(throng.active_states(copy), [Mood::Chase, Mood::Far], "it is not started anew");
        throng.run_ticks(4);
        assert_eq!(throng.active_states(copy), [Mood::Chase, Mood::Far]);
        throng.tick();
        assert_eq!(throng.active_states(copy), [Mood::Patrol], "its timer is due when it was");
    });
}

#[test]
fn wrong_charts_are_not_registered() {
    let chart = Charted::<Guard>::define("wrong", |root| {
        root.initial(Mood::Patrol);
        root.state(Mood::Patrol, |patrol| {
            patrol.on(SenseKind::Hit).go(Mood::Stunned);
        });
        root.state(Mood::Chase, |_| {});
    });
    let error = Throng::default().register_chart(chart).map(drop).expect_err("the chart is wrong");
    assert!(matches!(error, RegisterError::Chart(_)));
    let text = error.to_string();
    assert!(text.contains("transition 1 of state `Patrol` for `Hit` names the state `Stunned`"), "{text}");
}

/// An actor's table has its context, 16 bytes for the chart, and what every actor has.
#[test]
fn a_charted_actor_costs_16_bytes_beyond_its_context() {
    assert_eq!(size_of::<Charted<Guard>>(), size_of::<Guard>() + 16);
    let mut throng = world(ThrongOptions::new());
    let guard = throng.spawn(Charted::new(Guard::default()));
    let entity = throng.entity(guard.id()).expect("it lives");
    let bytes: usize = {
        let world = throng.world();
        let components = world.entity(entity).archetype().components().to_vec();
        components.iter().filter_map(|&id| world.components().get_info(id)).map(|info| info.layout().size()).sum()
    };
    assert_eq!(bytes, size_of::<Guard>() + 16 + size_of::<throng::Mailbox<Charted<Guard>>>());
}

/// Many charts that tell each other, fail, wait and stop: the same digests for any cut of the work.
#[test]
fn digests_do_not_depend_on_threads() {
    let digests = |options: ThrongOptions| {
        let mut throng = world(options);
        let guards = throng.spawn_many_with(2 * BLOCK + 100, |_| Charted::new(Guard::default()));
        let all: Vec<_> = guards.iter().collect();
        let mut digests = Vec::new();
        for tick in 0..20_usize {
            let letters = all.iter().enumerate().map(|(at, &guard)| {
                let other = all[(at * 7 + tick) % all.len()];
                let event = match (at + tick * 3) % 11 {
                    0 => Sense::Lost,
                    1 | 2 => Sense::Hit,
                    3 => Sense::Break,
                    4 => Sense::Order(at as u32),
                    5 if at % 97 == 0 => Sense::Leave,
                    6 | 7 => Sense::Shout(other),
                    at => Sense::Seen(at as u32),
                };
                (guard, event.into())
            });
            throng.tell_many(letters);
            throng.tick();
            digests.push(throng.digest());
        }
        digests
    };
    let one = digests(ThrongOptions::new().threads(1));
    assert!(one.windows(2).all(|pair| pair[0] != pair[1]), "something happens in each tick");
    for threads in [2, 8] {
        assert!(one == digests(ThrongOptions::new().threads(threads).share_always(true)), "{threads} threads");
    }
}

#[derive(Debug)]
struct Lamp;

impl ChartActor for Lamp {
    type State = &'static str;
    type Event = Sense;
    type Set = u64;
    type Params = ();
}

fn lamp(first: &'static str) -> (Throng, ActorRef<Charted<Lamp>>) {
    let mut throng = Throng::default();
    let chart = Charted::<Lamp>::define("lamp", |lamp| {
        lamp.initial(first);
        lamp.state(first, |first| {
            first.after(5).go("spent");
        });
        lamp.state("spent", |_| {});
    });
    throng.register_chart(chart).expect("the chart is sound");
    let lamp = throng.spawn(Charted::new(Lamp));
    throng.tick();
    (throng, lamp)
}

#[test]
fn an_actor_is_printed_by_names_unless_charts_differ() {
    let shown = |(throng, lamp): &mut (Throng, ActorRef<Charted<Lamp>>)| format!("{:?}", throng.state(*lamp).expect("it lives"));
    let mut bright = lamp("bright");
    let named = shown(&mut bright);
    assert!(named.contains(r#"lamp { status: Active, states: ["\"bright\""], timers: {"xstate.after.5.\"bright\"": Some("#), "{named}");
    let another = lamp("bright");
    assert_eq!(shown(&mut bright), named);
    let dim = lamp("dim");
    let numbered = shown(&mut bright);
    assert!(!numbered.contains("bright"), "{numbered}");
    drop((another, dim));
    assert_eq!(shown(&mut bright), named);
}
