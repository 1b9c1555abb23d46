//! A store that lives as long as the program.
//!
//! # Model
//!
//! A table is cut into shards by the hash of the key, each with a lock of its own. A batch is sorted by shard first, so
//! that each lock is taken once, and threads that work on batches at the same time seldom meet. A key and a state of usual
//! size lie in the table itself, in one cache line.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::{KeyBatch, SaveBatch, Store, StoreError};
use crate::digest::Secret;

/// Parts of a table with a lock each.
const SHARDS: usize = 16;

/// A key and its state.
struct Entry {
    key: SmallVec<[u8; 16]>,
    state: SmallVec<[u8; 32]>,
}

/// States by key. Looked up, never iterated.
#[derive(Default)]
struct Table {
    secret: Secret,
    shards: [Mutex<HashTable<Entry>>; SHARDS],
}

impl Table {
    fn hash(&self, key: &[u8]) -> u64 {
        let mut digester = self.secret.build_hasher();
        digester.write(key);
        digester.finish()
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, HashTable<Entry>> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `work` with each key's shard, hash and number, one shard after the other.
    fn each_by_shard<'a>(&self, keys: impl Iterator<Item = &'a [u8]>, mut work: impl FnMut(&mut HashTable<Entry>, u64, usize)) {
        let hashes: Vec<u64> = keys.map(|key| self.hash(key)).collect();
        let mut numbers: [Vec<u32>; SHARDS] = std::array::from_fn(|_| Vec::with_capacity(hashes.len() / SHARDS * 2));
        for (number, &hash) in hashes.iter().enumerate() {
            numbers[shard_of(hash)].push(number as u32);
        }
        for (shard, numbers) in numbers.iter().enumerate().filter(|(_, numbers)| !numbers.is_empty()) {
            let mut entries = self.lock(shard);
            numbers.iter().for_each(|&number| work(&mut entries, hashes[number as usize], number as usize));
        }
    }

    fn write(&self, entries: &mut HashTable<Entry>, hash: u64, (key, state): (&[u8], Option<&[u8]>)) {
        let found = entries.find_entry(hash, |entry| *entry.key == *key);
        match (found, state) {
            (Ok(mut found), Some(state)) => {
                let place = &mut found.get_mut().state;
                place.clear();
                place.extend_from_slice(state);
            }
            (Ok(found), None) => drop(found.remove()),
            (Err(_), Some(state)) => {
                let entry = Entry { key: SmallVec::from_slice(key), state: SmallVec::from_slice(state) };
                entries.insert_unique(hash, entry, |entry| self.hash(&entry.key));
            }
            (Err(_), None) => {}
        }
    }
}

/// The highest bits; the table itself goes by others.
fn shard_of(hash: u64) -> usize {
    (hash >> (u64::BITS / 2)) as usize % SHARDS
}

/// Keeps states in memory, until it is dropped. It never fails, and [answers at once](Store::is_immediate).
///
/// Share it with an `Arc` to look at it, or to give it to a second world.
///
/// # Examples
///
/// ```
/// use throng::{KeyBatch, MemoryStore, Store};
///
/// let store = MemoryStore::default();
/// store.save("lamps", &[(b"hall".as_slice(), Some(b"on".as_slice()))].into_iter().collect())?;
/// assert_eq!(store.get("lamps", b"hall").as_deref(), Some(b"on".as_slice()));
/// assert_eq!(store.len("lamps"), 1);
/// # Ok::<(), throng::StoreError>(())
/// ```
#[derive(Default)]
pub struct MemoryStore(RwLock<BTreeMap<String, Arc<Table>>>);

impl MemoryStore {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The state of a key.
    #[must_use]
    pub fn get(&self, table: &str, key: &[u8]) -> Option<Vec<u8>> {
        let table = self.table(table)?;
        let hash = table.hash(key);
        table.lock(shard_of(hash)).find(hash, |entry| *entry.key == *key).map(|entry| entry.state.to_vec())
    }

    /// How many keys of a table have a state.
    #[must_use]
    pub fn len(&self, table: &str) -> usize {
        self.table(table).map_or(0, |table| (0..SHARDS).map(|shard| table.lock(shard).len()).sum())
    }
}

impl Store for MemoryStore {
    fn load(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        let Some(table) = self.table(table) else { return Ok(()) };
        table.each_by_shard(keys.iter(), |entries, hash, number| {
            if let Some(entry) = entries.find(hash, |entry| *entry.key == *keys.key(number)) {
                found(number, &entry.state);
            }
        });
        Ok(())
    }

    fn save(&self, table: &str, changes: &SaveBatch) -> Result<(), StoreError> {
        let table = self.table(table).unwrap_or_else(|| {
            let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
            tables.entry(table.to_owned()).or_default().clone()
        });
        let keys = changes.iter().map(|(key, _)| key);
        table.each_by_shard(keys, |entries, hash, number| table.write(entries, hash, changes.change(number)));
        Ok(())
    }

    fn is_immediate(&self) -> bool {
        true
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<String> = self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        f.debug_map().entries(tables.into_iter().map(|name| (self.len(&name), name)).map(|(len, name)| (name, len))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Batches of any changes leave what a map would hold.
        #[test]
        fn it_is_a_map(batches in prop::collection::vec(prop::collection::btree_map(prop::collection::vec(0_u8..3, 0..20), prop::option::of(prop::collection::vec(any::<u8>(), 0..50)), 0..40), 0..6)) {
            let (store, mut model) = (MemoryStore::default(), BTreeMap::new());
            for batch in &batches {
                store.save("t", &batch.iter().map(|(key, state)| (key.as_slice(), state.as_deref())).collect()).unwrap();
                for (key, state) in batch {
                    match state {
                        Some(state) => drop(model.insert(key.clone(), state.clone())),
                        None => drop(model.remove(key)),
                    }
                }
            }
            prop_assert_eq!(store.len("t"), model.len());
            let all: BTreeMap<_, _> = batches.iter().flatten().collect();
            let keys: KeyBatch = all.keys().map(|key| key.as_slice()).collect();
            let mut loaded = BTreeMap::new();
            store.load("t", &keys, &mut |number, state| drop(loaded.insert(keys.key(number).to_vec(), state.to_vec()))).unwrap();
            for (key, state) in &model {
                prop_assert_eq!(store.get("t", key), Some(state.clone()));
            }
            prop_assert_eq!(loaded, model);
        }
    }
}
