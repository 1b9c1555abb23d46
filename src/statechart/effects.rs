//! What the actions of an event asked for, to be carried out when they are through.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::model::{ChartEvent, EventKind};
use super::timers::TimerOp;

/// An event in the internal queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Queued<E> {
    /// One of the user's.
    Event(E),
    /// One of the chart's own, by its kind: a state is done, or a delay is over.
    Own(u16),
    /// A state is done, with the output of its final child.
    Output(u16, E),
}

impl<E: ChartEvent> Queued<E> {
    /// The number of its kind.
    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Event(event) => event.kind().index(),
            Self::Own(kind) | Self::Output(kind, _) => usize::from(*kind),
        }
    }
}

impl<E> Queued<E> {
    /// The kind, of one of the chart's own.
    pub(super) fn own_kind(&self) -> Option<u16> {
        match self {
            Self::Event(_) => None,
            Self::Own(kind) | Self::Output(kind, _) => Some(*kind),
        }
    }
}

/// Something asked for.
#[derive(Debug)]
pub(super) enum Request<E> {
    /// An event behind all others.
    Raise(Queued<E>),
    /// An event before all others.
    Insert(Queued<E>),
    Timer(TimerOp<E>),
    /// The delay of a state that was entered, by the kind of its event.
    Delay(u16, u64),
    /// Its end, as the state was left.
    EndDelay(u16),
}

/// What is asked for in one turn, in order. It owns no memory while it is short.
pub(super) type Requests<E> = SmallVec<[Request<E>; 4]>;

/// The internal queue: first in, first out, without memory of its own while it is short.
#[derive(Debug)]
pub(super) struct Queue<E> {
    /// In reverse: the next one is the last.
    next: SmallVec<[Queued<E>; 4]>,
    back: SmallVec<[Queued<E>; 4]>,
}

impl<E> Queue<E> {
    pub(super) fn new() -> Self {
        Self { next: SmallVec::new(), back: SmallVec::new() }
    }

    pub(super) fn push(&mut self, event: Queued<E>) {
        self.back.push(event);
    }

    pub(super) fn push_front(&mut self, event: Queued<E>) {
        self.next.push(event);
    }

    /// Puts events that wait elsewhere before all others, in their order.
    pub(super) fn replay(&mut self, events: &mut VecDeque<Queued<E>>) {
        self.next.extend(events.drain(..).rev());
    }

    pub(super) fn pop(&mut self) -> Option<Queued<E>> {
        if self.next.is_empty() {
            if self.back.is_empty() {
                return None;
            }
            self.next.extend(self.back.drain(..).rev());
        }
        self.next.pop()
    }
}
