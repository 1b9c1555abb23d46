//! What is kept of one instance of a chart.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use nonmax::NonMaxU64;
use smallvec::SmallVec;

use super::chart::Chart;
use super::effects::Queued;
use super::error::StepError;
use super::invoke::Ties;
use super::model::Model;
use super::set::StateSet;
use super::timers::Timers;

/// Where one instance of a chart is: its active states, and, where there are any, its history,
/// timers and postponed events.
///
/// 16 bytes for charts of up to 64 states, and no memory beyond them for charts without history and timers.
/// It is plain data: clone it to look ahead, keep it in a snapshot.
pub struct Configuration<M: Model> {
    /// The root's bit says that the chart is running: it is cleared when it is done.
    pub(super) active: M::Set,
    pub(super) memory: Option<Box<Memory<M>>>,
}

/// What an instance remembers besides its states: of most that is their delays, if anything.
pub(super) struct Memory<M: Model> {
    pub(super) timers: Timers<M::Event>,
    /// The tick at which whoever keeps the clock has been asked to look at the timers.
    wake: Option<NonMaxU64>,
    pub(super) more: Option<Box<More<M>>>,
}

/// What most instances need not remember.
pub(super) struct More<M: Model> {
    /// For each history state what it leads to; empty where its parent was never left.
    pub(super) history: Box<[M::Set]>,
    /// Active leaves in the order of activation, for charts where it matters.
    pub(super) order: SmallVec<[u16; 8]>,
    pub(super) postponed: VecDeque<Queued<M::Event>>,
    pub(super) ties: Ties,
    /// What the final state gave out that ended the chart.
    pub(super) output: Option<M::Event>,
    /// The transitions taken, if somebody wants to know.
    pub(super) trace: Option<Vec<u16>>,
    /// Its chart, where that is not the one that is shared by all of its type.
    own_chart: Option<Arc<Chart<M>>>,
}

/// Timers, postponed events, ties, history, order and output; what is empty counts as what is missing.
type Parts<'a, M> = (
    Option<&'a Timers<<M as Model>::Event>>,
    Option<&'a VecDeque<Queued<<M as Model>::Event>>>,
    Option<&'a Ties>,
    &'a [<M as Model>::Set],
    &'a [u16],
    Option<&'a <M as Model>::Event>,
);

/// How far an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It was not started.
    New,
    /// It handles events.
    Active,
    /// It reached a final state of the root, and handles nothing more.
    Done,
}

impl<M: Model> Configuration<M> {
    /// The configuration of an instance that was not started.
    #[must_use]
    pub fn new() -> Self {
        Self { active: M::Set::default(), memory: None }
    }

    /// As [`Configuration::new`], of an instance with a chart of its own.
    #[cfg(feature = "scxml")]
    pub(crate) fn of(chart: Arc<Chart<M>>) -> Self {
        let mut configuration = Self::new();
        configuration.remember().own_chart = Some(chart);
        configuration
    }

    /// The chart of this instance, if it is not the one that all of its type share.
    #[inline]
    pub(crate) fn own_chart(&self) -> Option<&Arc<Chart<M>>> {
        self.more()?.own_chart.as_ref()
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> Status {
        if self.active.is_empty() {
            Status::New
        } else if self.active.has(0) {
            Status::Active
        } else {
            Status::Done
        }
    }

    /// The active states; those at completion if it is done. Ask the [`Chart`](super::Chart) for names.
    #[must_use]
    pub fn states(&self) -> M::Set {
        if self.active.is_empty() { self.active } else { self.active.with(0) }
    }

    /// What is remembered beyond timers, if there is anything.
    #[inline]
    pub(super) fn more(&self) -> Option<&More<M>> {
        self.memory.as_ref()?.more.as_deref()
    }

    pub(super) fn more_mut(&mut self) -> Option<&mut More<M>> {
        self.memory.as_mut()?.more.as_deref_mut()
    }

    /// The memory, from now on there.
    #[inline]
    pub(super) fn memory(&mut self) -> &mut Memory<M> {
        self.memory.get_or_insert_default()
    }

    /// The rest of the memory, from now on there.
    pub(super) fn remember(&mut self) -> &mut More<M> {
        self.memory().more.get_or_insert_default()
    }

    /// Whether the end of a turn has something to see to, though nothing was asked for.
    #[inline]
    pub(super) fn needs_care(&self, waiting_max: u32) -> bool {
        self.memory.as_ref().is_some_and(|memory| {
            let postpones = memory.more.as_ref().is_some_and(|more| !more.postponed.is_empty() || more.trace.is_some());
            postpones || memory.timers.need_care(waiting_max)
        })
    }

    /// What history states lead to; nothing if none was recorded.
    pub(super) fn history(&self) -> &[M::Set] {
        self.more().map_or(&[], |more| &more.history)
    }

    /// The order of activation, of charts where it matters.
    pub(super) fn order(&self) -> &[u16] {
        self.more().map_or(&[], |more| &more.order)
    }

    /// The tick at which its next timer is due.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.memory.as_ref()?.timers.next_due()
    }

    /// The tick for which a wake is to be ordered, if none is ordered that is as early.
    #[inline]
    pub(crate) fn wake_needed(&mut self) -> Option<u64> {
        let memory = self.memory.as_mut()?;
        let due = memory.timers.next_due()?;
        if memory.wake.is_some_and(|wake| wake.get() <= due) {
            return None;
        }
        memory.wake = NonMaxU64::new(due);
        Some(due)
    }

    /// From now on keeps note of the transitions that are taken.
    pub(super) fn trace(&mut self) {
        self.remember().trace = Some(Vec::new());
    }

    /// The transitions taken since the trace began, in order. Ends it.
    pub(super) fn take_trace(&mut self) -> Vec<u16> {
        self.more_mut().and_then(|more| more.trace.take()).unwrap_or_default()
    }

    /// What a chart goes on from, apart from the active states. Who keeps the clock, and who traces, is left out.
    fn parts(&self) -> Parts<'_, M> {
        let timers = self.memory.as_ref().map(|memory| &memory.timers).filter(|timers| timers.len() > 0);
        let postponed = self.more().map(|more| &more.postponed).filter(|postponed| !postponed.is_empty());
        let ties = self.more().map(|more| &more.ties).filter(|ties| !ties.is_unused());
        (timers, postponed, ties, self.history(), self.order(), self.output())
    }

    /// Sets the clock from `now` to 0.
    pub(super) fn rebase(&mut self, now: u64) {
        if let Some(memory) = &mut self.memory {
            memory.timers.rebase(now);
        }
    }

    /// A wake has come.
    pub(crate) fn awoke(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.wake = None;
        }
    }

    /// What the final state gave out that ended the chart ([`StateDef::output`](super::StateDef::output)).
    #[must_use]
    pub fn output(&self) -> Option<&M::Event> {
        self.more()?.output.as_ref()
    }

    /// How many events it keeps for later.
    #[must_use]
    pub fn postponed(&self) -> usize {
        self.more().map_or(0, |more| more.postponed.len())
    }
}

impl<M: Model> Chart<M> {
    /// Checks that a configuration can be one of this chart: one that comes from a snapshot might not. O(states).
    ///
    /// # Errors
    ///
    /// [`StepError::Foreign`] says what does not fit.
    pub fn check(&self, configuration: &Configuration<M>) -> Result<(), StepError> {
        let all = M::Set::span(0, self.states.len());
        let active = configuration.states();
        let recorded = configuration.history().iter().fold(M::Set::default(), |all, record| all.or(*record));
        let history_fits = recorded.without(all).is_empty()
            && (configuration.history().is_empty() || configuration.history().len() == self.histories)
            && configuration.order().iter().all(|leaf| active.has((*leaf).into()));
        let timed = configuration.memory.iter().flat_map(|memory| memory.timers.own_kinds());
        let postponed = configuration.more().into_iter().flat_map(|more| &more.postponed).filter_map(Queued::own_kind);
        let what = if !active.without(all.without(self.masks.histories)).is_empty() {
            "it has states that the chart has not"
        } else if !active.is_empty() && !self.is_sound(active) {
            "its states cannot be active together"
        } else if !history_fits {
            "its history is of other states"
        } else if !timed.chain(postponed).all(|kind| usize::from(kind) < self.kinds.len()) {
            "it waits for events that the chart does not know"
        } else {
            return Ok(());
        };
        Err(StepError::Foreign { chart: self.name.clone(), what })
    }
}

impl<M: Model> Default for Configuration<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Model> Default for Memory<M> {
    fn default() -> Self {
        Self { timers: Timers::default(), wake: None, more: None }
    }
}

impl<M: Model> Default for More<M> {
    fn default() -> Self {
        Self {
            history: Box::default(),
            order: SmallVec::new(),
            postponed: VecDeque::new(),
            ties: Ties::default(),
            output: None,
            trace: None,
            own_chart: None,
        }
    }
}

impl<M: Model> Clone for Memory<M>
where
    M::Event: Clone,
{
    fn clone(&self) -> Self {
        Self { timers: self.timers.clone(), wake: self.wake, more: self.more.clone() }
    }
}

impl<M: Model> Clone for More<M>
where
    M::Event: Clone,
{
    fn clone(&self) -> Self {
        Self {
            history: self.history.clone(),
            order: self.order.clone(),
            postponed: self.postponed.clone(),
            ties: self.ties.clone(),
            output: self.output.clone(),
            trace: None,
            own_chart: self.own_chart.clone(),
        }
    }
}

impl<M: Model> Clone for Configuration<M>
where
    M::Event: Clone,
{
    fn clone(&self) -> Self {
        Self { active: self.active, memory: self.memory.clone() }
    }
}

impl<M: Model> Eq for Configuration<M> where M::Event: Eq {}

impl<M: Model> PartialEq for Configuration<M>
where
    M::Event: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        self.active == other.active && self.parts() == other.parts()
    }
}

impl<M: Model> Hash for Configuration<M>
where
    M::Event: Hash,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.active.hash(state);
        self.parts().hash(state);
    }
}

impl<M: Model> Debug for Configuration<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("states", &self.states())
            .field("status", &self.status())
            .field("next_due", &self.next_due())
            .field("postponed", &self.postponed())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::EventId;
    use super::*;

    struct Narrow;

    impl Model for Narrow {
        type State = u8;
        type Event = EventId;
        type Context = ();
        type Port<'a> = ();
        type Set = u64;
    }

    #[test]
    fn a_configuration_of_up_to_64_states_is_16_bytes() {
        assert_eq!(size_of::<Configuration<Narrow>>(), 16);
    }
}
