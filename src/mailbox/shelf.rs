//! Where emptied segments wait for new mail.
//!
//! # Model
//!
//! Each worker has a shelf for each message type: what it emptied last it fills first, while it is in the
//! cache. A shelf that overflows or runs dry deals with the depot that all shelves of a type share, some
//! segments at a time; only that takes a lock.

#![expect(unsafe_code, reason = "messages are moved out of segments one by one, without a copy on the way")]

use std::sync::{Arc, Mutex, PoisonError};

use super::Envelope;
use crate::id::ActorId;

/// A piece of a bucket's memory, with its mail.
pub(crate) type Segment<M> = Vec<Envelope<M>>;

/// Bytes of a segment, about: small enough that a bucket with one message wastes little, and large
/// enough that taking one is rare.
const SEGMENT_BYTES: usize = 2048;
/// Segments a worker keeps to itself: a quarter of a second-level cache.
const KEPT: usize = 256;
/// Segments that go to or come from the depot at once.
const LOAD: usize = 16;

/// Messages of a segment.
pub(crate) const fn segment_messages<M>() -> usize {
    let messages = SEGMENT_BYTES / size_of::<Envelope<M>>();
    if messages < 4 { 4 } else { messages }
}

/// Reads a segment's mail, in order, message by message.
///
/// It hands out places rather than `Option<Envelope<M>>`: an envelope that is taken apart on the way is
/// copied in odd pieces, which the processor cannot forward from store to load (5 of 38 ns a message).
#[derive(Debug)]
pub(crate) struct SegmentReader<M> {
    segment: Segment<M>,
    /// Messages before it are moved out; those from it to `len` are there.
    at: usize,
    len: usize,
}

impl<M> SegmentReader<M> {
    pub(crate) fn new(mut segment: Segment<M>) -> Self {
        let len = segment.len();
        // SAFETY: shorter than it was. The reader now owns the messages.
        unsafe { segment.set_len(0) };
        Self { segment, at: 0, len }
    }

    /// Messages not read yet.
    pub(crate) fn left(&self) -> usize {
        self.len - self.at
    }

    /// The receivers of the messages not read yet.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = ActorId> + '_ {
        // SAFETY: messages from `at` to `len` are there.
        (self.at..self.len).map(|at| unsafe { (*self.segment.as_ptr().add(at)).to })
    }

    /// The next message: to, from, and what moves it out.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<(ActorId, Option<ActorId>, impl FnOnce() -> M + use<M>)> {
        if self.at == self.len {
            return None;
        }
        // SAFETY: as in `receivers`.
        let envelope = unsafe { self.segment.as_ptr().add(self.at) };
        self.at += 1;
        // SAFETY: the envelope is there; `at` has passed it, so it is moved out once, or leaked.
        unsafe { Some(((*envelope).to, (*envelope).from, move || (&raw const (*envelope).msg).read())) }
    }

    /// The emptied segment. Messages not read are dropped.
    pub(crate) fn finish(mut self) -> Segment<M> {
        self.drop_rest();
        std::mem::take(&mut self.segment)
    }

    fn drop_rest(&mut self) {
        while let Some((_, _, msg)) = self.next() {
            drop(msg());
        }
    }
}

impl<M> Drop for SegmentReader<M> {
    fn drop(&mut self) {
        self.drop_rest();
    }
}

/// Empty segments of one worker, the one emptied last on top.
#[derive(Debug)]
pub(crate) struct Shelf<M> {
    kept: Vec<Segment<M>>,
    depot: Arc<Mutex<Vec<Segment<M>>>>,
}

impl<M> Default for Shelf<M> {
    fn default() -> Self {
        Self { kept: Vec::new(), depot: Arc::default() }
    }
}

impl<M> Shelf<M> {
    /// Another shelf at the same depot.
    pub(crate) fn sibling(&self) -> Self {
        Self { kept: Vec::new(), depot: self.depot.clone() }
    }

    pub(crate) fn take(&mut self) -> Segment<M> {
        if self.kept.is_empty() {
            let mut depot = self.depot.lock().unwrap_or_else(PoisonError::into_inner);
            let rest = depot.len().saturating_sub(LOAD);
            self.kept.extend(depot.drain(rest..));
        }
        self.kept.pop().unwrap_or_else(|| Vec::with_capacity(segment_messages::<M>()))
    }

    pub(crate) fn give(&mut self, segment: Segment<M>) {
        debug_assert!(segment.is_empty());
        // What was postponed or cut short may have left it without memory.
        if segment.capacity() == 0 {
            return;
        }
        if self.kept.len() >= KEPT {
            let mut depot = self.depot.lock().unwrap_or_else(PoisonError::into_inner);
            // The oldest have left the cache first.
            depot.extend(self.kept.drain(..LOAD));
        }
        self.kept.push(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn what_is_not_read_is_dropped() {
        let shared = Rc::new(());
        let envelope = || Envelope { to: ActorId::new(0, 0, 1), from: None, msg: shared.clone() };
        let mut reader = SegmentReader::new((0..5).map(|_| envelope()).collect());
        let (_, _, msg) = reader.next().expect("five are there");
        let first = msg();
        assert_eq!(reader.left(), 4);
        assert!(reader.finish().is_empty());
        assert_eq!(Rc::strong_count(&shared), 2);
        drop(first);
        drop(SegmentReader::new(vec![envelope()]));
        assert_eq!(Rc::strong_count(&shared), 1);
    }
}
