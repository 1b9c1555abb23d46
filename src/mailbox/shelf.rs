//! Where emptied segments wait for new mail.
//!
//! # Model
//!
//! Each worker has a shelf for each message type: what it emptied last it fills first, while it is in the
//! cache. A shelf that overflows or runs dry deals with the depot that all shelves of a type share, some
//! segments at a time; only that takes a lock.

use std::sync::{Arc, Mutex, PoisonError};

use crate::id::MemberId;

/// A message in a bucket: its receiver is of the bucket's block, its sender of a block that is noted
/// with the bucket. With whole ids it would be eight bytes longer, and memory is what a message costs
/// where receivers lie anywhere (a message of 16 bytes: 13 % of the time, measured).
#[derive(Debug)]
pub(crate) struct Packed<M> {
    pub(crate) to: MemberId,
    pub(crate) from: Option<MemberId>,
    pub(crate) msg: M,
}

/// A piece of a bucket's memory, with its mail.
pub(crate) type Segment<M> = Vec<Packed<M>>;

/// Bytes of a segment, about: small enough that a bucket with one message wastes little, and large
/// enough that taking one is rare.
const SEGMENT_BYTES: usize = 2048;
/// Segments a worker keeps to itself: a quarter of a second-level cache.
const KEPT: usize = 256;
/// Segments that go to or come from the depot at once.
const LOAD: usize = 16;

/// Messages of a segment.
pub(crate) const fn segment_messages<M>() -> usize {
    let messages = SEGMENT_BYTES / size_of::<Packed<M>>();
    if messages < 4 { 4 } else { messages }
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
