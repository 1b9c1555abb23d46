//! Charts from XState's JSON: what is wrong is told together, each with its place.

#![cfg(feature = "xstate-json")]

use std::sync::Arc;

use throng::statechart::{Bindings, EventId, EventNames, ImportProblem, Model, Session, StateId, XStateMachine};

struct Test;

impl Model for Test {
    type State = StateId;
    type Event = EventId;
    type Context = u32;
    type Port<'a> = ();
    type Set = u64;
}

fn problems(json: &str, bindings: &Bindings<Test>) -> Vec<String> {
    let error = XStateMachine::parse(json).expect("it is JSON").define(bindings, 1).expect_err("something is wrong");
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let json = r#"{"id": "m", "initial": "x", "states": {
        "a": {"on": {"GO": [{"target": "nowhere"}, {"target": "b", "cond": "old"}]}, "invoke": [{"src": "fetch", "systemId": "f"}, {"src": 1}]},
        "b": {"type": "odd"},
        "c": {"entry": [{"type": "raise"}, {"params": {}}, {"type": "cancel"}], "tags": [1]},
        "d": 7,
        "e": {"always": {"guard": {"type": "in-state", "id": "no"}}, "after": {"1000": {"target": "a", "guard": "odd"}}}
    }}"#;
    let bindings = Bindings::new(|_| None).guard_from("odd", |_| Err("it is odd".to_owned()));
    let expected = [
        "at `states.d`: a state is an object",
        "at `initial`: there is no such child: name a key of `states`",
        "at `states.a.invoke[0].systemId`: this is not read: strike it out, or write it in Rust",
        "at `states.a.invoke[0].src`: the actor `fetch` is not bound: give `Bindings` a function for it",
        "at `states.a.invoke[1]`: `invoke` is an object with a name as its `src`",
        "at `states.a.on.GO[0].target`: there is no state \"nowhere\": name a sibling, `.child`, or `#id`",
        "at `states.a.on.GO[1].cond`: this is not read: strike it out, or write it in Rust",
        "at `states.b.type`: a state is atomic, compound, parallel, final or history",
        "at `states.c.tags[0]`: a tag is a text",
        "at `states.c.entry[0]`: `raise` needs an `event`",
        "at `states.c.entry[1]`: an action is a name, or an object with a `type`",
        "at `states.c.entry[2]`: `cancel` needs the `id` of a raise",
        "at `states.e.after.1000.guard`: it is odd",
        "at `states.e.always.guard`: there is no state of this `id`",
    ];
    assert_eq!(problems(json, &bindings), expected);
}

#[test]
fn names_without_meaning_are_told_once_each() {
    let json = r#"{"id": "m", "initial": "a", "states": {
        "a": {"entry": ["one", "one", {"type": "two"}, {"type": "raise", "params": {"event": "E"}}],
              "on": {"E": {"guard": {"type": "and", "guards": ["three", {"type": "not", "guard": "three"}]}}},
              "after": {"four": "a"}}
    }}"#;
    let kinds = |problem: &ImportProblem| match problem {
        ImportProblem::Unbound { place, kind, name } => format!("{kind} {name} at {place}"),
        other => other.to_string(),
    };
    let error = XStateMachine::parse(json).expect("it is JSON").define(&Bindings::<Test>::new(|_| None), 1).expect_err("nothing is bound");
    let expected = [
        "action one at states.a.entry[0]",
        "action two at states.a.entry[2]",
        "event E at states.a.entry[3]",
        "guard three at states.a.on.E.guard.guards[0]",
        "delay four at states.a.after.four",
    ];
    assert_eq!(error.problems.iter().map(kinds).collect::<Vec<_>>(), expected);
}

#[test]
fn text_that_is_no_json_is_told_with_its_line() {
    let error = XStateMachine::parse("{\n\"id\": }").expect_err("it is no JSON");
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn milliseconds_become_ticks_and_raised_events_come_under_their_names() {
    let json = r#"{"id": "m", "initial": "a", "states": {
        "a": {"entry": {"type": "xstate.raise", "event": {"type": "LATER"}, "delay": 3, "id": "later"},
              "on": {"LATER": "b", "STOP": {"actions": {"type": "cancel", "params": {"id": "later"}}}}},
        "b": {"after": {"wait": {"target": "c", "actions": "count"}}},
        "c": {}
    }}"#;
    let mut names = EventNames::default();
    let [later, stop] = ["LATER", "STOP"].map(|name| names.id(name));
    let bindings = Bindings::<Test>::new(move |name| (name == "LATER").then_some(later))
        .action("count", |count, _, _| *count += 1)
        .delay("wait", |count| 2 + u64::from(*count));
    let machine = XStateMachine::parse(json).expect("it is JSON");
    assert_eq!((machine.size(), machine.context().is_null()), (4, true));
    let chart = machine.define(&bindings, 10).expect("all is bound").event_names(names).build().expect("the chart is sound");
    let chart = Arc::new(chart);
    let start = || Session::start(chart.clone(), 0).expect("it starts");
    let mut stopped = start();
    stopped.send(stop).expect("it runs");
    stopped.advance(100).expect("it runs");
    assert_eq!(stopped.active(), [StateId::from("m.a")]);
    let mut session = start();
    session.advance(29).expect("it runs");
    assert_eq!(session.active(), [StateId::from("m.a")]);
    session.advance(1).expect("it runs");
    assert_eq!(session.active(), [StateId::from("m.b")]);
    session.advance(20).expect("it runs");
    assert_eq!((session.active(), *session.context()), (vec![StateId::from("m.c")], 1));
}

#[test]
fn what_is_invoked_is_bound_by_name() {
    let json = r#"{"id": "m", "initial": "a", "states": {
        "a": {"invoke": {"src": "pump", "input": 7, "onDone": {"target": "b", "actions": "count"}, "onError": "c"}},
        "b": {"invoke": {"src": "pump", "id": "second", "input": 8, "onError": "c"}},
        "c": {}
    }}"#;
    let bindings = || {
        Bindings::<Test>::new(|_| None).action("count", |count, _, _| *count += 1).actor_from("pump", |input, id, state| {
            let input = input.as_u64().ok_or("a pump needs a number")?;
            state.invoke_with(id, move |_, _, _| assert!(input >= 7), |_| {});
            Ok(())
        })
    };
    let machine = XStateMachine::parse(json).expect("it is JSON");
    let chart = machine.define(&bindings(), 1).expect("all is bound").build().expect("the chart is sound");
    let (mut configuration, mut count) = (throng::statechart::Configuration::new(), 0);
    chart.start(&mut configuration, &mut count, 0, ()).expect("it starts");
    chart.invocation_done(&mut configuration, &mut count, "0.m.a", None, 0, ()).expect("it runs");
    assert_eq!((chart.names(configuration.states()), count), (vec!["m", "m.b"], 1));
    chart.invocation_failed(&mut configuration, &mut count, "second", "dry", 0, ()).expect("it runs");
    assert_eq!(chart.names(configuration.states()), ["m", "m.c"]);

    let exported = XStateMachine::of(&chart).expect("JSON has words for it");
    let invoke = &exported.json()["states"]["a"]["invoke"];
    assert_eq!(invoke.to_string(), r#"[{"src":"pump","id":"0.m.a","input":7}]"#);
    let again = exported.define(&bindings(), 1).expect("all is bound").build().expect("the chart is sound");
    assert_eq!(XStateMachine::of(&again).expect("JSON has words for it").json(), exported.json());

    let odd = XStateMachine::parse(r#"{"id": "m", "invoke": {"src": "pump"}}"#).expect("it is JSON");
    assert!(odd.define(&bindings(), 1).expect_err("it lacks its input").to_string().contains("at `invoke`: a pump needs a number"));
}

#[test]
fn a_chart_is_written_as_json_and_what_json_cannot_say_is_told() {
    use throng::statechart::{Actions, Chart, Guard, History, Semantics};
    let mut names = EventNames::default();
    let [go, stop] = ["go", "stop"].map(|name| names.id(name));
    let write = |root: &mut throng::statechart::StateDef<Test>| {
        let id = |text: &str| StateId::from(text);
        root.initial(id("one")).effect(|_, _, _| {}).named("begin");
        root.state(id("one"), |one| {
            one.tag("calm");
            one.entry().raise_named("soon", 5, go).cancel("late");
            one.exit().run(|count, _, _| *count += 1);
            let guard = Guard::all([Guard::test(|count, _| *count > 1).named("many"), !Guard::is_in(id("two"))]);
            one.on(go).go(id("was")).guard(guard).reenter();
            one.on(go).when(|count, _| *count > 0);
            one.on(stop);
            one.after(7).go(id("two"));
            one.always().when(|count, _| *count > 99).go(id("three"));
        });
        root.history(id("was"), History::Deep, [id("two")]);
        root.parallel(id("two"), |two| {
            two.state(id("left"), |_| {});
            two.state(id("right"), |_| {});
            two.on_done().go(id("three"));
        });
        root.end(id("three"), |_| {});
    };
    let build = || Chart::<Test>::define("m.x", write).event_names(names.clone()).lenient();
    let machine = XStateMachine::of(&build().build().expect("the chart is sound")).expect("JSON has words for it");
    let expected: serde_json::Value = serde_json::from_str(
        r##"{
        "id": "m_x", "initial": {"target": "one", "actions": ["begin"]},
        "states": {
            "one": {
                "id": "one", "tags": ["calm"],
                "entry": [{"type": "raise", "params": {"event": "go", "delay": 5, "id": "soon"}}, {"type": "cancel", "params": {"id": "late"}}],
                "exit": ["exit of one, 1"],
                "on": {
                    "go": [
                        {"target": "#m_x.was", "guard": {"type": "and", "guards": ["many", {"type": "not", "guard": {"type": "in-state", "id": "two"}}]},
                         "reenter": true},
                        {"guard": "guard 1, go of one"}
                    ],
                    "stop": {}
                },
                "after": {"7": [{"target": "#m_x.two"}]},
                "always": [{"target": "#m_x.three", "guard": "guard 4, always of one"}]
            },
            "was": {"id": "was", "type": "history", "history": "deep", "target": ["#m_x.two"]},
            "two": {
                "id": "two", "type": "parallel", "onDone": [{"target": "#m_x.three"}],
                "states": {"left": {"id": "left"}, "right": {"id": "right"}}
            },
            "three": {"id": "three", "type": "final"}
        }
    }"##,
    )
    .expect("it is JSON");
    assert_eq!(*machine.json(), expected);
    let error = XStateMachine::of(&build().semantics(Semantics::Scxml).build().expect("the chart is sound")).expect_err("other rules");
    assert_eq!(error.problems, ["it follows SCXML's rules"]);
}

#[test]
fn defers_and_outputs_have_no_words_in_json() {
    use throng::statechart::Chart;
    let mut names = EventNames::default();
    let go = names.id("go");
    let chart = Chart::<Test>::define("m", |root| {
        root.initial("a".into());
        root.state("a".into(), |a| {
            a.defer(go);
            a.on_any().go("b".into());
        });
        root.end("b".into(), |b| b.output(move |_, _| go));
    });
    let chart = chart.event_names(names).build().expect("the chart is sound");
    let error = XStateMachine::of(&chart).expect_err("it defers");
    assert_eq!(
        error.to_string(),
        "chart `m` cannot be written as XState's JSON:\n- state `b` gives out an output\n- state `a` defers `go`"
    );
}
