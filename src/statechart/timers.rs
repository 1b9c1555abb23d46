//! The timers of one chart instance: a short list in the order of starting, with no clock of its own.
//!
//! # Source
//!
//! `gen_statem`'s time-outs (OTP, stdlib), and delayed transitions and raises as XState v5 times them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use super::effects::Queued;

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

/// Which timer: at most one of each is pending, but for unnamed and sent ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum TimerId {
    /// A delayed transition, by the kind of its event. Leaving its state cancels it.
    After(u16),
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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Pending<E> {
    id: TimerId,
    /// `None`: as soon as the internal queue is empty.
    due: Option<u64>,
    event: Queued<E>,
}

/// Pending timers, in the order in which they were started.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Timers<E>(SmallVec<[Pending<E>; 1]>);

impl<E> Default for Timers<E> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<E> Timers<E> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn apply(&mut self, op: TimerOp<E>, now: u64) {
        match op {
            TimerOp::Start(id, ticks, event) => {
                if id.is_sole() {
                    self.cancel(&id);
                }
                self.0.push(Pending { id, due: (ticks > 0).then(|| now.saturating_add(ticks)), event });
            }
            TimerOp::Update(id, event) => match self.0.iter_mut().find(|pending| pending.id == id) {
                Some(pending) => pending.event = event,
                None => self.0.push(Pending { id, due: None, event }),
            },
            TimerOp::Cancel(id) => self.cancel(&id),
        }
    }

    /// Starts the delay of a state, of which none is pending unless its state was entered while active.
    #[inline]
    pub(super) fn start_delay(&mut self, kind: u16, ticks: u64, now: u64) {
        self.cancel(&TimerId::After(kind));
        let due = (ticks > 0).then(|| now.saturating_add(ticks));
        self.0.push(Pending { id: TimerId::After(kind), due, event: Queued::Own(kind) });
    }

    #[inline]
    pub(super) fn cancel(&mut self, id: &TimerId) {
        if !self.0.is_empty() {
            self.strike_out(id);
        }
    }

    /// Unnamed ones nothing cancels.
    fn strike_out(&mut self, id: &TimerId) {
        let same = |pending: &Pending<E>| pending.id == *id && *id != TimerId::Unnamed;
        if !id.is_sole() {
            self.0.retain(|pending| !same(pending));
        } else if let Some(at) = self.0.iter().position(same) {
            self.0.remove(at);
        }
    }

    /// Counts from `now` on: what is due then is due at 0.
    pub(super) fn rebase(&mut self, now: u64) {
        for due in self.0.iter_mut().filter_map(|pending| pending.due.as_mut()) {
            *due -= now;
        }
    }

    /// The events that are pending.
    pub(super) fn events(&self) -> impl Iterator<Item = &Queued<E>> {
        self.0.iter().map(|pending| &pending.event)
    }

    /// When the next one is due, in ticks.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.0.iter().filter_map(|pending| pending.due).min()
    }

    /// Takes the oldest of those that do not wait for the clock.
    pub(super) fn pop_immediate(&mut self) -> Option<Queued<E>> {
        let at = self.0.iter().position(|pending| pending.due.is_none())?;
        Some(self.0.remove(at).event)
    }

    /// Takes the one that is due first; of several, the one started first.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Queued<E>> {
        let dues = self.0.iter().enumerate().filter_map(|(at, pending)| Some((pending.due?, at)));
        let (_, at) = dues.min().filter(|(due, _)| *due <= now)?;
        Some(self.0.remove(at).event)
    }
}
