//! Stepping: an event in, and microsteps until nothing more is to be done.
//!
//! # Model
//!
//! A *microstep* takes transitions together: exits, actions, entries. An *event's turn* is the microstep it
//! selects, then eventless microsteps until there are none. A step is the turn of an event from outside, then
//! those of the internal queue, of events replayed, and of time-outs of no time.
//!
//! What actions ask for is gathered in [`Requests`] and carried out at the end of the turn.
//!
//! # Source
//!
//! SCXML's Appendix D (`mainEventLoop`, `microstep`), XState v5's `macrostep`, and the loop of `gen_statem` (OTP,
//! stdlib) for what is postponed and inserted.

use std::ops::Range;

use smallvec::SmallVec;

use super::chart::{Chart, Move, NodeKind};
use super::configuration::{Configuration, Status};
use super::definition::Semantics;
use super::effects::{Queue, Queued, Request, Requests};
use super::error::StepError;
use super::invoke::{Ending, Ties};
use super::model::{ChartEvent, EventKind, Model, Step, Trigger};
use super::moves::Entries;
use super::select::{Faults, Picks, Sight};
use super::set::StateSet;
use super::timers::TimerId;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Transitions were taken for it, though they may do nothing; or it was postponed.
    pub handled: bool,
    /// Other states are active than before.
    pub changed: bool,
}

impl<M: Model> Chart<M> {
    /// Starts an instance: enters the root and what is below it by default. Does nothing if it was started.
    ///
    /// # Errors
    ///
    /// [`StepError`]: the entry actions failed, or find no rest.
    pub fn start<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<Outcome, StepError> {
        if configuration.status() != Status::New {
            return Ok(Outcome::default());
        }
        let mut run = Run::new(self, configuration, context, now, port);
        let begun = run.begin();
        run.conclude(begun)
    }

    /// Steps an instance with an event from outside. One that was not started, or is done, ignores it.
    ///
    /// `now` is the present tick: timers that are started are due relative to it.
    ///
    /// # Errors
    ///
    /// [`StepError`]: an action failed, or the chart finds no rest.
    #[inline]
    pub fn send<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        event: M::Event,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<Outcome, StepError> {
        if !configuration.active.has(0) {
            return Ok(Outcome::default());
        }
        let (kind, trigger) = (event.kind().index(), Trigger::Event(&event));
        let sole = self.sole_pick(configuration.active, context, kind, &trigger);
        if let Some(next) = sole.and_then(|pick| self.plain_step(configuration, pick)) {
            let changed = std::mem::replace(&mut configuration.active, next) != next;
            return Ok(Outcome { handled: true, changed });
        }
        let before = configuration.active;
        let mut run = Run::new(self, configuration, context, now, port);
        let stepped = if run.admits(&event) {
            let handled = run.turn_of(kind, &trigger, sole);
            run.follow(handled, before, || Queued::Event(event))
        } else {
            run.pass_over()
        };
        run.conclude(stepped)
    }

    /// The transition for an event that only one active state may take, and none keeps for later.
    #[inline]
    fn sole_pick(&self, active: M::Set, context: &M::Context, kind: usize, trigger: &Trigger<'_, M::Event>) -> Option<u16> {
        let handlers = active.and(self.handlers[kind]);
        let state = handlers.first()?;
        // Guards that may fail are asked by those who raise what they want.
        if handlers != M::Set::one(state) || active.meets(self.deferrers[kind]) || self.attempts {
            return None;
        }
        Sight { chart: self, context, trigger, active, faults: None }.enabled(self.candidates(kind, state))
    }

    /// The next states where a transition does nothing but change them: the way of most events in charts that are
    /// mere state machines, without the means that all others need.
    #[inline]
    fn plain_step(&self, configuration: &Configuration<M>, pick: u16) -> Option<M::Set> {
        let transition = &self.transitions[usize::from(pick)];
        let next = configuration.active.without(transition.fixed.exits).or(transition.fixed.enters);
        let suffices = transition.plain && !configuration.needs_care(self.waiting_max) && !next.meets(self.masks.always);
        suffices.then_some(next)
    }

    /// Whether an active state keeps the event for later, and nobody at or below it takes it.
    #[inline]
    fn keeps(&self, active: M::Set, kind: usize, picks: &Picks) -> bool {
        let keepers = active.and(self.deferrers[kind]);
        !keepers.is_empty()
            && picks.iter().all(|&pick| {
                let source = self.transitions[usize::from(pick)].source;
                keepers.meets(self.descendants(source.into()))
            })
    }

    /// Whether the event would be kept for later now, by a state that defers it.
    #[inline]
    pub(crate) fn would_defer(&self, configuration: &Configuration<M>, context: &M::Context, event: &M::Event) -> bool {
        let kind = event.kind().index();
        let active = configuration.active;
        if !active.has(0) || !active.meets(self.deferrers[kind]) {
            return false;
        }
        let mut picks = Picks::new();
        let sight = Sight { chart: self, context, trigger: &Trigger::Event(event), active, faults: None };
        sight.select(kind, active.and(self.handlers[kind]), &mut picks);
        self.keeps(active, kind, &picks)
    }

    /// Steps an instance with each of its timers that is due by `now`, in the order in which they are due;
    /// those due together, in the order in which they were started. Timers that these steps start are due
    /// later than `now`.
    ///
    /// # Errors
    ///
    /// As [`Chart::send`]. The timers after the failing one stay.
    pub fn advance<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<Outcome, StepError> {
        let mut outcome = Outcome::default();
        while let Some(event) = configuration.memory.as_mut().and_then(|memory| memory.timers.pop_due(now)) {
            let mut run = Run::new(self, configuration, context, now, port);
            let handled = run.receive(event);
            let step = run.conclude(handled)?;
            outcome.handled |= step.handled;
            outcome.changed |= step.changed;
        }
        Ok(outcome)
    }
}

impl<M: Model> Chart<M> {
    /// Steps an instance with the end of an invocation.
    pub(crate) fn end_invocation<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        Ending { who, invoke, end }: Ending<'_, M::Event>,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<Outcome, StepError> {
        if !configuration.active.has(0) {
            return Ok(Outcome::default());
        }
        if let (Some(gate), Some(who)) = (&self.gate, who) {
            let event = gate.ended(context, who, end.err());
            return event.map_or_else(|| Ok(Outcome::default()), |event| self.send(configuration, context, event, now, port));
        }
        let invoke = &self.invokes[invoke];
        let mut run = Run::new(self, configuration, context, now, port);
        let failure = end.as_ref().err().copied();
        let handled = match end {
            Ok(None) => run.handle(Queued::Own(invoke.done)),
            Ok(Some(output)) => run.handle(Queued::Output(invoke.done, output)),
            Err(reason) => run.handle_failure(invoke.error, reason),
        };
        let outcome = run.conclude(handled)?;
        if let (Some(reason), false, Semantics::XState) = (failure, outcome.handled, self.semantics) {
            return Err(StepError::Invoked { chart: self.name.clone(), invoked: invoke.name.clone(), reason: reason.to_owned() });
        }
        Ok(outcome)
    }

    /// What an event sets off: its kind, and how actions see it.
    fn trigger<'e>(&'e self, event: &'e Queued<M::Event>) -> (usize, Trigger<'e, M::Event>) {
        let name = |kind: &u16| &*self.kinds[usize::from(*kind)];
        match event {
            Queued::Event(event) => (event.kind().index(), Trigger::Event(event)),
            Queued::Own(kind) => (usize::from(*kind), Trigger::Own(name(kind))),
            Queued::Output(kind, output) => (usize::from(*kind), Trigger::Output(name(kind), output)),
        }
    }

    /// Leaves all active states for good, without being done: of an instance that is cancelled.
    #[cfg(feature = "scxml")]
    pub(crate) fn leave<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<Outcome, StepError> {
        if !configuration.active.has(0) {
            return Ok(Outcome::default());
        }
        let mut run = Run::new(self, configuration, context, now, port);
        run.done = true;
        let left = run.exit_all(&Trigger::Start).map(|()| Outcome { handled: true, changed: true });
        run.conclude(left)
    }

    /// Runs the starts of all invocations of active states.
    pub(super) fn rerun_invokes<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<(), StepError> {
        let mut run = Run::new(self, configuration, context, now, port);
        let rerun = run.rerun_invokes().map(|()| Outcome::default());
        run.conclude(rerun).map(drop)
    }
}

/// Why a step breaks off. Boxed, since every action could return it.
type Halt = Box<StepError>;

/// One running step.
struct Run<'a, 'p, M: Model> {
    chart: &'p Chart<M>,
    configuration: &'a mut Configuration<M>,
    context: &'a mut M::Context,
    now: u64,
    step: Step<'p, M>,
    microsteps: u32,
    done: bool,
    /// An action that may change the context ran in this microstep.
    assigned: bool,
    /// History was recorded in this microstep.
    recorded: bool,
    /// Entered states that invoke something when the macrostep is over.
    to_invoke: M::Set,
    faults: Faults<M::Event>,
}

impl<'a, 'p, M: Model> Run<'a, 'p, M> {
    #[inline(always)]
    fn new(chart: &'p Chart<M>, configuration: &'a mut Configuration<M>, context: &'a mut M::Context, now: u64, port: M::Port<'p>) -> Self {
        let ties = configuration.more_mut().map_or_else(Ties::default, |more| std::mem::take(&mut more.ties));
        let requests = Requests::new();
        let step = Step { chart, active: configuration.active, requests, postpone: false, failure: None, at: 0, invoking: 0, ties, port };
        Self {
            chart,
            configuration,
            context,
            now,
            step,
            microsteps: 0,
            done: false,
            assigned: false,
            recorded: false,
            to_invoke: M::Set::default(),
            faults: Faults::default(),
        }
    }

    /// Keeps what the step came to.
    #[inline]
    fn conclude(&mut self, result: Result<Outcome, Halt>) -> Result<Outcome, StepError> {
        self.configuration.active = self.step.active;
        if !self.step.ties.is_unused() {
            self.configuration.remember().ties = std::mem::take(&mut self.step.ties);
        }
        if self.done {
            self.configuration.active = self.step.active.without(M::Set::one(0));
            if let Some(memory) = &mut self.configuration.memory {
                memory.timers.clear();
            }
            if let Some(more) = self.configuration.more_mut() {
                more.postponed.clear();
            }
        }
        result.map_err(|halt| *halt)
    }

    /// The first turn, without an event.
    fn begin(&mut self) -> Result<Outcome, Halt> {
        let mut entries = Entries::new(self.chart, &[]);
        entries.add_root();
        let (enters, initials) = (entries.enters, entries.initials);
        self.enter(enters, initials, &Trigger::Start)?;
        self.complete(&Trigger::Start)?;
        self.settle_always(&Trigger::Start)?;
        self.go_on(None, M::Set::default())?;
        Ok(Outcome { handled: true, changed: true })
    }

    /// Starts anew what active states invoke, and carries out what that asks for.
    fn rerun_invokes(&mut self) -> Result<(), Halt> {
        let chart = self.chart;
        for state in self.step.active.ascending() {
            self.step.at = state as u16;
            self.run_actions(&chart.states[state].invokes, &Trigger::Start)?;
        }
        let active = self.step.active;
        self.go_on(None, active)
    }

    /// Handles an event from outside, if the gate admits it.
    fn receive(&mut self, event: Queued<M::Event>) -> Result<Outcome, Halt> {
        if self.admits_queued(&event) { self.handle(event) } else { self.pass_over() }
    }

    #[inline]
    fn admits(&mut self, event: &M::Event) -> bool {
        self.chart.gate.as_ref().is_none_or(|gate| gate.admit(self.context, event, &mut self.step))
    }

    fn admits_queued(&mut self, event: &Queued<M::Event>) -> bool {
        if let Queued::Event(event) = event { self.admits(event) } else { true }
    }

    /// Does what the gate asked for when it did not admit an event.
    fn pass_over(&mut self) -> Result<Outcome, Halt> {
        let before = self.step.active;
        self.go_on(None, before)?;
        Ok(Outcome { handled: true, changed: self.step.active != before })
    }

    /// Turns of an event, and of all that follows from it.
    #[inline]
    fn handle(&mut self, event: Queued<M::Event>) -> Result<Outcome, Halt> {
        let before = self.step.active;
        let handled = self.turn(&event);
        self.follow(handled, before, || event)
    }

    /// Turns of all that follows from an event that had its turn.
    #[inline]
    fn follow(&mut self, handled: Result<bool, Halt>, before: M::Set, event: impl FnOnce() -> Queued<M::Event>) -> Result<Outcome, Halt> {
        let handled = handled?;
        let changed = self.step.active != before;
        if self.asks() {
            self.go_on(Some(event()), before)?;
        }
        Ok(Outcome { handled, changed: changed || self.step.active != before })
    }

    /// Whether there is anything to carry out at the end of a turn.
    #[inline]
    fn asks(&self) -> bool {
        let asked = !self.step.requests.is_empty() || self.step.postpone || !self.to_invoke.is_empty();
        !self.done && (asked || self.configuration.needs_care(self.chart.waiting_max))
    }

    /// Ends a turn, and takes those of the internal queue.
    fn go_on(&mut self, event: Option<Queued<M::Event>>, before: M::Set) -> Result<(), Halt> {
        let mut queue = Queue::new();
        let mut last = self.end_turn(&mut queue, event, before)?;
        while !self.done {
            let before = self.step.active;
            let event = match queue.pop() {
                Some(event) => event,
                None if !self.to_invoke.is_empty() => {
                    self.invoke_late(last.as_ref())?;
                    self.end_turn(&mut queue, None, before)?;
                    continue;
                }
                None => {
                    let Some(event) = self.configuration.memory.as_mut().and_then(|memory| memory.timers.pop_immediate()) else { break };
                    if !self.admits_queued(&event) {
                        self.count_microstep()?;
                        self.end_turn(&mut queue, None, before)?;
                        continue;
                    }
                    event
                }
            };
            self.count_microstep()?;
            self.turn(&event)?;
            last = if self.asks() { self.end_turn(&mut queue, Some(event), before)? } else { Some(event) };
        }
        Ok(())
    }

    /// The macrostep is over: starts what the states invoke that were entered in it and are still active.
    fn invoke_late(&mut self, last: Option<&Queued<M::Event>>) -> Result<(), Halt> {
        let chart = self.chart;
        let trigger = last.map_or(Trigger::Start, |last| chart.trigger(last).1);
        for state in std::mem::take(&mut self.to_invoke).ascending() {
            self.step.at = state as u16;
            self.run_actions(&chart.states[state].invokes, &trigger)?;
        }
        Ok(())
    }

    /// Turns of the failure of what a state invoked. Postponed, it comes without its reason.
    fn handle_failure(&mut self, kind: u16, reason: &str) -> Result<Outcome, Halt> {
        let before = self.step.active;
        let handled = self.turn_of(kind.into(), &Trigger::Failed(&self.chart.kinds[usize::from(kind)], reason), None);
        self.follow(handled, before, || Queued::Own(kind))
    }

    /// The turn of one event, up to what it asks for. Returns whether it was handled.
    #[inline]
    fn turn(&mut self, event: &Queued<M::Event>) -> Result<bool, Halt> {
        let (kind, trigger) = self.chart.trigger(event);
        let sole = self.chart.sole_pick(self.step.active, self.context, kind, &trigger);
        self.turn_of(kind, &trigger, sole)
    }

    /// The turn of an event for which the one transition may be known.
    #[inline]
    fn turn_of(&mut self, kind: usize, trigger: &Trigger<'_, M::Event>, sole: Option<u16>) -> Result<bool, Halt> {
        let handled = match sole {
            Some(pick) => self.take_one(pick, trigger)?,
            None => self.take_all(kind, trigger)?,
        };
        self.settle_always(trigger)?;
        Ok(handled)
    }

    /// Takes what all active states have for an event.
    fn take_all(&mut self, kind: usize, trigger: &Trigger<'_, M::Event>) -> Result<bool, Halt> {
        let mut picks = Picks::new();
        let handlers = self.step.active.and(self.chart.handlers[kind]);
        if !handlers.is_empty() {
            self.sight(trigger).select(kind, handlers, &mut picks);
            self.raise_faults();
        }
        if self.chart.keeps(self.step.active, kind, &picks) {
            self.step.postpone = true;
            return Ok(true);
        }
        self.microstep(&mut picks, trigger)
    }

    fn sight<'s>(&'s self, trigger: &'s Trigger<'s, M::Event>) -> Sight<'s, M> {
        Sight { chart: self.chart, context: self.context, trigger, active: self.step.active, faults: Some(&self.faults) }
    }

    /// Raises what guards want that failed.
    #[inline]
    fn raise_faults(&mut self) {
        let faults = self.faults.get_mut().drain(..);
        self.step.requests.extend(faults.map(|fault| Request::Raise(Queued::Event(fault))));
    }

    /// Eventless microsteps until there are none; under XState's rules one that changes nothing is the last.
    #[inline]
    fn settle_always(&mut self, trigger: &Trigger<'_, M::Event>) -> Result<(), Halt> {
        if self.step.active.meets(self.chart.masks.always) { self.take_always(trigger) } else { Ok(()) }
    }

    fn take_always(&mut self, trigger: &Trigger<'_, M::Event>) -> Result<(), Halt> {
        while !self.done && self.step.active.meets(self.chart.masks.always) {
            let mut picks = Picks::new();
            self.sight(trigger).select_always(self.configuration.order(), &mut picks);
            self.raise_faults();
            if picks.is_empty() {
                break;
            }
            self.count_microstep()?;
            let before = self.step.active;
            self.microstep(&mut picks, trigger)?;
            let idle = self.step.active == before && !self.assigned && !self.recorded;
            if idle && self.chart.semantics == Semantics::XState {
                break;
            }
        }
        Ok(())
    }

    /// Carries out what a turn asked for: postpones, replays, sets timers, and queues events. Gives back the event that was not
    /// postponed.
    fn end_turn(
        &mut self,
        queue: &mut Queue<M::Event>,
        mut event: Option<Queued<M::Event>>,
        before: M::Set,
    ) -> Result<Option<Queued<M::Event>>, Halt> {
        if self.done {
            return Ok(event);
        }
        let postpone = std::mem::take(&mut self.step.postpone);
        if postpone {
            self.configuration.remember().postponed.extend(event.take());
        }
        let changed = self.step.active != before;
        if let Some(memory) = &mut self.configuration.memory {
            if changed {
                memory.timers.cancel(&TimerId::State);
            }
            memory.timers.cancel(&TimerId::Event);
        }
        if changed
            && let Some(more) = self.configuration.more_mut()
            && !more.postponed.is_empty()
        {
            queue.replay(&mut more.postponed);
        }
        let mut inserted = SmallVec::<[Queued<M::Event>; 2]>::new();
        let Self { step, configuration, now, .. } = self;
        for request in step.requests.drain(..) {
            match request {
                Request::Raise(event) => queue.push(event),
                Request::Insert(event) => inserted.push(event),
                Request::Timer(op) => configuration.memory().timers.apply(op, *now),
                Request::Delay(kind, ticks) => configuration.memory().timers.start_delay(kind, ticks, *now),
                Request::EndDelay(kind) => configuration.memory().timers.end_delay(kind),
            }
        }
        inserted.into_iter().rev().for_each(|event| queue.push_front(event));
        self.check_limits()?;
        Ok(event)
    }

    fn check_limits(&self) -> Result<(), Halt> {
        let limit = self.chart.waiting_max as usize;
        if self.configuration.postponed() > limit {
            return Err(self.full("postponed events"));
        }
        match &self.configuration.memory {
            Some(memory) if memory.timers.len() > limit => Err(self.full("pending timers")),
            _ => Ok(()),
        }
    }

    /// Takes one transition alone.
    #[inline]
    fn take_one(&mut self, pick: u16, trigger: &Trigger<'_, M::Event>) -> Result<bool, Halt> {
        let transition = &self.chart.transitions[usize::from(pick)];
        if transition.dynamic {
            return self.microstep(&mut Picks::from_slice(&[pick]), trigger);
        }
        self.make_move(&transition.fixed, &[pick], trigger)?;
        Ok(true)
    }

    /// Takes the transitions picked, together; `false` if there are none.
    #[inline]
    fn microstep(&mut self, picks: &mut Picks, trigger: &Trigger<'_, M::Event>) -> Result<bool, Halt> {
        if picks.is_empty() {
            return Ok(false);
        }
        let way = self.sight(trigger).resolve(picks, self.configuration.history());
        self.make_move(&way, picks, trigger)?;
        Ok(true)
    }

    /// Exits, actions, entries.
    #[inline]
    fn make_move(&mut self, way: &Move<M::Set>, picks: &[u16], trigger: &Trigger<'_, M::Event>) -> Result<(), Halt> {
        self.assigned = false;
        self.recorded = false;
        let before = self.step.active;
        let exits = way.exits.and(before);
        let order = self.chart.ordered.then(|| self.configuration.remember().order.clone());
        if exits.meets(self.chart.masks.owners) {
            self.record(exits);
        }
        self.exit(exits, trigger)?;
        if let Some(trace) = self.configuration.more_mut().and_then(|more| more.trace.as_mut()) {
            trace.extend(picks);
        }
        for &pick in picks {
            let actions = &self.chart.transitions[usize::from(pick)].actions;
            self.run_actions(actions, trigger)?;
        }
        let enters = way.enters.without(self.step.active);
        self.enter(enters, way.initials, trigger)?;
        if let Some(order) = order
            && self.step.active == before
            && !self.recorded
        {
            self.configuration.remember().order = order;
        }
        self.complete(trigger)
    }

    fn record(&mut self, exits: M::Set) {
        let trigger = Trigger::Start;
        let records = self.sight(&trigger).records(exits, self.configuration.history());
        let more = self.configuration.remember();
        if more.history.len() == records.len() {
            more.history.copy_from_slice(&records);
        } else {
            more.history = records.as_slice().into();
        }
        self.recorded = true;
    }

    #[inline]
    fn exit(&mut self, exits: M::Set, trigger: &Trigger<'_, M::Event>) -> Result<(), Halt> {
        let before = self.step.active;
        for state in exits.and(self.chart.masks.exit_work).descending() {
            self.step.active = before.without(exits.and(M::Set::span(state + 1, M::Set::CAPACITY)));
            self.step.at = state as u16;
            let chart = self.chart;
            let node = &chart.states[state];
            self.run_actions(&node.exit, trigger)?;
            for delay in node.delays.clone() {
                self.end_delay(chart.delays[delay as usize].kind);
            }
        }
        self.step.active = before.without(exits);
        self.to_invoke = self.to_invoke.without(exits);
        if self.chart.ordered {
            self.configuration.remember().order.retain(|leaf| !exits.has(usize::from(*leaf)));
        }
        Ok(())
    }

    #[inline]
    fn enter(&mut self, enters: M::Set, initials: M::Set, trigger: &Trigger<'_, M::Event>) -> Result<(), Halt> {
        let before = self.step.active;
        let mut reported = M::Set::default();
        for state in enters.and(self.chart.masks.entry_work).ascending() {
            self.step.active = before.or(enters.and(M::Set::span(0, state + 1)));
            self.step.at = state as u16;
            let chart = self.chart;
            let node = &chart.states[state];
            self.run_actions(&node.entry, trigger)?;
            for delay in node.delays.clone() {
                let delay = &chart.delays[delay as usize];
                self.start_delay(delay.kind, (delay.ticks)(self.context));
            }
            if initials.has(state) {
                self.run_actions(&node.initial, trigger)?;
            }
            for history in node.histories.and(initials).ascending() {
                self.run_actions(&chart.states[history].initial, trigger)?;
            }
            if node.kind == NodeKind::Final {
                let output = node.output.as_ref().map(|output| output(self.context, trigger));
                self.report_final(node.parent.into(), output, &mut reported);
            }
        }
        self.step.active = before.or(enters);
        self.to_invoke = self.to_invoke.or(enters.and(self.chart.masks.late_invokers));
        if self.chart.ordered {
            let leaves = enters.and(self.chart.masks.leaves);
            self.configuration.remember().order.extend(leaves.ascending().map(|leaf| leaf as u16));
        }
        Ok(())
    }

    /// Starts the delay of a state at once. If something was asked for before, it waits in its place: timers that are
    /// due together come in the order in which they were asked for.
    #[inline]
    fn start_delay(&mut self, kind: u16, ticks: u64) {
        if self.step.requests.is_empty() {
            self.configuration.memory().timers.start_delay(kind, ticks, self.now);
        } else {
            self.step.requests.push(Request::Delay(kind, ticks));
        }
    }

    /// Ends the delay of a state, which may be among what waits.
    #[inline]
    fn end_delay(&mut self, kind: u16) {
        if self.step.requests.is_empty() {
            self.configuration.memory().timers.end_delay(kind);
        } else {
            self.step.requests.push(Request::EndDelay(kind));
        }
    }

    /// A final child of `parent` was entered: queues the done events of what is complete by it.
    fn report_final(&mut self, parent: usize, output: Option<M::Event>, reported: &mut M::Set) {
        let chart = self.chart;
        if parent == 0 {
            if output.is_some() {
                self.configuration.remember().output = output;
            }
        } else if chart.states[parent].kind == NodeKind::Compound {
            let done = chart.states[parent].done;
            self.step.requests.push(Request::Raise(output.map_or(Queued::Own(done), |output| Queued::Output(done, output))));
        }
        let mut at = parent;
        loop {
            if at == 0 {
                self.done = true;
                return;
            }
            at = chart.states[at].parent.into();
            let complete = chart.states[at].kind == NodeKind::Parallel && self.is_complete(at);
            if !complete || reported.has(at) {
                return;
            }
            self.step.requests.push(Request::Raise(Queued::Own(chart.states[at].done)));
            *reported = reported.with(at);
            if chart.semantics == Semantics::Scxml {
                self.done = at == 0;
                return;
            }
        }
    }

    fn is_complete(&self, state: usize) -> bool {
        let node = &self.chart.states[state];
        match node.kind {
            NodeKind::Compound => node.children.and(self.chart.masks.finals).meets(self.step.active),
            NodeKind::Parallel => node.children.ascending().all(|region| self.is_complete(region)),
            NodeKind::Final => self.step.active.has(state),
            NodeKind::Atomic | NodeKind::History(..) => false,
        }
    }

    /// When the chart is done, all exit actions run; the states stay.
    #[inline]
    fn complete(&mut self, trigger: &Trigger<'_, M::Event>) -> Result<(), Halt> {
        if !self.done {
            return Ok(());
        }
        self.exit_all(trigger)?;
        if let Some(gate) = &self.chart.gate {
            let output = self.configuration.more().and_then(|more| more.output.as_ref());
            gate.done(self.context, output, &mut self.step);
        }
        Ok(())
    }

    fn exit_all(&mut self, trigger: &Trigger<'_, M::Event>) -> Result<(), Halt> {
        for state in self.step.active.and(self.chart.masks.exit_work).descending() {
            self.step.at = state as u16;
            let exit = &self.chart.states[state].exit;
            self.run_actions(exit, trigger)?;
        }
        Ok(())
    }

    #[inline]
    fn run_actions(&mut self, actions: &Range<u32>, trigger: &Trigger<'_, M::Event>) -> Result<(), Halt> {
        let chart = self.chart;
        for action in &chart.actions[actions.start as usize..actions.end as usize] {
            self.assigned |= action.assigns;
            (action.run)(self.context, trigger, &mut self.step);
            if self.step.failure.is_some() {
                return Err(self.action_failed());
            }
        }
        Ok(())
    }

    #[inline]
    fn count_microstep(&mut self) -> Result<(), Halt> {
        self.microsteps += 1;
        if self.microsteps > self.chart.microsteps_max { Err(self.livelock()) } else { Ok(()) }
    }

    #[cold]
    fn action_failed(&mut self) -> Halt {
        let reason = self.step.failure.take().unwrap_or_else(|| "no reason was given".into());
        Box::new(StepError::Action { chart: self.chart.name.clone(), reason })
    }

    #[cold]
    fn livelock(&self) -> Halt {
        Box::new(StepError::Livelock { chart: self.chart.name.clone(), states: self.state_names(), limit: self.chart.microsteps_max })
    }

    #[cold]
    fn full(&self, what: &'static str) -> Halt {
        Box::new(StepError::Full { chart: self.chart.name.clone(), states: self.state_names(), what, limit: self.chart.waiting_max })
    }

    fn state_names(&self) -> Vec<String> {
        self.chart.names(self.step.active).into_iter().map(str::to_owned).collect()
    }
}
