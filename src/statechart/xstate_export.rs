//! Charts as XState v5's machine JSON.
//!
//! # Model
//!
//! The other way round of the import, from the compiled tables: what is imported from the export steps as the chart
//! does. Guards and actions go by their names; those without one are named after their places.

use std::fmt;

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::chart::{Chart, NodeKind, Transition};
use super::definition::{History, Semantics};
use super::label::{Condition, Label, Named};
use super::model::Model;
use super::set::StateSet;
use super::xstate_json::XStateMachine;

/// Why a chart cannot be written as XState's JSON: all that JSON has no words for.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("chart `{chart}` cannot be written as XState's JSON:{}", .problems.iter().map(|problem| format!("\n- {problem}")).collect::<String>())]
#[non_exhaustive]
pub struct ExportError {
    /// The chart.
    pub chart: String,
    /// What it has that XState's JSON has not, in document order.
    pub problems: Vec<String>,
}

impl XStateMachine {
    /// Writes a chart as JSON, which [`Display`](fmt::Display) shows.
    ///
    /// Guards and actions appear under the names that they were given ([`Guard::named`](super::Guard::named),
    /// [`Actions::named`](super::Actions::named)), others under their places, and delays in ticks. Bound to the same
    /// functions, the machine steps as the chart does.
    ///
    /// # Errors
    ///
    /// [`ExportError`]: the chart defers events, gives out outputs, has initial states that are no children or history
    /// with actions, or follows SCXML's rules.
    ///
    /// # Examples
    ///
    /// ```
    /// use throng::statechart::{Actions, Chart, ChartEvent, Guard, Model, XStateMachine};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    /// enum State { Locked, Open }
    /// #[derive(Clone, ChartEvent)]
    /// enum Event { Coin, Push }
    /// struct Gate;
    /// impl Model for Gate {
    ///     type State = State; type Event = Event; type Context = u32; type Port<'a> = (); type Set = u64;
    /// }
    ///
    /// let chart = Chart::<Gate>::define("gate", |gate| {
    ///     gate.initial(State::Locked);
    ///     gate.state(State::Locked, |locked| {
    ///         let enough = Guard::test(|cents, _| *cents >= 50).named("enough");
    ///         locked.on(EventKind::Coin).go(State::Open).guard(enough).run(|cents, _, _| *cents = 0).named("empty");
    ///     });
    ///     gate.state(State::Open, |open| {
    ///         open.on(EventKind::Push).go(State::Locked);
    ///     });
    /// })
    /// .build()?;
    /// let machine = XStateMachine::of(&chart)?;
    /// assert_eq!(machine.json()["states"]["Locked"]["on"]["Coin"]["guard"], "enough");
    /// assert!(machine.to_string().contains("\"target\": \"#gate.Open\""));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of<M: Model>(chart: &Chart<M>) -> Result<Self, ExportError> {
        let mut problems = missing(chart);
        let writer = Writer { chart, keys: keys(chart) };
        let json = if problems.is_empty() { writer.state(0) } else { Value::Null };
        if writer.paths_meet() {
            problems.push("two states have one path: rename one of them".to_owned());
        }
        if problems.is_empty() { Ok(Self::from(json)) } else { Err(ExportError { chart: chart.name.clone(), problems }) }
    }
}

impl fmt::Display for XStateMachine {
    /// The JSON with line breaks and indents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.json())
    }
}

/// What JSON has no words for.
fn missing<M: Model>(chart: &Chart<M>) -> Vec<String> {
    let mut problems = Vec::new();
    if chart.semantics == Semantics::Scxml {
        problems.push("it follows SCXML's rules".to_owned());
    }
    for (at, node) in chart.states.iter().enumerate() {
        let state = &node.text;
        let is_child = |target: &u16| node.children.has((*target).into());
        let targets = chart.targets(&node.defaults);
        if node.output.is_some() {
            problems.push(format!("state `{state}` gives out an output"));
        }
        if node.kind == NodeKind::Compound && !(targets.len() == 1 && targets.iter().all(is_child)) {
            problems.push(format!("state `{state}` has an initial state that is no child of it, or several"));
        }
        if chart.masks.histories.has(at) && !node.initial.is_empty() {
            problems.push(format!("history state `{state}` has actions"));
        }
    }
    for (kind, deferrers) in chart.deferrers.iter().enumerate() {
        for state in deferrers.ascending() {
            problems.push(format!("state `{}` defers `{}`", chart.states[state].text, chart.kinds[kind]));
        }
    }
    problems
}

/// The keys that lead to the states: those they were imported with, or their names without dots. What looks like a
/// number gets a mark before it, since JavaScript puts such keys before all others.
fn keys<M: Model>(chart: &Chart<M>) -> Vec<String> {
    let plain = |text: &str| {
        let text = text.replace('.', "_");
        if text.bytes().all(|byte| byte.is_ascii_digit()) { format!("_{text}") } else { text }
    };
    chart.states.iter().map(|node| node.key.clone().unwrap_or_else(|| plain(&node.text))).collect()
}

struct Writer<'a, M: Model> {
    chart: &'a Chart<M>,
    keys: Vec<String>,
}

impl<M: Model> Writer<'_, M> {
    /// The machine's id and the keys that lead to a state.
    fn path(&self, at: usize) -> String {
        let above = self.chart.states[at].ancestors.ascending().chain([at]);
        above.map(|state| self.keys[state].as_str()).collect::<Vec<_>>().join(".")
    }

    fn paths_meet(&self) -> bool {
        let mut paths: Vec<_> = (0..self.keys.len()).map(|at| self.path(at)).collect();
        paths.sort_unstable();
        paths.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The id of a state: its path, if that is its name.
    fn id(&self, at: usize) -> String {
        let path = self.path(at);
        if at == 0 || self.chart.states[at].text == path { path } else { self.custom_id(at) }
    }

    fn custom_id(&self, at: usize) -> String {
        self.chart.states[at].text.replace('.', "_")
    }

    fn state(&self, at: usize) -> Value {
        let node = &self.chart.states[at];
        let mut json = Map::new();
        if at == 0 || self.id(at) != self.path(at) {
            json.insert("id".to_owned(), self.id(at).into());
        }
        let kind = match node.kind {
            NodeKind::Parallel => Some("parallel"),
            NodeKind::Final => Some("final"),
            NodeKind::History(..) => Some("history"),
            NodeKind::Atomic | NodeKind::Compound => None,
        };
        insert(&mut json, "type", kind.map_or(Value::Null, Value::from));
        if let NodeKind::History(depth, _) = node.kind {
            json.insert("history".to_owned(), if depth == History::Deep { "deep" } else { "shallow" }.into());
            insert(&mut json, "target", self.targets(&node.defaults));
            return json.into();
        }
        insert(&mut json, "initial", self.initial(at));
        insert(&mut json, "tags", self.chart.tags(M::Set::one(at)).into());
        insert(&mut json, "entry", self.actions(&node.entry, &format!("entry of {}", node.text)));
        insert(&mut json, "exit", self.actions(&node.exit, &format!("exit of {}", node.text)));
        insert(&mut json, "invoke", self.invokes(at));
        self.transitions(at, &mut json);
        let children = node.children.or(node.histories).ascending().map(|child| (self.keys[child].clone(), self.state(child)));
        insert(&mut json, "states", Value::Object(children.collect()));
        json.into()
    }

    fn initial(&self, at: usize) -> Value {
        let node = &self.chart.states[at];
        let &[initial] = self.chart.targets(&node.defaults) else { return Value::Null };
        let key = &self.keys[usize::from(initial)];
        match self.actions(&node.initial, &format!("initial of {}", node.text)) {
            Value::Array(actions) if !actions.is_empty() => json!({ "target": key, "actions": actions }),
            _ => key.as_str().into(),
        }
    }

    fn invokes(&self, at: usize) -> Value {
        let range = &self.chart.states[at].invokes;
        let labels = &self.chart.labels[range.start as usize..range.end as usize];
        let invoke = |label: &Label| {
            let Label::Invoke(number, source) = label else { return None };
            let mut json = json!({ "src": source.name, "id": self.chart.invokes[usize::from(*number)].name });
            if let Some(input) = &source.params {
                json["input"] = parsed(input);
            }
            Some(json)
        };
        labels.iter().filter_map(invoke).collect()
    }

    /// Adds `onDone`, `on`, `after` and `always`.
    fn transitions(&self, at: usize, json: &mut Map<String, Value>) {
        let chart = self.chart;
        let node = &chart.states[at];
        let (mut on, mut after, mut done) = (Map::new(), Map::new(), Vec::new());
        let always = &chart.candidates[node.always.start as usize..node.always.end as usize];
        let delays = &chart.delays[node.delays.start as usize..node.delays.end as usize];
        let own = chart.transitions.iter().enumerate().filter(|(_, transition)| usize::from(transition.source) == at);
        for (number, transition) in own.filter(|(number, _)| !always.contains(&(*number as u16))) {
            let written = self.transition(number, transition);
            let label = &*transition.label;
            let delay = delays.iter().find(|delay| chart.kinds[usize::from(delay.kind)] == label);
            if chart.kinds[usize::from(node.done)] == label {
                done.push(written);
            } else if let Some(delay) = delay {
                push(&mut after, &delay.key, written);
            } else {
                push(&mut on, label, written);
            }
        }
        let always = always.iter().map(|&number| self.transition(number.into(), &chart.transitions[usize::from(number)]));
        insert(json, "on", on.into_iter().map(|(event, written)| (event, single(written))).collect());
        insert(json, "after", after.into());
        insert(json, "always", always.collect());
        insert(json, "onDone", done.into());
    }

    fn transition(&self, number: usize, transition: &Transition<M>) -> Value {
        let mut json = Map::new();
        let place = format!("{} of {}", transition.label, self.chart.states[usize::from(transition.source)].text);
        insert(&mut json, "target", single(self.targets(&transition.targets)));
        if let Some(condition) = &self.chart.conditions[number] {
            json.insert("guard".to_owned(), self.condition(condition, &format!("guard {number}, {place}")));
        }
        insert(&mut json, "actions", self.actions(&transition.actions, &format!("action {number}, {place}")));
        if transition.reenter {
            json.insert("reenter".to_owned(), true.into());
        }
        json.into()
    }

    fn targets(&self, range: &std::ops::Range<u32>) -> Value {
        let targets = self.chart.targets(range).iter();
        targets.map(|&target| Value::from(format!("#{}", self.path(target.into())))).collect()
    }

    fn condition(&self, condition: &Condition, place: &str) -> Value {
        let all = |conditions: &[Condition]| -> Value {
            let each = conditions.iter().enumerate();
            each.map(|(number, condition)| self.condition(condition, &format!("{place}, part {}", number + 1))).collect()
        };
        match condition {
            Condition::Unnamed => place.into(),
            Condition::Named(name) => named(name),
            Condition::In(state) => json!({ "type": "in-state", "id": self.id((*state).into()) }),
            Condition::All(conditions) => json!({ "type": "and", "guards": all(conditions) }),
            Condition::Any(conditions) => json!({ "type": "or", "guards": all(conditions) }),
            Condition::Not(condition) => json!({ "type": "not", "guard": self.condition(condition, place) }),
        }
    }

    fn actions(&self, range: &std::ops::Range<u32>, place: &str) -> Value {
        let labels = self.chart.labels[range.start as usize..range.end as usize].iter().enumerate();
        labels.filter_map(|(number, label)| self.action(label, &format!("{place}, {}", number + 1))).collect()
    }

    fn action(&self, label: &Label, place: &str) -> Option<Value> {
        Some(match label {
            Label::Unnamed => place.into(),
            Label::Named(name) => named(name),
            Label::Cancel(id) => json!({ "type": "cancel", "params": { "id": id } }),
            Label::Raise { kind, delay, id } => {
                let mut params = json!({ "event": self.chart.kinds[*kind] });
                if let Some(delay) = delay {
                    params["delay"] = delay.parse::<u64>().map_or_else(|_| delay.as_str().into(), Value::from);
                }
                if let Some(id) = id {
                    params["id"] = id.as_str().into();
                }
                json!({ "type": "raise", "params": params })
            }
            Label::Part | Label::Invoke(..) => return None,
        })
    }
}

fn named(name: &Named) -> Value {
    let Some(params) = name.params.as_deref().map(parsed) else { return name.name.as_str().into() };
    // Parameters that stood beside the type.
    if params["type"] == name.name.as_str() { params } else { json!({ "type": name.name, "params": params }) }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// Adds what is not empty.
fn insert(json: &mut Map<String, Value>, key: &str, value: Value) {
    let is_empty = match &value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
        _ => false,
    };
    if !is_empty {
        json.insert(key.to_owned(), value);
    }
}

fn push(json: &mut Map<String, Value>, key: &str, value: Value) {
    if let Value::Array(values) = json.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
        values.push(value);
    }
}

/// A list of one as that one.
fn single(value: Value) -> Value {
    match value {
        Value::Array(mut values) if values.len() == 1 => values.swap_remove(0),
        value => value,
    }
}
