//! A worker's outgoing ends of asks, by type of the asker.
//!
//! # Model
//!
//! Ends of asks go the way of mail, in lanes of their own beside those of messages: written into the bucket of
//! the asker's block, handed over when the pass is done, read in the pass of the asker's type.

use super::returns::AskEnd;
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
    lanes: Vec<Lane<AskEnd>>,
    /// Types whose lane may hold some, each maybe more than once.
    dirty: Vec<Kind>,
    /// How many there are.
    len: usize,
}

impl Answers {
    pub(super) fn add_kind(&mut self) {
        self.lanes.push(Lane::default());
    }

    pub(super) fn sibling(&self) -> Self {
        Self { lanes: self.lanes.iter().map(Lane::sibling).collect(), dirty: Vec::new(), len: 0 }
    }

    /// As [`Outbox::tell`](super::Outbox::tell): the usual way calls nothing.
    #[inline(always)]
    pub(super) fn push(&mut self, to: ActorId, from: Option<ActorId>, end: AskEnd) {
        self.len += 1;
        match self.lanes[to.kind() as usize].room(to.block(), from.map(ActorId::block_id)) {
            Some(room) => room.fill(to, from, end),
            None => self.push_slowly(Envelope { to, from, msg: end }),
        }
    }

    #[cold]
    #[inline(never)]
    fn push_slowly(&mut self, envelope: Envelope<AskEnd>) {
        let kind = envelope.to.kind();
        if self.lanes[kind as usize].push(envelope) {
            self.dirty.push(kind);
        }
    }

    /// Takes the last one for a block back.
    pub(super) fn pop(&mut self, to: BlockId) -> Option<(ActorId, AskEnd)> {
        let (asker, end) = self.lanes[to.kind() as usize].pop(to.block())?;
        self.len -= 1;
        Some((to.member(asker), end))
    }

    pub(super) fn shelve(&mut self, kind: Kind, segment: Segment<AskEnd>) {
        self.lanes[kind as usize].shelf.give(segment);
    }

    pub(super) fn swap_shelf(&mut self, kind: Kind, other: &mut Self) {
        let kind = kind as usize;
        std::mem::swap(&mut self.lanes[kind].shelf, &mut other.lanes[kind].shelf);
    }

    pub(super) fn take_empty_segment(&mut self, kind: Kind) -> Segment<AskEnd> {
        self.lanes[kind as usize].shelf.take()
    }

    /// Whether there is none, but for a bucket that was emptied in a relay.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        self.len == 0
    }

    /// As [`Lane::exchange_only_segment`], for all lanes together.
    #[inline]
    pub(super) fn exchange_only_segment(&mut self, kind: Kind, empty: &mut Segment<AskEnd>) -> Option<(u32, BlockId)> {
        let exchanged = if self.dirty == [kind] { self.lanes[kind as usize].exchange_only_segment(empty) } else { None };
        self.len = if exchanged.is_some() { 0 } else { self.len };
        exchanged
    }

    /// Ends a run of exchanges, of which `empty` is left.
    pub(super) fn end_relay(&mut self, kind: Kind, empty: Segment<AskEnd>) {
        let lane = &mut self.lanes[kind as usize];
        lane.shelf.give(empty);
        lane.end_relay();
        if lane.is_empty() {
            self.dirty.retain(|&dirty| dirty != kind);
        }
    }

    /// Hands every lane that holds some to `gather`, in order of first use.
    pub(super) fn gather(&mut self, mut gather: impl FnMut(Kind, &mut Lane<AskEnd>)) {
        self.len = 0;
        for kind in self.dirty.drain(..) {
            let lane = &mut self.lanes[kind as usize];
            if !lane.is_empty() {
                gather(kind, lane);
            }
        }
    }
}
