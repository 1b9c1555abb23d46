//! Who a message is for: ids that are never reused.
//!
//! # Model
//!
//! An [`ActorId`] packs three numbers into eight bytes: the *kind* (which registered actor type,
//! 12 bits), the *slot* (a dense index among the actors of that kind, 32 bits) and the *generation*
//! (how often that slot was given out, 18 bits). The slot leads to the entity; the generation tells
//! today's holder of the slot from yesterday's.
//!
//! Cut in the middle, it is a [`BlockId`] (kind and block) and a [`MemberId`] (place in the block and
//! generation): mail that lies with its block needs only the latter.
//!
//! # Invariants
//!
//! 1. A pair of slot and generation is given out once. A slot whose generations are used up is
//!    retired (one slot for every quarter million actors that lived in it).
//! 2. Ids depend on the order of registration and of spawning only, never on threads, addresses or
//!    what other entities the host app spawns.

#![expect(unsafe_code, reason = "each message is written with the halves of two ids, which are known not to be zero")]

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

/// How many slots make a block: the unit that mail is partitioned by, and the unit of parallel work.
///
/// The states and cells of a block's actors should fit the second-level cache: `2^14` actors of 16 bytes take
/// 512 KiB with their cells. The fewer blocks, the longer the runs of mail between two of them: with `2^13`,
/// `scatter` takes 3 to 10% longer, and 18% with ten million actors; with `2^15` it gains nothing more, and
/// there would be less to share among threads.
pub(crate) const BLOCK_BITS: u32 = 14;
/// Bits of a block's number.
pub(crate) const BLOCKS_BITS: u32 = 32 - BLOCK_BITS;
/// Slots in a block.
pub(crate) const BLOCK: usize = 1 << BLOCK_BITS;

const GENERATION_BITS: u32 = 18;
/// The last generation of a slot; after it the slot is retired.
pub(crate) const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 1;
const SLOT_SHIFT: u32 = GENERATION_BITS;
const KIND_SHIFT: u32 = SLOT_SHIFT + 32;
const _: () = assert!(GENERATION_BITS + BLOCK_BITS == 32, "a member's number fills the lower half of an id");
/// How many actor types one world can register.
pub const KINDS_MAX: usize = 1 << 12;
// The two highest bits stay free: the first of an id marks a closed mailbox, both of a block tell a message among deeds.
const _: () = assert!(KIND_SHIFT + 12 <= 62);

/// The number of a registered actor type, in order of registration.
pub(crate) type Kind = u16;

/// The identity of one actor: kind, slot and generation in eight bytes.
///
/// An id stays the same over restarts and is never given to another actor. Ids are ordered by
/// kind, then slot, then generation.
///
/// # Examples
///
/// ```
/// # use throng::prelude::*;
/// # #[derive(bevy_ecs::component::Component, Default)] struct Lamp;
/// # impl Actor for Lamp { type Msg = (); type Params = ();
/// #   fn handle(&mut self, _: (), _: &Context<'_, Self>) -> Handled { Ok(()) } }
/// let mut throng = Throng::default();
/// let first = throng.spawn(Lamp).id();
/// let second = throng.spawn(Lamp).id();
/// assert!(first < second);
/// assert_eq!(std::mem::size_of::<Option<throng::ActorId>>(), 8);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(NonZeroU64);

impl ActorId {
    /// Builds an id. `generation` must be at least 1, which keeps the number from being zero.
    pub(crate) fn new(kind: Kind, slot: u32, generation: u32) -> Self {
        debug_assert!(generation <= GENERATION_MAX);
        debug_assert!((kind as usize) < KINDS_MAX);
        Self::from_bits((u64::from(kind) << KIND_SHIFT) | (u64::from(slot) << SLOT_SHIFT) | u64::from(generation))
    }

    /// Takes back what [`ActorId::to_bits`] gave.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        assert!(bits as u32 & GENERATION_MAX != 0, "invariant: generations start at 1");
        Self(NonZeroU64::new(bits).expect("a part of it is not zero"))
    }

    /// The id `n` slots further on, with the same generation; past the last slot it is wrong.
    #[inline]
    pub(crate) fn plus(self, n: usize) -> Self {
        Self(self.0.saturating_add((n as u64) << SLOT_SHIFT))
    }

    /// The id as a number, for logs and journals. Unique within one world's life.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// The dense index of this actor among those of its type.
    #[must_use]
    pub const fn slot(self) -> u32 {
        (self.0.get() >> SLOT_SHIFT) as u32
    }

    /// How often the slot had been given out when this actor got it, from 1.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.0.get() as u32 & GENERATION_MAX
    }

    pub(crate) const fn kind(self) -> Kind {
        (self.0.get() >> KIND_SHIFT) as Kind
    }

    /// The block that the slot lies in.
    pub(crate) const fn block(self) -> u32 {
        self.slot() >> BLOCK_BITS
    }

    /// The place of the slot in its block.
    pub(crate) const fn place(self) -> usize {
        self.slot() as usize & (BLOCK - 1)
    }

    #[inline]
    pub(crate) const fn block_id(self) -> BlockId {
        BlockId((self.0.get() >> 32) as u32)
    }

    #[inline]
    pub(crate) fn member_id(self) -> MemberId {
        // SAFETY: the generation is not zero, which `from_bits` asserts; other makers keep it.
        MemberId(unsafe { NonZeroU32::new_unchecked(self.0.get() as u32) })
    }
}

/// A block of some kind: the upper half of its actors' ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockId(u32);

impl BlockId {
    /// A number that no block has: a bit above the kind is set.
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn new(kind: Kind, block: u32) -> Self {
        Self(u32::from(kind) << BLOCKS_BITS | block)
    }

    pub(crate) const fn kind(self) -> Kind {
        (self.0 >> BLOCKS_BITS) as Kind
    }

    pub(crate) const fn block(self) -> u32 {
        self.0 & ((1 << BLOCKS_BITS) - 1)
    }

    pub(crate) const fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The actor of this block with that number.
    #[inline]
    pub(crate) fn member(self, member: MemberId) -> ActorId {
        ActorId(NonZeroU64::from(member.0) | u64::from(self.0) << 32)
    }
}

/// An actor among those of its block: the lower half of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemberId(NonZeroU32);

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}v{}", self.kind(), self.slot(), self.generation())
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        let id = ActorId::new(7, u32::MAX, GENERATION_MAX);
        assert_eq!((id.kind(), id.slot(), id.generation()), (7, u32::MAX, GENERATION_MAX));
        let id = ActorId::new(KINDS_MAX as Kind - 1, (1 << BLOCK_BITS) + 1, 1);
        assert_eq!((id.block(), id.place()), (1, 1));
        assert_eq!((id.block_id().kind(), id.block_id().block()), (id.kind(), id.block()));
        assert_eq!(id.block_id(), BlockId::new(id.kind(), id.block()));
        assert_eq!(id.block_id().member(id.member_id()), id);
        assert_ne!(id.block_id(), BlockId::NONE);
    }

    #[test]
    fn order_is_kind_slot_generation() {
        let mut ids = [ActorId::new(1, 0, 1), ActorId::new(0, 9, 1), ActorId::new(0, 2, 5), ActorId::new(0, 2, 4)];
        ids.sort();
        assert_eq!(ids.map(|id| (id.kind(), id.slot(), id.generation())), [(0, 2, 4), (0, 2, 5), (0, 9, 1), (1, 0, 1)]);
    }
}
