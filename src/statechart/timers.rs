//! The timers of one chart instance: a short list in the order of starting, with no clock of its own.
//!
//! # Source
//!
//! `gen_statem`'s time-outs (OTP, stdlib), and delayed transitions and raises as XState v5 times them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use nonmax::NonMaxU64;
use smallvec::SmallVec;

use super::effects::Queued;
use super::model::ChartEvent;

/// The name of a timer; from a literal it costs nothing.
#[derive(Clone, Debug)]
pub struct TimerName(Text);

#[derive(Clone, Debug)]
enum Text {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl TimerName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Fixed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl PartialEq for TimerName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for TimerName {}

impl Hash for TimerName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<&'static str> for TimerName {
    fn from(text: &'static str) -> Self {
        Self(Text::Fixed(text))
    }
}

impl From<Arc<str>> for TimerName {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

/// Which timer, of those that are no delays of states: at most one of each is pending, but for unnamed and sent ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum TimerId {
    Named(TimerName),
    /// Sent by an SCXML document: several may be pending under one name.
    #[cfg(feature = "scxml")]
    Sent(Arc<str>),
    Unnamed,
    /// Cancelled by a change of the configuration.
    State,
    /// Cancelled by every event.
    Event,
}

impl TimerId {
    fn is_sole(&self) -> bool {
        match self {
            #[cfg(feature = "scxml")]
            Self::Sent(_) => false,
            _ => true,
        }
    }
}

/// What a step asks of the timers.
#[derive(Debug)]
pub(super) enum TimerOp<E> {
    Start(TimerId, u64, Queued<E>),
    Update(TimerId, Queued<E>),
    Cancel(TimerId),
}

/// When a timer is due; `None`: as soon as the internal queue is empty.
type Due = Option<NonMaxU64>;

/// A pending timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pending {
    due: Due,
    /// Of a state's delay the kind of its event. `None`: the next of [`Timers::others`].
    delay: Option<u16>,
}

/// Pending timers, in the order in which they were started.
///
/// Nearly all are delays of states, of which there is nothing to keep but a tick and a number. What others need lies
/// apart, in the same order.
#[derive(Clone, Debug)]
pub(super) struct Timers<E> {
    list: SmallVec<[Pending; 2]>,
    others: Option<Box<Others<E>>>,
}

#[derive(Clone, Debug)]
struct Others<E>(Vec<(TimerId, Queued<E>)>);

impl<E> Default for Timers<E> {
    fn default() -> Self {
        Self { list: SmallVec::new(), others: None }
    }
}

impl<E> Timers<E> {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.others = None;
    }

    /// Whether the end of a turn may cancel some, has to take some, or finds too many.
    #[inline]
    pub(super) fn need_care(&self, waiting_max: u32) -> bool {
        self.list.len() > waiting_max as usize || !self.others().is_empty() || self.list.iter().any(|pending| pending.due.is_none())
    }

    pub(super) fn apply(&mut self, op: TimerOp<E>, now: u64) {
        match op {
            TimerOp::Start(id, ticks, event) => {
                if id.is_sole() {
                    self.cancel(&id);
                }
                self.push(due(ticks, now), id, event);
            }
            TimerOp::Update(id, event) => match self.others_mut().iter_mut().find(|(other, _)| *other == id) {
                Some((_, pending)) => *pending = event,
                None => self.push(None, id, event),
            },
            TimerOp::Cancel(id) => self.cancel(&id),
        }
    }

    fn push(&mut self, due: Due, id: TimerId, event: Queued<E>) {
        self.list.push(Pending { due, delay: None });
        self.others.get_or_insert_with(|| Box::new(Others(Vec::with_capacity(1)))).0.push((id, event));
    }

    /// Starts the delay of a state, by the kind of its event. None is pending, unless its state was entered while active.
    #[inline]
    pub(super) fn start_delay(&mut self, kind: u16, ticks: u64, now: u64) {
        self.end_delay(kind);
        self.list.push(Pending { due: due(ticks, now), delay: Some(kind) });
    }

    /// Takes the delay of a state off, if it is pending.
    #[inline]
    pub(super) fn end_delay(&mut self, kind: u16) {
        if let Some(at) = self.list.iter().position(|pending| pending.delay == Some(kind)) {
            self.list.remove(at);
        }
    }

    /// Takes off what is pending under a name. Unnamed ones nothing cancels.
    #[inline]
    pub(super) fn cancel(&mut self, id: &TimerId) {
        if !self.others().is_empty() && *id != TimerId::Unnamed {
            while let Some(number) = self.others().iter().position(|(other, _)| other == id) {
                let at = self.place_of_other(number);
                self.take(at);
            }
        }
    }

    /// Counts from `now` on: what is due then is due at 0.
    pub(super) fn rebase(&mut self, now: u64) {
        for due in self.list.iter_mut().filter_map(|pending| pending.due.as_mut()) {
            *due = tick(due.get() - now);
        }
    }

    /// When the next one is due, in ticks.
    #[inline]
    pub(super) fn next_due(&self) -> Option<u64> {
        self.list.iter().filter_map(|pending| pending.due).min().map(|due| due.get())
    }

    /// Takes the oldest of those that do not wait for the clock.
    pub(super) fn pop_immediate(&mut self) -> Option<Queued<E>> {
        let at = self.list.iter().position(|pending| pending.due.is_none())?;
        Some(self.take(at))
    }

    /// Takes the one that is due first; of several, the one started first.
    #[inline]
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Queued<E>> {
        let dues = self.list.iter().enumerate().filter_map(|(at, pending)| Some((pending.due?, at)));
        let (_, at) = dues.min().filter(|(due, _)| due.get() <= now)?;
        Some(self.take(at))
    }

    #[inline]
    fn take(&mut self, at: usize) -> Queued<E> {
        match self.list.remove(at).delay {
            Some(kind) => Queued::Own(kind),
            None => self.take_other(at),
        }
    }

    /// What belongs to an entry that was just removed from the list.
    fn take_other(&mut self, at: usize) -> Queued<E> {
        let number = self.list[..at].iter().filter(|pending| pending.delay.is_none()).count();
        let others = self.others.as_mut().expect("invariant: there are as many others as the list says");
        others.0.remove(number).1
    }

    /// Where the list has the other of this number.
    fn place_of_other(&self, number: usize) -> usize {
        let mut others = self.list.iter().enumerate().filter(|(_, pending)| pending.delay.is_none());
        others.nth(number).expect("invariant: the list has all others").0
    }

    #[inline]
    fn others(&self) -> &[(TimerId, Queued<E>)] {
        self.others.as_ref().map_or(&[], |others| &others.0)
    }

    fn others_mut(&mut self) -> &mut [(TimerId, Queued<E>)] {
        self.others.as_mut().map_or(&mut [], |others| &mut others.0)
    }

    /// The kinds of those events that are the chart's own.
    pub(super) fn own_kinds(&self) -> impl Iterator<Item = u16> {
        let delays = self.list.iter().filter_map(|pending| pending.delay);
        delays.chain(self.others().iter().filter_map(|(_, event)| event.own_kind()))
    }
}

impl<E: ChartEvent> Timers<E> {
    /// The kinds of the pending events, with the ticks at which they are due.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (usize, Option<u64>)> {
        let mut others = self.others().iter();
        self.list.iter().filter_map(move |pending| {
            let kind = pending.delay.map(usize::from).or_else(|| others.next().map(|(_, event)| event.kind()))?;
            Some((kind, pending.due.map(|due| due.get())))
        })
    }
}

fn due(ticks: u64, now: u64) -> Due {
    (ticks > 0).then(|| tick(now.saturating_add(ticks)))
}

/// The last of all ticks is not told from the one before.
fn tick(tick: u64) -> NonMaxU64 {
    NonMaxU64::new(tick).unwrap_or(NonMaxU64::MAX)
}

impl<E: PartialEq> PartialEq for Timers<E> {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list && self.others() == other.others()
    }
}

impl<E: Eq> Eq for Timers<E> {}

impl<E: Hash> Hash for Timers<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.list.hash(state);
        self.others().hash(state);
    }
}

#[cfg(feature = "serde")]
mod saved {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Pending, Queued, TimerId, Timers, tick};

    /// How a timer is kept in a snapshot.
    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Timer")]
    struct Saved<I, Q> {
        due: Option<u64>,
        what: SavedWhat<I, Q>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "What")]
    enum SavedWhat<I, Q> {
        Delay(u16),
        Event(I, Q),
    }

    impl<E: Serialize> Serialize for Timers<E> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut others = self.others().iter();
            serializer.collect_seq(self.list.iter().map(|pending| {
                let what = match pending.delay {
                    Some(kind) => SavedWhat::Delay(kind),
                    None => {
                        let (id, event) = others.next().expect("invariant: there are as many others as the list says");
                        SavedWhat::Event(id, event)
                    }
                };
                Saved { due: pending.due.map(|due| due.get()), what }
            }))
        }
    }

    impl<'de, E: Deserialize<'de>> Deserialize<'de> for Timers<E> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let mut timers = Self::default();
            for Saved { due, what } in Vec::<Saved<TimerId, Queued<E>>>::deserialize(deserializer)? {
                let due = due.map(tick);
                match what {
                    SavedWhat::Delay(kind) => timers.list.push(Pending { due, delay: Some(kind) }),
                    SavedWhat::Event(id, event) => timers.push(due, id, event),
                }
            }
            Ok(timers)
        }
    }
}
