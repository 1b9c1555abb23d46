//! Which actors of a type act unasked.
//!
//! # Model
//!
//! Either all do, or those whose bit is set: one for each slot, up to the last that ever was set. Blocks without any
//! are passed over, so that what a tick costs does not depend on how many actors sleep.

use std::ops::Range;

use crate::id::{ActorId, BLOCK};

const WORD: usize = u64::BITS as usize;
/// Words of a block's bits.
const WORDS: usize = BLOCK / WORD;

/// Those actors of a type whose `tick` runs in every tick.
#[derive(Debug, Default)]
pub(crate) struct Ticking {
    all: bool,
    bits: Vec<u64>,
    /// Bits that are set, by block.
    counts: Vec<u32>,
}

impl Ticking {
    pub(crate) fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    pub(crate) fn is_all(&self) -> bool {
        self.all
    }

    /// Lets an actor act from now on, or no more. Where all do, nothing changes.
    pub(crate) fn set(&mut self, id: ActorId, ticks: bool) {
        let (block, slot) = (id.block() as usize, id.slot() as usize);
        if self.all || (!ticks && block >= self.counts.len()) {
            return;
        }
        if block >= self.counts.len() {
            self.counts.resize(block + 1, 0);
            self.bits.resize((block + 1) * WORDS, 0);
        }
        let (word, bit) = (&mut self.bits[slot / WORD], 1 << (slot % WORD));
        if ticks && *word & bit == 0 {
            self.counts[block] += 1;
            *word |= bit;
        } else if !ticks && *word & bit != 0 {
            self.counts[block] -= 1;
            *word &= !bit;
        }
    }

    pub(crate) fn has(&self, id: ActorId) -> bool {
        let slot = id.slot() as usize;
        self.all || self.bits.get(slot / WORD).is_some_and(|word| word & (1 << (slot % WORD)) != 0)
    }

    /// Whether nobody was told to act.
    pub(crate) fn is_empty(&self) -> bool {
        !self.all && self.counts.iter().all(|&count| count == 0)
    }

    /// Blocks in which somebody acts, of so many that there are.
    pub(crate) fn blocks(&self, blocks: u32) -> impl Iterator<Item = u32> {
        let told = (0..).zip(&self.counts).filter(|&(_, &count)| count > 0).map(|(block, _)| block);
        (if self.all { 0..blocks } else { 0..0 }).chain(told)
    }

    /// How many were told to act in a block; none where all do.
    pub(crate) fn told_in(&self, block: u32) -> usize {
        self.counts.get(block as usize).map_or(0, |&count| count as usize)
    }

    /// Of a block's slots those that were told to act, ascending.
    pub(crate) fn told_of(&self, slots: Range<u32>) -> impl Iterator<Item = u32> {
        let words = slots.start as usize / WORD..(slots.end as usize).div_ceil(WORD).min(self.bits.len());
        words.flat_map(|word| Bits(self.bits[word]).map(move |bit| (word * WORD) as u32 + bit))
    }
}

/// The numbers of the bits that are set, ascending.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        // Without the lowest one.
        self.0 &= self.0.checked_sub(1)?;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn like_a_set(told in prop::collection::vec((0u32..40_000, prop::bool::weighted(0.7)), 0..300)) {
            let (mut ticking, mut model) = (Ticking::default(), BTreeSet::new());
            for (slot, ticks) in told {
                ticking.set(ActorId::new(3, slot, 1), ticks);
                if ticks { model.insert(slot); } else { model.remove(&slot); }
            }
            prop_assert_eq!(ticking.is_empty(), model.is_empty());
            let slots: Vec<u32> = ticking.blocks(3).flat_map(|block| {
                let (first, size) = (block * BLOCK as u32, BLOCK as u32);
                let slots: Vec<u32> = ticking.told_of(first..first + size).collect();
                assert_eq!(slots.len(), ticking.told_in(block));
                slots
            }).collect();
            prop_assert!(slots.iter().all(|&slot| ticking.has(ActorId::new(3, slot, 1))));
            prop_assert_eq!(slots, model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn where_all_act_nobody_is_told() {
        let mut ticking = Ticking::all();
        ticking.set(ActorId::new(0, 5, 1), false);
        assert!(ticking.has(ActorId::new(0, 5, 1)) && !ticking.is_empty());
        assert_eq!(ticking.blocks(3).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
