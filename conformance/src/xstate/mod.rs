//! Statecharts recorded from XState v5.

mod machine;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use throng::ChartActor;
use throng::statechart::{EventId, EventNames, Model, Semantics, Session, StateId, StateSet, Status, XStateMachine};

use crate::report::Verdict;
use crate::stage::{Alone, Stage, UNIT_TICKS};
use machine::Machine;

/// A case's context: its values, and what was logged since it was last read.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    values: BTreeMap<String, i64>,
    log: Mutex<Vec<Arc<str>>>,
}

impl Memo {
    fn log(&self, label: &Arc<str>) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(label.clone());
    }

    fn take_log(&mut self) -> Vec<String> {
        let log = self.log.get_mut().unwrap_or_else(PoisonError::into_inner);
        log.drain(..).map(|label| label.to_string()).collect()
    }
}

/// The types of a case that runs by itself.
pub(crate) struct Pure<S>(PhantomData<S>);

impl<S: StateSet> Model for Pure<S> {
    type State = StateId;
    type Event = EventId;
    type Context = Memo;
    type Port<'a> = ();
    type Set = S;
}

/// As an actor.
impl ChartActor for Memo {
    type State = StateId;
    type Event = EventId;
    type Set = [u64; 16];
    type Params = ();

    const STOPS_WHEN_DONE: bool = false;
}

/// One step of a case.
#[derive(Clone, Copy)]
enum Deed {
    Send(EventId),
    Advance(u64),
}

/// Runs a case through the pure core, and through an actor.
///
/// # Errors
///
/// The first difference from what is expected, or what is wrong with the case.
pub fn run(case: &Value) -> Verdict {
    run_under(Semantics::XState, case)
}

/// Runs a case under other rules. One whose list of `quirks` is empty comes out alike under all.
///
/// # Errors
///
/// As [`run`].
pub fn run_under(semantics: Semantics, case: &Value) -> Verdict {
    let mut names = EventNames::default();
    let machine = Machine::read(case, semantics)?;
    let steps = case["steps"].as_array().ok_or("the case has no list `steps`")?;
    let deeds = steps.iter().map(|step| deed(step, &mut names)).collect::<Result<Vec<_>, _>>()?;
    let expected = case["expected"].as_array().ok_or("the case has no list `expected`")?;
    if expected.len() != deeds.len() + 1 {
        return Err(format!("{} steps need {} expectations, and there are {}", deeds.len(), deeds.len() + 1, expected.len()));
    }
    match machine.json.size() {
        ..=64 => run_pure::<u64>(&machine, &names, &deeds, expected),
        65..=256 => run_pure::<[u64; 4]>(&machine, &names, &deeds, expected),
        _ => run_pure::<[u64; 16]>(&machine, &names, &deeds, expected),
    }?;
    let actor = Alone::start(machine.definition(names, UNIT_TICKS)?, machine.memo()?);
    actor.and_then(|actor| play(actor, &deeds, expected)).map_err(|difference| format!("as an actor: {difference}"))
}

/// Runs a case with its machine imported, exported, and imported again.
///
/// # Errors
///
/// As [`run`]; or the chart cannot be exported.
pub fn run_exported(case: &Value) -> Verdict {
    let machine = Machine::read(case, Semantics::XState)?;
    let definition = machine.definition::<Pure<[u64; 16]>>(EventNames::default(), 1)?;
    let chart = definition.build().map_err(|error| error.to_string())?;
    let exported = XStateMachine::of(&chart).map_err(|error| error.to_string())?;
    let mut again = case.clone();
    again["machine"] = exported.json().clone();
    again["machine"]["context"] = machine.json.context().clone();
    run(&again)
}

fn run_pure<S: StateSet>(machine: &Machine<'_>, names: &EventNames, deeds: &[Deed], expected: &[Value]) -> Verdict {
    let chart = machine.definition::<Pure<S>>(names.clone(), 1)?.build().map_err(|error| error.to_string())?;
    let session = Session::start(Arc::new(chart), machine.memo()?).map_err(|error| format!("at start: {error}"))?;
    play(session, deeds, expected)
}

fn play(mut stage: impl Stage<Context = Memo, Event = EventId>, deeds: &[Deed], expected: &[Value]) -> Verdict {
    check(0, &mut stage, &expected[0])?;
    for (number, (deed, expected)) in deeds.iter().zip(&expected[1..]).enumerate() {
        let result = match *deed {
            Deed::Send(event) => stage.send_all(&[event]),
            Deed::Advance(ms) => stage.advance(ms),
        };
        result.map_err(|error| format!("step {}: {error}", number + 1))?;
        check(number + 1, &mut stage, expected)?;
    }
    Ok(())
}

fn check(number: usize, stage: &mut impl Stage<Context = Memo, Event = EventId>, expected: &Value) -> Verdict {
    let log = stage.context().take_log();
    let mut states = stage.states();
    states.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
    let status = match stage.status() {
        Status::New => "new",
        Status::Active => "active",
        Status::Done => "done",
    };
    let values = &stage.context().values;
    let differs = |field: &str, found: Value| {
        let wanted = &expected[field];
        if *wanted == found { Ok(()) } else { Err(format!("step {number}: {field} is {found} instead of {wanted}")) }
    };
    differs("configuration", states.into())?;
    let wanted = &expected["context"];
    if wanted.as_object().is_none_or(|wanted| wanted.len() != values.len()) || values.iter().any(|(key, value)| wanted[key] != *value) {
        return Err(format!("step {number}: context is {values:?} instead of {wanted}"));
    }
    differs("actions", log.into())?;
    differs("status", status.into())
}

fn deed(step: &Value, names: &mut EventNames) -> Result<Deed, String> {
    match (step["event"].as_str(), step["advance_ms"].as_u64()) {
        (Some(event), None) => Ok(Deed::Send(names.id(event))),
        (None, Some(ms)) => Ok(Deed::Advance(ms)),
        _ => Err(format!("a step is an event or an advance, not {step}")),
    }
}
