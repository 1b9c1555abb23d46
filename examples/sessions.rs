//! A session server: a million players are known, one in a hundred plays, and the server is restarted.
//!
//! A player is addressed by number. The first move of a session brings it into memory, with what was saved of it; when it
//! has been silent for some ticks it is saved and leaves. In the middle the server shuts down and is started anew from its
//! file, while sessions go on. In the end the points of all players, read from the file, are compared with what a ledger counted,
//! which is kept in the same file. Run it again with the same `--file`, and it goes on from there.
//!
//! `cargo run --release --features store --example sessions -- --help`

#![expect(clippy::print_stdout, reason = "an example talks")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy_ecs::component::Component;
use clap::Parser;
use rand_core::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use throng::prelude::*;
use throng::{ActorKey, KeyBatch, KeyedActor, KeyedConfig, Persist, PersistError, RedbStore, Store, keyed};

/// A session server whose players are kept in a file.
#[derive(Parser)]
struct Flags {
    /// Players that are known
    #[arg(long, default_value_t = 1_000_000)]
    players: u32,
    /// Players that play at a time, in percent
    #[arg(long, default_value_t = 1.0)]
    online: f64,
    /// Ticks that the server runs, before it is restarted and after
    #[arg(long, default_value_t = 1_500)]
    ticks: u64,
    /// Ticks of silence after which a player leaves memory
    #[arg(long, default_value_t = 32)]
    idle: u64,
    /// Milliseconds from tick to tick; 0 runs them as fast as they go, which is faster than a disk
    #[arg(long, default_value_t = 4)]
    pace: u64,
    /// Restarts of the server
    #[arg(long, default_value_t = 1)]
    restarts: u32,
    /// Threads of the server; all that there are by default
    #[arg(long)]
    threads: Option<usize>,
    /// The file of players; it is kept. Without it a temporary one is used
    #[arg(long)]
    file: Option<PathBuf>,
}

/// Moves in a session, and ticks from one to the next.
const MOVES: u32 = 20;
const PAUSE: u64 = 8;
/// Lines of progress in each life of the server.
const LINES: u64 = 5;

/// What is kept of a player.
#[derive(Component, Default)]
struct Player {
    moves: u64,
    points: u64,
}

/// A move, worth some points.
struct Move(u32);

impl Actor for Player {
    type Msg = Move;
    type Params = ();

    fn handle(&mut self, Move(points): Move, _: &Context<'_, Self>) -> Handled {
        self.moves += 1;
        self.points += u64::from(points);
        Ok(())
    }
}

impl KeyedActor for Player {
    type Key = u32;

    fn activate(_: &u32) -> Self {
        Self::default()
    }
}

impl Persist for Player {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        self.moves.write(bytes);
        self.points.write(bytes);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        let (moves, points) = bytes.split_first_chunk().ok_or_else(|| PersistError::new("too short"))?;
        let points = points.try_into().map_err(PersistError::new)?;
        Ok(Self { moves: u64::from_be_bytes(*moves), points: u64::from_be_bytes(points) })
    }
}

/// The points of all players together, by the season's name.
#[derive(Component)]
struct Ledger(u64);

impl Actor for Ledger {
    type Msg = u64;
    type Params = ();

    fn handle(&mut self, points: u64, _: &Context<'_, Self>) -> Handled {
        self.0 += points;
        Ok(())
    }
}

impl KeyedActor for Ledger {
    type Key = &'static str;

    fn activate(_: &&'static str) -> Self {
        Self(0)
    }
}

impl Persist for Ledger {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        self.0.write(bytes);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        bytes.try_into().map(|bytes| Self(u64::from_be_bytes(bytes))).map_err(PersistError::new)
    }
}

const SEASON: &str = "season";

/// People at their screens: each plays a session, then somebody else does.
struct Crowd {
    random: Xoshiro256PlusPlus,
    players: u32,
    /// Player and moves left, in the order of their places.
    online: Vec<(u32, u32)>,
    sessions: u64,
}

impl Crowd {
    fn new(flags: &Flags, seed: u64) -> Self {
        let online = (f64::from(flags.players) * flags.online / 100.0).ceil() as usize;
        let mut crowd =
            Self { random: Xoshiro256PlusPlus::seed_from_u64(seed), players: flags.players.max(1), online: Vec::new(), sessions: 0 };
        for place in 0..online.max(1) {
            // As if they had come one after the other.
            let session = (crowd.somebody(), 1 + place as u32 % MOVES);
            crowd.online.push(session);
        }
        crowd
    }

    fn somebody(&mut self) -> u32 {
        (self.random.next_u64() % u64::from(self.players)) as u32
    }

    /// The moves of a tick.
    fn play(&mut self, tick: u64) -> Vec<(u32, u32)> {
        let mut moves = Vec::new();
        for place in ((tick % PAUSE) as usize..self.online.len()).step_by(PAUSE as usize) {
            let (player, left) = self.online[place];
            moves.push((player, self.random.next_u32() % 100));
            self.online[place] = if left > 1 { (player, left - 1) } else { (self.somebody(), MOVES) };
            self.sessions += u64::from(left == 1);
        }
        moves
    }
}

fn serve(flags: &Flags, store: Arc<RedbStore>) -> Result<Throng, throng::RegisterError> {
    let options = ThrongOptions::new();
    let mut throng = Throng::new(match flags.threads {
        Some(threads) => options.threads(threads),
        None => options,
    });
    throng.register_keyed(KeyedConfig::<Player>::new().idle_ticks(flags.idle).store("players", store.clone()))?;
    throng.register_keyed(KeyedConfig::<Ledger>::new().store("ledgers", store))?;
    Ok(throng)
}

/// One life of the server. Returns the messages that it handled.
#[expect(clippy::disallowed_methods, reason = "ticks come at a pace, and how long they take is shown")]
fn live(flags: &Flags, file: &Path, crowd: &mut Crowd) -> Result<u64, Box<dyn std::error::Error>> {
    let mut throng = serve(flags, Arc::new(RedbStore::open(file)?))?;
    let failures = throng.store_failures(64);
    println!("{:>7} {:>9} {:>10} {:>10} {:>10} {:>10} {:>9}", "tick", "in memory", "activated", "loaded", "passivated", "saved", "ms/tick");
    let line = (flags.ticks / LINES).max(1);
    let mut busy = Duration::ZERO;
    for tick in 1..=flags.ticks {
        let began = Instant::now();
        let moves = crowd.play(tick);
        throng.tell(keyed::<Ledger>(SEASON), moves.iter().map(|&(_, points)| u64::from(points)).sum());
        throng.tell_many(moves.into_iter().map(|(player, points)| (keyed::<Player>(player), Move(points))));
        throng.tick();
        busy += began.elapsed();
        std::thread::sleep(Duration::from_millis(flags.pace).saturating_sub(began.elapsed()));
        if tick % line == 0 {
            let ms = std::mem::take(&mut busy).as_secs_f64() * 1e3 / line as f64;
            let now = throng.keyed_stats::<Player>().unwrap_or_default();
            let counts = [now.activated, now.loaded, now.passivated, now.saved];
            println!("{tick:>7} {:>9} {:>10} {:>10} {:>10} {:>10} {ms:>9.2}", now.active, counts[0], counts[1], counts[2], counts[3]);
        }
    }
    let began = Instant::now();
    let report = throng.shutdown_within(10_000);
    println!("shut down in {:.0} ms; not saved: {}", began.elapsed().as_secs_f64() * 1e3, report.unsaved);
    failures.try_iter().for_each(|failure| println!("the store failed: {failure:?}"));
    let mail = throng.stats().mail;
    if !report.quiet || report.unsaved > 0 || mail.dead() > 0 || !mail.is_balanced() {
        return Err(format!("something is lost: {report:?}, {mail:?}").into());
    }
    Ok(mail.handled)
}

/// Players in the file, with their moves and points, and what the ledger says.
fn read(flags: &Flags, file: &Path) -> Result<(u64, Player, u64), Box<dyn std::error::Error>> {
    let store = RedbStore::open(file)?;
    let (mut known, mut all, mut ledger) = (0, Player::default(), 0);
    for first in (0..flags.players).step_by(100_000) {
        let mut bytes = Vec::new();
        (first..flags.players.min(first + 100_000)).for_each(|key| key.write(&mut bytes));
        let keys: KeyBatch = bytes.chunks(size_of::<u32>()).collect();
        store.load("players", &keys, &mut |_, bytes| {
            let player = Player::decode(bytes).unwrap_or_default();
            known += 1;
            all.moves += player.moves;
            all.points += player.points;
        })?;
    }
    let season = [SEASON.as_bytes()].into_iter().collect();
    store.load("ledgers", &season, &mut |_, bytes| ledger = Ledger::decode(bytes).map_or(0, |ledger| ledger.0))?;
    Ok((known, all, ledger))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let temporary = std::env::temp_dir().join(format!("throng-sessions-{}.redb", std::process::id()));
    let file = flags.file.clone().unwrap_or_else(|| temporary.clone());
    let (known, before, _) = read(&flags, &file)?;
    println!("{} players, {known} of them in {}, with {} moves", flags.players, file.display(), before.moves);
    // Other sessions than last time.
    let mut crowd = Crowd::new(&flags, before.moves);
    println!("{} play at a time, a move each {PAUSE} ticks, {MOVES} in a session", crowd.online.len());
    let mut handled = 0;
    for life in 0..=flags.restarts {
        if life > 0 {
            println!("the server is started anew");
        }
        handled += live(&flags, &file, &mut crowd)?;
    }
    let (known, all, ledger) = read(&flags, &file)?;
    println!("{} sessions, {handled} messages; {known} players in the file, {} moves", crowd.sessions, all.moves);
    println!("points of all players {}, by the ledger {ledger}", all.points);
    if flags.file.is_none() {
        std::fs::remove_file(&temporary)?;
    }
    if all.points != ledger {
        return Err("the ledger and the players differ".into());
    }
    Ok(())
}
