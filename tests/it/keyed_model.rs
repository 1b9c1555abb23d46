//! Actors addressed by key against a plain map: whatever comes and goes, and however their store fails, what was written
//! to a key is in its state, in the order in which each sender wrote it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use bevy_ecs::component::Component;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use throng::prelude::*;
use throng::{
    ActorKey, Backoff, DeadReason, JobMode, KeyBatch, Keyed, KeyedActor, KeyedConfig, KeyedStats, MemoryStore, Persist, PersistError,
    SaveBatch, Store, StoreError, StoreWork, keyed,
};

use crate::support::within;

/// A sender's number and that of its note.
type Note = (u8, u32);

/// Everything that was written to a key.
#[derive(Component, Hash, Default)]
struct Diary {
    notes: Vec<Note>,
}

/// Notes with which a diary cannot be made bytes: one more, and it can.
const UNLUCKY: usize = 13;

enum Write {
    Note(Note),
    Save,
    Leave,
}

impl Actor for Diary {
    type Msg = Write;
    type Params = ();

    fn handle(&mut self, msg: Write, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Write::Note(note) => self.notes.push(note),
            Write::Save => cx.save(),
            Write::Leave => cx.passivate(),
        }
        Ok(())
    }
}

impl KeyedActor for Diary {
    type Key = u16;

    fn activate(_: &u16) -> Self {
        Self::default()
    }
}

impl Persist for Diary {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        for (sender, n) in &self.notes {
            sender.write(bytes);
            n.write(bytes);
        }
        if self.notes.len() == UNLUCKY { Err(PersistError::new("thirteen")) } else { Ok(()) }
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        let note = |bytes: &[u8]| (bytes[0], u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]));
        Ok(Self { notes: bytes.chunks_exact(5).map(note).collect() })
    }
}

fn diary(key: u16) -> Keyed<Diary> {
    keyed(key)
}

/// Writes to keys on behalf of others.
#[derive(Component)]
struct Scribe(u8);

impl Actor for Scribe {
    type Msg = Vec<(u16, u32)>;
    type Params = ();

    fn handle(&mut self, letters: Vec<(u16, u32)>, cx: &Context<'_, Self>) -> Handled {
        letters.into_iter().for_each(|(key, n)| cx.tell(diary(key), Write::Note((self.0, n))));
        Ok(())
    }
}

/// A store that fails when it is told to, and either answers at once or takes its time.
#[derive(Default)]
struct Library {
    shelf: MemoryStore,
    is_immediate: bool,
    load_fails: AtomicU32,
    save_fails: AtomicU32,
    /// A batch with this key is not taken; 0 for none.
    banned: AtomicU32,
    saves_max: AtomicUsize,
}

impl Library {
    fn new(is_immediate: bool) -> Arc<Self> {
        Arc::new(Self { is_immediate, ..Self::default() })
    }

    fn try_it(fails: &AtomicU32) -> Result<(), StoreError> {
        let left = fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_or(Ok(()), |_| Err(StoreError::new("closed today")))
    }

    fn notes(&self, key: u16) -> Option<Vec<Note>> {
        self.shelf.get("diaries", &key.to_be_bytes()).map(|bytes| Diary::decode(&bytes).unwrap().notes)
    }
}

impl Store for Library {
    fn load(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        Self::try_it(&self.load_fails)?;
        self.shelf.load(table, keys, found)
    }

    fn save(&self, table: &str, changes: &SaveBatch) -> Result<(), StoreError> {
        Self::try_it(&self.save_fails)?;
        let banned = self.banned.load(Ordering::Relaxed) as u16;
        if banned != 0 && changes.iter().any(|(key, _)| key == banned.to_be_bytes()) {
            return Err(StoreError::new("that one is banned"));
        }
        // Full: nothing is taken beyond what there is room for.
        let room = self.saves_max.load(Ordering::Relaxed);
        if room > 0 && self.shelf.len(table) + changes.len() > room {
            return Err(StoreError::new("the shelf is full"));
        }
        self.shelf.save(table, changes)
    }

    fn is_immediate(&self) -> bool {
        self.is_immediate
    }
}

fn config() -> KeyedConfig<Diary> {
    let retry = Backoff { initial_ticks: 1, ticks_max: 4, jitter_ticks: 0 };
    // Loads are tried as often as needed: what is given up becomes dead letters, which is tested elsewhere.
    KeyedConfig::new().actor(ActorConfig::new().digest()).idle_ticks(2).load_attempts(1_000).retry(retry)
}

fn world(options: ThrongOptions, library: &Arc<Library>) -> Throng {
    let mut throng = Throng::new(options.jobs(JobMode::Inline));
    throng.register_keyed(config().store("diaries", library.clone())).unwrap();
    throng
}

fn stats(throng: &mut Throng) -> KeyedStats {
    throng.keyed_stats::<Diary>().unwrap()
}

fn tick(throng: &mut Throng) {
    throng.tick();
    assert!(throng.stats().mail.is_balanced(), "{:?}", throng.stats().mail);
}

/// Runs until all have left.
fn let_all_leave(throng: &mut Throng) {
    for _ in 0..5_000 {
        tick(throng);
        let stats = stats(throng);
        if stats.active + stats.loading == 0 {
            return;
        }
    }
    panic!("they never leave: {:?}", stats(throng));
}

const SCRIBES: u8 = 3;

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// The host (0) or a scribe writes to keys.
    Write(u8, Vec<u16>),
    Save(u16),
    Leave(u16),
    Ticks(u8),
    LoadsFail(u32),
    SavesFail(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 1_u16..9;
    let step = prop_oneof![
        6 => (0..=SCRIBES, prop::collection::vec(key.clone(), 1..6)).prop_map(|(who, keys)| Step::Write(who, keys)),
        1 => key.clone().prop_map(Step::Save),
        1 => key.prop_map(Step::Leave),
        4 => (1_u8..6).prop_map(Step::Ticks),
        1 => (0_u32..5).prop_map(Step::LoadsFail),
        1 => (0_u32..5).prop_map(Step::SavesFail),
    ];
    prop::collection::vec(step, 5..60)
}

type Model = BTreeMap<u16, Vec<Note>>;

/// Carries the steps out, in the world and in the model; returns the digests of the ticks.
fn run(options: ThrongOptions, library: &Arc<Library>, steps: &[Step]) -> (Vec<u64>, Model) {
    let mut throng = world(options, library);
    let scribes = throng.spawn_many((1..=SCRIBES).map(Scribe));
    let (mut model, mut digests, mut n) = (Model::new(), Vec::new(), 0);
    for step in steps {
        match step {
            Step::Write(who, keys) => {
                let letters: Vec<(u16, u32)> = keys.iter().zip(n..).map(|(&key, n)| (key, n)).collect();
                n += letters.len() as u32;
                letters.iter().for_each(|&(key, n)| model.entry(key).or_default().push((*who, n)));
                match usize::from(*who).checked_sub(1) {
                    None => throng.tell_many(letters.into_iter().map(|(key, n)| (diary(key), Write::Note((0, n))))),
                    Some(scribe) => throng.tell(scribes.get(scribe).unwrap(), letters),
                }
            }
            Step::Save(key) => throng.tell(diary(*key), Write::Save),
            Step::Leave(key) => throng.tell(diary(*key), Write::Leave),
            Step::LoadsFail(times) => library.load_fails.store(*times, Ordering::Relaxed),
            Step::SavesFail(times) => library.save_fails.store(*times, Ordering::Relaxed),
            Step::Ticks(ticks) => {
                for _ in 0..*ticks {
                    tick(&mut throng);
                    digests.push(throng.digest());
                }
            }
        }
    }
    // Mail that is on its way arrives, so that it is known whose state cannot be made bytes.
    while !throng.is_quiet() {
        tick(&mut throng);
    }
    for (key, notes) in model.iter_mut().filter(|(_, notes)| notes.len() == UNLUCKY) {
        notes.push((0, n));
        throng.tell(diary(*key), Write::Note((0, n)));
    }
    let_all_leave(&mut throng);
    assert_eq!((throng.stats().mail.dead(), throng.stats().mail.queued), (0, 0));
    digests.push(throng.digest());
    (digests, model)
}

/// Each sender's notes, in their order.
fn by_sender(notes: &[Note]) -> BTreeMap<u8, Vec<u32>> {
    let mut by_sender = BTreeMap::<u8, Vec<u32>>::new();
    notes.iter().for_each(|&(sender, n)| by_sender.entry(sender).or_default().push(n));
    by_sender
}

fn settings() -> [ThrongOptions; 3] {
    [1, 2, 8].map(|threads| ThrongOptions::new().threads(threads).share_always(threads > 1))
}

#[test]
fn a_map_would_hold_the_same() {
    within(Duration::from_secs(300), "random steps", || {
        let passes = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
        let failed = AtomicUsize::new(0);
        let result = TestRunner::new(passes).run(&steps(), |steps| {
            for is_immediate in [false, true] {
                let mut first = None;
                for options in settings() {
                    let library = Library::new(is_immediate);
                    let (digests, model) = run(options, &library, &steps);
                    for (key, notes) in &model {
                        let kept = library.notes(*key).unwrap_or_default();
                        prop_assert_eq!(by_sender(&kept), by_sender(notes), "key {}", key);
                    }
                    prop_assert!(library.shelf.len("diaries") <= 8);
                    prop_assert_eq!(first.get_or_insert(digests.clone()), &digests);
                }
                failed.fetch_add(
                    steps.iter().filter(|step| matches!(step, Step::SavesFail(1..) | Step::LoadsFail(1..))).count(),
                    Ordering::Relaxed,
                );
            }
            Ok(())
        });
        result.unwrap();
        assert!(failed.into_inner() > 100, "stores fail");
    });
}

/// Keys for several parts of a batch.
const MANY: u16 = 6_000;

#[test]
fn many_come_and_go_at_once_on_any_number_of_threads() {
    for is_immediate in [false, true] {
        let runs = settings().map(|options| {
            let library = Library::new(is_immediate);
            library.banned.store(4_321, Ordering::Relaxed);
            let mut throng = world(options, &library);
            let mut digests = Vec::new();
            for round in 0..6_u32 {
                let keys = (1..=MANY).filter(|key| (u32::from(*key) * 7 + round) % 5 > 0);
                throng.tell_many(keys.map(|key| (diary(key), Write::Note((0, round)))));
                (0..5).for_each(|_| {
                    tick(&mut throng);
                    digests.push(throng.digest());
                });
            }
            for _ in 0..200 {
                tick(&mut throng);
            }
            assert_eq!((stats(&mut throng).active, library.shelf.len("diaries")), (1, usize::from(MANY) - 1), "all but the one");
            library.banned.store(0, Ordering::Relaxed);
            let_all_leave(&mut throng);
            for key in 1..=MANY {
                let notes: Vec<Note> = (0..6).filter(|round| (u32::from(key) * 7 + round) % 5 > 0).map(|round| (0, round)).collect();
                assert_eq!(library.notes(key), Some(notes), "{key}");
            }
            digests.push(throng.digest());
            digests
        });
        assert_eq!((&runs[0], &runs[0]), (&runs[1], &runs[2]));
    }
}

#[test]
fn a_store_that_answers_at_once_is_asked_within_the_tick() {
    for options in settings() {
        let library = Library::new(true);
        let mut throng = world(options, &library);
        throng.tell_many((1..=3).map(|key| (diary(key), Write::Note((0, 0)))));
        tick(&mut throng);
        assert_eq!((stats(&mut throng).active, stats(&mut throng).loading), (3, 0));
        tick(&mut throng);
        throng.tell(diary(2), Write::Note((0, 1)));
        tick(&mut throng);
        // Idle for two ticks: saved and gone in the same tick.
        assert_eq!((stats(&mut throng).active, library.shelf.len("diaries")), (1, 2));
        tick(&mut throng);
        throng.tell(diary(2), Write::Leave);
        throng.tell(diary(1), Write::Note((0, 2)));
        tick(&mut throng);
        assert_eq!((library.notes(2), stats(&mut throng).loaded), (Some(vec![(0, 0), (0, 1)]), 1));
        assert!(throng.active(&diary(2)).is_none() && throng.active(&diary(1)).is_some());
    }
}

#[test]
fn loads_that_fail_at_once_are_tried_again_and_given_up() {
    for options in settings() {
        let library = Library::new(true);
        let mut throng = Throng::new(options.jobs(JobMode::Inline));
        throng.register_keyed(config().idle_ticks(9).load_attempts(3).store("diaries", library.clone())).unwrap();
        let failures = throng.store_failures(16);
        library.load_fails.store(2, Ordering::Relaxed);
        throng.tell_many((1..=4).map(|n| (diary(1 + n as u16 % 2), Write::Note((0, n)))));
        tick(&mut throng);
        assert_eq!((stats(&mut throng).active, stats(&mut throng).loading, stats(&mut throng).waiting), (0, 2, 4));
        let first = failures.recv().unwrap();
        assert_eq!((first.work, first.keys, first.failures, first.first_key.as_str()), (StoreWork::Load, 2, 1, "2"));
        // What comes meanwhile waits behind the others.
        throng.tell(diary(1), Write::Note((0, 5)));
        throng.run_until_quiet(100).unwrap();
        let active = throng.active(&diary(1)).unwrap();
        assert_eq!(throng.state(active).unwrap().notes, [(0, 2), (0, 4), (0, 5)]);
        assert_eq!((failures.try_iter().count(), stats(&mut throng).load_failures), (1, 2));

        library.load_fails.store(3, Ordering::Relaxed);
        throng.tell(diary(7), Write::Note((0, 6)));
        throng.run_until_quiet(100).unwrap();
        assert_eq!((throng.stats().mail.dead_by(DeadReason::NotLoaded), stats(&mut throng).not_loaded), (1, 1));
        throng.tell(diary(7), Write::Note((0, 7)));
        throng.run_until_quiet(100).unwrap();
        assert!(throng.active(&diary(7)).is_some(), "the next message tries anew");
    }
}

#[test]
fn a_full_store_keeps_everybody_active() {
    for is_immediate in [false, true] {
        for options in settings() {
            let library = Library::new(is_immediate);
            library.saves_max.store(5, Ordering::Relaxed);
            let mut throng = world(options, &library);
            let failures = throng.store_failures(1_000);
            throng.tell_many((1..=20).map(|key| (diary(key), Write::Note((0, 0)))));
            (0..100).for_each(|_| tick(&mut throng));
            let kept = library.shelf.len("diaries");
            assert_eq!((stats(&mut throng).active + kept, throng.stats().mail.dead()), (20, 0), "who is not in the store is here");
            assert!(kept <= 5 && failures.try_iter().all(|failure| failure.error.contains("full")));
            library.saves_max.store(0, Ordering::Relaxed);
            let_all_leave(&mut throng);
            assert_eq!(library.shelf.len("diaries"), 20);
        }
    }
}
