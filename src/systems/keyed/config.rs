//! The settings of a type of keyed actors.

use std::fmt;
use std::sync::Arc;

use crate::actor::KeyedActor;
use crate::panics;
use crate::store::{KeyBatch, Persist, PersistError, SaveBatch, Store, StoreError};
use crate::supervision::Backoff;
use crate::systems::config::ActorConfig;

/// Ticks without mail after which an actor leaves the world if nothing else is set: about a minute of a game.
const IDLE_TICKS_DEFAULT: u64 = 4_096;
/// Attempts to load a state if nothing else is set.
const LOAD_ATTEMPTS_DEFAULT: u32 = 8;
/// Ticks between attempts if nothing else is set.
const RETRY_DEFAULT: Backoff = Backoff { initial_ticks: 2, ticks_max: 256, jitter_ticks: 0 };

/// The store of a type, with how its states become bytes and back.
pub(super) struct Storage<A> {
    pub(super) store: Arc<dyn Store>,
    pub(super) table: Arc<str>,
    encode: fn(&A, &mut Vec<u8>) -> Result<(), PersistError>,
    decode: fn(&[u8]) -> Result<A, PersistError>,
}

impl<A> Storage<A> {
    /// Loads states: in the order of the keys, `None` where there is none saved.
    pub(super) fn load(&self, keys: &KeyBatch) -> Loaded<A> {
        let mut states = Vec::new();
        states.resize_with(keys.len(), || None);
        let mut found = |number: usize, bytes: &[u8]| {
            let state = panics::catch(|| (self.decode)(bytes)).unwrap_or_else(|panic| Err(PersistError::new(panic)));
            states[number] = Some(state);
        };
        panics::catch(|| self.store.load(&self.table, keys, &mut found)).unwrap_or_else(|panic| Err(panicked(&panic)))?;
        Ok(states)
    }

    /// Saves all changes, or none.
    pub(super) fn save(&self, changes: &SaveBatch) -> Result<(), StoreError> {
        panics::catch(|| self.store.save(&self.table, changes)).unwrap_or_else(|panic| Err(panicked(&panic)))
    }

    /// Appends a state's bytes.
    pub(super) fn encode(&self, state: &A, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        panics::catch(|| (self.encode)(state, bytes)).unwrap_or_else(|panic| Err(PersistError::new(panic)))
    }
}

impl<A> Clone for Storage<A> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), table: self.table.clone(), encode: self.encode, decode: self.decode }
    }
}

fn panicked(panic: &str) -> StoreError {
    StoreError::new(format!("it panicked: {panic}"))
}

/// States in the order of their keys; `None` where there is none saved.
pub(super) type Loaded<A> = Result<Vec<Option<Result<A, PersistError>>>, StoreError>;

/// How actors of type `A`, which are addressed by key, are kept, loaded and saved.
///
/// # Examples
///
/// ```
/// # use bevy_ecs::component::Component;
/// # use throng::prelude::*;
/// # use throng::{KeyedActor, Persist, PersistError};
/// use throng::{Backoff, KeyedConfig, MemoryStore};
/// # #[derive(Component, Hash)]
/// # struct Player(u64);
/// # impl Actor for Player { type Msg = u64; type Params = ();
/// #   fn handle(&mut self, n: u64, _: &Context<'_, Self>) -> Handled { self.0 += n; Ok(()) } }
/// # impl KeyedActor for Player { type Key = u64; fn activate(_: &u64) -> Self { Player(0) } }
/// # impl Persist for Player {
/// #   fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> { bytes.extend(self.0.to_le_bytes()); Ok(()) }
/// #   fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
/// #     bytes.try_into().map(|bytes| Player(u64::from_le_bytes(bytes))).map_err(PersistError::new) } }
///
/// let mut throng = Throng::default();
/// throng.register_keyed(
///     KeyedConfig::<Player>::new()
///         .actor(ActorConfig::new().mailbox(MailboxConfig::new(64)?).digest())
///         .idle_ticks(600)
///         .store("players", MemoryStore::default())
///         .retry(Backoff { initial_ticks: 1, ticks_max: 64, jitter_ticks: 3 }),
/// )?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyedConfig<A: KeyedActor> {
    pub(super) actor: ActorConfig<A>,
    pub(super) idle_ticks: u64,
    pub(super) storage: Option<Storage<A>>,
    pub(super) load_attempts: u32,
    pub(super) retry: Backoff,
}

impl<A: KeyedActor> KeyedConfig<A> {
    /// The defaults: actors leave the world after 4,096 ticks without mail, and nothing is kept of them.
    #[must_use]
    pub fn new() -> Self {
        Self {
            actor: ActorConfig::new(),
            idle_ticks: IDLE_TICKS_DEFAULT,
            storage: None,
            load_attempts: LOAD_ATTEMPTS_DEFAULT,
            retry: RETRY_DEFAULT,
        }
    }

    /// Sets what holds for all actor types: mailboxes, restarts, digests. [`ActorConfig::fresh`] is not used: fresh
    /// state comes from the store, or of [`KeyedActor::activate`].
    #[must_use]
    pub fn actor(mut self, config: ActorConfig<A>) -> Self {
        self.actor = config;
        self
    }

    /// Sets after how many ticks without a call an actor is saved and leaves the world; 0 counts as 1, and `u64::MAX` is
    /// never. Beyond 1,024 ticks it may be later, by a thousandth.
    #[must_use]
    pub fn idle_ticks(mut self, ticks: u64) -> Self {
        self.idle_ticks = ticks.max(1);
        self
    }

    /// Keeps the states of actors that are not in the world in a table of a store. Without one they begin afresh at
    /// each activation.
    #[must_use]
    pub fn store(mut self, table: impl Into<Arc<str>>, store: impl Store) -> Self
    where
        A: Persist,
    {
        self.storage = Some(Storage { store: Arc::new(store), table: table.into(), encode: A::encode, decode: A::decode });
        self
    }

    /// Sets how often a state is tried to be loaded before the mail for its key becomes dead letters; 8 by default, and
    /// 0 counts as 1.
    #[must_use]
    pub fn load_attempts(mut self, attempts: u32) -> Self {
        self.load_attempts = attempts.max(1);
        self
    }

    /// Sets how long to wait before a store that failed is asked again: by default 2 ticks, twice as long after each further
    /// failure, 256 at most. Saving is tried without end.
    #[must_use]
    pub fn retry(mut self, retry: Backoff) -> Self {
        self.retry = retry;
        self
    }
}

impl<A: KeyedActor> Default for KeyedConfig<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: KeyedActor> fmt::Debug for KeyedConfig<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedConfig")
            .field("actor", &self.actor)
            .field("idle_ticks", &self.idle_ticks)
            .field("table", &self.storage.as_ref().map(|storage| &storage.table))
            .field("load_attempts", &self.load_attempts)
            .field("retry", &self.retry)
            .finish()
    }
}
