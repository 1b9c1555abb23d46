//! Giving out ids: at once, in parallel, and the same on any number of threads.
//!
//! # Model
//!
//! Each actor type has a list of positions: its free slots in order, then slots never used. In a
//! pass over `n` blocks of actors, the `k`-th spawn of block `c` takes position `c + k * n` for
//! `k < STRIPE`. A block that spawns more waits until all blocks before it are done and goes on with
//! the positions behind the stripes, in block order. Positions that nobody took are given back in
//! order when the pass ends.
//!
//! So an id is a function of which actors ran and what they did. Waiting cannot hang: workers claim
//! blocks in order, so the earliest unfinished block always runs and never waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::id::{ActorId, GENERATION_MAX, Kind};

/// Spawns of one type by one block in one pass that need not wait for the blocks before it.
const STRIPE: u32 = 256;

/// The unused ids of one actor type.
#[derive(Debug)]
pub(crate) struct Nursery {
    kind: Kind,
    free: VecDeque<ActorId>,
    fresh: u32,
    /// Positions taken behind the stripes in this pass.
    tail: AtomicU32,
}

impl Nursery {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, free: VecDeque::new(), fresh: 0, tail: AtomicU32::new(0) }
    }

    /// The id at a position.
    ///
    /// # Panics
    ///
    /// Panics when a type has used its 2^32 slots.
    fn at(&self, position: u64) -> ActorId {
        let free = self.free.len() as u64;
        if position < free {
            self.free[position as usize]
        } else {
            let slot = u64::from(self.fresh) + position - free;
            let slot = u32::try_from(slot).expect("an actor type has at most 2^32 slots; stop actors before spawning more");
            ActorId::new(self.kind, slot, 1)
        }
    }

    /// Reserves the `k`-th id of block `order.block()`; returns its position too.
    pub(crate) fn reserve(&self, k: u32, order: &ClaimOrder<'_>) -> (u64, ActorId) {
        let position = if k < STRIPE {
            u64::from(order.chunk) + u64::from(k) * u64::from(order.chunks)
        } else {
            order.wait_for_turn();
            let tail = self.tail.fetch_add(1, Ordering::Relaxed);
            u64::from(order.chunks) * u64::from(STRIPE) + u64::from(tail)
        };
        (position, self.at(position))
    }

    /// Takes the next `n` ids at once, outside any pass.
    pub(crate) fn take(&mut self, n: usize) -> Vec<ActorId> {
        let ids: Vec<_> = (0..n as u64).map(|position| self.at(position)).collect();
        let reused = n.min(self.free.len());
        self.free.drain(..reused);
        self.fresh += (n - reused) as u32;
        ids
    }

    /// Takes the next id, outside any pass.
    pub(crate) fn take_one(&mut self) -> ActorId {
        let id = self.at(0);
        if self.free.pop_front().is_none() {
            self.fresh += 1;
        }
        id
    }

    /// Ends a pass: `used` are the positions that were taken, in any order.
    pub(crate) fn settle(&mut self, mut used: Vec<u64>) {
        *self.tail.get_mut() = 0;
        used.sort_unstable();
        let Some(&last) = used.last() else { return };
        let mut unused = Vec::new();
        let mut next = used.iter().copied().peekable();
        for position in 0..=last {
            if next.next_if_eq(&position).is_none() {
                unused.push(self.at(position));
            }
        }
        let reused = (last + 1).min(self.free.len() as u64);
        self.fresh += (last + 1 - reused) as u32;
        self.free.drain(..reused as usize);
        self.give_back(&unused);
    }

    /// Gives ids back that no actor has had: they are the next to be taken, in this order.
    pub(crate) fn give_back(&mut self, unborn: &[ActorId]) {
        for &id in unborn.iter().rev() {
            self.free.push_front(id);
        }
    }

    /// Takes an id back whose actor has stopped. The slot is retired when its generations are used up.
    pub(crate) fn free(&mut self, id: ActorId) {
        if id.generation() < GENERATION_MAX {
            self.free.push_back(ActorId::new(self.kind, id.slot(), id.generation() + 1));
        }
    }

    /// The unused ids in order, then the first slot never used: what a digest or a snapshot holds.
    /// Slots given out until now.
    pub(crate) fn slots(&self) -> u32 {
        self.fresh
    }

    pub(crate) fn state(&self) -> (impl Iterator<Item = ActorId> + '_, u32) {
        (self.free.iter().copied(), self.fresh)
    }
}

/// Where a block stands in its pass, and whether those before it are done.
#[derive(Debug)]
pub(crate) struct ClaimOrder<'a> {
    /// The block's number among the blocks of the pass.
    pub(crate) chunk: u32,
    /// How many blocks the pass has.
    pub(crate) chunks: u32,
    /// Claims before ours; set when a claim's blocks are all done.
    pub(crate) before: &'a [AtomicBool],
}

impl ClaimOrder<'_> {
    fn wait_for_turn(&self) {
        for claim in self.before {
            while !claim.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lets every block of a pass spawn as often as `wants` says, in the given order of blocks where
    /// no waiting is needed.
    fn pass(nursery: &mut Nursery, wants: &[u32], backwards: bool) -> Vec<Vec<ActorId>> {
        let chunks = wants.len() as u32;
        let mut ids = vec![Vec::new(); wants.len()];
        let mut used = Vec::new();
        let order: Vec<usize> = if backwards { (0..wants.len()).rev().collect() } else { (0..wants.len()).collect() };
        for chunk in order {
            let order = ClaimOrder { chunk: chunk as u32, chunks, before: &[] };
            for k in 0..wants[chunk] {
                let (position, id) = nursery.reserve(k, &order);
                used.push(position);
                ids[chunk].push(id);
            }
        }
        nursery.settle(used);
        ids
    }

    proptest! {
        /// Ids do not depend on which block ran first, are unique, and none is lost.
        #[test]
        fn same_in_any_order(passes in prop::collection::vec((prop::collection::vec(0u32..40, 1..8), prop::collection::vec(any::<prop::sample::Index>(), 0..20)), 1..6)) {
            let (mut one, mut two) = (Nursery::new(3), Nursery::new(3));
            let mut live: Vec<ActorId> = Vec::new();
            let mut ever = std::collections::HashSet::new();
            for (wants, stops) in passes {
                let ids = pass(&mut one, &wants, false);
                prop_assert_eq!(&ids, &pass(&mut two, &wants, true));
                for id in ids.into_iter().flatten() {
                    prop_assert!(ever.insert(id), "{} was given out twice", id);
                    live.push(id);
                }
                for stop in stops {
                    if !live.is_empty() {
                        let id = live.swap_remove(stop.index(live.len()));
                        one.free(id);
                        two.free(id);
                    }
                }
                let (free, fresh) = one.state();
                prop_assert_eq!(free.count() + live.len(), fresh as usize);
            }
        }
    }

    #[test]
    fn many_spawns_of_one_block_stay_dense() {
        let mut nursery = Nursery::new(0);
        let ids = pass(&mut nursery, &[10_000, 0, 0], false);
        let highest = ids[0].iter().map(|id| id.slot()).max().unwrap();
        assert!(highest < 10_000 + 3 * STRIPE);
    }

    #[test]
    fn a_used_up_slot_is_retired() {
        let mut nursery = Nursery::new(0);
        nursery.take(1);
        nursery.free(ActorId::new(0, 0, GENERATION_MAX));
        assert_eq!(nursery.take(1), [ActorId::new(0, 1, 1)]);
    }
}
