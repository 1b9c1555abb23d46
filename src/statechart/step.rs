//! Stepping: an event in, and microsteps until nothing more is to be done.
//!
//! # Model
//!
//! A *microstep* takes transitions together: exits, actions, entries. An *event's turn* is the microstep it
//! selects, then eventless microsteps until there are none. A step is the turn of an event from outside, then
//! those of the internal queue, of events replayed, and of time-outs of no time.
//!
//! What actions ask for is gathered in [`Effects`] and carried out at the end of the turn.
//!
//! # Source
//!
//! SCXML's Appendix D (`mainEventLoop`, `microstep`), XState v5's `macrostep`, and the loop of `gen_statem` (OTP,
//! stdlib) for what is postponed and inserted.

use smallvec::SmallVec;

use super::chart::{Chart, NodeKind};
use super::configuration::{Configuration, Memory, Status};
use super::definition::Semantics;
use super::effects::{Effects, Queued};
use super::error::StepError;
use super::model::{ChartEvent, EventKind, Model, Step, Trigger};
use super::moves::Entries;
use super::select::{Picks, Sight};
use super::set::StateSet;
use super::timers::{TimerId, TimerOp};

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
        let mut run = Run::new(self, configuration, context, now, port);
        let handled = run.handle(Queued::Event(event));
        run.conclude(handled)
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
            let handled = run.handle(event);
            let step = run.conclude(handled)?;
            outcome.handled |= step.handled;
            outcome.changed |= step.changed;
        }
        Ok(outcome)
    }
}

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
}

impl<'a, 'p, M: Model> Run<'a, 'p, M> {
    #[inline]
    fn new(chart: &'p Chart<M>, configuration: &'a mut Configuration<M>, context: &'a mut M::Context, now: u64, port: M::Port<'p>) -> Self {
        let step = Step { chart, active: configuration.active, effects: Effects::new(), port };
        Self { chart, configuration, context, now, step, microsteps: 0, done: false, assigned: false, recorded: false }
    }

    /// Keeps what the step came to.
    #[inline]
    fn conclude(self, result: Result<Outcome, StepError>) -> Result<Outcome, StepError> {
        self.configuration.active = self.step.active;
        if self.done {
            self.configuration.active = self.step.active.without(M::Set::one(0));
            if let Some(memory) = &mut self.configuration.memory {
                memory.timers.clear();
                memory.postponed.clear();
            }
        }
        result
    }

    /// The first turn, without an event.
    fn begin(&mut self) -> Result<Outcome, StepError> {
        let mut entries = Entries::new(self.chart, &[]);
        entries.add_root();
        let (enters, initials) = (entries.enters, entries.initials);
        self.enter(enters, initials, &Trigger::Start)?;
        self.complete(&Trigger::Start)?;
        self.settle_always(&Trigger::Start)?;
        self.end_turn(None, M::Set::default())?;
        self.handle_queue()?;
        Ok(Outcome { handled: true, changed: true })
    }

    /// Turns of an event and of all that follows from it.
    #[inline]
    fn handle(&mut self, event: Queued<M::Event>) -> Result<Outcome, StepError> {
        let before = self.step.active;
        let handled = self.turn(event)?;
        self.handle_queue()?;
        Ok(Outcome { handled, changed: self.step.active != before })
    }

    #[inline]
    fn handle_queue(&mut self) -> Result<(), StepError> {
        while !self.done {
            let next = self.step.effects.queue.pop();
            let next = next.or_else(|| self.configuration.memory.as_mut().and_then(|memory| memory.timers.pop_immediate()));
            let Some(event) = next else { break };
            self.count_microstep()?;
            self.turn(event)?;
        }
        Ok(())
    }

    /// The turn of one event. Returns whether it was handled.
    #[inline]
    fn turn(&mut self, event: Queued<M::Event>) -> Result<bool, StepError> {
        let chart = self.chart;
        let before = self.step.active;
        let (kind, trigger) = match &event {
            Queued::Event(event) => (event.kind().index(), Trigger::Event(event)),
            Queued::Own(kind) => (usize::from(*kind), Trigger::Own(&chart.kinds[usize::from(*kind)])),
        };
        let mut picks = self.sight(&trigger).select(kind);
        let mut handled = true;
        if self.defers(kind, &picks) {
            self.step.effects.postpone = true;
        } else if picks.is_empty() {
            handled = false;
        } else {
            self.microstep(&mut picks, &trigger)?;
        }
        self.settle_always(&trigger)?;
        self.end_turn(Some(event), before)?;
        Ok(handled)
    }

    /// Whether an active state keeps the event for later, and nobody at or below it takes it.
    #[inline]
    fn defers(&self, kind: usize, picks: &Picks) -> bool {
        let deferrers = self.step.active.and(self.chart.deferrers[kind]);
        !deferrers.is_empty()
            && picks.iter().all(|&pick| {
                let source = self.chart.transitions[usize::from(pick)].source;
                deferrers.meets(self.chart.descendants(source.into()))
            })
    }

    fn sight<'s>(&'s self, trigger: &'s Trigger<'s, M::Event>) -> Sight<'s, M> {
        Sight { chart: self.chart, context: self.context, trigger, active: self.step.active }
    }

    /// Eventless microsteps until there are none; under XState's rules one that changes nothing is the last.
    #[inline]
    fn settle_always(&mut self, trigger: &Trigger<'_, M::Event>) -> Result<(), StepError> {
        while !self.done && self.step.active.meets(self.chart.masks.always) {
            let order = self.configuration.memory.as_ref().map_or(&[][..], |memory| &memory.order);
            let mut picks = self.sight(trigger).select_always(order);
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

    /// Carries out what the actions of a turn asked for.
    #[inline]
    fn end_turn(&mut self, event: Option<Queued<M::Event>>, before: M::Set) -> Result<(), StepError> {
        let changed = self.step.active != before;
        if !self.done && (self.configuration.memory.is_some() || self.step.effects.postpone || !self.step.effects.timers.is_empty()) {
            self.keep(event, changed)?;
        }
        let effects = &mut self.step.effects;
        if !effects.inserted.is_empty() {
            effects.queue.push_front(effects.inserted.drain(..));
        }
        Ok(())
    }

    /// Postpones, replays, and sets the timers.
    fn keep(&mut self, event: Option<Queued<M::Event>>, changed: bool) -> Result<(), StepError> {
        let memory = self.configuration.memory.get_or_insert_default();
        let effects = &mut self.step.effects;
        if std::mem::take(&mut effects.postpone) {
            memory.postponed.extend(event);
        }
        if changed {
            effects.queue.push_front(memory.postponed.drain(..));
            memory.timers.cancel(&TimerId::State);
        }
        memory.timers.cancel(&TimerId::Event);
        for op in effects.timers.drain(..) {
            memory.timers.apply(op, self.now);
        }
        let limit = self.chart.waiting_max as usize;
        if memory.postponed.len() > limit {
            return Err(self.full("postponed events"));
        }
        if memory.timers.len() > limit {
            return Err(self.full("pending timers"));
        }
        Ok(())
    }

    /// Takes transitions together.
    #[inline]
    fn microstep(&mut self, picks: &mut Picks, trigger: &Trigger<'_, M::Event>) -> Result<(), StepError> {
        self.assigned = false;
        self.recorded = false;
        let before = self.step.active;
        let history = self.configuration.memory.as_ref().map_or(&[][..], |memory| &memory.history);
        let way = self.sight(trigger).resolve(picks, history);
        let exits = way.exits.and(before);
        let order = self.chart.ordered.then(|| self.order_now());
        if exits.meets(self.chart.masks.owners) {
            self.record(exits);
        }
        self.exit(exits, trigger)?;
        for &pick in picks.iter() {
            let actions = &self.chart.transitions[usize::from(pick)].actions;
            self.run_actions(actions.start, actions.end, trigger)?;
        }
        self.enter(way.enters.without(self.step.active), way.initials, trigger)?;
        if let Some(order) = order
            && self.step.active == before
            && !self.recorded
        {
            self.memory().order = order;
        }
        self.complete(trigger)
    }

    fn order_now(&mut self) -> SmallVec<[u16; 8]> {
        self.memory().order.clone()
    }

    fn memory(&mut self) -> &mut Memory<M> {
        self.configuration.memory.get_or_insert_default()
    }

    fn record(&mut self, exits: M::Set) {
        let trigger = Trigger::Start;
        let history = self.configuration.memory.as_ref().map_or(&[][..], |memory| &memory.history);
        let records = self.sight(&trigger).records(exits, history);
        let memory = self.memory();
        if memory.history.len() == records.len() {
            memory.history.copy_from_slice(&records);
        } else {
            memory.history = records.as_slice().into();
        }
        self.recorded = true;
    }

    #[inline]
    fn exit(&mut self, exits: M::Set, trigger: &Trigger<'_, M::Event>) -> Result<(), StepError> {
        let before = self.step.active;
        for state in exits.and(self.chart.masks.exit_work).descending() {
            self.step.active = before.without(exits.and(M::Set::span(state + 1, M::Set::CAPACITY)));
            let chart = self.chart;
            let node = &chart.states[state];
            self.run_actions(node.exit.start, node.exit.end, trigger)?;
            for delay in node.delays.clone() {
                let kind = chart.delays[delay as usize].kind;
                self.step.effects.timers.push(TimerOp::Cancel(TimerId::After(kind)));
            }
        }
        self.step.active = before.without(exits);
        if self.chart.ordered {
            self.memory().order.retain(|leaf| !exits.has(usize::from(*leaf)));
        }
        Ok(())
    }

    #[inline]
    fn enter(&mut self, enters: M::Set, initials: M::Set, trigger: &Trigger<'_, M::Event>) -> Result<(), StepError> {
        let before = self.step.active;
        let mut reported = M::Set::default();
        for state in enters.and(self.chart.masks.entry_work).ascending() {
            self.step.active = before.or(enters.and(M::Set::span(0, state + 1)));
            let chart = self.chart;
            let node = &chart.states[state];
            self.run_actions(node.entry.start, node.entry.end, trigger)?;
            for delay in node.delays.clone() {
                let delay = &chart.delays[delay as usize];
                let start = TimerOp::Start(TimerId::After(delay.kind), (delay.ticks)(self.context), Queued::Own(delay.kind));
                self.step.effects.timers.push(start);
            }
            if initials.has(state) {
                self.run_actions(node.initial.start, node.initial.end, trigger)?;
            }
            if node.kind == NodeKind::Final {
                self.report_final(node.parent.into(), &mut reported);
            }
        }
        self.step.active = before.or(enters);
        if self.chart.ordered {
            let leaves = enters.and(self.chart.masks.leaves);
            self.memory().order.extend(leaves.ascending().map(|leaf| leaf as u16));
        }
        Ok(())
    }

    /// A final child of `parent` was entered: queues the done events of what is complete by it.
    fn report_final(&mut self, parent: usize, reported: &mut M::Set) {
        let chart = self.chart;
        if chart.states[parent].kind == NodeKind::Compound {
            self.step.effects.queue.push(Queued::Own(chart.states[parent].done));
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
            self.step.effects.queue.push(Queued::Own(chart.states[at].done));
            *reported = reported.with(at);
            if chart.semantics == Semantics::Scxml {
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
    fn complete(&mut self, trigger: &Trigger<'_, M::Event>) -> Result<(), StepError> {
        if !self.done {
            return Ok(());
        }
        for state in self.step.active.and(self.chart.masks.exit_work).descending() {
            let exit = &self.chart.states[state].exit;
            self.run_actions(exit.start, exit.end, trigger)?;
        }
        Ok(())
    }

    #[inline]
    fn run_actions(&mut self, start: u32, end: u32, trigger: &Trigger<'_, M::Event>) -> Result<(), StepError> {
        let chart = self.chart;
        for action in &chart.actions[start as usize..end as usize] {
            self.assigned |= action.assigns;
            (action.run)(self.context, trigger, &mut self.step);
            if let Some(reason) = self.step.effects.failure.take() {
                return Err(StepError::Action { chart: chart.name.clone(), reason });
            }
        }
        Ok(())
    }

    #[inline]
    fn count_microstep(&mut self) -> Result<(), StepError> {
        self.microsteps += 1;
        if self.microsteps > self.chart.microsteps_max { Err(self.livelock()) } else { Ok(()) }
    }

    #[cold]
    fn livelock(&self) -> StepError {
        StepError::Livelock { chart: self.chart.name.clone(), states: self.state_names(), limit: self.chart.microsteps_max }
    }

    #[cold]
    fn full(&self, what: &'static str) -> StepError {
        StepError::Full { chart: self.chart.name.clone(), states: self.state_names(), what, limit: self.chart.waiting_max }
    }

    fn state_names(&self) -> Vec<String> {
        self.chart.names(self.step.active).into_iter().map(str::to_owned).collect()
    }
}
