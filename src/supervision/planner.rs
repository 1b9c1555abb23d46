//! The planner of one_for_one, one_for_all and rest_for_one: children with names, in order.
//!
//! # Invariants
//!
//! 1. Children are a linked list in start order, so that any of them is found, stopped, restarted or removed in O(1).
//! 2. At most one [`Work`] is done at a time; while it is, everything but its own results waits in `inbox`.
//! 3. A child is in state `Starting` or `Stopping` only as the one that the work waits for.
//!
//! # Source
//!
//! Erlang/OTP, `supervisor`: sections "Restart Strategy", "Maximum Restart Intensity", "Automatic Shutdown".

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::Verdict;
use super::plan::{Ask, Child, ChildError, ChildState, Input, Key, Output, Outputs, Start, Token};
use super::rules::{AutoShutdown, ChildRules, RestartPolicy, RestartStrategy, SupervisorRules};
use crate::actor::ExitReason;
use crate::digest::Digester;
use crate::world::History;

/// Where a child stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Stopped,
    Starting,
    Running,
    Stopping,
    /// Gone; its exit waits in the inbox.
    Dead(ExitReason),
    /// It waits for its turn, which is in the window already or is yet to be counted.
    Restarting {
        counted: bool,
    },
}

#[derive(Debug)]
struct Entry<S> {
    rules: ChildRules,
    state: State,
    data: S,
    before: Option<Key>,
    after: Option<Key>,
}

/// What the planner is at.
#[derive(Debug)]
struct Work {
    goal: Goal,
    phase: Phase,
    /// The child that comes next, or is waited for.
    at: Option<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Stop,
    Start,
}

#[derive(Clone, Debug)]
enum Goal {
    /// The first start of all children.
    Boot,
    /// A failed first start is undone.
    Undo(ExitReason),
    /// A restart by strategy, for this child.
    Restart(Key),
    /// Stop all and exit.
    Leave(ExitReason),
    /// terminate_child.
    Terminate(Key, Token),
    /// start_child.
    Add(Key, Token),
    /// restart_child.
    Revive(Key, Token),
}

/// One supervisor's plan; `S` is what the carrier of the plan keeps for a child.
#[derive(Debug)]
pub(crate) struct Planner<S> {
    rules: SupervisorRules,
    history: History,
    children: Vec<Option<Entry<S>>>,
    free: Vec<Key>,
    by_name: HashMap<Arc<str>, Key, BuildHasherDefault<Digester>>,
    first: Option<Key>,
    last: Option<Key>,
    work: Option<Work>,
    inbox: VecDeque<Input<S>>,
    has_left: bool,
}

impl<S> Planner<S> {
    /// A supervisor about to start its children.
    pub(crate) fn new(rules: SupervisorRules, children: impl IntoIterator<Item = (ChildRules, S)>) -> Self {
        let mut planner = Self {
            rules,
            history: History::default(),
            children: Vec::new(),
            free: Vec::new(),
            by_name: HashMap::default(),
            first: None,
            last: None,
            work: None,
            inbox: VecDeque::new(),
            has_left: false,
        };
        for (rules, data) in children {
            planner.append(rules, data);
        }
        planner
    }

    /// Starts the children.
    pub(crate) fn boot(&mut self, now: u64, out: &mut Outputs<S>) {
        self.begin(Goal::Boot, Phase::Start);
        self.go_on(now, out);
    }

    /// Takes one input.
    pub(crate) fn feed(&mut self, now: u64, input: Input<S>, out: &mut Outputs<S>) {
        if self.has_left {
            return;
        }
        match input {
            Input::Started(key, start) => self.started(key, start, out),
            Input::Exited(key, reason) => self.exited(key, reason, now, out),
            Input::Deadline(key) => {
                if self.state(key) == Some(&State::Stopping) {
                    out.push(Output::Kill(key));
                }
                return;
            }
            later => self.inbox.push_back(later),
        }
        self.go_on(now, out);
    }

    /// What is kept for a child.
    pub(crate) fn data(&self, key: Key) -> Option<&S> {
        self.entry(key).map(|entry| &entry.data)
    }

    pub(crate) fn data_mut(&mut self, key: Key) -> Option<&mut S> {
        self.entry_mut(key).map(|entry| &mut entry.data)
    }

    /// Whether a child's present incarnation lives.
    pub(crate) fn is_up(&self, key: Key) -> bool {
        matches!(self.state(key), Some(State::Running | State::Stopping | State::Starting))
    }

    pub(crate) fn rules(&self, key: Key) -> Option<&ChildRules> {
        self.entry(key).map(|entry| &entry.rules)
    }

    /// All children in start order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &ChildRules, ChildState, &S)> {
        let mut at = self.first;
        std::iter::from_fn(move || {
            let key = at?;
            let entry = self.entry(key)?;
            at = entry.after;
            let state = match entry.state {
                State::Running | State::Stopping | State::Starting => ChildState::Running,
                State::Restarting { .. } | State::Dead(_) => ChildState::Restarting,
                State::Stopped => ChildState::Stopped,
            };
            Some((key, &entry.rules, state, &entry.data))
        })
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    fn entry(&self, key: Key) -> Option<&Entry<S>> {
        self.children.get(key as usize)?.as_ref()
    }

    fn entry_mut(&mut self, key: Key) -> Option<&mut Entry<S>> {
        self.children.get_mut(key as usize)?.as_mut()
    }

    fn state(&self, key: Key) -> Option<&State> {
        self.entry(key).map(|entry| &entry.state)
    }

    fn set(&mut self, key: Key, state: State) {
        if let Some(entry) = self.entry_mut(key) {
            entry.state = state;
        }
    }

    fn append(&mut self, rules: ChildRules, data: S) -> Key {
        let name = rules.name.clone();
        let entry = Some(Entry { rules, state: State::Stopped, data, before: self.last, after: None });
        let key = match self.free.pop() {
            Some(key) => {
                self.children[key as usize] = entry;
                key
            }
            None => {
                self.children.push(entry);
                (self.children.len() - 1) as Key
            }
        };
        match self.last.replace(key).and_then(|last| self.entry_mut(last)) {
            Some(last) => last.after = Some(key),
            None => self.first = Some(key),
        }
        self.by_name.insert(name, key);
        key
    }

    fn remove(&mut self, key: Key, out: &mut Outputs<S>) {
        let Some(entry) = self.children.get_mut(key as usize).and_then(Option::take) else { return };
        match entry.before {
            Some(before) => self.children[before as usize].as_mut().expect("invariant: neighbours are there").after = entry.after,
            None => self.first = entry.after,
        }
        match entry.after {
            Some(after) => self.children[after as usize].as_mut().expect("invariant: neighbours are there").before = entry.before,
            None => self.last = entry.before,
        }
        self.by_name.remove(&entry.rules.name);
        self.free.push(key);
        out.push(Output::Removed(key, entry.data));
    }

    /// A child is stopped for now: a temporary one is forgotten, another's address is given up.
    fn lay_off(&mut self, key: Key, out: &mut Outputs<S>) {
        self.set(key, State::Stopped);
        match self.rules(key).map(|rules| rules.restart) {
            Some(RestartPolicy::Temporary) => self.remove(key, out),
            Some(_) => out.push(Output::Release(key)),
            None => {}
        }
    }

    fn begin(&mut self, goal: Goal, phase: Phase) {
        let at = match phase {
            Phase::Stop => self.span_last(&goal),
            Phase::Start => self.span_first(&goal),
        };
        self.work = Some(Work { goal, phase, at });
    }

    /// The first child that a goal concerns.
    fn span_first(&self, goal: &Goal) -> Option<Key> {
        match goal {
            Goal::Boot | Goal::Undo(_) | Goal::Leave(_) => self.first,
            Goal::Terminate(key, _) | Goal::Add(key, _) | Goal::Revive(key, _) => Some(*key),
            Goal::Restart(key) => match self.rules.strategy {
                RestartStrategy::OneForAll => self.first,
                _ => Some(*key),
            },
        }
    }

    fn span_last(&self, goal: &Goal) -> Option<Key> {
        match goal {
            Goal::Boot | Goal::Undo(_) | Goal::Leave(_) => self.last,
            Goal::Terminate(key, _) | Goal::Add(key, _) | Goal::Revive(key, _) => Some(*key),
            Goal::Restart(key) => match self.rules.strategy {
                RestartStrategy::OneForAll | RestartStrategy::RestForOne => self.last,
                _ => Some(*key),
            },
        }
    }

    /// Works until it has to wait.
    fn go_on(&mut self, now: u64, out: &mut Outputs<S>) {
        while !self.has_left {
            let waits = match self.work.as_ref().map(|work| work.phase) {
                Some(Phase::Stop) => self.stop_next(out),
                Some(Phase::Start) => self.start_next(out),
                None => match self.inbox.pop_front() {
                    Some(input) => {
                        self.heed(input, now, out);
                        false
                    }
                    None => true,
                },
            };
            if waits {
                return;
            }
        }
    }

    /// Stops the next child of the span, from its end; `true` if it has to be waited for.
    fn stop_next(&mut self, out: &mut Outputs<S>) -> bool {
        let Some(work) = &self.work else { return false };
        let goal = work.goal.clone();
        let Some(key) = work.at else {
            self.stopped_all(goal, out);
            return false;
        };
        match self.state(key) {
            Some(State::Stopping) => return true,
            Some(State::Running) => {
                self.set(key, State::Stopping);
                let shutdown = self.rules(key).map(|rules| rules.shutdown).unwrap_or_default();
                out.push(Output::Stop(key, shutdown));
                return true;
            }
            // Its exit, which waits in the inbox, is used up by this.
            Some(State::Dead(_)) => self.set(key, State::Stopped),
            // A planned retry is part of this work from now on.
            Some(State::Restarting { .. }) => self.set(key, State::Stopped),
            _ => {}
        }
        let before = if Some(key) == self.span_first(&goal) { None } else { self.entry(key).and_then(|entry| entry.before) };
        if let Some(work) = &mut self.work {
            work.at = before;
        }
        false
    }

    /// All children of the span are stopped.
    fn stopped_all(&mut self, goal: Goal, out: &mut Outputs<S>) {
        self.work = None;
        match goal {
            Goal::Restart(key) => {
                self.drop_temporaries(&goal, out);
                self.begin(Goal::Restart(key), Phase::Start);
            }
            Goal::Leave(reason) | Goal::Undo(reason) => {
                self.has_left = true;
                out.push(Output::Exit(reason));
            }
            Goal::Terminate(key, token) => {
                self.lay_off(key, out);
                out.push(Output::Reply(token, Ok(None)));
            }
            Goal::Boot | Goal::Add(..) | Goal::Revive(..) => {}
        }
    }

    fn drop_temporaries(&mut self, goal: &Goal, out: &mut Outputs<S>) {
        let first = self.span_first(goal);
        let mut at = self.span_last(goal);
        while let Some(key) = at {
            at = if Some(key) == first { None } else { self.entry(key).and_then(|entry| entry.before) };
            if self.rules(key).is_some_and(|rules| rules.restart == RestartPolicy::Temporary) {
                self.remove(key, out);
            }
        }
    }

    /// Starts the next child of the span; `true` if it has to be waited for.
    fn start_next(&mut self, out: &mut Outputs<S>) -> bool {
        let Some(work) = &self.work else { return false };
        let Some(key) = work.at else {
            if matches!(work.goal, Goal::Boot) {
                out.push(Output::Booted);
            }
            self.work = None;
            return false;
        };
        match self.state(key) {
            Some(State::Starting) => return true,
            Some(State::Running | State::Dead(_)) | None => {
                self.advance(key);
                return false;
            }
            _ => {}
        }
        self.set(key, State::Starting);
        out.push(Output::Start(key));
        true
    }

    /// Goes on to the next child to be started.
    fn advance(&mut self, key: Key) {
        let Some(goal) = self.work.as_ref().map(|work| work.goal.clone()) else { return };
        let after = if Some(key) == self.span_last(&goal) { None } else { self.entry(key).and_then(|entry| entry.after) };
        if let Some(work) = &mut self.work {
            work.at = after;
        }
    }

    fn started(&mut self, key: Key, start: Start, out: &mut Outputs<S>) {
        if self.state(key) != Some(&State::Starting) {
            return;
        }
        let Some(goal) = self.work.as_ref().map(|work| work.goal.clone()) else { return };
        match start {
            Start::Running => {
                self.set(key, State::Running);
                self.advance(key);
                if let Goal::Add(_, token) | Goal::Revive(_, token) = goal {
                    out.push(Output::Reply(token, Ok(Some(key))));
                }
            }
            Start::Ignored => {
                self.advance(key);
                self.lay_off(key, out);
                if let Goal::Add(_, token) | Goal::Revive(_, token) = goal {
                    out.push(Output::Reply(token, Ok(None)));
                }
            }
            Start::Failed(reason) => self.start_failed(key, reason, goal, out),
        }
    }

    fn start_failed(&mut self, key: Key, reason: ExitReason, goal: Goal, out: &mut Outputs<S>) {
        self.set(key, State::Stopped);
        self.work = None;
        match goal {
            Goal::Boot => {
                let child = self.rules(key).map(|rules| rules.name.clone()).unwrap_or_default();
                let reason = ExitReason::FailedToStart { child, reason: Arc::new(reason) };
                out.push(Output::BootFailed(reason.clone()));
                self.begin(Goal::Undo(reason), Phase::Stop);
            }
            Goal::Restart(_) => {
                // A later turn of its own: requests may come in between.
                self.set(key, State::Restarting { counted: false });
                out.push(Output::Later { key, ticks: 0 });
            }
            Goal::Add(_, token) => {
                self.remove(key, out);
                out.push(Output::Reply(token, Err(ChildError::Start(reason))));
            }
            Goal::Revive(_, token) => {
                out.push(Output::Release(key));
                out.push(Output::Reply(token, Err(ChildError::Start(reason))));
            }
            Goal::Undo(_) | Goal::Leave(_) | Goal::Terminate(..) => {}
        }
    }

    fn exited(&mut self, key: Key, reason: ExitReason, now: u64, out: &mut Outputs<S>) {
        match self.state(key) {
            Some(State::Stopping) => {
                self.set(key, State::Stopped);
                if matches!(self.work, Some(Work { goal: Goal::Leave(_) | Goal::Undo(_), .. })) {
                    out.push(Output::Release(key));
                }
            }
            Some(State::Running) if self.work.is_none() => self.ended(key, &reason, now, out),
            Some(State::Running) => {
                self.set(key, State::Dead(reason.clone()));
                self.inbox.push_back(Input::Exited(key, reason));
            }
            _ => {}
        }
    }

    /// Takes an input from the inbox.
    fn heed(&mut self, input: Input<S>, now: u64, out: &mut Outputs<S>) {
        match input {
            Input::Exited(key, reason) => {
                if matches!(self.state(key), Some(State::Dead(_))) {
                    self.ended(key, &reason, now, out);
                }
            }
            Input::Turn(key) => {
                if let Some(&State::Restarting { counted }) = self.state(key) {
                    self.restart(key, counted, now, out);
                }
            }
            Input::Leave(reason) => self.begin(Goal::Leave(reason), Phase::Stop),
            Input::Ask(token, ask) => self.ask(token, ask, out),
            Input::Started(..) | Input::Deadline(_) => {}
        }
    }

    /// A child has ended by itself.
    fn ended(&mut self, key: Key, reason: &ExitReason, now: u64, out: &mut Outputs<S>) {
        let Some(rules) = self.rules(key) else { return };
        let (restart, significant) = (rules.restart, rules.significant);
        let restarts = match restart {
            RestartPolicy::Permanent => true,
            RestartPolicy::Transient => !reason.is_normal(),
            RestartPolicy::Temporary => false,
        };
        if restarts {
            self.restart(key, false, now, out);
            return;
        }
        self.lay_off(key, out);
        let leaves = match self.rules.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => significant,
            AutoShutdown::AllSignificant => significant && !self.has_live_significant(),
        };
        if leaves {
            self.begin(Goal::Leave(ExitReason::Shutdown), Phase::Stop);
        }
    }

    fn has_live_significant(&self) -> bool {
        self.children.iter().flatten().any(|entry| entry.rules.significant && entry.state != State::Stopped)
    }

    /// Restarts by strategy, at once or later, or gives up.
    fn restart(&mut self, key: Key, counted: bool, now: u64, out: &mut Outputs<S>) {
        if !counted {
            if self.rules.intensity.decide(&mut self.history, now) == Verdict::GiveUp {
                self.set(key, State::Stopped);
                out.push(Output::GaveUp);
                self.begin(Goal::Leave(ExitReason::Shutdown), Phase::Stop);
                return;
            }
            let ticks = self.rules.delay(self.history.len(), now);
            if ticks > 0 {
                self.set(key, State::Restarting { counted: true });
                out.push(Output::Later { key, ticks });
                return;
            }
        }
        self.set(key, State::Stopped);
        let phase = if self.rules.strategy == RestartStrategy::OneForOne { Phase::Start } else { Phase::Stop };
        self.begin(Goal::Restart(key), phase);
    }

    fn ask(&mut self, token: Token, ask: Ask<S>, out: &mut Outputs<S>) {
        let refusal = match ask {
            Ask::Start(rules, data) => match self.may_add(&rules) {
                Ok(()) => {
                    let key = self.append(rules, data);
                    self.begin(Goal::Add(key, token), Phase::Start);
                    return;
                }
                Err(refusal) => refusal,
            },
            Ask::Terminate(child) => match self.find(&child) {
                Some(key) => {
                    self.begin(Goal::Terminate(key, token), Phase::Stop);
                    return;
                }
                None => ChildError::NotFound,
            },
            Ask::Restart(child) => match self.find(&child).map(|key| (key, self.state(key))) {
                None => ChildError::NotFound,
                Some((key, Some(State::Stopped))) => {
                    self.begin(Goal::Revive(key, token), Phase::Start);
                    return;
                }
                Some((_, Some(State::Restarting { .. }))) => ChildError::Restarting,
                Some(_) => ChildError::Running,
            },
            Ask::Delete(child) => match self.find(&child).map(|key| (key, self.state(key))) {
                None => ChildError::NotFound,
                Some((key, Some(State::Stopped))) => {
                    self.remove(key, out);
                    out.push(Output::Reply(token, Ok(None)));
                    return;
                }
                Some((_, Some(State::Restarting { .. }))) => ChildError::Restarting,
                Some(_) => ChildError::Running,
            },
        };
        out.push(Output::Reply(token, Err(refusal)));
    }

    fn may_add(&self, rules: &ChildRules) -> Result<(), ChildError> {
        if rules.significant && (rules.restart == RestartPolicy::Permanent || self.rules.auto_shutdown == AutoShutdown::Never) {
            return Err(ChildError::BadCombination);
        }
        match self.by_name.get(&rules.name).and_then(|&key| self.state(key)) {
            None => Ok(()),
            Some(State::Stopped | State::Restarting { .. }) => Err(ChildError::AlreadyPresent),
            Some(_) => Err(ChildError::AlreadyStarted),
        }
    }

    fn find(&self, child: &Child) -> Option<Key> {
        match child {
            Child::Name(name) => self.by_name.get(name).copied(),
            Child::Key(key) => Some(*key).filter(|&key| self.entry(key).is_some()),
            Child::Gone | Child::Stranger => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::supervision::{RestartIntensity, Shutdown};

    /// Carries a plan out: what it orders is done at once or, for stops and starts that take their time, later.
    struct Carrier {
        planner: Planner<()>,
        now: u64,
        /// Children that run, and in which order they were started.
        running: Vec<Key>,
        /// Children that were told to stop and are not gone yet.
        stopping: Vec<Key>,
        turns: Vec<Key>,
        slow: bool,
        fails: bool,
        exit: Option<ExitReason>,
        booted: bool,
        answers: usize,
    }

    impl Carrier {
        fn new(strategy: RestartStrategy, intensity: u32, policies: &[RestartPolicy]) -> Self {
            let limit = RestartIntensity { intensity, period_ticks: 5 };
            let rules = SupervisorRules { strategy, intensity: limit, auto_shutdown: AutoShutdown::Never, backoff: None, seed: 0 };
            let children = policies.iter().enumerate().map(|(n, &policy)| (child(&format!("c{n}"), policy), ()));
            Self {
                planner: Planner::new(rules, children),
                now: 0,
                running: Vec::new(),
                stopping: Vec::new(),
                turns: Vec::new(),
                slow: false,
                fails: false,
                exit: None,
                booted: false,
                answers: 0,
            }
        }

        fn feed(&mut self, input: Input<()>) {
            let mut inputs = VecDeque::from([input]);
            while let Some(input) = inputs.pop_front() {
                let mut out = Outputs::new();
                self.planner.feed(self.now, input, &mut out);
                self.carry_out(out, &mut inputs);
            }
        }

        fn boot(&mut self) {
            let (mut out, mut inputs) = (Outputs::new(), VecDeque::new());
            self.planner.boot(self.now, &mut out);
            self.carry_out(out, &mut inputs);
            while let Some(input) = inputs.pop_front() {
                self.feed(input);
            }
        }

        fn carry_out(&mut self, out: Outputs<()>, inputs: &mut VecDeque<Input<()>>) {
            for output in out {
                assert!(self.exit.is_none(), "nothing follows an exit");
                match output {
                    Output::Start(key) => {
                        assert!(!self.running.contains(&key), "a running child is not started");
                        if self.fails {
                            self.fails = false;
                            inputs.push_back(Input::Started(key, Start::Failed(ExitReason::NoProc)));
                        } else {
                            self.running.push(key);
                            inputs.push_back(Input::Started(key, Start::Running));
                        }
                    }
                    Output::Stop(key, _) => {
                        assert!(self.running.contains(&key), "only running children are told to stop");
                        assert!(self.stopping.is_empty(), "one after the other");
                        self.stopping.push(key);
                        if !self.slow {
                            self.finish_stops(inputs);
                        }
                    }
                    Output::Later { key, .. } => self.turns.push(key),
                    Output::Reply(..) => self.answers += 1,
                    Output::Booted => self.booted = true,
                    Output::Release(key) | Output::Removed(key, ()) => {
                        assert!(!self.running.contains(&key), "what runs keeps its address");
                    }
                    Output::Exit(reason) => {
                        assert!(self.running.is_empty(), "all children go first");
                        self.exit = Some(reason);
                    }
                    Output::Kill(_) | Output::BootFailed(_) | Output::GaveUp | Output::StopAll(_) | Output::KillAll => {}
                }
            }
        }

        fn finish_stops(&mut self, inputs: &mut VecDeque<Input<()>>) {
            for key in self.stopping.drain(..) {
                self.running.retain(|&other| other != key);
                inputs.push_back(Input::Exited(key, ExitReason::Shutdown));
            }
        }

        /// Lets everything come to rest.
        fn rest(&mut self) {
            for _ in 0..1_000 {
                let mut inputs = VecDeque::new();
                self.finish_stops(&mut inputs);
                inputs.extend(self.turns.drain(..).map(Input::Turn));
                if inputs.is_empty() {
                    return;
                }
                inputs.into_iter().for_each(|input| self.feed(input));
            }
            panic!("never comes to rest");
        }
    }

    fn child(name: &str, restart: RestartPolicy) -> ChildRules {
        ChildRules { name: name.into(), restart, shutdown: Shutdown::Infinity, significant: false }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Crash(prop::sample::Index),
        Normal(prop::sample::Index),
        Terminate(u8),
        Restart(u8),
        Delete(u8),
        Add(u8),
        FailNext,
        Slow(bool),
        Tick(u64),
        Rest,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => any::<prop::sample::Index>().prop_map(Step::Crash),
            2 => any::<prop::sample::Index>().prop_map(Step::Normal),
            1 => (0..6u8).prop_map(Step::Terminate),
            1 => (0..6u8).prop_map(Step::Restart),
            1 => (0..6u8).prop_map(Step::Delete),
            1 => (0..6u8).prop_map(Step::Add),
            1 => Just(Step::FailNext),
            1 => any::<bool>().prop_map(Step::Slow),
            2 => (0..4u64).prop_map(Step::Tick),
            2 => Just(Step::Rest),
        ]
    }

    fn policies() -> impl Strategy<Value = Vec<RestartPolicy>> {
        let policy = prop_oneof![Just(RestartPolicy::Permanent), Just(RestartPolicy::Transient), Just(RestartPolicy::Temporary)];
        prop::collection::vec(policy, 0..5)
    }

    fn strategy() -> impl Strategy<Value = RestartStrategy> {
        prop_oneof![Just(RestartStrategy::OneForOne), Just(RestartStrategy::OneForAll), Just(RestartStrategy::RestForOne)]
    }

    fn take(carrier: &mut Carrier, step: Step) -> usize {
        let name = |n: u8| Child::Name(format!("c{n}").into());
        let ask = match step {
            Step::Crash(_) | Step::Normal(_) if carrier.running.is_empty() => return 0,
            Step::Crash(at) => {
                let key = carrier.running.remove(at.index(carrier.running.len()));
                carrier.stopping.retain(|&other| other != key);
                carrier.feed(Input::Exited(key, ExitReason::Killed));
                return 0;
            }
            Step::Normal(at) => {
                let key = carrier.running.remove(at.index(carrier.running.len()));
                carrier.stopping.retain(|&other| other != key);
                carrier.feed(Input::Exited(key, ExitReason::Normal));
                return 0;
            }
            Step::FailNext => {
                carrier.fails = true;
                return 0;
            }
            Step::Slow(slow) => {
                carrier.slow = slow;
                return 0;
            }
            Step::Tick(ticks) => {
                carrier.now += ticks;
                return 0;
            }
            Step::Rest => {
                carrier.rest();
                return 0;
            }
            Step::Terminate(n) => Ask::Terminate(name(n)),
            Step::Restart(n) => Ask::Restart(name(n)),
            Step::Delete(n) => Ask::Delete(name(n)),
            Step::Add(n) => Ask::Start(child(&format!("c{n}"), RestartPolicy::Permanent), ()),
        };
        carrier.feed(Input::Ask(0, ask));
        1
    }

    proptest! {
        /// After any sequence of events the plan comes to rest: every question is answered, and what it believes to run runs; or it has
        /// left, with nothing running.
        #[test]
        fn any_sequence_comes_to_rest(strategy in strategy(), intensity in 0u32..4, policies in policies(), steps in prop::collection::vec(step(), 0..60)) {
            let mut carrier = Carrier::new(strategy, intensity, &policies);
            carrier.boot();
            let mut asked = 0;
            for step in steps {
                if carrier.exit.is_some() {
                    break;
                }
                asked += take(&mut carrier, step);
            }
            carrier.rest();
            if carrier.exit.is_none() {
                prop_assert_eq!(carrier.answers, asked);
                let mut running: Vec<Key> =
                    carrier.planner.iter().filter(|(_, _, state, _)| *state == ChildState::Running).map(|(key, ..)| key).collect();
                let mut known = carrier.running.clone();
                running.sort_unstable();
                known.sort_unstable();
                prop_assert_eq!(running, known);
                carrier.feed(Input::Leave(ExitReason::Shutdown));
                carrier.rest();
            }
            prop_assert!(carrier.exit.is_some());
            prop_assert!(carrier.running.is_empty());
        }
    }

    /// One restart more than the intensity allows, and the supervisor leaves; a restart exactly a period old still counts.
    #[test]
    fn the_window_is_sliding_and_inclusive() {
        for (gap, leaves) in [(5, true), (6, false)] {
            let mut carrier = Carrier::new(RestartStrategy::OneForOne, 1, &[RestartPolicy::Permanent]);
            carrier.boot();
            for _ in 0..2 {
                let key = carrier.running.remove(0);
                carrier.feed(Input::Exited(key, ExitReason::Killed));
                carrier.now += gap;
            }
            assert_eq!(carrier.exit.is_some(), leaves, "with {gap} ticks between");
        }
    }
}
