//! Statecharts recorded from XState v5.

mod machine;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use throng::statechart::{Configuration, EventId, EventNames, Model, Session, StateSet, Status};

use crate::report::Verdict;
use machine::{Id, Machine};

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
    type State = Id;
    type Event = EventId;
    type Context = Memo;
    type Port<'a> = ();
    type Set = S;
}

/// One step of a case.
#[derive(Clone, Copy)]
enum Deed {
    Send(EventId),
    Advance(u64),
}

/// Runs a case through the pure core.
///
/// # Errors
///
/// The first difference from what is expected, or what is wrong with the case.
pub fn run(case: &Value) -> Verdict {
    let mut names = EventNames::default();
    let machine = Machine::read(case)?;
    let steps = case["steps"].as_array().ok_or("the case has no list `steps`")?;
    let deeds = steps.iter().map(|step| deed(step, &mut names)).collect::<Result<Vec<_>, _>>()?;
    let expected = case["expected"].as_array().ok_or("the case has no list `expected`")?;
    if expected.len() != deeds.len() + 1 {
        return Err(format!("{} steps need {} expectations, and there are {}", deeds.len(), deeds.len() + 1, expected.len()));
    }
    match machine.size() {
        ..=64 => run_pure::<u64>(&machine, names, &deeds, expected),
        ..=256 => run_pure::<[u64; 4]>(&machine, names, &deeds, expected),
        _ => run_pure::<[u64; 32]>(&machine, names, &deeds, expected),
    }
}

fn deed(step: &Value, names: &mut EventNames) -> Result<Deed, String> {
    match (step["event"].as_str(), step["advance_ms"].as_u64()) {
        (Some(event), None) => Ok(Deed::Send(names.id(event))),
        (None, Some(ms)) => Ok(Deed::Advance(ms)),
        _ => Err(format!("a step is an event or an advance, not {step}")),
    }
}

fn run_pure<S: StateSet>(machine: &Machine<'_>, names: EventNames, deeds: &[Deed], expected: &[Value]) -> Verdict {
    let chart = Arc::new(machine.chart::<Pure<S>>(names)?);
    let mut session = Session::start(chart, machine.memo()?).map_err(|error| format!("at start: {error}"))?;
    check(0, &mut session, &expected[0])?;
    for (number, (deed, expected)) in deeds.iter().zip(&expected[1..]).enumerate() {
        let result = match *deed {
            Deed::Send(event) => session.send(event),
            Deed::Advance(ms) => session.advance(ms),
        };
        result.map_err(|error| format!("step {}: {error}", number + 1))?;
        check(number + 1, &mut session, expected)?;
    }
    Ok(())
}

fn check<S: StateSet>(number: usize, session: &mut Session<Pure<S>>, expected: &Value) -> Verdict {
    let log = session.context_mut().take_log();
    let chart = session.chart().clone();
    let names = chart.names(session.configuration().states());
    compare(number, &names, status(session.configuration()), &session.context().values, &log, expected)
}

fn status<M: Model>(configuration: &Configuration<M>) -> &'static str {
    match configuration.status() {
        Status::New => "new",
        Status::Active => "active",
        Status::Done => "done",
    }
}

/// Compares all four fields of an expectation.
fn compare(number: usize, states: &[&str], status: &str, values: &BTreeMap<String, i64>, log: &[String], expected: &Value) -> Verdict {
    let mut states: Vec<&str> = states.to_vec();
    states.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
    let differs = |field: &str, found: Value| {
        let wanted = &expected[field];
        if *wanted == found { Ok(()) } else { Err(format!("step {number}: {field} is {found} instead of {wanted}")) }
    };
    differs("configuration", states.into())?;
    if expected["context"].as_object().is_none_or(|wanted| wanted.len() != values.len())
        || values.iter().any(|(key, value)| expected["context"][key] != *value)
    {
        return Err(format!("step {number}: context is {values:?} instead of {}", expected["context"]));
    }
    differs("actions", log.into())?;
    differs("status", status.into())
}
