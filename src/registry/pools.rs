//! Pools: interchangeable actors, by number.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};

use crate::digest::Digester;
use crate::id::ActorId;

/// The members of a pool as of the tick's beginning.
#[derive(Debug)]
pub(crate) struct Members {
    /// By place. Who takes over a place takes over its keys.
    pub(crate) ids: Vec<ActorId>,
    /// Messages that waited in each mailbox; empty if none did.
    pub(crate) waiting: Vec<u32>,
    /// Places whose member has stopped.
    pub(crate) vacant: Vec<u32>,
    /// How many there are to be.
    pub(crate) wanted: usize,
}

/// All pools, by number.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pub(crate) entries: Vec<Members>,
    /// Pool and place of each member. Looked up, never iterated for a result.
    places: HashMap<ActorId, (u32, u32), BuildHasherDefault<Digester>>,
    /// Pools that are to be tended, each maybe more than once.
    pub(crate) changed: Vec<u32>,
}

impl Pools {
    pub(crate) fn open(&mut self, wanted: usize) -> u32 {
        self.entries.push(Members { ids: Vec::new(), waiting: Vec::new(), vacant: Vec::new(), wanted });
        self.entries.len() as u32 - 1
    }

    pub(crate) fn get(&self, pool: u32) -> Option<&Members> {
        self.entries.get(pool as usize)
    }

    pub(crate) fn resize(&mut self, pool: u32, wanted: usize) {
        if let Some(members) = self.entries.get_mut(pool as usize) {
            members.wanted = wanted;
            self.changed.push(pool);
        }
    }

    /// Nobody makes members any more: those there were have gone.
    pub(crate) fn close(&mut self, pool: usize) {
        let members = &mut self.entries[pool];
        (members.wanted, members.vacant) = (0, Vec::new());
        for member in std::mem::take(&mut members.ids) {
            self.strike(member);
        }
    }

    /// Notes who holds a place.
    pub(crate) fn enter(&mut self, pool: u32, place: usize, member: ActorId) {
        self.places.insert(member, (pool, place as u32));
    }

    /// An actor loses its place since the pool shrinks.
    pub(crate) fn strike(&mut self, member: ActorId) {
        self.places.remove(&member);
    }

    /// An actor has stopped: its place is to be filled, if it had one.
    pub(crate) fn release(&mut self, actor: ActorId) {
        if !self.places.is_empty()
            && let Some((pool, place)) = self.places.remove(&actor)
        {
            self.entries[pool as usize].vacant.push(place);
            self.changed.push(pool);
        }
    }

    pub(crate) fn digest(&self, digester: &mut Digester) {
        for members in &self.entries {
            (&members.ids, members.wanted).hash(digester);
        }
    }
}

/// The bucket of a key among `buckets`, which must not be 0. When a bucket is added or the last one taken away,
/// only the keys of that bucket move.
///
/// Source: Lamping and Veach, "A fast, minimal memory, consistent hash algorithm", 2014.
pub(crate) fn consistent_bucket(mut key: u64, buckets: usize) -> usize {
    let (mut bucket, mut next) = (0_u64, 0_u64);
    while next < buckets as u64 {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((bucket + 1) as f64 * ((1_u64 << 31) as f64 / ((key >> 33) + 1) as f64)) as u64;
    }
    bucket as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keys_move_when_a_bucket_is_added() {
        let keys = || (0..10_000_u64).map(|n| crate::digest::mix(1, n));
        for buckets in 1..20 {
            let mut counts = vec![0; buckets];
            let mut moved = 0;
            for key in keys() {
                let (before, after) = (consistent_bucket(key, buckets), consistent_bucket(key, buckets + 1));
                counts[before] += 1;
                assert!(before == after || after == buckets, "a key moves to the new bucket only");
                moved += usize::from(before != after);
            }
            assert!(counts.iter().all(|&n| n > 5_000 / buckets && n < 20_000 / buckets), "{counts:?}");
            assert!(moved < 20_000 / (buckets + 1));
        }
    }
}
