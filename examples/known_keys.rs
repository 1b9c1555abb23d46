//! Ten million keys are known and a hundred thousand of them active: what that costs in memory.
//!
//! All keys come once, in waves, and leave again; then as many as are to be active come and stay. With `--store none` nothing
//! is kept of those who left, with `redb` it is in a file, with `memory` the store has it. What the process holds is shown on the
//! way, and compared with a world that knows no other keys than those that are active.
//!
//! `cargo run --release --features store --example known_keys -- --help`

#![expect(clippy::print_stdout, reason = "an example talks")]

use std::path::{Path, PathBuf};

use bevy_ecs::component::Component;
use clap::{Parser, ValueEnum};
use throng::prelude::*;
use throng::{ActorKey, KeyedActor, KeyedConfig, MemoryStore, Persist, PersistError, RedbStore, keyed};

/// What known keys cost.
#[derive(Parser)]
struct Flags {
    /// Keys that are known
    #[arg(long, default_value_t = 10_000_000)]
    known: u64,
    /// Keys that are active in the end, and that come in each wave
    #[arg(long, default_value_t = 100_000)]
    active: u64,
    /// Where states are kept
    #[arg(long, value_enum, default_value_t = Kept::None)]
    store: Kept,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kept {
    None,
    Memory,
    Redb,
}

/// Ticks of silence after which a player leaves.
const IDLE_TICKS: u64 = 2;
/// Lines of progress.
const LINES: u64 = 10;

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
        self.points.write(bytes);
        self.games.write(bytes);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        let (points, games) = bytes.split_first_chunk().ok_or_else(|| PersistError::new("too short"))?;
        let games = games.try_into().map_err(PersistError::new)?;
        Ok(Self { points: u64::from_be_bytes(*points), games: u64::from_be_bytes(games) })
    }
}

fn world(store: Kept, file: &Path) -> Result<Throng, Box<dyn std::error::Error>> {
    let mut throng = Throng::default();
    let config = KeyedConfig::<Player>::new().idle_ticks(IDLE_TICKS);
    throng.register_keyed(match store {
        Kept::None => config,
        Kept::Memory => config.store("players", MemoryStore::default()),
        Kept::Redb => config.store("players", RedbStore::open(file)?),
    })?;
    Ok(throng)
}

/// Lets keys come and stay.
fn activate(throng: &mut Throng, keys: std::ops::Range<u64>) {
    throng.tell_many(keys.map(|key| (keyed::<Player>(key), 1)));
    while throng.run_until_quiet(1_000).is_none() {}
}

fn active(throng: &mut Throng) -> u64 {
    throng.keyed_stats::<Player>().map_or(0, |stats| stats.active as u64)
}

/// Lets all leave.
fn silence(throng: &mut Throng) {
    while active(throng) > 0 {
        throng.tick();
    }
}

/// MiB of memory that the process has, or has in use, as the system tells it.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1_024.0)
}

fn show(what: &str) -> f64 {
    let now = resident();
    match now {
        Some(mib) => println!("{what:<44} {mib:>8.1} MiB"),
        None => println!("{what:<44} (this system does not tell what a process holds)"),
    }
    now.unwrap_or(0.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let file: PathBuf = std::env::temp_dir().join(format!("throng-known-keys-{}.redb", std::process::id()));
    let mut throng = world(flags.store, &file)?;
    show("an empty world");
    activate(&mut throng, 0..flags.active);
    let alone = show(&format!("{} keys are known, all are active", flags.active));
    silence(&mut throng);
    let waves = flags.known.div_ceil(flags.active);
    for wave in 1..waves {
        activate(&mut throng, wave * flags.active..flags.known.min((wave + 1) * flags.active));
        silence(&mut throng);
        if wave % (waves / LINES).max(1) == 0 {
            show(&format!("{} keys are known, none is active", (wave + 1) * flags.active));
        }
    }
    activate(&mut throng, 0..flags.active);
    let among = show(&format!("{} keys are known, {} are active", flags.known, active(&mut throng)));
    println!(
        "{:.2} bytes for each key that is known and not active",
        (among - alone) * 1_048_576.0 / (flags.known - flags.active).max(1) as f64
    );
    // Those who left and came again have what was saved of them.
    let expected = if flags.store == Kept::None { 1 } else { 2 };
    let kept = (0..flags.active).filter(|&key| {
        let player = throng.active(&keyed::<Player>(key));
        player.and_then(|player| throng.state(player)).is_some_and(|player| player.games == expected)
    });
    let kept = kept.count() as u64;
    if flags.store == Kept::Redb {
        drop(throng);
        println!("the file has {} MiB", std::fs::metadata(&file)?.len() >> 20);
        std::fs::remove_file(&file)?;
    }
    if kept != flags.active { Err(format!("only {kept} of {} players have their state", flags.active).into()) } else { Ok(()) }
}
