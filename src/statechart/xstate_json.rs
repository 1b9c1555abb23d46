//! Charts from XState v5's machine JSON.
//!
//! # Model
//!
//! JSON holds the states and transitions; guards, actions and delays are names in it, which [`Bindings`] ties to
//! functions. Everything wrong, and every name without a function, is collected and told together, each with its place
//! in the JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use super::chart::Chart;
use super::definition::{ActionList, Actions, Definition, Guard, History, Semantics, StateDef, TransitionDef};
use super::label::{Label, Named};
use super::model::{ChartEvent, EventKind, Model, Step, Trigger};
use super::state_id::StateId;

type Object = Map<String, Value>;
type GuardMaker<M> = dyn Fn(&Value) -> Result<Guard<M>, String>;
type ActionMaker<M> = dyn Fn(&Value, &mut ActionList<M>) -> Result<(), String>;
type DelayFn<M> = Arc<dyn Fn(&<M as Model>::Context) -> u64 + Send + Sync>;
type ActorMaker<M> = dyn Fn(&Value, &str, &mut StateDef<M>) -> Result<(), String>;
type EventFn<M> = dyn Fn(&str) -> Option<<M as Model>::Event>;

/// Why a machine could not be read: all that is wrong with it.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the machine cannot be read:{}", .problems.iter().map(|problem| format!("\n- {problem}")).collect::<String>())]
#[non_exhaustive]
pub struct ImportError {
    /// What is wrong, in document order.
    pub problems: Vec<ImportProblem>,
}

/// One thing that is wrong with a machine's JSON. Places are paths in it, as `states.red.on.NEXT[0].guard`.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportProblem {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    Syntax(String),
    /// Something is not what it should be.
    #[error("at `{place}`: {what}")]
    Wrong {
        /// Where.
        place: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A name that nothing is bound to.
    #[error("at `{place}`: the {kind} `{name}` is not bound: give `Bindings` a function for it")]
    Unbound {
        /// Where it is named first.
        place: String,
        /// What it names.
        kind: &'static str,
        /// The name.
        name: String,
    },
}

/// What the names in a machine's JSON mean. A name bound twice means what it was bound to last.
pub struct Bindings<M: Model> {
    guards: BTreeMap<String, Box<GuardMaker<M>>>,
    actions: BTreeMap<String, Box<ActionMaker<M>>>,
    delays: BTreeMap<String, DelayFn<M>>,
    actors: BTreeMap<String, Box<ActorMaker<M>>>,
    events: Box<EventFn<M>>,
}

impl<M: Model> Bindings<M> {
    /// Bindings with a function that makes the events that the machine itself raises, by name. `None` is an error that
    /// names the event.
    pub fn new(events: impl Fn(&str) -> Option<M::Event> + 'static) -> Self {
        Self {
            guards: BTreeMap::new(),
            actions: BTreeMap::new(),
            delays: BTreeMap::new(),
            actors: BTreeMap::new(),
            events: Box::new(events),
        }
    }

    /// Binds a guard.
    #[must_use]
    pub fn guard(self, name: &str, test: impl Fn(&M::Context, &Trigger<'_, M::Event>) -> bool + Send + Sync + Clone + 'static) -> Self {
        self.guard_from(name, move |_| Ok(Guard::test(test.clone())))
    }

    /// Binds a guard that is made from its `params`; without them, from the whole object, or `null` for a mere name. An
    /// error of `make` is told with the place.
    #[must_use]
    pub fn guard_from(mut self, name: &str, make: impl Fn(&Value) -> Result<Guard<M>, String> + 'static) -> Self {
        self.guards.insert(name.to_owned(), Box::new(make));
        self
    }

    /// Binds an action that may change the context.
    #[must_use]
    pub fn action(
        self,
        name: &str,
        run: impl Fn(&mut M::Context, &Trigger<'_, M::Event>, &mut Step<'_, M>) + Send + Sync + Clone + 'static,
    ) -> Self {
        self.action_from(name, move |_, actions| {
            actions.run(run.clone());
            Ok(())
        })
    }

    /// Binds an action that is made from its `params`, as [`Bindings::guard_from`] says: `make` adds to the list.
    #[must_use]
    pub fn action_from(mut self, name: &str, make: impl Fn(&Value, &mut ActionList<M>) -> Result<(), String> + 'static) -> Self {
        self.actions.insert(name.to_owned(), Box::new(make));
        self
    }

    /// Binds a delay in milliseconds.
    #[must_use]
    pub fn delay(mut self, name: &str, ms: impl Fn(&M::Context) -> u64 + Send + Sync + 'static) -> Self {
        self.delays.insert(name.to_owned(), Arc::new(ms));
        self
    }

    /// Binds what a state invokes: `write` gets the invocation's id and the state, and calls one of its `invoke` methods with
    /// that id.
    #[must_use]
    pub fn actor(self, source: &str, write: impl Fn(&str, &mut StateDef<M>) + 'static) -> Self {
        self.actor_from(source, move |_, id, state| {
            write(id, state);
            Ok(())
        })
    }

    /// As [`Bindings::actor`], with the invocation's `input`, or `null`. An error is told with the place.
    #[must_use]
    pub fn actor_from(mut self, source: &str, write: impl Fn(&Value, &str, &mut StateDef<M>) -> Result<(), String> + 'static) -> Self {
        self.actors.insert(source.to_owned(), Box::new(write));
        self
    }
}

impl<M: Model> Debug for Bindings<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bindings")
            .field("guards", &self.guards.keys())
            .field("actions", &self.actions.keys())
            .field("delays", &self.delays.keys())
            .field("actors", &self.actors.keys())
            .finish_non_exhaustive()
    }
}

/// A machine as XState v5 writes it in JSON.
///
/// Read are: `id`, `initial`, `type`, `states`, `on`, `always`, `after`, `onDone`, `entry`, `exit`, `history`, `target`,
/// `tags`, `invoke`, and of transitions `target`, `guard`, `actions`, `reenter`. Guards may be combined: `{"type": "and", "guards":
/// [..]}`, `or`, `{"type": "not", "guard": ..}`, and `{"type": "in-state", "id": ..}`. The actions `raise` and `cancel`
/// are the chart's own; all others are bound by name, and so is what `invoke` names as its `src`. `output` is an error: write
/// it in Rust.
///
/// # Examples
///
/// ```
/// use throng::statechart::{Bindings, ChartEvent, Model, Session, StateId, XStateMachine};
///
/// #[derive(Clone, ChartEvent)]
/// enum Event {
///     #[event("COIN")]
///     Coin(u32),
///     #[event("PUSH")]
///     Push,
/// }
///
/// struct Gate;
/// impl Model for Gate {
///     type State = StateId;
///     type Event = Event;
///     type Context = u32; // cents
///     type Port<'a> = ();
///     type Set = u64;
/// }
///
/// let machine = XStateMachine::parse(r#"{
///     "id": "gate", "initial": "locked",
///     "states": {
///         "locked": { "on": { "COIN": [{ "target": "open", "guard": "enough", "actions": "keep" }, { "actions": "keep" }] } },
///         "open": { "on": { "PUSH": "locked" }, "after": { "patience": "locked" }, "tags": "passable" }
///     }
/// }"#)?;
/// let bindings = Bindings::<Gate>::new(|_| None)
///     .guard("enough", |cents, trigger| matches!(trigger.event(), Some(Event::Coin(coin)) if cents + coin >= 50))
///     .action("keep", |cents, trigger, _| {
///         if let Some(Event::Coin(coin)) = trigger.event() {
///             *cents += coin;
///         }
///     })
///     .delay("patience", |_| 5_000);
/// let chart = machine.define(&bindings, 1)?.build()?;
///
/// let mut gate = Session::start(chart.into(), 0)?;
/// gate.send(Event::Coin(20))?;
/// gate.send(Event::Coin(30))?;
/// assert!(gate.has_tag("passable"));
/// gate.advance(5_000)?;
/// assert_eq!(gate.active(), [StateId::from("gate.locked")]);
///
/// // What is missing is told together, with its places.
/// let error = machine.define(&Bindings::<Gate>::new(|_| None), 1).unwrap_err();
/// assert!(error.to_string().contains("at `states.locked.on.COIN[0].guard`: the guard `enough` is not bound"));
/// assert_eq!(error.problems.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct XStateMachine {
    json: Value,
    semantics: Semantics,
}

impl XStateMachine {
    /// Reads JSON text.
    ///
    /// # Errors
    ///
    /// It is no JSON; line and column are named.
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        let json = serde_json::from_str::<Value>(text);
        json.map(Self::from).map_err(|error| ImportError { problems: vec![ImportProblem::Syntax(error.to_string())] })
    }

    /// Chooses the rules. Default: XState's. Under SCXML's the chart's own events lose their prefix `xstate.`.
    #[must_use]
    pub fn semantics(mut self, semantics: Semantics) -> Self {
        self.semantics = semantics;
        self
    }

    /// How many states there are, the root and history states included: what [`Model::Set`] must hold.
    #[must_use]
    pub fn size(&self) -> usize {
        fn count(state: &Value) -> usize {
            1 + state["states"].as_object().into_iter().flat_map(Map::values).map(count).sum::<usize>()
        }
        count(&self.json)
    }

    /// The machine's JSON.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The initial context as it is written, `null` if there is none.
    #[must_use]
    pub fn context(&self) -> &Value {
        &self.json["context"]
    }

    /// Writes the chart down, with so many ticks for a millisecond. States that cannot be reached and the like pass, as
    /// [`Definition::lenient`] says.
    ///
    /// # Errors
    ///
    /// [`ImportError`] lists all that is wrong, and all names that are not bound, each with its place.
    pub fn define<M: Model<State = StateId>>(&self, bindings: &Bindings<M>, ms_ticks: u64) -> Result<Definition<M>, ImportError>
    where
        M::Event: Clone,
    {
        let mut writer =
            Writer { nodes: Vec::new(), ids: BTreeMap::new(), semantics: self.semantics, bindings, ms_ticks, problems: Vec::new() };
        let id = self.json["id"].as_str().unwrap_or("(machine)");
        writer.add(&self.json, id, String::new(), 0);
        let definition = Chart::<M>::define(&writer.nodes[0].id.clone(), |root| writer.state(0, root));
        if writer.problems.is_empty() {
            Ok(definition.semantics(self.semantics).lenient())
        } else {
            Err(ImportError { problems: writer.problems })
        }
    }
}

impl From<Value> for XStateMachine {
    fn from(json: Value) -> Self {
        Self { json, semantics: Semantics::default() }
    }
}

/// What a state may say. What says nothing about behaviour is passed over.
const STATE_KEYS: [&str; 20] = [
    "id",
    "initial",
    "type",
    "states",
    "on",
    "always",
    "after",
    "onDone",
    "entry",
    "exit",
    "history",
    "target",
    "tags",
    "invoke",
    "context",
    "meta",
    "description",
    "version",
    "key",
    "order",
];
const INVOKE_KEYS: [&str; 5] = ["src", "id", "input", "onDone", "onError"];
const TRANSITION_KEYS: [&str; 7] = ["target", "guard", "actions", "reenter", "meta", "description", "eventType"];

struct Node<'a> {
    json: &'a Object,
    id: Arc<str>,
    /// Its place in the JSON.
    place: String,
    parent: usize,
    children: Vec<(&'a str, usize)>,
}

/// Writes a chart down.
struct Writer<'a, M: Model> {
    /// In document order: the root is the first.
    nodes: Vec<Node<'a>>,
    /// Ids that targets may begin with.
    ids: BTreeMap<&'a str, usize>,
    semantics: Semantics,
    bindings: &'a Bindings<M>,
    ms_ticks: u64,
    problems: Vec<ImportProblem>,
}

/// One or a list, each with its place.
fn list<'v>(value: Option<&'v Value>, place: &str) -> Vec<(&'v Value, String)> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.iter().enumerate().map(|(at, value)| (value, format!("{place}[{at}]"))).collect(),
        Some(value) => vec![(value, place.to_owned())],
    }
}

/// The place of something inside.
fn inside(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

/// The name of a guard or an action, and its parameters: `params`, or what stands beside the type.
fn named(value: &Value) -> Option<(&str, &Value)> {
    match value {
        Value::String(name) => Some((name, &Value::Null)),
        value => Some((value["type"].as_str()?, value.get("params").unwrap_or(value))),
    }
}

fn label(name: &str, params: &Value) -> Named {
    Named { name: name.to_owned(), params: (!params.is_null()).then(|| params.to_string()) }
}

impl<'a, M: Model<State = StateId>> Writer<'a, M>
where
    M::Event: Clone,
{
    fn wrong(&mut self, place: &str, what: impl Into<String>) {
        self.problems.push(ImportProblem::Wrong { place: place.to_owned(), what: what.into() });
    }

    /// Tells of a name once.
    fn unbound(&mut self, place: &str, kind: &'static str, name: &str) {
        let known = |problem: &ImportProblem| matches!(problem, ImportProblem::Unbound { kind: k, name: n, .. } if *k == kind && n == name);
        if !self.problems.iter().any(known) {
            self.problems.push(ImportProblem::Unbound { place: place.to_owned(), kind, name: name.to_owned() });
        }
    }

    fn check_keys(&mut self, json: &Object, known: &[&str], place: &str) {
        for key in json.keys().filter(|key| !known.contains(&key.as_str())) {
            self.wrong(&inside(place, key), "this is not read: strike it out, or write it in Rust");
        }
    }

    /// Adds a state and all below it. What is no object counts as an empty one.
    fn add(&mut self, json: &'a Value, path: &str, place: String, parent: usize) -> usize {
        static EMPTY: std::sync::LazyLock<Object> = std::sync::LazyLock::new(Object::new);
        let at = self.nodes.len();
        let json = json.as_object().unwrap_or_else(|| {
            self.wrong(&place, "a state is an object");
            &EMPTY
        });
        self.check_keys(json, &STATE_KEYS, &place);
        let custom = json.get("id").and_then(Value::as_str);
        if let Some(id) = custom {
            self.ids.insert(id, at);
        }
        self.nodes.push(Node { json, id: custom.unwrap_or(path).into(), place: place.clone(), parent, children: Vec::new() });
        for (key, child) in json.get("states").and_then(Value::as_object).into_iter().flatten() {
            let child = self.add(child, &format!("{path}.{key}"), inside(&inside(&place, "states"), key), at);
            self.nodes[at].children.push((key, child));
        }
        at
    }

    fn below(&self, from: usize, path: &str) -> Option<usize> {
        path.split('.').try_fold(from, |at, key| Some(self.nodes[at].children.iter().find(|(name, _)| *name == key)?.1))
    }

    /// Resolves a target that is written in the state `source`.
    fn resolve(&self, source: usize, text: &str) -> Option<usize> {
        if let Some(absolute) = text.strip_prefix('#') {
            let (id, path) = absolute.split_once('.').map_or((absolute, None), |(id, path)| (id, Some(path)));
            let start = *self.ids.get(id)?;
            return path.map_or(Some(start), |path| self.below(start, path));
        }
        match text.strip_prefix('.') {
            Some(path) => self.below(source, path),
            None => self.below(self.nodes[source].parent, text),
        }
    }

    fn name(&self, at: usize) -> StateId {
        StateId::from(self.nodes[at].id.clone())
    }

    fn get(&self, at: usize, key: &str) -> (Option<&'a Value>, String) {
        let node = &self.nodes[at];
        (node.json.get(key), inside(&node.place, key))
    }

    fn text(&self, at: usize, key: &str) -> Option<&'a str> {
        self.nodes[at].json.get(key).and_then(Value::as_str)
    }

    fn state(&mut self, at: usize, state: &mut StateDef<M>) {
        if at == 0 && self.text(at, "type") == Some("parallel") {
            state.regions();
        }
        let (tags, place) = self.get(at, "tags");
        for (tag, place) in list(tags, &place) {
            match tag.as_str() {
                Some(tag) => state.tag(tag),
                None => self.wrong(&place, "a tag is a text"),
            }
        }
        let (entry, place) = self.get(at, "entry");
        self.actions(entry, &place, state.entry());
        let (exit, place) = self.get(at, "exit");
        self.actions(exit, &place, state.exit());
        self.initial(at, state);
        self.invokes(at, state);
        self.on(at, state);
        self.after(at, state);
        let (always, place) = self.get(at, "always");
        for (transition, place) in list(always, &place) {
            self.transition(at, transition, &place, state.always());
        }
        for (key, child) in self.nodes[at].children.clone() {
            self.child(child, state);
            if let Some(child) = state.children.last_mut() {
                child.key = Some(key.to_owned());
            }
        }
    }

    fn initial(&mut self, at: usize, state: &mut StateDef<M>) {
        let (initial, place) = self.get(at, "initial");
        let (key, actions) = match initial {
            None => return,
            Some(Value::Object(initial)) => (initial.get("target").and_then(Value::as_str), initial.get("actions")),
            Some(key) => (key.as_str(), None),
        };
        match key.and_then(|key| self.below(at, key.trim_start_matches('.'))) {
            Some(child) => self.actions(actions, &inside(&place, "actions"), state.initial(self.name(child))),
            None => self.wrong(&place, "there is no such child: name a key of `states`"),
        }
    }

    fn child(&mut self, at: usize, parent: &mut StateDef<M>) {
        let name = self.name(at);
        match self.text(at, "type") {
            Some("parallel") => parent.parallel(name, |state| self.state(at, state)),
            Some("final") => parent.end(name, |state| self.state(at, state)),
            Some("history") => self.history(at, parent),
            None | Some("atomic" | "compound") => parent.state(name, |state| self.state(at, state)),
            Some(_) => {
                let (_, place) = self.get(at, "type");
                self.wrong(&place, "a state is atomic, compound, parallel, final or history");
            }
        }
    }

    fn history(&mut self, at: usize, parent: &mut StateDef<M>) {
        let depth = if self.text(at, "history") == Some("deep") { History::Deep } else { History::Shallow };
        let (targets, place) = self.get(at, "target");
        let mut defaults = Vec::new();
        for (target, place) in list(targets, &place) {
            // A default is a sibling, or named by its id.
            let found = target.as_str().and_then(|text| self.resolve(at, text));
            match found {
                Some(target) => defaults.push(target),
                None => self.wrong(&place, format!("there is no state {target}")),
            }
        }
        if defaults == [0] {
            parent.history_of_root(self.name(at), depth);
        } else {
            let defaults: Vec<StateId> = defaults.into_iter().map(|target| self.name(target)).collect();
            parent.history(self.name(at), depth, defaults);
        }
    }

    fn on(&mut self, at: usize, state: &mut StateDef<M>) {
        let (done, done_place) = self.get(at, "onDone");
        let done_name = format!("xstate.done.state.{}", self.nodes[at].id);
        let own_prefix = if self.semantics == Semantics::Scxml { "xstate." } else { "" };
        let (on, place) = self.get(at, "on");
        for (descriptor, transitions) in on.and_then(Value::as_object).into_iter().flatten() {
            // As in XState, `onDone` takes its place.
            if done.is_some() && *descriptor == done_name {
                continue;
            }
            for (transition, place) in list(Some(transitions), &inside(&place, descriptor)) {
                let written = state.on_named(descriptor.strip_prefix(own_prefix).unwrap_or(descriptor));
                self.transition(at, transition, &place, written);
            }
        }
        for (transition, place) in list(done, &done_place) {
            self.transition(at, transition, &place, state.on_done());
        }
    }

    fn invokes(&mut self, at: usize, state: &mut StateDef<M>) {
        let (invokes, place) = self.get(at, "invoke");
        for (number, (invoke, place)) in list(invokes, &place).into_iter().enumerate() {
            let (Some(object), Some(source)) = (invoke.as_object(), invoke["src"].as_str()) else {
                self.wrong(&place, "`invoke` is an object with a name as its `src`");
                continue;
            };
            self.check_keys(object, &INVOKE_KEYS, &place);
            let id = invoke["id"].as_str().map_or_else(|| format!("{number}.{}", self.nodes[at].id), str::to_owned);
            self.invoke(source, &invoke["input"], &id, &place, state);
            for (transition, place) in list(object.get("onDone"), &inside(&place, "onDone")) {
                self.transition(at, transition, &place, state.on_invoke_done(&id));
            }
            for (transition, place) in list(object.get("onError"), &inside(&place, "onError")) {
                self.transition(at, transition, &place, state.on_invoke_error(&id));
            }
        }
    }

    fn invoke(&mut self, source: &str, input: &Value, id: &str, place: &str, state: &mut StateDef<M>) {
        let Some(write) = self.bindings.actors.get(source) else {
            return self.unbound(&inside(place, "src"), "actor", source);
        };
        if let Err(error) = write(input, id, state) {
            return self.wrong(place, error);
        }
        match state.invokes.last_mut().filter(|invoke| invoke.name == id) {
            Some(invoke) => invoke.source = label(source, input),
            None => self.wrong(place, format!("the binding of `{source}` must invoke something as `{id}`")),
        }
    }

    /// Numeric keys go first, in their order.
    fn after(&mut self, at: usize, state: &mut StateDef<M>) {
        let (after, place) = self.get(at, "after");
        let mut after: Vec<_> = after.and_then(Value::as_object).into_iter().flatten().collect();
        after.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
        for (key, transitions) in after {
            let place = inside(&place, key);
            let Some(ticks) = self.ticks(&Value::String(key.clone()), &place) else { continue };
            for (transition, place) in list(Some(transitions), &place) {
                let ticks = ticks.clone();
                self.transition(at, transition, &place, state.after_named(key, move |context| ticks(context)));
            }
        }
    }

    /// A delay in ticks: a number of milliseconds, or a name.
    fn ticks(&mut self, delay: &Value, place: &str) -> Option<DelayFn<M>> {
        let ms_ticks = self.ms_ticks;
        if let Some(ms) = delay.as_u64().or_else(|| delay.as_str()?.parse().ok()) {
            let ticks = ms.saturating_mul(ms_ticks);
            return Some(Arc::new(move |_| ticks));
        }
        let Some(name) = delay.as_str() else {
            self.wrong(place, "a delay is a whole number of milliseconds, or a name");
            return None;
        };
        let Some(ms) = self.bindings.delays.get(name).cloned() else {
            self.unbound(place, "delay", name);
            return None;
        };
        Some(Arc::new(move |context| ms(context).saturating_mul(ms_ticks)))
    }

    fn transition(&mut self, at: usize, json: &Value, place: &str, transition: &mut TransitionDef<M>) {
        let Some(object) = json.as_object() else {
            return self.target(at, json, place, transition);
        };
        self.check_keys(object, &TRANSITION_KEYS, place);
        for (target, place) in list(object.get("target"), &inside(place, "target")) {
            self.target(at, target, &place, transition);
        }
        if let Some(guard) = object.get("guard")
            && let Some(guard) = self.guard(guard, &inside(place, "guard"))
        {
            transition.guard(guard);
        }
        if object.get("reenter").and_then(Value::as_bool) == Some(true) {
            transition.reenter();
        }
        self.actions(object.get("actions"), &inside(place, "actions"), transition.actions());
    }

    fn target(&mut self, at: usize, target: &Value, place: &str, transition: &mut TransitionDef<M>) {
        match target.as_str().and_then(|text| self.resolve(at, text)) {
            Some(0) => {
                transition.go_root();
            }
            Some(target) => {
                transition.go(self.name(target));
            }
            None => self.wrong(place, format!("there is no state {target}: name a sibling, `.child`, or `#id`")),
        }
    }

    fn guard(&mut self, guard: &Value, place: &str) -> Option<Guard<M>> {
        let Some((name, params)) = named(guard) else {
            self.wrong(place, "a guard is a name, or an object with a `type`");
            return None;
        };
        if let Some(make) = self.bindings.guards.get(name) {
            let guard = make(params).map_err(|error| self.wrong(place, error)).ok()?;
            return Some(guard.labelled(label(name, params)));
        }
        match name {
            "and" => Some(Guard::all(self.guards(&guard["guards"], place))),
            "or" => Some(Guard::any(self.guards(&guard["guards"], place))),
            "not" => Some(!self.guard(&guard["guard"], &inside(place, "guard"))?),
            "in-state" => self.in_state(guard, place),
            name => {
                self.unbound(place, "guard", name);
                None
            }
        }
    }

    fn guards(&mut self, guards: &Value, place: &str) -> Vec<Guard<M>> {
        let guards = list(Some(guards), &inside(place, "guards"));
        guards.into_iter().filter_map(|(guard, place)| self.guard(guard, &place)).collect()
    }

    fn in_state(&mut self, guard: &Value, place: &str) -> Option<Guard<M>> {
        let id = guard["id"].as_str().map(|id| id.trim_start_matches('#'));
        match id.and_then(|id| self.nodes.iter().position(|node| &*node.id == id)) {
            Some(0) => Some(Guard::is_in_root()),
            Some(state) => Some(Guard::is_in(self.name(state))),
            None => {
                self.wrong(place, "there is no state of this `id`");
                None
            }
        }
    }

    fn actions(&mut self, json: Option<&Value>, place: &str, actions: &mut ActionList<M>) {
        for (action, place) in list(json, place) {
            let Some((name, params)) = named(action) else {
                self.wrong(&place, "an action is a name, or an object with a `type`");
                continue;
            };
            match (self.bindings.actions.get(name), name.strip_prefix("xstate.").unwrap_or(name)) {
                (Some(make), _) => {
                    let first = actions.0.len();
                    if let Err(error) = make(params, actions) {
                        self.wrong(&place, error);
                    }
                    let labels = std::iter::once(Label::Named(label(name, params))).chain(std::iter::repeat(Label::Part));
                    actions.0[first..].iter_mut().zip(labels).for_each(|(action, label)| action.1 = label);
                }
                (None, "raise") => self.raise(params, &place, actions),
                (None, "cancel") => match params["id"].as_str().or_else(|| params["sendId"].as_str()) {
                    Some(id) => drop(actions.cancel(Arc::<str>::from(id))),
                    None => self.wrong(&place, "`cancel` needs the `id` of a raise"),
                },
                (None, _) => self.unbound(&place, "action", name),
            }
        }
    }

    fn raise(&mut self, params: &Value, place: &str, actions: &mut ActionList<M>) {
        let Some(name) = params["event"].as_str().or_else(|| params["event"]["type"].as_str()) else {
            return self.wrong(place, "`raise` needs an `event`");
        };
        let Some(event) = (self.bindings.events)(name) else {
            return self.unbound(place, "event", name);
        };
        let Some(delay) = params.get("delay") else {
            actions.raise(event);
            return;
        };
        let Some(ticks) = self.ticks(delay, &inside(place, "delay")) else { return };
        let id = params["id"].as_str();
        let delay = delay.as_str().map_or_else(|| delay.to_string(), str::to_owned);
        let label = Label::Raise { kind: event.kind().index(), delay: Some(delay), id: id.map(str::to_owned) };
        match id.map(Arc::<str>::from) {
            Some(id) => actions.effect(move |context, _, step| step.raise_named(id.clone(), ticks(context), event.clone())),
            None => actions.effect(move |context, _, step| step.raise_after(ticks(context), event.clone())),
        };
        actions.label(label);
    }
}
