//! From a recorded machine to a chart.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use throng::statechart::{Actions, Chart, Definition, EventId, EventNames, Guard, History, Model, Semantics, StateDef, TransitionDef};

use super::Memo;

type Object = Map<String, Value>;

/// A state by its id.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Id(Arc<str>);

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Node<'a> {
    json: &'a Object,
    id: Arc<str>,
    parent: usize,
    children: Vec<(&'a str, usize)>,
}

/// A recorded machine with its states by id.
pub(super) struct Machine<'a> {
    /// In document order: the root is the first.
    nodes: Vec<Node<'a>>,
    /// Ids that targets may begin with.
    ids: BTreeMap<&'a str, usize>,
    guards: &'a Value,
    delays: &'a Value,
    semantics: Semantics,
}

impl<'a> Machine<'a> {
    pub(super) fn read(case: &'a Value, semantics: Semantics) -> Result<Self, String> {
        let root = case["machine"].as_object().ok_or("the case has no object `machine`")?;
        let id = root.get("id").and_then(Value::as_str).ok_or("the machine has no id")?;
        let mut machine = Machine { nodes: Vec::new(), ids: BTreeMap::new(), guards: &case["guards"], delays: &case["delays"], semantics };
        machine.add(root, id, 0)?;
        Ok(machine)
    }

    /// How many states there are, the root included.
    pub(super) fn size(&self) -> usize {
        self.nodes.len()
    }

    fn add(&mut self, json: &'a Object, path: &str, parent: usize) -> Result<usize, String> {
        let at = self.nodes.len();
        let custom = json.get("id").and_then(Value::as_str);
        if let Some(id) = custom {
            self.ids.insert(id, at);
        }
        self.nodes.push(Node { json, id: custom.unwrap_or(path).into(), parent, children: Vec::new() });
        for (key, child) in json.get("states").and_then(Value::as_object).into_iter().flatten() {
            let child = child.as_object().ok_or_else(|| format!("state `{path}.{key}` is no object"))?;
            let child = self.add(child, &format!("{path}.{key}"), at)?;
            self.nodes[at].children.push((key, child));
        }
        Ok(at)
    }

    /// The initial context.
    pub(super) fn memo(&self) -> Result<Memo, String> {
        let mut memo = Memo::default();
        for (key, value) in self.nodes[0].json.get("context").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_i64().ok_or_else(|| format!("context `{key}` is no integer"))?;
            memo.values.insert(key.clone(), value);
        }
        Ok(memo)
    }

    /// Writes the chart down, with so many ticks for a millisecond.
    pub(super) fn definition<M>(&self, names: EventNames, ms_ticks: u64) -> Result<Definition<M>, String>
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let mut writer = Writer { machine: self, names, ms_ticks, problem: None };
        let definition = Chart::<M>::define(&self.nodes[0].id, |root| writer.state(0, root));
        match writer.problem {
            Some(problem) => Err(problem),
            None => Ok(definition.event_names(writer.names).semantics(self.semantics).lenient()),
        }
    }

    fn below(&self, from: usize, path: &str) -> Option<usize> {
        path.split('.').try_fold(from, |at, key| Some(self.nodes[at].children.iter().find(|(name, _)| *name == key)?.1))
    }

    /// Resolves a target that is written in the state `source`.
    fn target(&self, source: usize, text: &str) -> Option<usize> {
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

    /// Resolves the default target of a history state.
    fn default_target(&self, history: usize, text: &str) -> Option<usize> {
        if text.starts_with('#') { self.target(history, text) } else { self.below(self.nodes[history].parent, text) }
    }

    fn state_by_id(&self, id: &str) -> Option<usize> {
        self.nodes.iter().position(|node| &*node.id == id)
    }

    fn ms(&self, delay: &Value) -> Option<u64> {
        match delay {
            Value::String(name) => self.delays[name].as_u64(),
            delay => delay.as_u64(),
        }
    }
}

/// One or a list.
fn list(value: Option<&Value>) -> &[Value] {
    match value {
        None | Some(Value::Null) => &[],
        Some(Value::Array(values)) => values,
        Some(value) => std::slice::from_ref(value),
    }
}

/// Writes a chart down. The first problem is kept.
struct Writer<'a> {
    machine: &'a Machine<'a>,
    names: EventNames,
    ms_ticks: u64,
    problem: Option<String>,
}

impl Writer<'_> {
    fn complain(&mut self, at: usize, what: impl fmt::Display) {
        let id = &self.machine.nodes[at].id;
        self.problem.get_or_insert_with(|| format!("state `{id}`: {what}"));
    }

    fn name(&self, at: usize) -> Id {
        Id(self.machine.nodes[at].id.clone())
    }

    fn state<M>(&mut self, at: usize, state: &mut StateDef<M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let node = &self.machine.nodes[at];
        let get = |key: &str| node.json.get(key);
        if at == 0 && get("type").and_then(Value::as_str) == Some("parallel") {
            state.regions();
        }
        self.actions(at, get("entry"), state.entry());
        self.actions(at, get("exit"), state.exit());
        self.initial(at, state);
        self.on(at, state);
        self.after(at, state);
        for transition in list(get("always")) {
            self.transition(at, transition, state.always());
        }
        for &(_, child) in &node.children {
            self.child(child, state);
        }
    }

    fn initial<M>(&mut self, at: usize, state: &mut StateDef<M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let node = &self.machine.nodes[at];
        let (key, actions) = match node.json.get("initial") {
            None => return,
            Some(Value::Object(initial)) => (initial.get("target").and_then(Value::as_str), initial.get("actions")),
            Some(key) => (key.as_str(), None),
        };
        match key.and_then(|key| self.machine.below(at, key.trim_start_matches('.'))) {
            Some(child) => {
                let list = state.initial(self.name(child));
                self.actions(at, actions, list);
            }
            None => self.complain(at, "its initial state is not there"),
        }
    }

    fn child<M>(&mut self, at: usize, parent: &mut StateDef<M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let json = self.machine.nodes[at].json;
        let name = self.name(at);
        match json.get("type").and_then(Value::as_str) {
            Some("parallel") => parent.parallel(name, |state| self.state(at, state)),
            Some("final") => parent.end(name, |state| self.state(at, state)),
            Some("history") => self.history(at, parent),
            _ => parent.state(name, |state| self.state(at, state)),
        }
    }

    fn history<M>(&mut self, at: usize, parent: &mut StateDef<M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let json = self.machine.nodes[at].json;
        let depth = if json.get("history").and_then(Value::as_str) == Some("deep") { History::Deep } else { History::Shallow };
        let mut defaults = Vec::new();
        for target in list(json.get("target")) {
            match target.as_str().and_then(|target| self.machine.default_target(at, target)) {
                Some(target) => defaults.push(target),
                None => self.complain(at, format_args!("its default {target} is not there")),
            }
        }
        if defaults == [0] {
            parent.history_of_root(self.name(at), depth);
        } else {
            let defaults: Vec<Id> = defaults.into_iter().map(|target| self.name(target)).collect();
            parent.history(self.name(at), depth, defaults);
        }
    }

    fn on<M>(&mut self, at: usize, state: &mut StateDef<M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let node = &self.machine.nodes[at];
        let done = node.json.get("onDone");
        let done_name = format!("xstate.done.state.{}", node.id);
        // SCXML calls the chart's own events otherwise.
        let own_prefix = if self.machine.semantics == Semantics::Scxml { "xstate." } else { "" };
        for (descriptor, transitions) in node.json.get("on").and_then(Value::as_object).into_iter().flatten() {
            if done.is_some() && *descriptor == done_name {
                continue;
            }
            for transition in list(Some(transitions)) {
                self.transition(at, transition, state.on_named(descriptor.strip_prefix(own_prefix).unwrap_or(descriptor)));
            }
        }
        for transition in list(done) {
            self.transition(at, transition, state.on_done());
        }
    }

    /// Numeric keys go first, in their order.
    fn after<M>(&mut self, at: usize, state: &mut StateDef<M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let after = self.machine.nodes[at].json.get("after").and_then(Value::as_object);
        let mut after: Vec<_> = after.into_iter().flatten().collect();
        after.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
        for (key, transitions) in after {
            let ms = key.parse().ok().or_else(|| self.machine.ms(&Value::String(key.clone())));
            let Some(ms) = ms else {
                self.complain(at, format_args!("the delay `{key}` is not there"));
                continue;
            };
            let ticks = ms * self.ms_ticks;
            for transition in list(Some(transitions)) {
                self.transition(at, transition, state.after_named(key, move |_| ticks));
            }
        }
    }

    fn transition<M>(&mut self, at: usize, json: &Value, transition: &mut TransitionDef<M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        if json.is_string() {
            self.target(at, json, transition);
            return;
        }
        for target in list(json.get("target")) {
            self.target(at, target, transition);
        }
        if let Some(guard) = json.get("guard")
            && let Some(guard) = self.guard(at, guard)
        {
            transition.guard(guard);
        }
        if json["reenter"] == true {
            transition.reenter();
        }
        self.actions(at, json.get("actions"), transition);
    }

    fn target<M>(&mut self, at: usize, target: &Value, transition: &mut TransitionDef<M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        match target.as_str().and_then(|target| self.machine.target(at, target)) {
            Some(0) => {
                transition.go_root();
            }
            Some(target) => {
                transition.go(self.name(target));
            }
            None => self.complain(at, format_args!("the target {target} is not there")),
        }
    }

    fn guard<M>(&mut self, at: usize, guard: &Value) -> Option<Guard<M>>
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        if let Some(name) = guard.as_str() {
            let named = &self.machine.guards[name];
            if named.is_null() || named.is_string() {
                self.complain(at, format_args!("the guard `{name}` is not there"));
                return None;
            }
            return self.guard(at, named);
        }
        let operands =
            |writer: &mut Self| -> Vec<Guard<M>> { list(guard.get("guards")).iter().filter_map(|guard| writer.guard(at, guard)).collect() };
        match guard["type"].as_str() {
            Some("ctx") => self.comparison(at, guard),
            Some("and") => Some(Guard::all(operands(self))),
            Some("or") => Some(Guard::any(operands(self))),
            Some("not") => Some(!self.guard(at, &guard["guard"])?),
            Some("in-state") => match guard["id"].as_str().and_then(|id| self.machine.state_by_id(id.trim_start_matches('#'))) {
                Some(0) => Some(Guard::is_in_root()),
                Some(state) => Some(Guard::is_in(self.name(state))),
                None => {
                    self.complain(at, format_args!("the guard {guard} names no state"));
                    None
                }
            },
            _ => {
                self.complain(at, format_args!("the guard {guard} is of no known type"));
                None
            }
        }
    }

    fn comparison<M>(&mut self, at: usize, guard: &Value) -> Option<Guard<M>>
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let holds: fn(i64, i64) -> bool = match guard["op"].as_str() {
            Some("eq") => |a, b| a == b,
            Some("ne") => |a, b| a != b,
            Some("lt") => |a, b| a < b,
            Some("le") => |a, b| a <= b,
            Some("gt") => |a, b| a > b,
            Some("ge") => |a, b| a >= b,
            _ => {
                self.complain(at, format_args!("the guard {guard} compares in no known way"));
                return None;
            }
        };
        let (Some(key), Some(value)) = (guard["key"].as_str(), guard["value"].as_i64()) else {
            self.complain(at, format_args!("the guard {guard} lacks a key or an integer"));
            return None;
        };
        let key = key.to_owned();
        Some(Guard::test(move |memo: &Memo, _| memo.values.get(&key).is_some_and(|found| holds(*found, value))))
    }

    fn actions<M>(&mut self, at: usize, json: Option<&Value>, actions: &mut impl Actions<Model = M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        for action in list(json) {
            match action {
                Value::String(text) => match text.strip_prefix("log:") {
                    Some(label) => {
                        let label: Arc<str> = label.into();
                        actions.effect(move |memo, _, _| memo.log(&label));
                    }
                    None => self.complain(at, format_args!("the action `{text}` is not known")),
                },
                action => self.object_action(at, action, actions),
            }
        }
    }

    fn object_action<M>(&mut self, at: usize, action: &Value, actions: &mut impl Actions<Model = M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let params = &action["params"];
        let text = |key: &str| params[key].as_str().map(str::to_owned);
        match (action["type"].as_str(), text("event"), text("id")) {
            (Some("assign"), ..) => self.assign(at, params, actions),
            (Some("raise"), Some(event), id) => {
                let event = self.names.id(&event);
                let delay = params.get("delay").map(|delay| self.machine.ms(delay).map(|ms| ms * self.ms_ticks));
                match (delay, id) {
                    (None, _) => {
                        actions.raise(event);
                    }
                    (Some(None), _) => self.complain(at, format_args!("the delay of {action} is not there")),
                    (Some(Some(ticks)), None) => {
                        actions.raise_after(ticks, event);
                    }
                    (Some(Some(ticks)), Some(id)) => {
                        actions.raise_named(Arc::<str>::from(id), ticks, event);
                    }
                }
            }
            (Some("cancel"), _, Some(id)) => {
                actions.cancel(Arc::<str>::from(id));
            }
            _ => self.complain(at, format_args!("the action {action} is not known")),
        }
    }

    fn assign<M>(&mut self, at: usize, params: &Value, actions: &mut impl Actions<Model = M>)
    where
        M: Model<State = Id, Event = EventId, Context = Memo>,
    {
        let (Some(key), Some(value)) = (params["key"].as_str(), params["value"].as_i64()) else {
            self.complain(at, format_args!("the assignment {params} lacks a key or an integer"));
            return;
        };
        let key = key.to_owned();
        match params["op"].as_str() {
            Some("inc") => {
                actions.run(move |memo, _, _| *memo.values.entry(key.clone()).or_default() += value);
            }
            Some("set") => drop(actions.run(move |memo, _, _| {
                memo.values.insert(key.clone(), value);
            })),
            _ => self.complain(at, format_args!("the assignment {params} does nothing known")),
        }
    }
}
