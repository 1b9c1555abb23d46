//! What the host learns of keyed actors and their store.

use std::sync::Arc;

/// Counts of one type of keyed actors, since the world began where nothing else is said.
///
/// # Examples
///
/// See [`Throng::keyed_stats`](crate::Throng::keyed_stats).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct KeyedStats {
    /// Keys under which somebody is active now.
    pub active: usize,
    /// Keys that wait for their states now.
    pub loading: usize,
    /// Messages that wait with them now. They count as queued.
    pub waiting: usize,
    /// States that are to be saved, or are being saved, now.
    pub saving: usize,
    /// Activations.
    pub activated: u64,
    /// Of those, the ones with a saved state.
    pub loaded: u64,
    /// Actors that left the world because they were idle, or by [`Context::passivate`](crate::Context::passivate).
    pub passivated: u64,
    /// States saved.
    pub saved: u64,
    /// Keys struck out of the store.
    pub erased: u64,
    /// Batches that could not be loaded.
    pub load_failures: u64,
    /// Batches that could not be saved.
    pub save_failures: u64,
    /// Keys whose mail became dead letters because they could not be loaded.
    pub not_loaded: u64,
    /// Times that a state could not be made bytes.
    pub not_encoded: u64,
}

/// What a store was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreWork {
    /// Load states. Mail to their keys waits.
    Load,
    /// Make actors of what was loaded. Mail to their keys has become dead letters.
    Decode,
    /// Make bytes of states. Their actors stay active.
    Encode,
    /// Save states. Their actors stay active.
    Save,
}

/// Loading or saving has failed; see [`Throng::store_failures`](crate::Throng::store_failures). Nothing is lost by it but
/// what [`StoreWork`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreFailure {
    /// The type of the keyed actors.
    pub actor_type: &'static str,
    /// Their table in the store.
    pub table: Arc<str>,
    /// The tick in which throng learned of it.
    pub tick: u64,
    /// What failed.
    pub work: StoreWork,
    /// How many keys it is about.
    pub keys: usize,
    /// The first of these keys, as its `Debug` shows it.
    pub first_key: String,
    /// Failures in a row, this one included.
    pub failures: u32,
    /// When it is tried again; `None` if not before there is a new reason to.
    pub next_tick: Option<u64>,
    /// What the store or the state said.
    pub error: String,
}
