//! What the names in a recorded machine mean.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;
use throng::statechart::{ActionList, Actions, Bindings, Definition, EventId, EventNames, Guard, Model, Semantics, StateId, XStateMachine};

use super::Memo;

/// A recorded machine with the values of its names.
pub(super) struct Machine<'a> {
    pub(super) json: XStateMachine,
    labels: BTreeSet<String>,
    delays: &'a Value,
}

impl<'a> Machine<'a> {
    pub(super) fn read(case: &'a Value, semantics: Semantics) -> Result<Self, String> {
        let mut json = case["machine"].clone();
        if json["id"].as_str().is_none() {
            return Err("the case has no object `machine` with an id".to_owned());
        }
        write_out_guards(&mut json, &case["guards"]);
        let mut labels = BTreeSet::new();
        find_labels(&json, &mut labels);
        Ok(Machine { json: XStateMachine::from(json).semantics(semantics), labels, delays: &case["delays"] })
    }

    /// The initial context.
    pub(super) fn memo(&self) -> Result<Memo, String> {
        let mut memo = Memo::default();
        for (key, value) in self.json.context().as_object().into_iter().flatten() {
            let value = value.as_i64().ok_or_else(|| format!("context `{key}` is no integer"))?;
            memo.values.insert(key.clone(), value);
        }
        Ok(memo)
    }

    /// Writes the chart down, with so many ticks for a millisecond.
    pub(super) fn definition<M>(&self, names: EventNames, ms_ticks: u64) -> Result<Definition<M>, String>
    where
        M: Model<State = StateId, Event = EventId, Context = Memo>,
    {
        let names = Rc::new(RefCell::new(names));
        let definition = self.json.define(&self.bindings::<M>(names.clone()), ms_ticks).map_err(|error| error.to_string())?;
        Ok(definition.event_names(names.take()))
    }

    fn bindings<M>(&self, names: Rc<RefCell<EventNames>>) -> Bindings<M>
    where
        M: Model<State = StateId, Event = EventId, Context = Memo>,
    {
        let bindings = Bindings::<M>::new(move |name| Some(names.borrow_mut().id(name)));
        let bindings = bindings.guard_from("ctx", comparison).action_from("assign", assign);
        let bindings = self.labels.iter().fold(bindings, |bindings, label| {
            let text: Arc<str> = label.trim_start_matches(LOG).into();
            bindings.action_from(label, move |_, actions| {
                let text = text.clone();
                actions.effect(move |memo, _, _| memo.log(&text));
                Ok(())
            })
        });
        self.delays.as_object().into_iter().flatten().fold(bindings, |bindings, (name, ms)| match ms.as_u64() {
            Some(ms) => bindings.delay(name, move |_| ms),
            None => bindings,
        })
    }
}

/// Puts guards in the place of their names.
fn write_out_guards(json: &mut Value, guards: &Value) {
    let replace = |guard: &mut Value| {
        if let Some(written) = guard.as_str().and_then(|name| guards.get(name)) {
            *guard = written.clone();
        }
    };
    match json {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), &mut *value) {
                    ("guard", guard) => replace(guard),
                    ("guards", Value::Array(guards)) => guards.iter_mut().for_each(replace),
                    _ => {}
                }
                write_out_guards(value, guards);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| write_out_guards(value, guards)),
        _ => {}
    }
}

/// What the names of logging actions begin with; the rest is what they log.
const LOG: &str = "log:";

fn find_labels(json: &Value, labels: &mut BTreeSet<String>) {
    match json {
        Value::String(text) if text.starts_with(LOG) => drop(labels.insert(text.clone())),
        Value::Object(object) => object.values().for_each(|value| find_labels(value, labels)),
        Value::Array(values) => values.iter().for_each(|value| find_labels(value, labels)),
        _ => {}
    }
}

fn key_and_value(params: &Value) -> Result<(String, i64), String> {
    match (params["key"].as_str(), params["value"].as_i64()) {
        (Some(key), Some(value)) => Ok((key.to_owned(), value)),
        _ => Err(format!("{params} lacks a key or an integer")),
    }
}

fn comparison<M: Model<Context = Memo>>(params: &Value) -> Result<Guard<M>, String> {
    let holds: fn(i64, i64) -> bool = match params["op"].as_str() {
        Some("eq") => |a, b| a == b,
        Some("ne") => |a, b| a != b,
        Some("lt") => |a, b| a < b,
        Some("le") => |a, b| a <= b,
        Some("gt") => |a, b| a > b,
        Some("ge") => |a, b| a >= b,
        _ => return Err(format!("{params} compares in no known way")),
    };
    let (key, value) = key_and_value(params)?;
    Ok(Guard::test(move |memo: &Memo, _| memo.values.get(&key).is_some_and(|found| holds(*found, value))))
}

fn assign<M: Model<Context = Memo>>(params: &Value, actions: &mut ActionList<M>) -> Result<(), String> {
    let (key, value) = key_and_value(params)?;
    match params["op"].as_str() {
        Some("inc") => drop(actions.run(move |memo, _, _| *memo.values.entry(key.clone()).or_default() += value)),
        Some("set") => drop(actions.run(move |memo, _, _| {
            memo.values.insert(key.clone(), value);
        })),
        _ => return Err(format!("{params} does nothing known")),
    }
    Ok(())
}
