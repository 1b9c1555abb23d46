//! The sender's side: one worker's mail for one actor type, partitioned while it is written.
//!
//! # Model
//!
//! A lane has a bucket for each block of recipients. Writing straight into buckets costs the same
//! scattered store as a later partition pass would, and saves that pass: a message is written once
//! and read once. Buckets keep their memory when a lane is reused, so the steady state allocates
//! nothing.
//!
//! # Invariants
//!
//! 1. `touched` lists exactly the blocks whose bucket is not empty, in the order of first use.
//! 2. [`Lane::pop`] undoes [`Lane::push`] in reverse order, which is how a failed call is rolled back.

use std::fmt;
use std::sync::Arc;

use crate::id::ActorId;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Envelope<M> {
    pub(crate) to: ActorId,
    pub(crate) from: Option<ActorId>,
    pub(crate) msg: M,
}

/// A message to every actor of a type: one copy, which each reader clones when it reads.
pub(crate) struct Shout<M> {
    pub(crate) from: Option<ActorId>,
    pub(crate) make: Box<dyn Fn() -> M + Send + Sync>,
}

impl<M> fmt::Debug for Shout<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shout").field("from", &self.from).finish_non_exhaustive()
    }
}

/// One lane's mail for one block, with the shouts that fell between its messages.
#[derive(Debug)]
pub(crate) struct Part<M> {
    pub(crate) mail: Vec<Envelope<M>>,
    /// Position in `mail` before which the shout came; ascending.
    pub(crate) shouts: Vec<(u32, Arc<Shout<M>>)>,
}

/// A shout with the length that each bucket had when it was made.
#[derive(Debug)]
struct Shouted<M> {
    shout: Arc<Shout<M>>,
    lengths: Vec<(u32, u32)>,
}

/// One worker's outgoing mail for one actor type.
#[derive(Debug)]
pub(crate) struct Lane<M> {
    buckets: Vec<Vec<Envelope<M>>>,
    touched: Vec<u32>,
    shouts: Vec<Shouted<M>>,
}

impl<M> Default for Lane<M> {
    fn default() -> Self {
        Self { buckets: Vec::new(), touched: Vec::new(), shouts: Vec::new() }
    }
}

impl<M> Lane<M> {
    /// Appends a message to its block's bucket.
    #[inline]
    pub(crate) fn push(&mut self, envelope: Envelope<M>) {
        let block = envelope.to.block();
        if block as usize >= self.buckets.len() {
            self.grow(block);
        }
        let bucket = &mut self.buckets[block as usize];
        if bucket.is_empty() {
            self.touched.push(block);
        }
        bucket.push(envelope);
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, block: u32) {
        self.buckets.resize_with(block as usize + 1, Vec::new);
    }

    /// Takes back the last message pushed to `block`.
    pub(crate) fn pop(&mut self, block: u32) -> Option<Envelope<M>> {
        let bucket = self.buckets.get_mut(block as usize)?;
        let envelope = bucket.pop();
        if bucket.is_empty() && self.touched.last() == Some(&block) {
            self.touched.pop();
        }
        envelope
    }

    /// Appends a message to every actor of the type.
    pub(crate) fn shout(&mut self, shout: Shout<M>) {
        let lengths = self.touched.iter().map(|&b| (b, self.buckets[b as usize].len() as u32)).collect();
        self.shouts.push(Shouted { shout: Arc::new(shout), lengths });
    }

    /// Takes back the last shout.
    pub(crate) fn unshout(&mut self) {
        self.shouts.pop();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.shouts.is_empty()
    }

    pub(crate) fn has_shouts(&self) -> bool {
        !self.shouts.is_empty()
    }

    /// Blocks with mail, in the order of first use.
    pub(crate) fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// Messages in the lane; a shout counts as none until it is delivered.
    pub(crate) fn len(&self) -> usize {
        self.touched.iter().map(|&b| self.buckets[b as usize].len()).sum()
    }

    /// Takes one block's mail out of the lane.
    pub(crate) fn take(&mut self, block: u32) -> Part<M> {
        let mail = self.buckets.get_mut(block as usize).map(std::mem::take).unwrap_or_default();
        let at = |s: &Shouted<M>| s.lengths.iter().find(|(b, _)| *b == block).map_or(0, |(_, len)| *len);
        let shouts = self.shouts.iter().map(|s| (at(s), s.shout.clone())).collect();
        Part { mail, shouts }
    }

    /// Gives an emptied bucket's memory back.
    pub(crate) fn give_back(&mut self, block: u32, mut mail: Vec<Envelope<M>>) {
        debug_assert!(mail.is_empty());
        mail.clear();
        if let Some(bucket) = self.buckets.get_mut(block as usize) {
            *bucket = mail;
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
    use proptest::prelude::*;

    fn envelope(slot: u32, msg: u32) -> Envelope<u32> {
        Envelope { to: ActorId::new(0, slot, 1), from: None, msg }
    }

    proptest! {
        /// Whatever is pushed and popped, each block holds its mail in the order of pushing.
        #[test]
        fn keeps_order_by_block(slots in prop::collection::vec(0u32..40_000, 0..300), undo in 0usize..50) {
            let mut lane = Lane::default();
            for (n, &slot) in slots.iter().enumerate() {
                lane.push(envelope(slot, n as u32));
            }
            let keep = slots.len().saturating_sub(undo);
            for &slot in slots[keep..].iter().rev() {
                lane.pop(ActorId::new(0, slot, 1).block()).expect("pushed above");
            }
            prop_assert_eq!(lane.len(), keep);
            let mut blocks: Vec<u32> = lane.touched().to_vec();
            blocks.sort_unstable();
            blocks.dedup();
            prop_assert_eq!(blocks.len(), lane.touched().len());
            for block in blocks {
                let got: Vec<u32> = lane.take(block).mail.iter().map(|e| e.msg).collect();
                let want: Vec<u32> = (0..keep as u32)
                    .filter(|&n| ActorId::new(0, slots[n as usize], 1).block() == block)
                    .collect();
                prop_assert_eq!(got, want);
            }
        }
    }

    #[test]
    fn a_shout_remembers_its_place() {
        let mut lane = Lane::default();
        lane.push(envelope(3, 1));
        lane.shout(Shout { from: None, make: Box::new(|| 9) });
        lane.push(envelope(3, 2));
        let part = lane.take(0);
        assert_eq!(part.shouts[0].0, 1);
        assert_eq!(part.mail.len(), 2);
        assert_eq!(lane.take(5).shouts[0].0, 0);
    }
}
