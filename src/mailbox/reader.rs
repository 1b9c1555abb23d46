//! The receiver's side: a bucket's mail, message by message.
//!
//! # Model
//!
//! A reader goes through the segments of a bucket in order. It hands out places rather than
//! `Option<Envelope<M>>`: an envelope that is taken apart on the way is copied in odd pieces, which the
//! processor cannot forward from store to load (5 of 38 ns a message).
//!
//! Who sent a message is a number within a block, which the bucket's [`Source`]s tell. So a reader goes
//! from run to run, each of which has one source, and tells its source when it begins.
//!
//! # Invariants
//!
//! 1. Messages from `at` to `stop`, and `unread` ones from there, are in `segment`; those before were
//!    moved out.
//! 2. From `at` to `stop`, all messages that have a sender have one of the block `source`.

#![expect(unsafe_code, reason = "messages are moved out of segments one by one, without a copy on the way")]

use std::ptr;

use super::shelf::{Packed, Segment};
use crate::id::{ActorId, BlockId, MemberId};

/// From message number `first` of a bucket on, senders are of this block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) first: u32,
    pub(crate) block: BlockId,
}

/// The only message of a segment, if there is just one, as [`Reader::next`] gives it. The segment is empty then.
#[inline(always)]
pub(crate) fn take_only<M>(segment: &mut Segment<M>) -> Option<(MemberId, Option<MemberId>, impl FnOnce() -> M + use<'_, M>)> {
    if segment.len() != 1 {
        return None;
    }
    // SAFETY: shorter than it was. The message is moved out once, or leaked.
    unsafe { segment.set_len(0) };
    let packed = segment.as_ptr();
    // SAFETY: the message is there for as long as the segment is borrowed.
    unsafe { Some(((*packed).to, (*packed).from, move || (&raw const (*packed).msg).read())) }
}

/// Reads the mail of a bucket.
#[derive(Debug)]
pub(crate) struct Reader<'a, M> {
    segment: Segment<M>,
    /// The next message of the run.
    at: *const Packed<M>,
    /// Where the run ends.
    stop: *const Packed<M>,
    /// Messages of the segment behind the run.
    unread: usize,
    /// Of those, how many may be read.
    allowed: usize,
    /// Messages of the bucket before the end of the run.
    passed: usize,
    block: BlockId,
    source: BlockId,
    /// Sources still to come.
    sources: &'a [Source],
}

impl<'a, M> Reader<'a, M> {
    /// A reader of a bucket for `block`, before its first segment.
    pub(crate) fn new(block: BlockId, sources: &'a [Source]) -> Self {
        let none = ptr::null();
        Self { segment: Vec::new(), at: none, stop: none, unread: 0, allowed: 0, passed: 0, block, source: BlockId::NONE, sources }
    }

    /// A reader of a bucket whose mail is all from one source.
    #[inline]
    pub(crate) fn from_one(block: BlockId, source: BlockId) -> Self {
        let mut reader = Self::new(block, &[]);
        reader.source = source;
        reader
    }

    /// Goes on to the bucket's next segment, when the one before is [finished](Reader::finish).
    #[inline]
    pub(crate) fn open(&mut self, mut segment: Segment<M>) {
        (self.at, self.stop, self.unread) = (segment.as_ptr(), segment.as_ptr(), segment.len());
        // SAFETY: shorter than it was. The reader now owns the messages.
        unsafe { segment.set_len(0) };
        debug_assert_eq!(self.segment.capacity(), 0, "the last segment was finished");
        self.segment = segment;
    }

    /// Takes the emptied segment out. What was not read of it is dropped.
    #[inline]
    pub(crate) fn finish(&mut self) -> Segment<M> {
        self.drop_rest();
        (self.at, self.stop) = (ptr::null(), ptr::null());
        std::mem::take(&mut self.segment)
    }

    /// Messages of the segment behind the run.
    pub(crate) fn left(&self) -> usize {
        self.unread
    }

    /// Lets the next `n` messages of the segment be read.
    pub(crate) fn allow(&mut self, n: usize) {
        self.allowed = n.min(self.unread);
    }

    /// The receivers of the messages that may be read, before a run begins.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = ActorId> + '_ {
        // SAFETY: these messages are there.
        (0..self.allowed).map(|n| self.block.member(unsafe { (*self.stop.add(n)).to }))
    }

    /// Begins the next run of messages that may be read, or goes on with one that was cut short; returns the
    /// block of its senders.
    #[inline]
    pub(crate) fn run(&mut self) -> Option<BlockId> {
        if self.at != self.stop {
            return Some(self.source);
        }
        if self.allowed == 0 {
            return None;
        }
        while let Some((next, rest)) = self.sources.split_first()
            && next.first as usize <= self.passed
        {
            (self.source, self.sources) = (next.block, rest);
        }
        let until = self.sources.first().map_or(usize::MAX, |next| next.first as usize - self.passed);
        let messages = self.allowed.min(until);
        self.advance(messages);
        self.allowed -= messages;
        Some(self.source)
    }

    /// Moves the end of the run.
    fn advance(&mut self, messages: usize) {
        self.stop = self.stop.wrapping_add(messages);
        self.unread -= messages;
        self.passed += messages;
    }

    /// The next message of the run: its receiver, its sender, and what moves it out.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<(ActorId, Option<MemberId>, impl FnOnce() -> M + use<M>)> {
        let packed = self.at;
        if packed == self.stop {
            return None;
        }
        self.at = packed.wrapping_add(1);
        // SAFETY: the message is there; `at` has passed it, so it is moved out once, or leaked.
        unsafe { Some((self.block.member((*packed).to), (*packed).from, move || (&raw const (*packed).msg).read())) }
    }

    fn drop_rest(&mut self) {
        self.advance(self.unread);
        while let Some((_, _, msg)) = self.next() {
            drop(msg());
        }
    }
}

impl<M> Drop for Reader<'_, M> {
    fn drop(&mut self) {
        self.drop_rest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::shelf::Packed;
    use std::rc::Rc;

    const BLOCK: BlockId = BlockId::from_bits(7);

    fn letter<M>(from: Option<u32>, msg: M) -> Packed<M> {
        let member = |slot| ActorId::new(0, slot, 1).member_id();
        Packed { to: member(3), from: from.map(member), msg }
    }

    #[test]
    fn what_is_not_read_is_dropped() {
        let shared = Rc::new(());
        let mut reader = Reader::new(BLOCK, &[]);
        reader.open((0..5).map(|_| letter(None, shared.clone())).collect());
        reader.allow(1);
        assert_eq!(reader.run(), Some(BlockId::NONE));
        let (_, _, msg) = reader.next().expect("five are there");
        let first = msg();
        assert!(reader.next().is_none() && reader.run().is_none());
        assert_eq!(reader.left(), 4);
        assert!(reader.finish().is_empty());
        assert_eq!(Rc::strong_count(&shared), 2);
        reader.open(vec![letter(None, shared.clone())]);
        assert_eq!(Rc::strong_count(&shared), 3);
        drop((first, reader));
        assert_eq!(Rc::strong_count(&shared), 1);
    }

    #[test]
    fn senders_are_of_the_block_that_is_noted() {
        let blocks = [4, 9].map(BlockId::from_bits);
        let sources = [Source { first: 1, block: blocks[0] }, Source { first: 3, block: blocks[1] }];
        let mut reader = Reader::new(BLOCK, &sources);
        let mut senders = Vec::new();
        for segment in [vec![letter(None, ()), letter(Some(5), ())], vec![letter(Some(6), ()), letter(Some(5), ())]] {
            reader.open(segment);
            reader.allow(usize::MAX);
            while let Some(source) = reader.run() {
                while let Some((to, from, _)) = reader.next() {
                    assert_eq!(to.block_id(), BLOCK);
                    senders.push(from.map(|from| (source, source.member(from).place())));
                }
            }
            reader.finish();
        }
        assert_eq!(senders, [None, Some((blocks[0], 5)), Some((blocks[0], 6)), Some((blocks[1], 5))]);
    }
}
