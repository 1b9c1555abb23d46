//! From slots to entities.
//!
//! # Model
//!
//! A slot entry is sixteen bytes: generation, entity, and the row that the actor had when throng last
//! moved it. The row is a hint that its cell proves or refutes, so a host app that moves an actor to
//! another archetype costs time, never correctness. For most actors not even the entry is read: their
//! row is their slot plus the block's offset.

use bevy_ecs::entity::Entity;
use bevy_ecs::storage::TableId;

use crate::id::{ActorId, BLOCK_BITS, Kind};
use crate::mailbox::DeadReason;

/// Where a block's actors are, probably.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockHint {
    pub(crate) table: TableId,
    /// Row minus slot, of the actor placed first.
    pub(crate) offset: i64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotEntry {
    pub(crate) entity: Entity,
    pub(crate) row: u32,
    /// Zero when nobody holds the slot.
    generation: u32,
}

/// The slots of one actor type.
#[derive(Debug)]
pub(crate) struct SlotTable {
    kind: Kind,
    entries: Vec<SlotEntry>,
    hints: Vec<Option<BlockHint>>,
    live: usize,
}

impl SlotTable {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, entries: Vec::new(), hints: Vec::new(), live: 0 }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Enters an actor.
    pub(crate) fn insert(&mut self, id: ActorId, entity: Entity, table: TableId, row: u32) {
        let slot = id.slot() as usize;
        let entry = SlotEntry { entity, row, generation: id.generation() };
        if slot == self.entries.len() {
            self.entries.push(entry);
        } else {
            self.fill(slot, entry);
        }
        self.live += 1;
        let block = id.block() as usize;
        if block >= self.hints.len() {
            self.hints.resize(block + 1, None);
        }
        self.hints[block].get_or_insert(BlockHint { table, offset: i64::from(row) - slot as i64 });
    }

    /// Enters an actor in a slot that is not the next.
    fn fill(&mut self, slot: usize, entry: SlotEntry) {
        if slot >= self.entries.len() {
            let vacant = SlotEntry { entity: Entity::PLACEHOLDER, row: 0, generation: 0 };
            self.entries.resize(slot + 1, vacant);
        }
        debug_assert_eq!(self.entries[slot].generation, 0, "a slot has one holder");
        self.entries[slot] = entry;
    }

    /// Strikes an actor out; returns its entity.
    pub(crate) fn remove(&mut self, id: ActorId) -> Option<Entity> {
        let entry = self.entries.get_mut(id.slot() as usize)?;
        if entry.generation != id.generation() || id.kind() != self.kind {
            return None;
        }
        entry.generation = 0;
        self.live -= 1;
        Some(entry.entity)
    }

    /// The entry of a live actor, or why there is none.
    #[inline]
    pub(crate) fn entry(&self, id: ActorId) -> Result<&SlotEntry, DeadReason> {
        let entry = self.entries.get(id.slot() as usize).ok_or(DeadReason::Unknown)?;
        if entry.generation == id.generation() { Ok(entry) } else { Err(DeadReason::Stopped) }
    }

    /// Who holds a slot.
    pub(crate) fn holder(&self, slot: u32) -> Option<ActorId> {
        let entry = self.entries.get(slot as usize)?;
        (entry.generation != 0).then(|| ActorId::new(self.kind, slot, entry.generation))
    }

    /// Corrects the row of a live actor.
    pub(crate) fn moved(&mut self, id: ActorId, row: u32) {
        if let Some(entry) = self.entries.get_mut(id.slot() as usize) {
            entry.row = row;
        }
    }

    pub(crate) fn hint(&self, block: u32) -> Option<BlockHint> {
        self.hints.get(block as usize).copied().flatten()
    }

    /// Slots of one block that were ever given out.
    pub(crate) fn slots_of(&self, block: u32) -> std::ops::Range<u32> {
        let start = block << BLOCK_BITS;
        let end = (start + (1 << BLOCK_BITS)).min(self.entries.len() as u32);
        start.min(end)..end
    }

    pub(crate) fn blocks(&self) -> u32 {
        self.hints.len() as u32
    }

    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// All live actors in the order of their ids, with their entities.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ActorId, Entity)> + '_ {
        let live = self.entries.iter().enumerate().filter(|(_, entry)| entry.generation != 0);
        live.map(|(slot, entry)| (ActorId::new(self.kind, slot as u32, entry.generation), entry.entity))
    }
}
