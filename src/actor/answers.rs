//! A worker's outgoing ends of asks, by type of the asker.
//!
//! # Model
//!
//! Ends of asks go the way of mail, in lanes of their own beside those of messages: written into the bucket of
//! the asker's block, handed over when the pass is done, read in the pass of the asker's type.

use super::returns::Return;
use crate::id::{ActorId, BlockId, Kind};
use crate::mailbox::{Envelope, Lane, Segment};

/// Mail of the next round that a worker may handle on the spot; see
/// [`Outbox::exchange_only_segment`](super::Outbox::exchange_only_segment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    /// A segment of messages, for actors of block `to`, from such of block `from`.
    Mail { to: u32, from: BlockId },
    /// A segment of ends of asks.
    Answers { to: u32, from: BlockId },
    /// There is none, or there is more.
    None,
}

/// A lane of ends for each type.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    lanes: Vec<Lane<Return>>,
    /// Types whose lane may hold some, each maybe more than once.
    dirty: Vec<Kind>,
}

impl Answers {
    pub(super) fn add_kind(&mut self) {
        self.lanes.push(Lane::default());
    }

    pub(super) fn sibling(&self) -> Self {
        Self { lanes: self.lanes.iter().map(Lane::sibling).collect(), dirty: Vec::new() }
    }

    pub(super) fn push(&mut self, to: ActorId, from: Option<ActorId>, back: Return) {
        if self.lanes[to.kind() as usize].push(Envelope { to, from, msg: back }) {
            self.dirty.push(to.kind());
        }
    }

    /// Takes the last one for a block back.
    pub(super) fn pop(&mut self, to: BlockId) -> Option<Return> {
        self.lanes[to.kind() as usize].pop(to.block())
    }

    pub(super) fn shelve(&mut self, kind: Kind, segment: Segment<Return>) {
        self.lanes[kind as usize].shelf.give(segment);
    }

    pub(super) fn swap_shelf(&mut self, kind: Kind, other: &mut Self) {
        let kind = kind as usize;
        std::mem::swap(&mut self.lanes[kind].shelf, &mut other.lanes[kind].shelf);
    }

    pub(super) fn take_empty_segment(&mut self, kind: Kind) -> Segment<Return> {
        self.lanes[kind as usize].shelf.take()
    }

    /// Whether there is none, but for a bucket that was emptied in a relay.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        match self.dirty.as_slice() {
            [] => true,
            &[kind] => self.lanes[kind as usize].is_drained(),
            _ => false,
        }
    }

    /// As [`Lane::exchange_only_segment`], for all lanes together.
    pub(super) fn exchange_only_segment(&mut self, kind: Kind, empty: &mut Segment<Return>) -> Option<(u32, BlockId)> {
        if self.dirty == [kind] { self.lanes[kind as usize].exchange_only_segment(empty) } else { None }
    }

    /// Ends a run of exchanges, of which `empty` is left.
    pub(super) fn end_relay(&mut self, kind: Kind, empty: Segment<Return>) {
        let lane = &mut self.lanes[kind as usize];
        lane.shelf.give(empty);
        lane.end_relay();
        if lane.is_empty() {
            self.dirty.retain(|&dirty| dirty != kind);
        }
    }

    /// Hands every lane that holds some to `gather`, in order of first use.
    pub(super) fn gather(&mut self, mut gather: impl FnMut(Kind, &mut Lane<Return>)) {
        for kind in self.dirty.drain(..) {
            let lane = &mut self.lanes[kind as usize];
            if !lane.is_empty() {
                gather(kind, lane);
            }
        }
    }
}
