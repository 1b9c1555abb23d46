//! From slots to entities.
//!
//! # Model
//!
//! Twelve bytes for each slot: its holder's generation and entity. Where a row is to be known, it mostly is the slot plus
//! the offset of its block, since actors are placed in the order of their slots. A block from which actors strayed, as
//! they do when others before them leave the table, has a list of the rows where throng last moved them. Both are hints
//! that a cell proves or refutes, so a host app that moves an actor to another archetype costs time, never correctness.

use bevy_ecs::entity::Entity;
use bevy_ecs::storage::TableId;

use crate::id::{ActorId, BLOCK, BLOCK_BITS, Kind};
use crate::mailbox::DeadReason;

/// Where a block's actors are, probably.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockHint {
    pub(crate) table: TableId,
    /// Row minus slot, of the actor placed first.
    pub(crate) offset: i64,
}

/// What is known of a block's rows.
#[derive(Debug)]
struct BlockRows {
    hint: BlockHint,
    /// By place, for actors elsewhere than the hint says; [`NOWHERE`] for the others.
    strayed: Option<Box<[u32; BLOCK]>>,
}

/// No table has this row.
const NOWHERE: u32 = u32::MAX;

/// The slots of one actor type.
#[derive(Debug)]
pub(crate) struct SlotTable {
    kind: Kind,
    /// Of the slots' holders; zero when nobody holds a slot.
    generations: Vec<u32>,
    entities: Vec<Entity>,
    blocks: Vec<Option<BlockRows>>,
    live: usize,
}

impl SlotTable {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, generations: Vec::new(), entities: Vec::new(), blocks: Vec::new(), live: 0 }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Enters an actor.
    pub(crate) fn insert(&mut self, id: ActorId, entity: Entity, table: TableId, row: u32) {
        let slot = id.slot() as usize;
        if slot == self.generations.len() {
            self.generations.push(id.generation());
            self.entities.push(entity);
        } else {
            self.fill(slot, id.generation(), entity);
        }
        self.live += 1;
        let block = id.block() as usize;
        if block >= self.blocks.len() {
            self.blocks.resize_with(block + 1, || None);
        }
        let hint = BlockHint { table, offset: i64::from(row) - slot as i64 };
        self.blocks[block].get_or_insert(BlockRows { hint, strayed: None }).note(id, row);
    }

    /// Enters an actor in a slot that is not the next.
    fn fill(&mut self, slot: usize, generation: u32, entity: Entity) {
        if slot >= self.generations.len() {
            self.generations.resize(slot + 1, 0);
            self.entities.resize(slot + 1, Entity::PLACEHOLDER);
        }
        debug_assert_eq!(self.generations[slot], 0, "a slot has one holder");
        (self.generations[slot], self.entities[slot]) = (generation, entity);
    }

    /// Strikes an actor out; returns its entity.
    pub(crate) fn remove(&mut self, id: ActorId) -> Option<Entity> {
        let entity = self.entity(id).ok().filter(|_| id.kind() == self.kind)?;
        self.generations[id.slot() as usize] = 0;
        self.live -= 1;
        Some(entity)
    }

    /// Whether an actor is alive, or why not.
    #[inline]
    pub(crate) fn check(&self, id: ActorId) -> Result<(), DeadReason> {
        let generation = *self.generations.get(id.slot() as usize).ok_or(DeadReason::Unknown)?;
        if generation == id.generation() { Ok(()) } else { Err(DeadReason::Stopped) }
    }

    /// The entity of a live actor, or why there is none.
    #[inline]
    pub(crate) fn entity(&self, id: ActorId) -> Result<Entity, DeadReason> {
        self.check(id).map(|()| self.entities[id.slot() as usize])
    }

    /// Who holds a slot.
    pub(crate) fn holder(&self, slot: u32) -> Option<ActorId> {
        let generation = *self.generations.get(slot as usize)?;
        (generation != 0).then(|| ActorId::new(self.kind, slot, generation))
    }

    /// Corrects the row of a live actor.
    pub(crate) fn moved(&mut self, id: ActorId, row: u32) {
        if let Some(Some(block)) = self.blocks.get_mut(id.block() as usize) {
            block.note(id, row);
        }
    }

    pub(crate) fn hint(&self, block: u32) -> Option<BlockHint> {
        self.blocks.get(block as usize)?.as_ref().map(|block| block.hint)
    }

    /// Where an actor strayed to, probably.
    pub(crate) fn strayed(&self, id: ActorId) -> Option<usize> {
        let rows = self.blocks.get(id.block() as usize)?.as_ref()?.strayed.as_ref()?;
        Some(rows[id.place()] as usize)
    }

    /// Slots of one block that were ever given out.
    pub(crate) fn slots_of(&self, block: u32) -> std::ops::Range<u32> {
        let start = block << BLOCK_BITS;
        let end = (start + (1 << BLOCK_BITS)).min(self.generations.len() as u32);
        start.min(end)..end
    }

    pub(crate) fn blocks(&self) -> u32 {
        self.blocks.len() as u32
    }

    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// All live actors in the order of their ids, with their entities.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ActorId, Entity)> + '_ {
        let all = self.generations.iter().zip(&self.entities).enumerate();
        let live = all.filter(|(_, (generation, _))| **generation != 0);
        live.map(|(slot, (&generation, &entity))| (ActorId::new(self.kind, slot as u32, generation), entity))
    }
}

impl BlockRows {
    /// An actor of the block is in this row.
    fn note(&mut self, id: ActorId, row: u32) {
        if self.strayed.is_none() && i64::from(id.slot()) + self.hint.offset == i64::from(row) {
            return;
        }
        self.strayed.get_or_insert_with(|| vec![NOWHERE; BLOCK].try_into().expect("invariant: as long as a block"))[id.place()] = row;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_strayed_from_its_block_is_found() {
        let mut slots = SlotTable::new(3);
        let table = TableId::from_u32(1);
        let ids: Vec<_> = (0..4).map(|slot| ActorId::new(3, slot, 1)).collect();
        for (&id, row) in ids.iter().zip(10..) {
            slots.insert(id, Entity::from_raw_u32(row).expect("not the last"), table, row);
        }
        assert_eq!(slots.hint(0).map(|hint| hint.offset), Some(10));
        assert!(ids.iter().all(|&id| slots.strayed(id).is_none()), "all are where the hint says");
        assert!(slots.remove(ids[1]).is_some());
        slots.moved(ids[3], 11);
        assert_eq!(slots.strayed(ids[3]), Some(11));
        assert_eq!(slots.strayed(ids[2]), Some(NOWHERE as usize));
        let again = ActorId::new(3, 1, 2);
        slots.insert(again, Entity::PLACEHOLDER, table, 13);
        assert_eq!((slots.strayed(again), slots.check(ids[1])), (Some(13), Err(DeadReason::Stopped)));
        assert_eq!(slots.iter().count(), 4);
    }
}
