//! From the definition to tables: names become numbers, and all that can be known beforehand is.

use std::collections::BTreeMap;
use std::ops::Range;

use super::chart::{Chart, Delay, Masks, Move, Node, NodeKind, Transition};
use super::check;
use super::definition::{Action, ActionList, Definition, Descriptor, GuardTree, Kind, Semantics, StateDef, Target, TransitionDef};
use super::error::{ChartError, Place, Problem};
use super::invoke::{Invoke, InvokeDef};
use super::label::{Condition, Label};
use super::model::Model;
use super::set::StateSet;

/// Checks and compiles a definition.
pub(super) fn compile<M: Model>(definition: Definition<M>) -> Result<Chart<M>, ChartError> {
    let name = definition.name.clone();
    let lenient = definition.lenient;
    let mut problems = Vec::new();
    let chart = Compiler::new(&definition).and_then(|compiler| compiler.compile(definition, &mut problems));
    let chart = match chart {
        Ok(chart) => chart,
        Err(fatal) => return Err(ChartError { chart: name, problems: vec![fatal] }),
    };
    if problems.iter().all(|problem| lenient && problem.is_warning()) {
        Ok(Chart { warnings: problems, ..chart })
    } else {
        Err(ChartError { chart: name, problems })
    }
}

/// What is gathered on the way.
struct Compiler<M: Model> {
    chart: Chart<M>,
    /// The states' kinds of events by name.
    kinds: BTreeMap<String, u16>,
    /// Each state's transitions by descriptor, in the order written.
    written: Vec<Vec<(Descriptor, u16)>>,
    deferred: Vec<(u16, Descriptor)>,
}

impl<M: Model> Compiler<M> {
    fn new(definition: &Definition<M>) -> Result<Self, Problem> {
        let states = count_states(&definition.root);
        if states > M::Set::CAPACITY || states >= usize::from(u16::MAX) {
            return Err(Problem::TooManyStates { states, capacity: M::Set::CAPACITY, words: states.div_ceil(64) });
        }
        let chart = Chart {
            name: definition.name.clone(),
            states: Vec::with_capacity(states),
            transitions: Vec::new(),
            kinds: Vec::new(),
            handlers: Vec::new(),
            deferrers: Vec::new(),
            rows: Vec::new(),
            candidates: Vec::new(),
            actions: Vec::new(),
            labels: Vec::new(),
            conditions: Vec::new(),
            invokes: Vec::new(),
            delays: Vec::new(),
            targets: Vec::new(),
            masks: Masks::default(),
            tags: Vec::new(),
            histories: 0,
            defers: false,
            attempts: false,
            gate: None,
            ordered: false,
            semantics: definition.semantics,
            microsteps_max: definition.microsteps_max,
            waiting_max: definition.waiting_max,
            warnings: Vec::new(),
        };
        Ok(Self { chart, kinds: BTreeMap::new(), written: Vec::new(), deferred: Vec::new() })
    }

    fn compile(mut self, definition: Definition<M>, problems: &mut Vec<Problem>) -> Result<Chart<M>, Problem> {
        for name in &definition.events {
            self.chart.kinds.push(name.clone());
            let kind = self.chart.kinds.len() - 1;
            self.kinds.insert(name.clone(), kind as u16);
        }
        check::definition(&definition, problems);
        self.chart.attempts = definition.gate.is_some();
        self.chart.gate = definition.gate;
        self.add_nodes(&definition.root, 0);
        self.fill(definition.root, 0, problems);
        self.name_kinds()?;
        self.set_masks();
        if self.chart.transitions.len() >= usize::from(u16::MAX) {
            return Err(Problem::TooMany { what: "transitions", count: self.chart.transitions.len() });
        }
        self.fill_rows();
        // What follows walks along targets, which must be sound for it.
        if problems.iter().all(Problem::is_warning) {
            check::histories(&self.chart, problems);
        }
        if problems.iter().all(Problem::is_warning) {
            self.fix_moves();
            check::chart(&self.chart, &self.written, problems);
        }
        Ok(self.chart)
    }

    /// Lays out the states in document order.
    fn add_nodes(&mut self, state: &StateDef<M>, parent: usize) {
        let at = self.chart.states.len();
        let text = state.name.as_ref().map_or_else(|| self.chart.name.clone(), |name| format!("{name:?}"));
        let kind = match state.kind {
            Kind::Plain if state.children.is_empty() => NodeKind::Atomic,
            Kind::Plain => NodeKind::Compound,
            Kind::Parallel => NodeKind::Parallel,
            Kind::Final => NodeKind::Final,
            Kind::History(depth) => {
                self.chart.histories += 1;
                NodeKind::History(depth, self.chart.histories as u16 - 1)
            }
        };
        let ancestors = if at == 0 { M::Set::default() } else { self.chart.states[parent].ancestors.with(parent) };
        let done = self.own_kind(&format!("{}{text}", self.prefix("done.state.")));
        let empty = || 0..0;
        self.chart.states.push(Node {
            name: state.name.clone(),
            text,
            key: state.key.clone(),
            kind,
            parent: parent as u16,
            end: 0,
            ancestors,
            children: M::Set::default(),
            defaults: empty(),
            initial: empty(),
            entry: empty(),
            exit: empty(),
            delays: empty(),
            invokes: empty(),
            always: empty(),
            histories: M::Set::default(),
            done,
            output: None,
        });
        for child in &state.children {
            let next = self.chart.states.len();
            self.add_nodes(child, at);
            let node = &mut self.chart.states[at];
            if matches!(child.kind, Kind::History(_)) {
                node.histories = node.histories.with(next);
            } else {
                node.children = node.children.with(next);
            }
        }
        self.chart.states[at].end = self.chart.states.len() as u16;
    }

    /// Takes over what is written in a state and below it; returns the state after them.
    fn fill(&mut self, state: StateDef<M>, at: usize, problems: &mut Vec<Problem>) -> usize {
        let text = self.chart.states[at].text.clone();
        let place = |what: &str| format!("the {what} of state `{text}`");
        if let Some((initial, actions)) = state.initial {
            let what = if matches!(state.kind, Kind::History(_)) { "default" } else { "initial state" };
            let targets = self.resolve(&initial, &place(what), problems);
            self.chart.states[at].defaults = self.add_targets(targets);
            self.chart.states[at].initial = self.add_actions(actions);
        }
        state.tags.into_iter().for_each(|tag| self.add_tag(tag, at));
        self.chart.states[at].output = state.output;
        let (mut entry, mut exit) = (state.entry, state.exit);
        let mut starts = ActionList::default();
        state.invokes.into_iter().for_each(|invoke| self.add_invoke(invoke, &mut starts, &mut exit));
        let invokes = starts.0.len() as u32;
        if self.chart.semantics == Semantics::XState {
            entry.0.append(&mut starts.0);
        }
        let entry = self.add_actions(entry);
        let end = self.add_actions(starts).end;
        self.chart.states[at].invokes = end - invokes..end;
        self.chart.states[at].entry = entry;
        self.chart.states[at].exit = self.add_actions(exit);
        let first_delay = self.chart.delays.len() as u32;
        let prefix = self.prefix("after.");
        for delay in state.delays {
            let kind = self.own_kind(&format!("{prefix}{}.{text}", delay.key));
            self.chart.delays.push(Delay { key: delay.key, kind, ticks: delay.ticks });
        }
        self.chart.states[at].delays = first_delay..self.chart.delays.len() as u32;
        self.deferred.extend(state.deferred.into_iter().map(|descriptor| (at as u16, descriptor)));
        let mut written = Vec::new();
        for (number, (descriptor, transition)) in state.on.into_iter().enumerate() {
            let event = self.describe(&descriptor, at);
            let place = Place { state: &text, event: &event, number: number + 1 };
            let transition = self.add_transition(transition, at, &place, problems);
            written.push((descriptor, transition));
        }
        self.written.push(written);
        let first = self.chart.candidates.len() as u32;
        for (number, transition) in state.always.into_iter().enumerate() {
            let place = Place { state: &text, event: "always", number: number + 1 };
            let transition = self.add_transition(transition, at, &place, problems);
            self.chart.candidates.push(transition);
        }
        self.chart.states[at].always = first..self.chart.candidates.len() as u32;
        let mut next = at + 1;
        for child in state.children {
            next = self.fill(child, next, problems);
        }
        next
    }

    fn add_transition(&mut self, mut transition: TransitionDef<M>, source: usize, place: &Place<'_>, problems: &mut Vec<Problem>) -> u16 {
        let label = place.event.into();
        let place = &place.to_string();
        let targets = self.resolve(&transition.targets, place, problems);
        let targets = self.add_targets(targets);
        let actions = self.add_actions(transition.take_actions());
        let condition = self.condition_of(&transition.guards);
        self.chart.conditions.push(condition);
        let mut guards: Vec<_> = transition.guards.into_iter().filter_map(|guard| self.resolve_guard(guard, place, problems)).collect();
        self.chart.attempts |= guards.iter().any(GuardTree::may_fail);
        let guard = if guards.len() > 1 { Some(GuardTree::All(guards)) } else { guards.pop() };
        let fixed = Move::default();
        let compiled = Transition {
            label,
            source: source as u16,
            reenter: transition.reenter,
            dynamic: false,
            plain: false,
            guard,
            targets,
            actions,
            fixed,
        };
        self.chart.transitions.push(compiled);
        (self.chart.transitions.len() - 1) as u16
    }

    fn resolve(&self, targets: &[Target<M::State>], place: &str, problems: &mut Vec<Problem>) -> Vec<u16> {
        let find = |target: &Target<M::State>| match target {
            Target::Root => Some(0),
            Target::State(state) => self.chart.index_of(state),
        };
        let mut found = Vec::new();
        for target in targets {
            match find(target) {
                Some(state) => found.push(state as u16),
                None => problems.push(Problem::UnknownState { place: place.to_owned(), target: name_of(target) }),
            }
        }
        found
    }

    fn resolve_guard(&self, guard: GuardTree<M, Target<M::State>>, place: &str, problems: &mut Vec<Problem>) -> Option<GuardTree<M, u16>> {
        let mut all = |guards: Vec<_>| guards.into_iter().filter_map(|guard| self.resolve_guard(guard, place, problems)).collect();
        Some(match guard {
            GuardTree::Test(test) => GuardTree::Test(test),
            GuardTree::Attempt(attempt) => GuardTree::Attempt(attempt),
            GuardTree::All(guards) => GuardTree::All(all(guards)),
            GuardTree::Any(guards) => GuardTree::Any(all(guards)),
            GuardTree::Not(guard) => GuardTree::Not(Box::new(self.resolve_guard(*guard, place, problems)?)),
            GuardTree::Labelled(_, guard) => self.resolve_guard(*guard, place, problems)?,
            GuardTree::In(target) => {
                let place = format!("the guard of {place}");
                let state = *self.resolve(std::slice::from_ref(&target), &place, problems).first()?;
                if matches!(self.chart.states[usize::from(state)].kind, NodeKind::History(..)) {
                    problems.push(Problem::HistoryGuard { place, target: name_of(&target) });
                    return None;
                }
                GuardTree::In(state)
            }
        })
    }

    /// What guards that must all hold are called.
    fn condition_of(&self, guards: &[GuardTree<M, Target<M::State>>]) -> Option<Condition> {
        match guards {
            [] => None,
            [guard] => Some(self.condition(guard)),
            guards => Some(Condition::All(guards.iter().map(|guard| self.condition(guard)).collect())),
        }
    }

    fn condition(&self, guard: &GuardTree<M, Target<M::State>>) -> Condition {
        let each = |guards: &[_]| guards.iter().map(|guard| self.condition(guard)).collect();
        match guard {
            GuardTree::Test(_) | GuardTree::Attempt(_) => Condition::Unnamed,
            GuardTree::Labelled(name, _) => Condition::Named(name.clone()),
            GuardTree::All(guards) => Condition::All(each(guards)),
            GuardTree::Any(guards) => Condition::Any(each(guards)),
            GuardTree::Not(guard) => Condition::Not(Box::new(self.condition(guard))),
            GuardTree::In(target) => {
                // An unknown state is told of where the guard is resolved.
                Condition::In(self.resolve(std::slice::from_ref(target), "", &mut Vec::new()).first().copied().unwrap_or_default())
            }
        }
    }

    /// Adds the actions of an invocation, behind all others.
    fn add_invoke(&mut self, invoke: InvokeDef<M>, starts: &mut ActionList<M>, exit: &mut ActionList<M>) {
        let number = self.invoke_number(&invoke.name);
        let InvokeDef { start, stop, source, .. } = invoke;
        let start = Action {
            assigns: false,
            run: Box::new(move |context, trigger, step| {
                step.invoking = number;
                start(context, trigger, step);
            }),
        };
        let stop = Action {
            assigns: false,
            run: Box::new(move |context, _, step| {
                step.invoking = number;
                stop(context, step);
            }),
        };
        starts.0.push((start, Label::Invoke(number, source)));
        exit.0.push((stop, Label::Part));
    }

    /// The number of the invocations of a name, new if need be.
    fn invoke_number(&mut self, name: &str) -> u16 {
        let known = self.chart.invokes.iter().position(|invoke| invoke.name == name);
        known.unwrap_or_else(|| {
            let (done, error) = (self.own_kind(&self.invoke_event("done", name)), self.own_kind(&self.invoke_event("error", name)));
            self.chart.invokes.push(Invoke { name: name.to_owned(), done, error });
            self.chart.invokes.len() - 1
        }) as u16
    }

    /// The name of an event of an invocation.
    fn invoke_event(&self, end: &str, name: &str) -> String {
        match self.chart.semantics {
            Semantics::XState => format!("xstate.{end}.actor.{name}"),
            Semantics::Scxml => format!("{end}.invoke.{name}"),
        }
    }

    fn add_targets(&mut self, targets: Vec<u16>) -> Range<u32> {
        let first = self.chart.targets.len() as u32;
        self.chart.targets.extend(targets);
        first..self.chart.targets.len() as u32
    }

    fn add_actions(&mut self, actions: ActionList<M>) -> Range<u32> {
        let first = self.chart.actions.len() as u32;
        for (action, label) in actions.0 {
            self.chart.actions.push(action);
            self.chart.labels.push(label);
        }
        first..self.chart.actions.len() as u32
    }

    fn add_tag(&mut self, tag: String, at: usize) {
        match self.chart.tags.iter_mut().find(|(known, _)| *known == tag) {
            Some((_, tagged)) => *tagged = tagged.with(at),
            None => self.chart.tags.push((tag, M::Set::one(at))),
        }
    }

    fn prefix(&self, what: &str) -> String {
        match self.chart.semantics {
            Semantics::XState => format!("xstate.{what}"),
            Semantics::Scxml => what.to_owned(),
        }
    }

    /// The kind of an event by name, new if need be.
    fn own_kind(&mut self, name: &str) -> u16 {
        if let Some(&kind) = self.kinds.get(name) {
            return kind;
        }
        let kind = self.chart.kinds.len() as u16;
        self.chart.kinds.push(name.to_owned());
        self.kinds.insert(name.to_owned(), kind);
        kind
    }

    /// A descriptor as text: what it matches is decided by it.
    fn describe(&self, descriptor: &Descriptor, state: usize) -> String {
        let node = &self.chart.states[state];
        match descriptor {
            Descriptor::Kind(kind) => self.chart.kinds.get(*kind).cloned().unwrap_or_default(),
            Descriptor::Named(name) => name.clone(),
            Descriptor::InvokeDone(name) => self.invoke_event("done", name),
            Descriptor::InvokeError(name) => self.invoke_event("error", name),
            Descriptor::Prefix(prefix) => format!("{prefix}.*"),
            Descriptor::Any => "*".to_owned(),
            Descriptor::Done => self.chart.kinds[usize::from(node.done)].clone(),
            Descriptor::After(delay) => {
                let delay = &self.chart.delays[node.delays.start as usize + delay];
                self.chart.kinds[usize::from(delay.kind)].clone()
            }
        }
    }

    /// Names that only descriptors have are kinds, too: an event may yet come under them.
    fn name_kinds(&mut self) -> Result<(), Problem> {
        let named: Vec<String> = self.written.iter().flatten().filter_map(|(descriptor, _)| named(descriptor)).collect();
        for name in named {
            self.own_kind(&name);
        }
        let count = self.chart.kinds.len();
        if count >= usize::from(u16::MAX) { Err(Problem::TooMany { what: "kinds of events", count }) } else { Ok(()) }
    }

    fn set_masks(&mut self) {
        let mut masks = Masks::<M::Set>::default();
        let put = |set: &mut M::Set, at: usize, holds: bool| {
            if holds {
                *set = set.with(at);
            }
        };
        for (at, node) in self.chart.states.iter().enumerate() {
            let kind = node.kind;
            put(&mut masks.leaves, at, matches!(kind, NodeKind::Atomic | NodeKind::Final));
            put(&mut masks.finals, at, kind == NodeKind::Final);
            put(&mut masks.parallels, at, kind == NodeKind::Parallel);
            put(&mut masks.histories, at, matches!(kind, NodeKind::History(..)));
            put(&mut masks.always, at, !node.always.is_empty());
            put(&mut masks.owners, at, !node.histories.is_empty());
            put(&mut masks.exit_work, at, !node.exit.is_empty() || !node.delays.is_empty());
            let acts = |history: usize| !self.chart.states[history].initial.is_empty();
            let initial = !node.initial.is_empty() || node.histories.ascending().any(acts);
            let starts = !node.entry.is_empty() || !node.delays.is_empty() || initial;
            put(&mut masks.entry_work, at, starts || kind == NodeKind::Final);
            put(&mut masks.late_invokers, at, !node.invokes.is_empty() && self.chart.semantics == Semantics::Scxml);
        }
        self.chart.masks = masks;
        let ordered = !masks.parallels.is_empty() && !masks.always.is_empty() && self.chart.semantics == Semantics::XState;
        self.chart.ordered = ordered;
    }

    /// Fills the table of candidates: by kind, by state, in the order in which they are tried.
    fn fill_rows(&mut self) {
        let kinds = self.chart.kinds.len();
        self.chart.handlers = vec![M::Set::default(); kinds];
        self.chart.deferrers = vec![M::Set::default(); kinds];
        for kind in 0..kinds {
            let event = self.chart.kinds[kind].clone();
            for state in 0..self.chart.states.len() {
                self.chart.rows.push(self.chart.candidates.len() as u32);
                let found = self.matching(&event, state);
                if !found.is_empty() {
                    self.chart.handlers[kind] = self.chart.handlers[kind].with(state);
                    self.chart.candidates.extend(found);
                }
            }
            for (state, descriptor) in &self.deferred {
                if self.matches(&event, &self.describe(descriptor, (*state).into())) {
                    self.chart.deferrers[kind] = self.chart.deferrers[kind].with((*state).into());
                }
            }
        }
        self.chart.rows.push(self.chart.candidates.len() as u32);
        self.chart.defers = !self.deferred.is_empty();
    }

    /// A state's transitions for an event, in order: under XState's rules those by its whole name, then
    /// the longest descriptor first; under SCXML's as written.
    fn matching(&self, event: &str, state: usize) -> Vec<u16> {
        let described = self.written[state].iter().map(|(descriptor, transition)| (self.describe(descriptor, state), *transition));
        let mut found: Vec<_> = described.filter(|(descriptor, _)| self.matches(event, descriptor)).collect();
        if self.chart.semantics == Semantics::XState {
            found.sort_by_key(|(descriptor, _)| std::cmp::Reverse((descriptor == event, descriptor.len())));
        }
        found.into_iter().map(|(_, transition)| transition).collect()
    }

    fn matches(&self, event: &str, descriptor: &str) -> bool {
        let begins = |prefix: &str| event.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        match descriptor.strip_suffix(".*") {
            _ if descriptor == "*" => true,
            Some(prefix) => begins(prefix),
            None if self.chart.semantics == Semantics::Scxml => begins(descriptor),
            None => event == descriptor,
        }
    }

    fn fix_moves(&mut self) {
        for at in 0..self.chart.transitions.len() {
            let (fixed, consulted) = self.chart.fixed_move(&self.chart.transitions[at]);
            let masks = &self.chart.masks;
            let work = fixed.exits.meets(masks.exit_work.or(masks.owners)) || fixed.enters.meets(masks.entry_work.or(masks.late_invokers));
            let plain = !work && !consulted && !self.chart.ordered;
            let transition = &mut self.chart.transitions[at];
            transition.fixed = fixed;
            transition.dynamic = consulted;
            transition.plain = plain && transition.actions.is_empty();
        }
    }
}

fn named(descriptor: &Descriptor) -> Option<String> {
    match descriptor {
        Descriptor::Named(name) => Some(name.clone()),
        _ => None,
    }
}

fn name_of<S: std::fmt::Debug>(target: &Target<S>) -> String {
    match target {
        Target::Root => "the root".to_owned(),
        Target::State(state) => format!("{state:?}"),
    }
}

fn count_states<M: Model>(state: &StateDef<M>) -> usize {
    1 + state.children.iter().map(count_states).sum::<usize>()
}
