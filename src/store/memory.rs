//! A store that lives as long as the program.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, PoisonError};

use super::{KeyBatch, SaveBatch, Store, StoreError};
use crate::digest::Digester;

/// States by key. Looked up, never iterated.
type Table = HashMap<Box<[u8]>, Box<[u8]>, BuildHasherDefault<Digester>>;

/// Keeps states in memory, until it is dropped. It never fails.
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
pub struct MemoryStore(Mutex<BTreeMap<String, Table>>);

impl MemoryStore {
    fn with<R>(&self, work: impl FnOnce(&mut BTreeMap<String, Table>) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The state of a key.
    #[must_use]
    pub fn get(&self, table: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.with(|tables| tables.get(table)?.get(key).map(|state| state.to_vec()))
    }

    /// How many keys of a table have a state.
    #[must_use]
    pub fn len(&self, table: &str) -> usize {
        self.with(|tables| tables.get(table).map_or(0, Table::len))
    }
}

impl Store for MemoryStore {
    fn load(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        self.with(|tables| {
            let Some(table) = tables.get(table) else { return };
            for (number, key) in keys.iter().enumerate() {
                if let Some(state) = table.get(key) {
                    found(number, state);
                }
            }
        });
        Ok(())
    }

    fn save(&self, table: &str, changes: &SaveBatch) -> Result<(), StoreError> {
        self.with(|tables| {
            let table = tables.entry(table.to_owned()).or_default();
            for (key, state) in changes.iter() {
                match state {
                    None => drop(table.remove(key)),
                    Some(state) => match table.get_mut(key) {
                        Some(place) if place.len() == state.len() => place.copy_from_slice(state),
                        Some(place) => *place = state.into(),
                        None => drop(table.insert(key.into(), state.into())),
                    },
                }
            }
        });
        Ok(())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: BTreeMap<String, usize> = self.with(|tables| tables.iter().map(|(name, table)| (name.clone(), table.len())).collect());
        f.debug_tuple("MemoryStore").field(&sizes).finish()
    }
}
