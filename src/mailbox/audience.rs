//! Who a message to many is for.

use std::ops::Range;
use std::sync::Arc;

use crate::id::{ActorId, BLOCK, BLOCK_BITS, Kind};

/// The members of one block: a generation a slot, 0 for none.
type Members = [u32; BLOCK];

/// A set of actors of one type. A member that has stopped drops out by itself: nobody else has its generation.
///
/// A copy shares the blocks, until one of them is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audience {
    blocks: Vec<Option<Arc<Members>>>,
}

impl Audience {
    /// O(1); the first member of a block, and the first change of a block that is shared, take O([`BLOCK`]).
    pub(crate) fn add(&mut self, actor: ActorId) {
        let block = actor.block() as usize;
        if block >= self.blocks.len() {
            self.blocks.resize(block + 1, None);
        }
        let members = self.blocks[block].get_or_insert_with(|| Arc::new([0; BLOCK]));
        Arc::make_mut(members)[actor.place()] = actor.generation();
    }

    pub(crate) fn remove(&mut self, actor: ActorId) {
        let Some(Some(members)) = self.blocks.get_mut(actor.block() as usize) else { return };
        if members[actor.place()] == actor.generation() {
            Arc::make_mut(members)[actor.place()] = 0;
        }
    }

    /// Blocks that may have members, ascending.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = u32> {
        let blocks = self.blocks.iter().enumerate();
        blocks.filter_map(|(block, members)| members.as_ref().map(|_| block as u32))
    }

    pub(crate) fn has_block(&self, block: u32) -> bool {
        self.blocks.get(block as usize).is_some_and(Option::is_some)
    }

    /// The slots of a block, for looking members up.
    pub(crate) fn of_block(&self, block: u32) -> Option<&Members> {
        self.blocks.get(block as usize)?.as_deref()
    }

    /// All members, those that have stopped included; ascending.
    pub(crate) fn members(&self, kind: Kind) -> impl Iterator<Item = ActorId> {
        self.blocks().flat_map(move |block| {
            let slots: Range<u32> = block << BLOCK_BITS..(block + 1) << BLOCK_BITS;
            let generations = self.of_block(block).into_iter().flatten();
            slots
                .zip(generations)
                .filter(|(_, generation)| **generation != 0)
                .map(move |(slot, &generation)| ActorId::new(kind, slot, generation))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_and_go() {
        let id = |slot, generation| ActorId::new(3, slot, generation);
        let mut audience = Audience::default();
        for actor in [id(5, 1), id(70_000, 9), id(4, 2)] {
            audience.add(actor);
        }
        let before = audience.clone();
        audience.remove(id(5, 2));
        audience.remove(id(4, 2));
        audience.add(id(70_000, 10));
        assert_eq!(audience.members(3).collect::<Vec<_>>(), [id(5, 1), id(70_000, 10)]);
        assert_eq!(before.members(3).collect::<Vec<_>>(), [id(4, 2), id(5, 1), id(70_000, 9)], "a copy stays as it was");
        assert_eq!(audience.blocks().collect::<Vec<_>>(), [0, 70_000 >> BLOCK_BITS]);
    }
}
