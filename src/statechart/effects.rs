//! What the actions of an event asked for, to be carried out when they are through.

use std::error::Error;

use smallvec::SmallVec;

use super::timers::TimerOp;

/// An event in the internal queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Queued<E> {
    /// One of the user's.
    Event(E),
    /// One of the chart's own, by its kind: a state is done, or a delay is over.
    Own(u16),
}

/// First in, first out, without memory of its own while it is short.
#[derive(Debug)]
pub(super) struct Queue<E> {
    /// In reverse: the next one is the last.
    next: SmallVec<[Queued<E>; 2]>,
    back: SmallVec<[Queued<E>; 4]>,
}

impl<E> Queue<E> {
    #[inline]
    pub(super) fn new() -> Self {
        Self { next: SmallVec::new(), back: SmallVec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, event: Queued<E>) {
        self.back.push(event);
    }

    /// Puts events before all others, in their order.
    pub(super) fn push_front(&mut self, events: impl DoubleEndedIterator<Item = Queued<E>>) {
        self.next.extend(events.rev());
    }

    #[inline]
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

/// What is gathered while a step runs. New ones are cheap: they own no memory.
#[derive(Debug)]
pub(super) struct Effects<E> {
    pub(super) queue: Queue<E>,
    pub(super) inserted: SmallVec<[Queued<E>; 2]>,
    pub(super) timers: SmallVec<[TimerOp<E>; 2]>,
    pub(super) postpone: bool,
    pub(super) failure: Option<Box<dyn Error + Send + Sync>>,
}

impl<E> Effects<E> {
    #[inline]
    pub(super) fn new() -> Self {
        Self { queue: Queue::new(), inserted: SmallVec::new(), timers: SmallVec::new(), postpone: false, failure: None }
    }
}
