//! Where states are kept while their actors are not in the world: bytes by table and key.
//!
//! # Model
//!
//! A [`Store`] is asked for many keys at once, outside of ticks, on threads of its own: loads of several batches
//! and a save may run at a time. One that is immediate is asked within ticks. What is loaded and saved is bytes; [`Persist`] makes them of a state, [`ActorKey`]
//! of a key. Nothing here knows actors.
//!
//! # Invariants
//!
//! 1. A batch of changes is saved as a whole or not at all, and a save that has returned is durable.
//! 2. Who asks never has two changes of one key under way, nor a change and a load.

mod batch;
#[cfg(feature = "store")]
mod disk;
mod memory;
mod persist;

use std::fmt::Display;
use std::sync::Arc;

use thiserror::Error;

pub use batch::{KeyBatch, SaveBatch};
#[cfg(feature = "store")]
pub use disk::RedbStore;
pub use memory::MemoryStore;
pub use persist::{ActorKey, Persist, PersistError};

/// Keeps states by table and key.
///
/// Throng calls it with all keys of a tick at once, on threads that run no ticks, so it may block; unless it
/// [says](Store::is_immediate) that it never does. One store may serve several actor types, each with a table of its own; an `Arc` of a store is a store.
///
/// [`MemoryStore`] keeps them as long as the program runs, `RedbStore` (feature `store`) in a file.
///
/// # Examples
///
/// A store that cannot be written:
///
/// ```
/// use throng::{KeyBatch, MemoryStore, SaveBatch, Store, StoreError};
///
/// struct Archive(MemoryStore);
///
/// impl Store for Archive {
///     fn load(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
///         self.0.load(table, keys, found)
///     }
///
///     fn save(&self, table: &str, _changes: &SaveBatch) -> Result<(), StoreError> {
///         Err(StoreError::new(format!("the archive of `{table}` is closed")))
///     }
/// }
///
/// let archive = Archive(MemoryStore::default());
/// assert!(archive.save("players", &SaveBatch::default()).is_err());
/// ```
pub trait Store: Send + Sync + 'static {
    /// Loads states: calls `found` with the number of the key in the batch, from 0, and the bytes, once for each key
    /// that the table has, in any order. A table that was never written has none.
    ///
    /// # Errors
    ///
    /// The batch is asked for again, some ticks later.
    fn load(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError>;

    /// Saves all changes of a batch, or none. When it returns `Ok` they are as durable as the store makes anything.
    ///
    /// # Errors
    ///
    /// Nothing of the batch was saved. It is tried again, some ticks later, with what the states are then.
    fn save(&self, table: &str, changes: &SaveBatch) -> Result<(), StoreError>;

    /// Whether it answers at once, since it holds its states in memory: it waits for no disk, no network and no other
    /// thread's work. By default it does not.
    ///
    /// Such a store is asked within the tick, by the threads that handle mail: an actor is activated as soon as one
    /// without a store, and leaves in the tick in which it is idle. What a tick loads or saves then comes in parts, of up to
    /// 1,024 keys each, several at a time; each of them is a batch of its own.
    ///
    /// # Determinism
    ///
    /// What it answers must depend on its contents alone. Nothing of it is in the [`JobLog`](crate::JobLog).
    fn is_immediate(&self) -> bool {
        false
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn load(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        (**self).load(table, keys, found)
    }

    fn save(&self, table: &str, changes: &SaveBatch) -> Result<(), StoreError> {
        (**self).save(table, changes)
    }

    fn is_immediate(&self) -> bool {
        (**self).is_immediate()
    }
}

/// A store could not load or save. Not fatal: throng tries again.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the store failed: {0}")]
pub struct StoreError(String);

impl StoreError {
    /// Says what went wrong, and what can be done about it.
    #[must_use]
    pub fn new(why: impl Display) -> Self {
        Self(why.to_string())
    }
}
