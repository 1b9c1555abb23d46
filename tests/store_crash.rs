//! A program that is killed while it saves: what it had saved is there, and a batch is there as a whole or not at all.
//!
//! The test starts itself as a child process, which lets counters come and go and says which rounds of counting were saved; it kills
//! the child at some moment, looks into the file, and goes on with it.

#![expect(clippy::print_stdout, reason = "the child talks to its parent")]
#![expect(clippy::disallowed_methods, reason = "the parent waits for some moment")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bevy_ecs::component::Component;
use rand_core::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use throng::prelude::*;
use throng::{ActorKey, KeyBatch, KeyedActor, KeyedConfig, Persist, PersistError, RedbStore, Store, keyed};

const KILLS: usize = 50;
const COUNTERS: u32 = 500;
/// Rounds that a child counts at most, should nobody kill it.
const ROUNDS_MAX: u64 = 100_000;
const FILE: &str = "THRONG_STORE_CRASH_FILE";

#[derive(Component)]
struct Counter(u64);

impl Actor for Counter {
    type Msg = ();
    type Params = ();

    fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
        self.0 += 1;
        Ok(())
    }
}

impl KeyedActor for Counter {
    type Key = u32;

    fn activate(_: &u32) -> Self {
        Self(0)
    }
}

impl Persist for Counter {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        bytes.extend(self.0.to_le_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        bytes.try_into().map(|bytes| Self(u64::from_le_bytes(bytes))).map_err(PersistError::new)
    }
}

fn say(line: &str) {
    println!("\n{line}");
    std::io::stdout().flush().expect("the parent listens");
}

/// The child's part; nothing when the tests are run as usual.
#[test]
fn child() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let mut throng = Throng::new(ThrongOptions::new().threads(1));
    let store = RedbStore::open(PathBuf::from(file)).expect("the file can be opened again");
    throng.register_keyed(KeyedConfig::<Counter>::new().idle_ticks(1).store("counters", store)).expect("registered once");
    say("ready");
    for round in 1..=ROUNDS_MAX {
        throng.tell_many((0..COUNTERS).map(|key| (keyed::<Counter>(key), ())));
        let all = round * u64::from(COUNTERS);
        while throng.keyed_stats::<Counter>().expect("registered").passivated < all {
            throng.tick();
        }
        say(&format!("saved {round}"));
    }
}

/// Runs a child, kills it some time after it said so often that a round was saved, and returns how many rounds it said were.
fn run_and_kill(file: &Path, rounds: u64, after: Duration) -> u64 {
    let this = std::env::current_exe().expect("the test's own program");
    let mut child = Command::new(this)
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines().map_while(Result::ok);
    let line = if rounds == 0 { "ready".to_owned() } else { format!("saved {rounds}") };
    assert!(lines.any(|said| said == line), "the child ended early");
    std::thread::sleep(after);
    child.kill().expect("it runs until it is killed");
    child.wait().expect("it was killed");
    // What it had said is in the pipe.
    lines.filter_map(|line| line.strip_prefix("saved ")?.parse().ok()).last().unwrap_or(rounds)
}

/// What is in the file: the count that all counters have.
fn count(file: &Path) -> u64 {
    let mut keys = Vec::new();
    (0..COUNTERS).for_each(|key| key.write(&mut keys));
    let keys: KeyBatch = keys.chunks(size_of::<u32>()).collect();
    let (mut counts, mut found) = (BTreeSet::new(), 0);
    let store = RedbStore::open(file).expect("the file can be opened after a crash");
    let read = |_: usize, bytes: &[u8]| {
        found += 1;
        counts.insert(Counter::decode(bytes).expect("no state is torn").0);
    };
    store.load("counters", &keys, &mut { read }).expect("it can be read");
    assert!(counts.len() <= 1 && (found == 0 || found == COUNTERS), "a batch is there in part: {found} counters, with {counts:?}");
    counts.pop_first().unwrap_or(0)
}

#[test]
fn what_was_saved_survives_a_kill_at_any_moment() {
    let file = std::env::temp_dir().join(format!("throng-crash-{}.redb", std::process::id()));
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let (mut before, mut in_doubt) = (0, 0);
    for kill in 0..KILLS {
        // A round takes some milliseconds, of which the disk takes most.
        let said = run_and_kill(&file, random.next_u64() % 3, Duration::from_micros(random.next_u64() % 60_000));
        let now = count(&file);
        // The last batch may have been saved without anybody's hearing of it.
        let rounds = before + said..=before + said + 1;
        assert!(rounds.contains(&now), "kill {kill}: {now} rounds are there, {rounds:?} were saved");
        in_doubt += usize::from(now > before + said);
        before = now;
    }
    std::fs::remove_file(&file).expect("it was made above");
    println!("{KILLS} kills, {before} rounds saved, {in_doubt} of them unheard of");
    assert!(before > 0, "no child ever saved anything");
}
