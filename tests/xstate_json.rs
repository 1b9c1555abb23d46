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
        "a": {"on": {"GO": [{"target": "nowhere"}, {"target": "b", "cond": "old"}]}, "invoke": {"src": "fetch"}},
        "b": {"type": "odd"},
        "c": {"entry": [{"type": "raise"}, {"params": {}}, {"type": "cancel"}], "tags": [1]},
        "d": 7,
        "e": {"always": {"guard": {"type": "in-state", "id": "no"}}, "after": {"1000": {"target": "a", "guard": "odd"}}}
    }}"#;
    let bindings = Bindings::new(|_| None).guard_from("odd", |_| Err("it is odd".to_owned()));
    let expected = [
        "at `states.a.invoke`: this is not read: strike it out, or write it in Rust",
        "at `states.d`: a state is an object",
        "at `initial`: there is no such child: name a key of `states`",
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
