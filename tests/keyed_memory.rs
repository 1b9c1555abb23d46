//! Keys that are known and not active cost no memory: counted by an allocator, which needs a program of its own.

#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{JobMode, KeyBatch, KeyedActor, KeyedConfig, Persist, PersistError, SaveBatch, Store, StoreError, keyed};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is done by the system's allocator; what is added counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

const WAVE: u32 = 2_000;
const WAVES: u32 = 200;
/// What may be allocated once and for all, whenever: a table of those who wait, twice as large as before.
const ONCE: usize = 300_000;

#[derive(Component, Default)]
struct Player(u32);

impl Actor for Player {
    type Msg = u32;
    type Params = ();

    fn handle(&mut self, n: u32, _: &Context<'_, Self>) -> Handled {
        self.0 += n;
        Ok(())
    }
}

impl KeyedActor for Player {
    type Key = u32;

    fn activate(_: &u32) -> Self {
        Self(0)
    }
}

impl Persist for Player {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        bytes.extend(self.0.to_le_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        bytes.try_into().map(|bytes| Self(u32::from_le_bytes(bytes))).map_err(PersistError::new)
    }
}

/// A store that keeps what it has elsewhere: every key has the score 1 from its first save on.
struct Elsewhere {
    is_immediate: bool,
}

impl Store for Elsewhere {
    fn load(&self, _: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        (0..keys.len()).for_each(|number| found(number, &1_u32.to_le_bytes()));
        Ok(())
    }

    fn save(&self, _: &str, _: &SaveBatch) -> Result<(), StoreError> {
        Ok(())
    }

    fn is_immediate(&self) -> bool {
        self.is_immediate
    }
}

/// Bytes that are held after the first half of the keys, and after all, with one wave active at a time.
fn held(config: KeyedConfig<Player>) -> (usize, usize) {
    let mut throng = Throng::new(ThrongOptions::new().threads(1).jobs(JobMode::Inline));
    throng.register_keyed(config.idle_ticks(1)).unwrap();
    let mut first = 0;
    for wave in 0..WAVES {
        throng.tell_many((0..WAVE).map(|n| (keyed::<Player>(wave * WAVE + n), 1)));
        throng.run_ticks(8);
        let stats = throng.keyed_stats::<Player>().unwrap();
        assert_eq!((stats.active, stats.passivated), (0, u64::from((wave + 1) * WAVE)));
        if wave == WAVES / 2 {
            first = LIVE.load(Ordering::Relaxed);
        }
    }
    (first, LIVE.load(Ordering::Relaxed))
}

#[test]
fn keys_that_are_not_active_cost_nothing() {
    let stores = [
        KeyedConfig::new(),
        KeyedConfig::new().store("players", Elsewhere { is_immediate: true }),
        KeyedConfig::new().store("players", Elsewhere { is_immediate: false }),
    ];
    for (number, config) in stores.into_iter().enumerate() {
        let (first, last) = held(config);
        // A pointer for each of the keys that came since would be 1,600,000.
        assert!(last <= first + ONCE, "store {number}: {first} bytes, then {last}");
    }
}
