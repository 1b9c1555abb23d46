//! The sender's side: one worker's mail for one actor type, partitioned while it is written.
//!
//! # Model
//!
//! A lane has a bucket for each block of recipients. Writing straight into buckets costs the same
//! scattered store as a later partition pass would, and saves that pass: a message is written once
//! and read once.
//!
//! A bucket is a list of segments. A segment that was read goes on the [`Shelf`](super::Shelf) of the worker that read
//! it, which writes its next mail there: to memory that is still in the cache. (With buckets that keep
//! memory of their own, a round of a million messages writes to lines that were last touched a round
//! ago: 68 ns a message instead of 16, measured on one thread.) So mail takes about the memory of what
//! is under way, and the steady state allocates nothing.
//!
//! # Invariants
//!
//! 1. `touched` lists exactly the blocks whose bucket is not empty, in the order of first use.
//! 2. [`Lane::pop`] undoes [`Lane::push`] in reverse order, which is how a failed call is rolled back.
//! 3. Only a bucket's last segment has room; an empty bucket has no segment.
//! 4. A message that has a sender is written only when the bucket's last [`Source`] is that sender's
//!    block, and its place (`Tail::source`) says so.
//!
//! During a relay ([`Lane::exchange_only_segment`]) one touched bucket may be an empty segment.

#![expect(unsafe_code, reason = "a message is written once, straight into its bucket")]

use std::fmt;
use std::sync::Arc;

use super::Audience;
use super::reader::Source;
use super::shelf::{Packed, Segment, Shelf, segment_messages};
use crate::cache::prefetch;
use crate::id::{ActorId, BlockId, Kind, MemberId};

/// A message with its receiver and its sender.
#[derive(Debug)]
pub(crate) struct Envelope<M> {
    pub(crate) to: ActorId,
    pub(crate) from: Option<ActorId>,
    pub(crate) msg: M,
}

/// A message to every actor of a type, or to those of an audience: one copy, which each reader clones when it
/// reads.
pub(crate) struct Shout<M> {
    pub(crate) from: Option<ActorId>,
    pub(crate) make: Box<dyn Fn() -> M + Send + Sync>,
    /// `None` if it is for all.
    pub(crate) audience: Option<Arc<Audience>>,
}

impl<M> Shout<M> {
    fn reaches(&self, block: u32) -> bool {
        self.audience.as_ref().is_none_or(|audience| audience.has_block(block))
    }
}

impl<M> fmt::Debug for Shout<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shout").field("from", &self.from).finish_non_exhaustive()
    }
}

/// One lane's mail for one block, with the shouts that fell between its messages.
#[derive(Debug)]
pub(crate) struct Part<M> {
    pub(crate) segments: Vec<Segment<M>>,
    pub(crate) sources: Vec<Source>,
    /// Number of messages before the shout; ascending.
    pub(crate) shouts: Vec<(u32, Arc<Shout<M>>)>,
}

impl<M> Part<M> {
    /// Messages in it.
    pub(crate) fn len(&self) -> usize {
        bucket_len(&self.segments, self.segments.last())
    }
}

/// Messages in `full` segments, but for the `last` one.
fn bucket_len<M>(full: &[Segment<M>], last: Option<&Segment<M>>) -> usize {
    full.len().saturating_sub(1) * segment_messages::<M>() + last.map_or(0, Vec::len)
}

/// The end of a bucket, where mail is written.
#[derive(Debug)]
struct Tail<M> {
    /// Without memory if the bucket is empty.
    segment: Segment<M>,
    /// The block of the last message's sender.
    source: BlockId,
}

impl<M> Tail<M> {
    const EMPTY: Self = Self { segment: Vec::new(), source: BlockId::NONE };
}

/// The rest of a bucket, which a message seldom needs.
#[derive(Debug)]
struct Body<M> {
    full: Vec<Segment<M>>,
    sources: Vec<Source>,
}

impl<M> Body<M> {
    const EMPTY: Self = Self { full: Vec::new(), sources: Vec::new() };
}

/// A shout with the length that each bucket had when it was made.
#[derive(Debug)]
struct Shouted<M> {
    shout: Arc<Shout<M>>,
    lengths: Vec<(u32, u32)>,
}

/// How many messages ahead of the one written its bucket's memory is asked for: the next line or the one
/// after. Many stores to other buckets come before it is reached.
const AHEAD: usize = 3;

/// Where the next message of a bucket goes.
pub(crate) struct Room<'a, M> {
    segment: &'a mut Segment<M>,
}

impl<M> Room<'_, M> {
    /// Writes a message.
    ///
    /// The envelope is put together in its place: what is built elsewhere and copied here waits for
    /// the stores before it, which miss the cache (17 of 61 ns a message, measured).
    #[inline(always)]
    pub(crate) fn fill(self, to: ActorId, from: Option<ActorId>, msg: M) {
        let len = self.segment.len();
        // SAFETY: `Lane::room`, the only maker, saw that there is room behind the last message.
        unsafe {
            self.segment.as_mut_ptr().add(len).write(Packed { to: to.member_id(), from: from.map(ActorId::member_id), msg });
            self.segment.set_len(len + 1);
        }
        prefetch(self.segment.as_ptr().wrapping_add(len + AHEAD).cast());
    }
}

/// One worker's outgoing mail for one actor type.
#[derive(Debug)]
pub(crate) struct Lane<M> {
    /// Buckets, by block: their ends...
    tails: Vec<Tail<M>>,
    /// ...and what is before.
    bodies: Vec<Body<M>>,
    touched: Vec<u32>,
    shouts: Vec<Shouted<M>>,
    pub(crate) shelf: Shelf<M>,
}

impl<M> Default for Lane<M> {
    fn default() -> Self {
        Self { tails: Vec::new(), bodies: Vec::new(), touched: Vec::new(), shouts: Vec::new(), shelf: Shelf::default() }
    }
}

impl<M> Lane<M> {
    /// An empty lane whose memory comes from the same depot.
    pub(crate) fn sibling(&self) -> Self {
        Self { shelf: self.shelf.sibling(), ..Self::default() }
    }

    /// The place of the next message for `block` from a sender of `source`, if its bucket has one ready.
    #[inline(always)]
    pub(crate) fn room(&mut self, block: u32, source: Option<BlockId>) -> Option<Room<'_, M>> {
        let Tail { segment, source: last } = self.tails.get_mut(block as usize)?;
        let is_ready = segment.len() < segment.capacity() && source.is_none_or(|source| source == *last);
        is_ready.then_some(Room { segment })
    }

    /// Appends a message to its block's bucket; `true` if the bucket is the first to be written.
    pub(crate) fn push(&mut self, Envelope { to, from, msg }: Envelope<M>) -> bool {
        let (block, source) = (to.block(), from.map(ActorId::block_id));
        let is_first = self.room(block, None).is_none() && self.make_room(block as usize);
        source.into_iter().for_each(|source| self.set_source(block as usize, source));
        self.room(block, source).expect("invariant: room was made").fill(to, from, msg);
        is_first
    }

    /// Gives a bucket a segment with room; `true` if the lane was empty.
    fn make_room(&mut self, block: usize) -> bool {
        if block >= self.tails.len() {
            self.tails.resize_with(block + 1, || Tail::EMPTY);
            self.bodies.resize_with(block + 1, || Body::EMPTY);
        }
        let filled = std::mem::replace(&mut self.tails[block].segment, self.shelf.take());
        if !filled.is_empty() {
            self.bodies[block].full.push(filled);
            return false;
        }
        self.touched.push(block as u32);
        self.touched.len() == 1
    }

    /// The next messages are from senders of `source`.
    fn set_source(&mut self, block: usize, source: BlockId) {
        if self.tails[block].source == source {
            return;
        }
        self.tails[block].source = source;
        let first = self.bucket_len(block) as u32;
        let sources = &mut self.bodies[block].sources;
        // Only an exchanged bucket has a source and no mail from it.
        sources.pop_if(|last| last.first == first);
        sources.push(Source { first, block: source });
    }

    fn bucket_len(&self, block: usize) -> usize {
        self.bodies[block].full.len() * segment_messages::<M>() + self.tails[block].segment.len()
    }

    /// Takes back the last message pushed to `block`, with its receiver.
    pub(crate) fn pop(&mut self, block: u32) -> Option<(MemberId, M)> {
        let place = block as usize;
        let tail = self.tails.get_mut(place)?;
        let popped = tail.segment.pop();
        if tail.segment.is_empty() {
            let before = self.bodies[place].full.pop().unwrap_or_default();
            self.shelf.give(std::mem::replace(&mut tail.segment, before));
            if tail.segment.is_empty() && self.touched.last() == Some(&block) {
                self.touched.pop();
            }
        }
        let len = self.bucket_len(place);
        let sources = &mut self.bodies[place].sources;
        if sources.pop_if(|last| last.first as usize >= len).is_some() {
            self.tails[place].source = sources.last().map_or(BlockId::NONE, |last| last.block);
        }
        popped.map(|packed| (packed.to, packed.msg))
    }

    /// Appends a message to every actor of the type.
    pub(crate) fn shout(&mut self, shout: Shout<M>) {
        let lengths = self.touched.iter().map(|&b| (b, self.bucket_len(b as usize) as u32)).collect();
        self.shouts.push(Shouted { shout: Arc::new(shout), lengths });
    }

    /// Takes back the last shout.
    pub(crate) fn unshout(&mut self) {
        self.shouts.pop();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.shouts.is_empty()
    }

    /// Blocks that its shouts reach, each maybe more than once, of so many that there are.
    pub(crate) fn shouted_at(&self, blocks: u32) -> impl Iterator<Item = u32> {
        self.shouts.iter().flat_map(move |shouted| {
            let audience = shouted.shout.audience.as_deref();
            let all = if audience.is_none() { 0..blocks } else { 0..0 };
            all.chain(audience.into_iter().flat_map(Audience::blocks))
        })
    }

    /// Blocks with mail, in the order of first use.
    pub(crate) fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// Whom its messages are for, actors of this kind; those of shouts left out.
    pub(crate) fn receivers(&self, kind: Kind) -> impl Iterator<Item = ActorId> {
        self.touched.iter().flat_map(move |&block| {
            let (full, tail) = (&self.bodies[block as usize].full, &self.tails[block as usize].segment);
            full.iter().chain([tail]).flatten().map(move |packed| BlockId::new(kind, block).member(packed.to))
        })
    }

    /// Messages in the lane; a shout counts as none until it is delivered.
    pub(crate) fn len(&self) -> usize {
        self.touched.iter().map(|&b| self.bucket_len(b as usize)).sum()
    }

    /// Takes one block's mail out of the lane.
    pub(crate) fn take(&mut self, block: u32) -> Part<M> {
        let (mut segments, mut sources) = (Vec::new(), Vec::new());
        if let Some(tail) = self.tails.get_mut(block as usize)
            && !tail.segment.is_empty()
        {
            let Tail { segment, .. } = std::mem::replace(tail, Tail::EMPTY);
            Body { full: segments, sources } = std::mem::replace(&mut self.bodies[block as usize], Body::EMPTY);
            segments.push(segment);
        }
        let at = |s: &Shouted<M>| s.lengths.iter().find(|(b, _)| *b == block).map_or(0, |(_, len)| *len);
        let shouts = self.shouts.iter().filter(|s| s.shout.reaches(block)).map(|s| (at(s), s.shout.clone())).collect();
        Part { segments, sources, shouts }
    }

    /// Exchanges the mail for an empty segment, if all of it is for one block, from one block and in one
    /// segment; returns those blocks, first the receivers'.
    ///
    /// The block stays touched, so that the next message needs nothing but room: see [`Lane::end_relay`].
    #[inline]
    pub(crate) fn exchange_only_segment(&mut self, empty: &mut Segment<M>) -> Option<(u32, BlockId)> {
        let &[block] = self.touched.as_slice() else { return None };
        let (tail, body) = (&mut self.tails[block as usize], &self.bodies[block as usize]);
        let is_only = !tail.segment.is_empty() && body.full.is_empty() && body.sources.len() <= 1 && self.shouts.is_empty();
        is_only.then(|| {
            std::mem::swap(&mut tail.segment, empty);
            (block, tail.source)
        })
    }

    /// Whether it is empty, but for a bucket whose segment was exchanged.
    #[inline]
    pub(crate) fn is_drained(&self) -> bool {
        match self.touched.as_slice() {
            [] => self.shouts.is_empty(),
            &[block] => self.shouts.is_empty() && self.bucket_len(block as usize) == 0,
            _ => false,
        }
    }

    /// Restores the invariants after segments were exchanged.
    pub(crate) fn end_relay(&mut self) {
        let Some(&block) = self.touched.first() else { return };
        let tail = &mut self.tails[block as usize];
        if tail.segment.is_empty() {
            self.shelf.give(std::mem::replace(tail, Tail::EMPTY).segment);
            self.bodies[block as usize].sources.clear();
            self.touched.remove(0);
        }
    }

    /// Gives what a part was made of back, for its memory.
    pub(crate) fn give_back(&mut self, block: u32, part: Part<M>) {
        debug_assert!(part.segments.is_empty());
        if let Some(body) = self.bodies.get_mut(block as usize) {
            let mut sources = part.sources;
            sources.clear();
            *body = Body { full: part.segments, sources };
        }
    }

    /// Forgets what was taken, so that the lane can be written again.
    pub(crate) fn reset(&mut self) {
        self.touched.clear();
        self.shouts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::Reader;
    use proptest::prelude::*;

    fn actor(slot: u32) -> ActorId {
        ActorId::new(0, slot, 1)
    }

    fn push(lane: &mut Lane<u32>, to: u32, from: Option<u32>, msg: u32) {
        lane.push(Envelope { to: actor(to), from: from.map(actor), msg });
    }

    /// Sender and message of all that a part holds, in order.
    fn read(block: u32, part: &mut Part<u32>) -> Vec<(Option<ActorId>, u32)> {
        let mut reader = Reader::new(BlockId::new(0, block), &part.sources);
        let mut read = Vec::new();
        for segment in part.segments.drain(..) {
            reader.open(segment);
            reader.allow(usize::MAX);
            while let Some(source) = reader.run() {
                while let Some((to, from, msg)) = reader.next() {
                    assert_eq!(to.block(), block);
                    read.push((from.map(|from| source.member(from)), msg()));
                }
            }
            reader.finish();
        }
        read
    }

    fn slot() -> impl Strategy<Value = u32> {
        prop_oneof![0u32..9, 0u32..40_000]
    }

    proptest! {
        /// Whatever is pushed and popped, each block holds its mail in the order of pushing, and knows who sent it.
        #[test]
        fn keeps_order_and_senders_by_block(letters in prop::collection::vec((slot(), prop::option::of(slot())), 0..900), undo in 0usize..200, more in 0usize..50) {
            let mut lane = Lane::default();
            let keep = letters.len().saturating_sub(undo);
            let sent: Vec<_> = letters[..keep].iter().chain(letters.iter().rev().take(more)).copied().enumerate().collect();
            let (first, then) = sent.split_at(keep);
            for &(n, (to, from)) in first {
                push(&mut lane, to, from, n as u32);
            }
            for &(to, from) in &letters[keep..] {
                push(&mut lane, to, from, u32::MAX);
            }
            for &(to, _) in letters[keep..].iter().rev() {
                lane.pop(actor(to).block());
            }
            for &(n, (to, from)) in then {
                push(&mut lane, to, from, n as u32);
            }
            prop_assert_eq!(lane.len(), sent.len());
            let mut blocks: Vec<u32> = lane.touched().to_vec();
            blocks.sort_unstable();
            blocks.dedup();
            prop_assert_eq!(blocks.len(), lane.touched().len());
            for block in blocks {
                let mut part = lane.take(block);
                let of_block = sent.iter().filter(|(_, (to, _))| actor(*to).block() == block);
                let want: Vec<_> = of_block.map(|&(n, (_, from))| (from.map(actor), n as u32)).collect();
                prop_assert_eq!(part.len(), want.len());
                prop_assert_eq!(read(block, &mut part), want);
                lane.give_back(block, part);
            }
        }
    }

    /// A relay: each message is answered from the block that it came to.
    #[test]
    fn an_exchanged_bucket_knows_its_source() {
        let mut lane = Lane::default();
        push(&mut lane, 3, Some(20_000), 1);
        let mut segment = Vec::with_capacity(4);
        let source = actor(20_000).block_id();
        assert_eq!(lane.exchange_only_segment(&mut segment), Some((0, source)));
        segment.clear();
        push(&mut lane, 4, Some(3), 2);
        assert_eq!(lane.exchange_only_segment(&mut segment), Some((0, actor(3).block_id())));
        segment.clear();
        push(&mut lane, 3, Some(4), 3);
        push(&mut lane, 3, Some(20_000), 4);
        assert_eq!(lane.exchange_only_segment(&mut segment), None, "it is from two blocks");
        assert_eq!(read(0, &mut lane.take(0)), [(Some(actor(4)), 3), (Some(actor(20_000)), 4)]);
    }

    #[test]
    fn a_shout_remembers_its_place() {
        let mut lane = Lane::default();
        push(&mut lane, 3, None, 1);
        lane.shout(Shout { from: None, make: Box::new(|| 9), audience: None });
        push(&mut lane, 3, None, 2);
        let part = lane.take(0);
        assert_eq!(part.shouts[0].0, 1);
        assert_eq!(part.len(), 2);
        assert_eq!(lane.take(5).shouts[0].0, 0);
    }
}
