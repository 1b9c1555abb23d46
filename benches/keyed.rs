//! The cost of actors that are addressed by key: of mail to them, and of their coming and going.

mod support;

use std::time::Duration;

use bevy_ecs::component::Component;
use criterion::{Criterion, Throughput};
use throng::{
    Actor, Context, Handled, JobMode, KeyedActor, KeyedConfig, MemoryStore, Persist, PersistError, RedbStore, Throng, ThrongOptions, keyed,
};

/// Keys that come in a tick.
const WAVE: u64 = 100_000;
/// Keys that are known to a store.
const KNOWN: u64 = 1_000_000;

/// Sixteen bytes, saved as such.
#[derive(Component, Default)]
struct Player {
    points: u64,
    games: u64,
}

impl Actor for Player {
    type Msg = u64;
    type Params = ();

    fn handle(&mut self, points: u64, _: &Context<'_, Self>) -> Handled {
        self.points += points;
        self.games += 1;
        Ok(())
    }
}

impl KeyedActor for Player {
    type Key = u64;

    fn activate(_: &u64) -> Self {
        Self::default()
    }
}

impl Persist for Player {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        bytes.extend(self.points.to_le_bytes());
        bytes.extend(self.games.to_le_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        let (points, games) = bytes.split_first_chunk().ok_or_else(|| PersistError::new("too short"))?;
        let games = games.try_into().map_err(PersistError::new)?;
        Ok(Self { points: u64::from_le_bytes(*points), games: u64::from_le_bytes(games) })
    }
}

/// Writes to a wave of keys, and runs a tick.
fn wave(throng: &mut Throng, wave: u64) {
    let first = wave * WAVE % KNOWN;
    // Not in their order: by a step that meets all keys.
    throng.tell_many((first..first + WAVE).map(|n| (keyed::<Player>(n * 7_919 % KNOWN), 1)));
    throng.tick();
}

fn passivated(throng: &mut Throng) -> u64 {
    throng.keyed_stats::<Player>().expect("it is registered").passivated
}

/// Waves of keys, each of which is activated, handles a message, and leaves.
fn come_and_go(throng: &mut Throng, waves: u64) {
    let done = passivated(throng) + waves * WAVE;
    (0..waves).for_each(|n| wave(throng, n));
    while passivated(throng) < done {
        throng.tick();
    }
}

fn coming_and_going(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "keyed_come_and_go");
    group.throughput(Throughput::Elements(WAVE));
    for threads in [1, 2] {
        // Jobs on threads of their own are no part of the work of one thread.
        let mode = if threads == 1 { JobMode::Inline } else { JobMode::Threads };
        let options = ThrongOptions::new().threads(threads).jobs(mode);
        for kept in [false, true] {
            let config = || KeyedConfig::<Player>::new().idle_ticks(1);
            let name = format!("{}/{threads}", if kept { "memory_store" } else { "no_store" });
            group.bench_function(name, |bencher| {
                let mut throng = Throng::new(options.clone());
                let config = if kept { config().store("players", MemoryStore::default()) } else { config() };
                throng.register_keyed(config).expect("registered once");
                come_and_go(&mut throng, KNOWN / WAVE);
                bencher.iter_custom(|waves| support::timed(|| come_and_go(&mut throng, waves)));
            });
        }
    }
    group.finish();
}

/// Mail to actors who are active: by key, and by reference.
fn mail(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "keyed_mail");
    group.throughput(Throughput::Elements(WAVE));
    let mut throng = Throng::new(ThrongOptions::new().threads(1));
    throng.register_keyed(KeyedConfig::<Player>::new()).expect("registered once");
    wave(&mut throng, 0);
    group.bench_function("by_key", |bencher| bencher.iter(|| wave(&mut throng, 0)));
    let players: Vec<_> = (0..WAVE).filter_map(|n| throng.active(&keyed::<Player>(n * 7_919 % KNOWN))).collect();
    group.bench_function("by_reference", |bencher| {
        bencher.iter(|| {
            throng.tell_many(players.iter().map(|&player| (player, 1)));
            throng.tick();
        });
    });
    group.finish();
}

/// A wave of actors who are saved to a file in one batch, and leave.
fn saving(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "keyed_save");
    group.throughput(Throughput::Elements(WAVE));
    group.bench_function("redb", |bencher| {
        let file = std::env::temp_dir().join(format!("throng-bench-{}.redb", std::process::id()));
        let mut throng = Throng::new(ThrongOptions::new().threads(1).jobs(JobMode::Inline));
        let store = RedbStore::open(&file).expect("the folder for temporary files can be written");
        throng.register_keyed(KeyedConfig::<Player>::new().idle_ticks(3).store("players", store)).expect("registered once");
        let mut next = 0;
        bencher.iter_custom(|waves| {
            let mut spent = Duration::ZERO;
            for _ in 0..waves {
                wave(&mut throng, next);
                next += 1;
                let done = passivated(&mut throng) + WAVE;
                // Loaded and handled; the rest is what is measured.
                throng.tick();
                spent += support::timed(|| {
                    while passivated(&mut throng) < done {
                        throng.tick();
                    }
                });
            }
            spent
        });
        drop(throng);
        std::fs::remove_file(&file).expect("it was made above");
    });
    group.finish();
}

fn main() {
    support::run(&[coming_and_going, mail, saving]);
}
