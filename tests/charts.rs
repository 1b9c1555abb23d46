//! The pure core of charts: what is wrong is named, what never rests ends, what goes on needs no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use throng::statechart::{
    Actions, Chart, ChartEvent, Guard, History, Model, Problem, Semantics, Session, StateDef, Status, Step, StepError, Trigger,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    A,
    B,
    C,
    D,
    E,
    F,
    H,
    G,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ChartEvent)]
enum Event {
    Go,
    Back,
    Wait,
}

struct Test;

impl Model for Test {
    type State = State;
    type Event = Event;
    type Context = u64;
    type Port<'a> = ();
    type Set = u64;
}

fn problems(write: impl FnOnce(&mut StateDef<Test>)) -> Vec<String> {
    let error = Chart::<Test>::define("test", write).build().expect_err("something is wrong");
    error.problems.iter().map(ToString::to_string).collect()
}

fn start(write: impl FnOnce(&mut StateDef<Test>)) -> Session<Test> {
    let chart = Chart::<Test>::define("test", write).build().expect("the chart is sound");
    Session::start(Arc::new(chart), 0).expect("it starts")
}

#[test]
fn all_that_is_wrong_is_named_with_its_remedy() {
    use State::*;
    let found = problems(|root| {
        root.state(A, |a| {
            a.initial(C);
            a.state(B, |_| {});
            a.on(EventKind::Go).go(H).guard(Guard::is_in(E));
        });
        root.parallel(D, |_| {});
        root.end(B, |b| b.state(F, |_| {}));
        root.history(G, History::Deep, [G]);
    });
    let expected = [
        "state `test` has children and no initial one: call `initial`, or make it parallel",
        "state `A` has the initial state `C`, which is not inside it: name one of its children",
        "parallel state `D` has no region: give it children, or make it a plain state",
        "two states are called `B`: rename one of them",
        "state `B` is final and has children: make it a plain state, or move them",
        "the initial state of state `A` names the state `C`, which is not in the chart: add it, or correct the name",
        "transition 1 of state `A` for `Go` names the state `H`, which is not in the chart: add it, or correct the name",
        "the guard of transition 1 of state `A` for `Go` names the state `E`, which is not in the chart: add it, or correct the name",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_can_never_happen_is_named() {
    use State::*;
    let write = |root: &mut StateDef<Test>| {
        root.initial(A);
        root.state(A, |a| {
            a.on(EventKind::Go).go(B);
            a.on(EventKind::Go).go(C);
            a.on(EventKind::Back).go(B).go(C);
        });
        root.state(B, |_| {});
        root.state(C, |_| {});
        root.state(D, |d| {
            d.on(EventKind::Go).go(E);
        });
        root.state(E, |_| {});
    };
    let expected = [
        "transition 2 of state `A` for `Go` can never be taken: an earlier one for the same event has no condition; \
         reorder them (`lenient` lets it pass)",
        "transition 3 of state `A` for `Back` has the targets `B` and `C`, which cannot be active together: \
         they must be in different regions",
        "state `D` can never be reached: lead a transition to it, or strike it out (`lenient` lets it pass)",
        "state `E` can never be reached: lead a transition to it, or strike it out (`lenient` lets it pass)",
    ];
    let mut found = problems(write);
    found.sort_by_key(|problem| expected.iter().position(|expected| expected == problem));
    assert_eq!(found, expected);
    let chart = Chart::<Test>::define("test", write).lenient().build().expect("it is let pass");
    assert_eq!(chart.warnings().len(), 4);
}

#[test]
fn what_has_no_meaning_is_named() {
    use State::*;
    let found = problems(|root| {
        root.initial(A);
        root.state(A, |a| {
            a.initial(A);
            a.on(EventKind::Go).go(B).guard(Guard::is_in(H));
        });
        root.parallel(B, |b| {
            b.initial(C);
            b.state(C, |_| {});
            b.state(D, |_| {});
        });
        root.end(E, |e| {
            e.initial(E);
        });
        root.history(H, History::Deep, []);
    });
    let expected = [
        "state `A` is without children and has an initial state: strike it out",
        "state `B` is parallel and has an initial state: strike it out",
        "state `E` is final and has an initial state: strike it out",
        "the guard of transition 1 of state `A` for `Go` asks for the history state `H`, which is never active: ask for its parent",
    ];
    assert!(expected.iter().all(|expected| found.iter().any(|found| found == expected)), "{found:#?}");
}

/// Delays of states are started at once, other timers at the end of the turn: yet they come in the order asked for.
#[test]
fn timers_due_together_come_in_the_order_in_which_they_were_asked_for() {
    use State::*;
    for later_first in [false, true] {
        let mut session = start(|root| {
            root.initial(A);
            root.on(EventKind::Wait).run(|count, _, _| *count = *count * 10 + 2);
            root.state(A, |a| {
                a.initial(B);
                a.after(5).run(|count, _, _| *count = *count * 10 + 1);
                if later_first {
                    a.entry().raise_after(5, Event::Wait);
                }
                a.state(B, |b| {
                    b.after(5).run(|count, _, _| *count = *count * 10 + 3);
                    if !later_first {
                        b.entry().raise_after(5, Event::Wait);
                    }
                });
            });
        });
        session.advance(4).expect("it runs");
        assert_eq!(*session.context(), 0);
        session.advance(1).expect("it runs");
        assert_eq!(*session.context(), if later_first { 213 } else { 123 });
    }
}

#[test]
fn too_many_delays_are_too_many_timers() {
    let chart = Chart::<Test>::define("hasty", |root| {
        root.initial(State::A);
        root.state(State::A, |a| {
            a.on(EventKind::Go).go(State::B);
        });
        root.state(State::B, |b| {
            b.after(1).go(State::A);
            b.after(2).go(State::A);
        });
    });
    let chart = Arc::new(chart.waiting_max(1).build().expect("the chart is sound"));
    let mut session = Session::start(chart, 0).expect("it starts");
    assert!(matches!(session.send(Event::Go), Err(StepError::Full { what: "pending timers", limit: 1, .. })));
}

#[test]
fn a_configuration_is_shown_by_names() {
    use State::*;
    let mut session = start(|root| {
        root.initial(A);
        root.state(A, |a| {
            a.initial(B);
            a.history(H, History::Deep, []);
            a.on(EventKind::Go).go(F).raise_after(7, Event::Back);
            a.state(B, |b| {
                b.after(5).go(C);
            });
            a.state(C, |_| {});
        });
        root.state(F, |f| {
            f.defer(EventKind::Wait);
            f.on(EventKind::Go).go(H);
        });
    });
    let shown = |session: &Session<Test>| format!("{:?}", session.chart().show(session.configuration()));
    let expected = r#"test { status: Active, states: ["A", "B"], timers: {"xstate.after.5.B": Some(5)}, postponed: [], history: {} }"#;
    assert_eq!(shown(&session), expected);
    session.advance(5).expect("it runs");
    for event in [Event::Go, Event::Wait] {
        session.send(event).expect("it runs");
    }
    let expected = r#"test { status: Active, states: ["F"], timers: {"Back": Some(12)}, postponed: ["Wait"], history: {"H": ["C"]} }"#;
    assert_eq!(shown(&session), expected);
}

#[test]
fn what_cannot_remember_or_be_heard_of_is_named() {
    use State::*;
    let found = problems(|root| {
        root.initial(A);
        root.state(A, |a| {
            a.history(H, History::Deep, []);
            a.invoke_with("pump", |_, _, _| {}, |_| {});
            a.invoke_with("pump", |_, _, _| {}, |_| {});
        });
        root.parallel(B, |b| {
            b.history(G, History::Shallow, []);
        });
    });
    let expected = [
        "history state `H` has no sibling that can be active, so there is nothing to remember: put it beside its parent's children, \
         or strike it out",
        "state `A` invokes two things as `pump`: rename one of them",
        "history state `G` has no sibling that can be active, so there is nothing to remember: put it beside its parent's children, \
         or strike it out",
    ];
    assert_eq!(found, expected);
    let found = problems(|root| {
        root.initial(A);
        root.state(A, |a| {
            a.on_invoke_done("pump").go(B);
        });
        root.state(B, |_| {});
    });
    let expected = "transition 1 of state `A` for `xstate.done.actor.pump` waits for the invocation `pump`, which no state makes: \
                    call `invoke`, or correct the name";
    assert_eq!(found, [expected]);
}

#[test]
fn what_a_state_invokes_starts_last_and_stops_last_and_reports_its_end() {
    use State::*;
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = |word: &'static str| {
        let seen = seen.clone();
        move || seen.lock().expect("no test panics").push(word)
    };
    let (entry, exit, start, stop) = (note(">A"), note("<A"), note("start"), note("stop"));
    let chart = Chart::<Test>::define("test", |root| {
        root.initial(A);
        root.state(A, |a| {
            a.invoke_with("pump", move |_, _, _| start(), move |_| stop());
            a.entry().effect(move |_, _, _| entry());
            a.exit().effect(move |_, _, _| exit());
            a.on_invoke_done("pump").run(|count, end, _| *count += u64::from(matches!(end.output(), Some(Event::Wait))));
            a.on_invoke_error("pump").go(B).when(|_, end| end.failure() == Some("dry"));
        });
        root.state(B, |_| {});
    });
    let chart = chart.build().expect("the chart is sound");
    let (mut configuration, mut count) = (throng::statechart::Configuration::new(), 0);
    chart.start(&mut configuration, &mut count, 0, ()).expect("it starts");
    chart.invocation_done(&mut configuration, &mut count, "pump", Some(Event::Wait), 0, ()).expect("it runs");
    assert_eq!(count, 1);
    let error = chart.invocation_failed(&mut configuration, &mut count, "pump", "wet", 0, ()).expect_err("no state takes it");
    assert_eq!(error.to_string(), "what chart `test` invoked as `pump` has failed: wet; write an `on_invoke_error` for it");
    assert!(chart.invocation_failed(&mut configuration, &mut count, "pump", "dry", 0, ()).expect("it is taken").changed);
    assert!(!chart.invocation_done(&mut configuration, &mut count, "none", None, 0, ()).expect("it is ignored").handled);
    assert_eq!(*seen.lock().expect("no test panics"), [">A", "start", "<A", "stop"]);
}

/// The paths of a chart are its tests: each leads where it says, and together they take every transition.
#[test]
fn paths_lead_where_they_say() {
    use State::*;
    use throng::statechart::{PathStep, Paths};
    let chart = Chart::<Test>::define("vault", |root| {
        root.initial(A);
        root.state(A, |a| {
            a.on(EventKind::Go).run(|count, _, _| *count = (*count + 1).min(3));
            a.on(EventKind::Back).go(B).when(|count, _| *count == 3);
        });
        root.state(B, |b| {
            b.initial(C);
            b.history(H, History::Shallow, []);
            b.after(10).go(A).run(|count, _, _| *count = 0);
            b.state(C, |c| {
                c.on(EventKind::Go).go(D);
            });
            b.state(D, |d| {
                d.always().when(|count, _| *count > 9).go(C);
                d.on(EventKind::Wait).go(E);
            });
        });
        root.state(E, |e| {
            e.on(EventKind::Back).go(H);
            e.on(EventKind::Go).go(F);
        });
        root.end(F, |_| {});
    });
    let chart = Arc::new(chart.build().expect("the chart is sound"));
    let events = [Event::Go, Event::Back, Event::Wait];
    let paths: Paths<State, Event> = chart.paths(0, &events, 1_000).expect("it starts");
    assert!(paths.is_complete());
    let play = |path: &[PathStep<Event>]| {
        let mut session = Session::start(chart.clone(), 0).expect("it starts");
        for step in path {
            match step {
                PathStep::Send(event) => session.send(*event),
                PathStep::Advance(ticks) => session.advance(*ticks),
            }
            .expect("it runs");
        }
        session
    };
    for (state, path) in paths.states() {
        assert!(play(path).is_in(state), "{state:?} by {path:?}");
    }
    let lengths: Vec<(State, usize)> = paths.states().map(|(state, path)| (*state, path.len())).collect();
    assert_eq!(lengths, [(A, 0), (B, 4), (C, 4), (D, 5), (E, 6), (F, 7)]);
    assert_eq!(paths.transitions().count(), 7);
    let (place, path) = paths.transitions().nth(2).expect("there are seven");
    assert_eq!(place, "transition 1 of state `B` for `xstate.after.10.B`");
    assert_eq!(path.last(), Some(&PathStep::Advance(10)));
    assert_eq!(paths.missing().collect::<Vec<_>>(), ["transition 1 of state `D` for `always`"]);
    let some = chart.paths(0, &events, 3).expect("it starts");
    assert!(!some.is_complete() && some.to(&F).is_none());
}

#[test]
fn histories_that_lead_round_in_a_circle_are_refused() {
    use State::*;
    let found = problems(|root| {
        root.initial(A);
        root.state(A, |a| {
            a.initial(B);
            a.state(B, |_| {});
            a.history(H, History::Shallow, [G]);
            a.history(G, History::Shallow, [H]);
        });
    });
    assert_eq!(found, ["the defaults of history state `H` lead back to itself: let one of them lead to a state"]);
}

/// Regions C and F with two states each, in the parallel B, in A.
fn regions(root: &mut StateDef<Test>) {
    use State::*;
    root.state(A, |a| {
        a.initial(B);
        a.parallel(B, |b| {
            b.state(C, |c| {
                c.initial(D).run(|count, _, _| *count += 10);
                c.state(D, |_| {});
                c.state(E, |_| {});
            });
            b.state(F, |f| {
                f.initial(G);
                f.state(G, |_| {});
                f.state(H, |_| {});
            });
        });
    });
}

#[test]
fn initial_states_may_lie_deep_and_in_several_regions() {
    use State::*;
    for semantics in [Semantics::XState, Semantics::Scxml] {
        let start = |initial: &[State]| {
            let chart = Chart::<Test>::define("test", |root| {
                root.initial_all(initial.iter().copied()).run(|count, _, _| *count += 1);
                regions(root);
            });
            let chart = chart.semantics(semantics).lenient().build().expect("the chart is sound");
            Session::start(Arc::new(chart), 0).expect("it starts")
        };
        // What lies between is entered, and the other region by default.
        assert_eq!(start(&[E]).active(), [A, B, C, E, F, G]);
        assert_eq!(start(&[E, H]).active(), [A, B, C, E, F, H]);
        assert_eq!(start(&[H, E]).active(), [A, B, C, E, F, H]);
        // The initial actions of a state that is not entered by default do not run.
        assert_eq!(*start(&[E]).context(), 1);
        assert_eq!(*start(&[A]).context(), 11);
    }
}

#[test]
fn initial_states_that_do_not_go_together_are_refused() {
    use State::*;
    let found = |initial: &[State]| {
        problems(|root| {
            root.initial_all(initial.iter().copied());
            regions(root);
        })
    };
    let conflict = |one, other| {
        format!(
            "state `test` has the initial states `{one}` and `{other}`, which cannot be entered together: they must be in different regions"
        )
    };
    assert_eq!(found(&[D, E])[0], conflict("D", "E"));
    assert_eq!(found(&[E, E])[0], conflict("E", "E"));
    assert_eq!(found(&[B, E])[0], conflict("B", "E"));
    assert_eq!(found(&[]), ["state `test` has children and no initial one: call `initial`, or make it parallel"]);
    let outside = problems(|root| {
        root.initial(A);
        root.state(A, |a| {
            a.initial_all([B, C]);
            a.state(B, |_| {});
        });
        root.state(C, |_| {});
    });
    assert_eq!(outside, ["state `A` has the initial state `C`, which is not inside it: name one of its children"]);
}

#[test]
fn deep_initial_states_and_histories_may_not_lead_round_in_a_circle() {
    use State::*;
    let found = problems(|root| {
        root.initial(D);
        root.state(A, |a| {
            a.initial(G);
            a.parallel(B, |b| {
                b.state(C, |c| {
                    c.initial(D);
                    c.state(D, |_| {});
                });
                // Entered beside D, and it leads to all of A again.
                b.state(F, |f| {
                    f.initial(H);
                    f.state(E, |_| {});
                    f.history(H, History::Deep, [A]);
                });
            });
            a.history(G, History::Shallow, [D]);
        });
    });
    assert_eq!(found, ["the defaults of history state `H` lead back to itself: let one of them lead to a state"]);
}

#[test]
fn default_actions_of_history_run_once_after_those_of_its_parent() {
    use State::*;
    for semantics in [Semantics::XState, Semantics::Scxml] {
        let note = |digit: u64| move |log: &mut u64, _: &Trigger<'_, Event>, _: &mut Step<'_, Test>| *log = *log * 10 + digit;
        let chart = Chart::<Test>::define("test", |root| {
            root.initial(A);
            root.state(A, |a| {
                a.on(EventKind::Go).go(H).run(note(1));
            });
            root.state(B, |b| {
                b.entry().run(note(2));
                b.initial(C).run(note(9));
                b.history(H, History::Deep, [D]).run(note(3)).run(note(4));
                b.state(C, |_| {});
                b.state(D, |d| {
                    d.entry().run(note(5));
                    d.on(EventKind::Wait).go(C);
                });
                b.on(EventKind::Back).go(A);
                // B stays: there is no entry after which to run them.
                b.on(EventKind::Go).go(H);
            });
        });
        let chart = chart.semantics(semantics).lenient().build().expect("the chart is sound");
        let mut session = Session::start(Arc::new(chart), 0).expect("it starts");
        let mut send = |event| {
            *session.context_mut() = 0;
            session.send(event).expect("it runs");
            (*session.context(), session.active())
        };
        assert_eq!(send(Event::Go), (12345, vec![B, D]));
        send(Event::Wait);
        send(Event::Back);
        assert_eq!(send(Event::Go), (12, vec![B, C]), "there is a record now");
    }
}

#[test]
fn a_guard_that_fails_does_not_hold_and_raises_its_event_first() {
    use State::*;
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = asked.clone();
    let chart = Chart::<Test>::define("test", |root| {
        root.initial(A);
        root.state(A, |a| {
            a.on(EventKind::Go).go(B).guard(Guard::attempt(|_, _, _| Err(Event::Back)));
            a.on(EventKind::Go).go(C).guard(Guard::attempt(|_, _, active| Ok(active.is_in(&A) && !active.is_in(&B)))).raise(Event::Wait);
        });
        root.state(B, |_| {});
        root.state(C, |c| {
            // Asked without an event, and held back by the first of two conditions.
            c.always().go(B).when(|_, _| false).guard(Guard::attempt(move |_, _, _| {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Err(Event::Go)
            }));
            c.on(EventKind::Back).go(D);
            c.on(EventKind::Wait).go(B);
        });
        root.state(D, |d| {
            d.on(EventKind::Wait).go(E);
        });
        root.state(E, |e| {
            e.always().go(F).guard(Guard::attempt(|_, _, _| Err(Event::Back)));
            e.on(EventKind::Back).go(F);
        });
        root.state(F, |_| {});
    });
    let mut session = Session::start(Arc::new(chart.build().expect("the chart is sound")), 0).expect("it starts");
    assert!(session.send(Event::Go).expect("it runs").handled);
    assert_eq!(session.active(), [F]);
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn too_many_states_are_refused_with_the_set_that_holds_them() {
    struct Wide;
    impl Model for Wide {
        type State = u32;
        type Event = Event;
        type Context = ();
        type Port<'a> = ();
        type Set = u64;
    }
    let error = Chart::<Wide>::define("wide", |root| {
        root.initial(0);
        (0..64).for_each(|number| root.state(number, |_| {}));
    })
    .build()
    .expect_err("they are 65 with the root");
    assert_eq!(error.problems, [Problem::TooManyStates { states: 65, capacity: 64, words: 2 }]);
    assert!(error.to_string().contains("use `[u64; 2]`"));
}

#[test]
fn a_chart_without_rest_ends_with_its_states_named() {
    use State::*;
    let chart = Chart::<Test>::define("restless", |root| {
        root.initial(A);
        root.state(A, |a| {
            a.on(EventKind::Go).go(B);
        });
        root.state(B, |b| {
            b.always().go(C);
        });
        root.state(C, |c| {
            c.always().go(B);
        });
    });
    let chart = chart.microsteps_max(50).build().expect("each transition alone is sound");
    let mut session = Session::start(Arc::new(chart), 0).expect("it rests at first");
    let error = session.send(Event::Go).expect_err("it finds no rest");
    assert!(matches!(&error, StepError::Livelock { chart, limit: 50, .. } if chart == "restless"));
    let text = error.to_string();
    assert!(text.contains("50 microsteps") && text.contains("restless, C") | text.contains("restless, B"), "{text}");
}

#[test]
fn raising_without_end_ends_too() {
    let chart = Chart::<Test>::define("echo", |root| {
        root.initial(State::A);
        root.state(State::A, |a| {
            a.on(EventKind::Go).raise(Event::Go);
        });
    });
    let chart = chart.build().expect("the chart is sound");
    let mut session = Session::start(Arc::new(chart), 0).expect("it starts");
    assert!(matches!(session.send(Event::Go), Err(StepError::Livelock { .. })));
}

#[test]
fn waiting_events_are_bounded() {
    let chart = Chart::<Test>::define("patient", |root| {
        root.initial(State::A);
        root.state(State::A, |a| a.defer(EventKind::Wait));
    });
    let chart = chart.waiting_max(3).build().expect("the chart is sound");
    let mut session = Session::start(Arc::new(chart), 0).expect("it starts");
    for waiting in 1..=3 {
        assert!(session.send(Event::Wait).expect("there is room").handled);
        assert_eq!(session.configuration().postponed(), waiting);
    }
    let error = session.send(Event::Wait).expect_err("there is no room").to_string();
    assert_eq!(
        error,
        "chart `patient` holds more than 3 postponed events, in the states patient, A: raise `waiting_max`, or take them in some state"
    );
}

#[test]
fn an_action_can_fail_its_step() {
    let mut session = start(|root| {
        root.initial(State::A);
        root.state(State::A, |a| {
            a.on(EventKind::Go).run(|_, _, step| step.fail("out of oil")).run(|count, _, _| *count += 1);
        });
    });
    let error = session.send(Event::Go).expect_err("it fails");
    assert_eq!(error.to_string(), "an action of chart `test` failed: out of oil");
    assert_eq!(*session.context(), 0, "nothing after it runs");
}

/// Exits are seen from inside out, entries from outside in, each state as long as its own actions run.
#[test]
fn actions_see_the_states_as_they_change() {
    use State::*;
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let watch = |state: &mut StateDef<Test>, name: &'static str| {
        for entry in [true, false] {
            let seen = seen.clone();
            let list = if entry { state.entry() } else { state.exit() };
            list.effect(move |_, _, step| {
                let active: String = [A, B, C, D].iter().filter(|state| step.is_in(state)).map(|state| format!("{state:?}")).collect();
                seen.lock().expect("no test panics").push(format!("{}{name}:{active}", if entry { '>' } else { '<' }));
            });
        }
    };
    let mut session = start(|root| {
        root.initial(A);
        root.state(A, |a| {
            watch(a, "A");
            a.initial(B);
            a.state(B, |b| watch(b, "B"));
            a.on(EventKind::Go).go(D);
        });
        root.state(C, |c| {
            watch(c, "C");
            c.initial(D);
            c.state(D, |d| watch(d, "D"));
        });
    });
    session.send(Event::Go).expect("it runs");
    let seen = std::mem::take(&mut *seen.lock().expect("no test panics"));
    assert_eq!(seen, [">A:A", ">B:AB", "<B:AB", "<A:A", ">C:C", ">D:CD"]);
}

/// Counts the allocations of the thread that asks.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator that counts")]
// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steps_allocate_nothing_once_they_have_begun() {
    use State::*;
    let mut session = start(|root| {
        root.regions();
        root.state(A, |a| {
            a.initial(B);
            a.history(H, History::Deep, []);
            a.state(B, |b| {
                b.on(EventKind::Go).go(C).run(|count, _, _| *count += 1).raise(Event::Back);
                b.after(5).go(C);
            });
            a.state(C, |c| {
                c.on(EventKind::Go).go(B);
                c.on(EventKind::Wait).go(H).reenter().raise_named("later", 3, Event::Back);
            });
        });
        root.state(D, |d| {
            d.initial(E);
            d.state(E, |e| {
                e.on(EventKind::Back).go(F).when(|count, _| *count < u64::MAX);
            });
            d.state(F, |f| {
                f.always().when(|count, _| count % 2 == 0).go(E);
                f.on(EventKind::Go).go(E);
            });
        });
        root.state(G, |_| {});
    });
    let round = |session: &mut Session<Test>| {
        for event in [Event::Go, Event::Wait, Event::Go, Event::Back] {
            session.send(event).expect("it runs");
            session.advance(2).expect("it runs");
        }
    };
    round(&mut session);
    let before = ALLOCATIONS.get();
    (0..1_000).for_each(|_| round(&mut session));
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(*session.context() >= 500, "it did something");
    assert_eq!(session.status(), Status::Active);
}

mod outputs {
    use super::{Actions, Chart, ChartEvent, Model, Session, State};

    #[derive(Clone, Debug, PartialEq, Eq, ChartEvent)]
    enum Word {
        Say(String),
        Stop,
    }

    struct Talk;

    impl Model for Talk {
        type State = State;
        type Event = Word;
        type Context = String;
        type Port<'a> = ();
        type Set = u64;
    }

    #[test]
    fn what_a_final_state_gives_out_comes_with_the_done_event_of_its_parent_and_of_the_chart() {
        let chart = Chart::<Talk>::define("talk", |root| {
            root.initial(State::A);
            root.state(State::A, |a| {
                a.initial(State::B);
                a.state(State::B, |b| {
                    b.on(WordKind::Say).go(State::C);
                });
                a.end(State::C, |c| {
                    c.entry().run(|heard, _, _| heard.push('!'));
                    c.output(|heard, trigger| match trigger.event() {
                        Some(Word::Say(word)) => Word::Say(format!("{word}{heard}")),
                        _ => Word::Stop,
                    });
                });
                a.on_done().go(State::D).run(|heard, trigger, _| {
                    assert_eq!(trigger.event(), None);
                    if let Some(Word::Say(word)) = trigger.output() {
                        *heard = word.clone();
                    }
                });
            });
            root.state(State::D, |d| {
                d.on(WordKind::Stop).go(State::E);
            });
            root.end(State::E, |e| e.output(|heard, _| Word::Say(heard.to_uppercase())));
        });
        let mut talk = Session::start(chart.build().expect("the chart is sound").into(), String::new()).expect("it starts");
        talk.send(Word::Say("hello".to_owned())).expect("it runs");
        assert_eq!((talk.context().as_str(), talk.active()), ("hello!", vec![State::D]));
        assert_eq!(talk.configuration().output(), None);
        talk.send(Word::Stop).expect("it runs");
        assert_eq!(talk.configuration().output(), Some(&Word::Say("HELLO!".to_owned())));
    }

    #[test]
    fn an_output_of_a_state_that_is_not_final_is_an_error() {
        let chart = Chart::<Talk>::define("talk", |root| {
            root.initial(State::A);
            root.state(State::A, |a| a.output(|_, _| Word::Stop));
        });
        let error = chart.build().expect_err("the output is never given");
        assert!(error.to_string().contains("state `A` has an output and is not final"), "{error}");
    }
}
