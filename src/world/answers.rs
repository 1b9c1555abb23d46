//! Ends of asks on their way to one actor type.
//!
//! # Model
//!
//! As with messages: lanes that were sent in this round are for the next, and go back for their memory when
//! they were read.

use smallvec::SmallVec;

use crate::actor::AskEnd;
use crate::mailbox::{Lane, Part};

/// One block's ends of asks, by lane, in the order of the lanes.
pub(crate) type AnswerParts = SmallVec<[(u32, Part<AskEnd>); 1]>;

/// Lanes with ends of asks, in order.
#[derive(Debug, Default)]
pub(crate) struct AnswerLanes {
    incoming: Vec<Lane<AskEnd>>,
    pending: Vec<Lane<AskEnd>>,
    spare: Vec<Lane<AskEnd>>,
}

impl AnswerLanes {
    pub(crate) fn is_empty(&self) -> bool {
        self.incoming.is_empty() && self.pending.is_empty()
    }

    /// A round begins: what came until now is to be handled.
    pub(crate) fn begin_round(&mut self) {
        self.pending.append(&mut self.incoming);
    }

    /// Takes over what a lane holds, leaving an empty lane in its place.
    pub(crate) fn take_over(&mut self, lane: &mut Lane<AskEnd>) {
        let mut taken = self.spare.pop().unwrap_or_else(|| lane.sibling());
        // The worker keeps its shelf.
        std::mem::swap(&mut taken.shelf, &mut lane.shelf);
        std::mem::swap(&mut taken, lane);
        self.incoming.push(taken);
    }

    /// Blocks with ends to be handled, each maybe more than once.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = u32> {
        self.pending.iter().flat_map(|lane| lane.touched().iter().copied())
    }

    /// Takes one block's ends out; how many there are, too.
    pub(crate) fn take(&mut self, block: u32) -> (usize, AnswerParts) {
        let (mut ends, mut parts) = (0, AnswerParts::new());
        for (index, lane) in self.pending.iter_mut().enumerate() {
            let part = lane.take(block);
            if !part.segments.is_empty() {
                ends += part.len();
                parts.push((index as u32, part));
            }
        }
        (ends, parts)
    }

    /// Takes an emptied list of segments back.
    pub(crate) fn give_back(&mut self, block: u32, parts: AnswerParts) {
        for (index, part) in parts {
            self.pending[index as usize].give_back(block, part);
        }
    }

    /// Takes the emptied lanes back for reuse.
    pub(crate) fn put_away(&mut self) {
        self.pending.iter_mut().for_each(Lane::reset);
        self.spare.append(&mut self.pending);
    }
}
