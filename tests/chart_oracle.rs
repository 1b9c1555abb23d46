//! The compiled charts against a naive interpreter: random charts with delays, random events and waits, both sets of rules.
//!
//! The interpreter follows the text of the rules and computes everything anew at each step, with lists and no tables.
//! Where the rules lead to states that cannot be active together, or enter one that is active, throng does otherwise
//! on purpose (see `docs/SEMANTICS.md`), and the comparison ends.

#[path = "chart_oracle/interpreter.rs"]
mod interpreter;
#[path = "chart_oracle/plan.rs"]
mod plan;

use std::sync::Arc;

use proptest::prelude::*;
use throng::statechart::{
    Actions, Chart, EventId, EventNames, Guard, History, Model, Semantics, Session, StateDef, StateSet, Status, StepError,
};

use interpreter::Interpreter;
use plan::{Act, Descriptor, EVENTS, Input, Kind, Plan, Test, Transition};

/// What a chart has done: its counter, and what its actions logged.
#[derive(Debug, Default)]
struct Record {
    count: i64,
    log: Vec<u32>,
}

struct Oracle;

impl Model for Oracle {
    type State = usize;
    type Event = EventId;
    type Context = Record;
    type Port<'a> = ();
    type Set = u64;
}

fn add_actions(acts: &[Act], list: &mut impl Actions<Model = Oracle>, events: &[EventId]) {
    for &act in acts {
        match act {
            Act::Log(word) => list.run(move |record, _, _| record.log.push(word)).named(&format!("log {word}")),
            Act::Count => list.run(|record, _, _| record.count += 1).named("count"),
            Act::Raise(event) => list.raise(events[event]),
            Act::Later(event, ticks) => list.raise_after(ticks, events[event]),
        };
    }
}

fn guard(test: &Test) -> Guard<Oracle> {
    match *test {
        Test::Below(limit) => Guard::test(move |record: &Record, _| record.count < limit).named(&format!("below {limit}")),
        Test::Odd => Guard::test(|record: &Record, _| record.count % 2 == 1).named("odd"),
        Test::In(0) => Guard::is_in_root(),
        Test::In(state) => Guard::is_in(state),
        Test::Not(ref test) => !guard(test),
        Test::Both(ref tests) => Guard::all([guard(&tests.0), guard(&tests.1)]),
    }
}

fn write_transition(written: &Transition, transition: &mut throng::statechart::TransitionDef<Oracle>, events: &[EventId]) {
    for &target in &written.targets {
        match target {
            0 => transition.go_root(),
            target => transition.go(target),
        };
    }
    if written.reenter {
        transition.reenter();
    }
    if let Some(test) = &written.guard {
        transition.guard(guard(test));
    }
    add_actions(&written.acts, transition, events);
}

fn write(plan: &Plan, at: usize, state: &mut StateDef<Oracle>, events: &[EventId]) {
    let node = &plan.states[at];
    add_actions(&node.entry, state.entry(), events);
    add_actions(&node.exit, state.exit(), events);
    if node.kind == Kind::Compound {
        add_actions(&node.initial_acts, state.initial(node.initial), events);
    }
    if at == 0 && node.kind == Kind::Parallel {
        state.regions();
    }
    for (descriptor, transition) in &node.on {
        let written = match *descriptor {
            Descriptor::Event(event) => state.on(events[event]),
            Descriptor::Prefix => state.on_prefix("a"),
            Descriptor::Any => state.on_any(),
            Descriptor::Done => state.on_done(),
            Descriptor::After(ticks) => state.after(ticks),
        };
        write_transition(transition, written, events);
    }
    for transition in &node.always {
        write_transition(transition, state.always(), events);
    }
    for &child in &node.children {
        let inner = &plan.states[child];
        match inner.kind {
            Kind::Parallel => state.parallel(child, |state| write(plan, child, state, events)),
            Kind::Final => state.end(child, |state| write(plan, child, state, events)),
            Kind::History(deep) => {
                state.history(child, if deep { History::Deep } else { History::Shallow }, inner.defaults.iter().copied());
            }
            Kind::Atomic | Kind::Compound => state.state(child, |state| write(plan, child, state, events)),
        }
    }
}

/// Has a chart hear what happens.
fn play<M: for<'a> Model<Event = EventId, Port<'a> = ()>>(
    session: &mut Session<M>,
    input: Input,
    events: &[EventId],
) -> Result<(), StepError> {
    match input {
        Input::Send(event) => session.send(events[event]).map(drop),
        Input::Wait(ticks) => session.advance(ticks).map(drop),
    }
}

/// How far a comparison came.
#[derive(Debug, Default)]
struct Compared {
    steps: usize,
    moved: usize,
    /// Moved by delays.
    timed: usize,
    logged: usize,
}

/// Plays the events on both, and compares after each.
fn compare(plan: &Plan, semantics: Semantics) -> Compared {
    let mut names = EventNames::default();
    let events = EVENTS.map(|name| names.id(name));
    let definition = Chart::<Oracle>::define("plan", |root| write(plan, 0, root, &events));
    let chart = definition.event_names(names).semantics(semantics).lenient().build().expect("plans are sound");
    let mut oracle = Interpreter::new(plan, semantics == Semantics::Scxml);
    let mut compared = Compared::default();
    let Some(()) = oracle.start() else { return compared };
    let mut session = Session::start(Arc::new(chart), Record::default()).expect("the interpreter found rest");
    check(plan, &mut session, &mut oracle, &mut compared, 0);
    for (number, &input) in plan.inputs.iter().enumerate() {
        let before = oracle.states();
        let Some(()) = oracle.step(input) else { break };
        play(&mut session, input, &events).expect("the interpreter found rest");
        compared.timed += usize::from(before != oracle.states() && matches!(input, Input::Wait(_)));
        compared.moved += usize::from(before != oracle.states());
        check(plan, &mut session, &mut oracle, &mut compared, number + 1);
        if oracle.is_done {
            break;
        }
    }
    compared
}

fn check(plan: &Plan, session: &mut Session<Oracle>, oracle: &mut Interpreter<'_>, compared: &mut Compared, number: usize) {
    let states: Vec<usize> = session.configuration().states().ascending().collect();
    assert_eq!(states, oracle.states(), "states after step {number} of {plan:#?}");
    let record = session.context_mut();
    let (log, expected) = (std::mem::take(&mut record.log), oracle.take_log());
    assert_eq!(log, expected, "log of step {number} of {plan:#?}");
    assert_eq!(record.count, oracle.count, "counter after step {number} of {plan:#?}");
    assert_eq!(session.status() == Status::Done, oracle.is_done, "status after step {number} of {plan:#?}");
    compared.steps += 1;
    compared.logged += log.len();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn compiled_charts_do_what_the_rules_say(tape in prop::collection::vec(any::<u16>(), 40..400)) {
        let plan = Plan::from_tape(&tape);
        for semantics in [Semantics::XState, Semantics::Scxml] {
            compare(&plan, semantics);
        }
    }
}

#[cfg(feature = "xstate-json")]
mod exported {
    use throng::statechart::{Bindings, StateId, XStateMachine};

    use super::*;

    struct Imported;

    impl Model for Imported {
        type State = StateId;
        type Event = EventId;
        type Context = Record;
        type Port<'a> = ();
        type Set = u64;
    }

    fn bindings(plan: &Plan, names: EventNames) -> Bindings<Imported> {
        let bindings = Bindings::<Imported>::new(move |name| Some(names.clone().id(name)))
            .guard("odd", |record, _| record.count % 2 == 1)
            .action("count", |record, _, _| record.count += 1);
        let bindings = (1..=plan.words)
            .fold(bindings, |bindings, word| bindings.action(&format!("log {word}"), move |record, _, _| record.log.push(word)));
        (0..4).fold(bindings, |bindings, limit| bindings.guard(&format!("below {limit}"), move |record, _| record.count < limit))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        #[test]
        fn a_chart_that_is_exported_and_imported_steps_the_same(tape in prop::collection::vec(any::<u16>(), 40..400)) {
            let plan = Plan::from_tape(&tape);
            let mut names = EventNames::default();
            let events = EVENTS.map(|name| names.id(name));
            let definition = Chart::<Oracle>::define("plan", |root| write(&plan, 0, root, &events));
            let chart = definition.event_names(names.clone()).lenient().microsteps_max(50).build().expect("plans are sound");
            let json = XStateMachine::of(&chart).expect("JSON has words for it").to_string();
            let machine = XStateMachine::parse(&json).expect("it is JSON");
            let definition = machine.define(&bindings(&plan, names.clone()), 1).expect("all is bound");
            let copy = definition.event_names(names).microsteps_max(50).build().expect("it is as sound");
            let (chart, copy) = (Arc::new(chart), Arc::new(copy));
            let (Ok(mut one), Ok(mut other)) =
                (Session::start(chart, Record::default()), Session::start(copy.clone(), Record::default())) else { return Ok(()) };
            for &input in &plan.inputs {
                let (done, as_well) = (play(&mut one, input, &events).is_ok(), play(&mut other, input, &events).is_ok());
                prop_assert_eq!(done, as_well);
                prop_assert_eq!(one.configuration().states(), other.configuration().states(), "{}", json);
                prop_assert_eq!(&one.context().log, &other.context().log, "{}", json);
                if !done {
                    break;
                }
            }
            let again = XStateMachine::of(&copy).expect("JSON has words for it").to_string();
            prop_assert_eq!(json, again, "what is exported again is the same");
        }
    }
}

/// The plans must be worth comparing.
#[test]
fn random_plans_are_worth_while() {
    for semantics in [Semantics::XState, Semantics::Scxml] {
        let mut all = Compared::default();
        for seed in 0..500_u64 {
            let mut word = seed;
            let tape: Vec<u16> = std::iter::repeat_with(|| {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (word >> 48) as u16
            })
            .take(300)
            .collect();
            let compared = compare(&Plan::from_tape(&tape), semantics);
            all.steps += compared.steps;
            all.moved += compared.moved;
            all.timed += compared.timed;
            all.logged += compared.logged;
        }
        assert!(all.steps > 1_500 && all.moved > 250 && all.timed > 80 && all.logged > 5_000, "{all:?}");
    }
}
