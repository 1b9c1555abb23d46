//! Actors addressed by key: nothing is lost and nothing overtaken when they come and go, whatever their store does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bevy_ecs::component::Component;
use crossbeam_channel::Receiver;
use proptest::prelude::*;
use throng::prelude::*;
use throng::{
    ActorFailure, Backoff, DeadReason, Failure, JobMode, KeyBatch, Keyed, KeyedActor, KeyedConfig, KeyedStats, MemoryStore, Persist,
    PersistError, SaveBatch, Store, StoreError, StoreWork, keyed,
};

use crate::support::{everywhere, settle, settle_all, within};

/// What a [`Player`] has handled: its key, who sent it, and the number.
type Played = (u32, Option<ActorId>, u32);

/// A player with a score that is saved, and marks that are not.
#[derive(Component, Hash, Default, Debug)]
struct Player {
    key: u32,
    score: u32,
    /// Its state cannot be made bytes.
    is_odd: bool,
    /// Told when an ask is answered.
    heard: Option<u32>,
}

enum Play {
    /// Add to the score.
    Add(u32),
    /// Add to the score and tell the outside.
    Show(u32, OutletPort<Played>),
    Score(ReplyTo<u32>),
    /// Ask another for its score, and keep it.
    Hear(Keyed<Player>),
    /// Keep the reply unanswered.
    Hold(ReplyTo<u32>, Arc<Mutex<Vec<ReplyTo<u32>>>>),
    /// Ask somebody who keeps the reply.
    Wait(Keyed<Player>, Arc<Mutex<Vec<ReplyTo<u32>>>>),
    Later(u64, Keyed<Player>, u32),
    Often(u64, Keyed<Player>, u32),
    Never,
    Fail,
    Panic,
    Odd,
    Save,
    Passivate,
    Erase,
    Stop,
    Postpone,
}

impl Actor for Player {
    type Msg = Play;
    type Params = ();

    fn handle(&mut self, msg: Play, cx: &Context<'_, Self>) -> Handled {
        assert_eq!(cx.key(), Some(&self.key), "it is active under its key");
        match msg {
            Play::Add(n) => self.score += n,
            Play::Show(n, port) => {
                self.score += 1;
                cx.emit(port, (self.key, cx.sender(), n));
            }
            Play::Score(reply) => cx.reply(reply, self.score),
            Play::Hear(other) => cx.ask(other, Play::Score).within(50).then(|player, score, _| {
                player.heard = Some(score.unwrap_or(u32::MAX));
                Ok(())
            }),
            Play::Hold(reply, held) => held.lock().unwrap().push(reply),
            Play::Wait(other, held) => cx.ask(other, |reply| Play::Hold(reply, held)).within(50).then(|player, score, _| {
                player.heard = Some(score?);
                Ok(())
            }),
            Play::Later(ticks, to, n) => cx.set_timer(1, ticks, to, Play::Add(n)),
            Play::Often(ticks, to, n) => cx.set_interval(1, ticks, to, move || Play::Add(n)),
            Play::Never => cx.cancel_timer(1),
            Play::Fail => {
                self.score = 1_000_000;
                return Err(ActorFailure::msg("as told"));
            }
            Play::Panic => {
                self.score = 1_000_000;
                panic!("as told");
            }
            Play::Odd => self.is_odd = !self.is_odd,
            Play::Save => cx.save(),
            Play::Passivate => cx.passivate(),
            Play::Erase => cx.erase(),
            Play::Stop => cx.stop_self(),
            Play::Postpone => cx.postpone(Play::Postpone),
        }
        Ok(())
    }

    fn restarting(&mut self, _: &Failure, _: &Context<'_, Self>) {
        assert_eq!(self.score, 1_000_000, "it runs on the state that failed");
    }
}

impl KeyedActor for Player {
    type Key = u32;

    fn activate(&key: &u32) -> Self {
        assert_ne!(key, BAD_KEY, "as told");
        Self { key, ..Self::default() }
    }
}

const BAD_KEY: u32 = 666;

impl Persist for Player {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        bytes.extend(self.key.to_le_bytes());
        if self.is_odd {
            assert!(self.score.is_multiple_of(2), "as told");
            return Err(PersistError::new("it is odd"));
        }
        bytes.extend(self.score.to_le_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        let (key, score) = bytes.split_first_chunk().ok_or_else(|| PersistError::new("too short"))?;
        let score = score.try_into().map_err(PersistError::new)?;
        Ok(Self { key: u32::from_le_bytes(*key), score: u32::from_le_bytes(score), ..Self::default() })
    }
}

/// A store that fails when it is told to.
#[derive(Default)]
struct Flaky {
    memory: MemoryStore,
    load_fails: AtomicU32,
    save_fails: AtomicU32,
    /// Saves panic if they have this key.
    poison: AtomicU32,
    is_slow: AtomicBool,
    /// States in each batch that was saved.
    batches: Mutex<Vec<usize>>,
}

impl Flaky {
    fn work(&self, fails: &AtomicU32) -> Result<(), StoreError> {
        if self.is_slow.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_micros(300));
        }
        let left = fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_or(Ok(()), |_| Err(StoreError::new("as told")))
    }

    fn score(&self, key: u32) -> Option<u32> {
        self.memory.get("players", &key.to_be_bytes()).map(|bytes| Player::decode(&bytes).unwrap().score)
    }
}

impl Store for Flaky {
    fn load(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        self.work(&self.load_fails)?;
        self.memory.load(table, keys, found)
    }

    fn save(&self, table: &str, changes: &SaveBatch) -> Result<(), StoreError> {
        self.work(&self.save_fails)?;
        let poison = self.poison.load(Ordering::Relaxed).to_be_bytes();
        assert!(poison == [0; 4] || changes.iter().all(|(key, _)| key != poison), "as told");
        self.batches.lock().unwrap().push(changes.len());
        self.memory.save(table, changes)
    }
}

fn player(key: u32) -> Keyed<Player> {
    keyed(key)
}

fn config() -> KeyedConfig<Player> {
    KeyedConfig::new().actor(ActorConfig::new().digest()).retry(Backoff { initial_ticks: 1, ticks_max: 4, jitter_ticks: 0 })
}

/// A world with a store that answers with the next tick, and which leaves players active for so many ticks.
fn stored(options: ThrongOptions, idle_ticks: u64) -> (Throng, Arc<Flaky>) {
    let store = Arc::new(Flaky::default());
    let mut throng = Throng::new(options.jobs(JobMode::Inline));
    throng.register_keyed(config().idle_ticks(idle_ticks).store("players", store.clone())).unwrap();
    (throng, store)
}

fn stats(throng: &mut Throng) -> KeyedStats {
    throng.keyed_stats::<Player>().unwrap()
}

fn score(throng: &mut Throng, key: u32) -> Option<u32> {
    let active = throng.active(&player(key))?;
    throng.state(active).map(|player| player.score)
}

fn tick(throng: &mut Throng, ticks: u64) {
    for _ in 0..ticks {
        throng.tick();
        assert!(throng.stats().mail.is_balanced(), "{:?}", throng.stats().mail);
    }
}

#[test]
fn the_first_message_activates_and_idleness_lets_go() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register_keyed(config().idle_ticks(3)).unwrap();
        throng.tell(player(7), Play::Add(2));
        throng.tell(player(7), Play::Add(3));
        tick(&mut throng, 1);
        assert_eq!(score(&mut throng, 7), Some(5));
        tick(&mut throng, 2);
        throng.tell(player(7), Play::Add(1));
        // Idle for three ticks means: none of three ticks had a message.
        tick(&mut throng, 3);
        assert_eq!(score(&mut throng, 7), Some(6));
        tick(&mut throng, 1);
        assert_eq!((throng.active(&player(7)), throng.stats().actors), (None, 0));
        throng.tell(player(7), Play::Add(1));
        tick(&mut throng, 1);
        assert_eq!(score(&mut throng, 7), Some(1), "nothing is kept without a store");
        let stats = stats(&mut throng);
        assert_eq!((stats.activated, stats.passivated, stats.loaded), (2, 1, 0));
    });
}

#[test]
fn what_was_saved_is_loaded() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 2);
        throng.tell_many((0..100).map(|key| (player(key), Play::Add(key))));
        tick(&mut throng, 2);
        assert_eq!((stats(&mut throng).active, score(&mut throng, 9)), (100, Some(9)));
        tick(&mut throng, 4);
        assert_eq!((stats(&mut throng).active, store.score(9), store.memory.len("players")), (0, Some(9), 100));
        assert_eq!(*store.batches.lock().unwrap(), [100], "all in one batch");
        throng.tell(player(9), Play::Add(1));
        settle_all(&mut throng);
        assert_eq!((score(&mut throng, 9), stats(&mut throng).loaded), (Some(10), 1));
    });
}

#[test]
fn what_comes_while_it_is_saved_keeps_it() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 2);
        throng.tell(player(1), Play::Add(1));
        tick(&mut throng, 2);
        let first = throng.active(&player(1)).unwrap();
        tick(&mut throng, 2);
        assert_eq!(stats(&mut throng).saving, 1, "it is being saved");
        throng.tell(player(1), Play::Add(1));
        tick(&mut throng, 2);
        assert_eq!((store.score(1), throng.active(&player(1))), (Some(1), Some(first)), "it was saved, and stays");
        tick(&mut throng, 2);
        assert_eq!((store.score(1), throng.active(&player(1)), stats(&mut throng).activated), (Some(2), None, 1));
    });
}

/// Sends numbered notes to players, several in each call.
#[derive(Component)]
struct Fan {
    next: u32,
    port: OutletPort<Played>,
}

impl Actor for Fan {
    type Msg = Vec<u32>;
    type Params = ();

    fn handle(&mut self, keys: Vec<u32>, cx: &Context<'_, Self>) -> Handled {
        for key in keys {
            self.next += 1;
            cx.tell(player(key), Play::Show(self.next, self.port));
        }
        Ok(())
    }
}

/// Checks that each sender's notes to each key came in order, and returns how many came.
fn in_order(played: &Receiver<Played>) -> usize {
    let mut last = BTreeMap::new();
    let mut n = 0;
    for (key, sender, number) in played.try_iter() {
        let before = last.insert((key, sender), number);
        assert!(before < Some(number), "{number} of {sender:?} to {key} comes after {before:?}");
        n += 1;
    }
    n
}

/// Fans write to keys at random, the host and the inlet as well, while players come and go.
fn write_at_random(options: ThrongOptions, config: KeyedConfig<Player>, plan: &[Vec<(usize, u32)>]) -> usize {
    let mut throng = Throng::new(options);
    throng.register_keyed(config).unwrap();
    let (port, played) = throng.outlet(1 << 20);
    let fans = throng.spawn_many((0..4).map(|_| Fan { next: 0, port }));
    let inlet = throng.inlet();
    let (mut host, mut sent) = (0, 0);
    for letters in plan {
        for chunk in letters.chunks(3) {
            let keys: Vec<u32> = chunk.iter().map(|&(_, key)| key).collect();
            sent += keys.len();
            match chunk[0].0 {
                fan @ 0..4 => throng.tell(fans.get(fan).unwrap(), keys),
                from => {
                    for key in keys {
                        host += 1;
                        let msg = Play::Show(host, port);
                        if from == 4 { throng.tell(player(key), msg) } else { inlet.try_tell(player(key), msg).unwrap() }
                    }
                    // The host's mail and the inlet's are two streams; one of them a tick.
                    throng.tick();
                }
            }
        }
        tick(&mut throng, 1);
    }
    let mut ticks = 0;
    while !throng.is_quiet() {
        std::thread::sleep(Duration::from_micros(50));
        tick(&mut throng, 1);
        ticks += 1;
        assert!(ticks < 100_000, "never quiet: {:?} {:?}", throng.stats(), stats(&mut throng));
    }
    assert_eq!((throng.stats().mail.queued, throng.stats().mail.dead()), (0, 0));
    assert_eq!(in_order(&played), sent, "none is lost");
    let stats = stats(&mut throng);
    stats.passivated as usize
}

#[test]
fn nothing_is_lost_or_overtaken_at_random() {
    within(Duration::from_secs(300), "random mail", || {
        let plans = prop::collection::vec(prop::collection::vec((0_usize..6, 0_u32..12), 0..14), 5..25);
        let mut runner =
            proptest::test_runner::TestRunner::new(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() });
        let passivated = AtomicU32::new(0);
        let result = runner.run(&plans, |plan| {
            for (threads, rounds) in [(1, 10_000), (2, 1), (8, 2)] {
                let options = ThrongOptions::new().threads(threads).share_always(threads > 1).rounds_max(rounds);
                for mode in [JobMode::Threads, JobMode::Inline] {
                    let store = Arc::new(Flaky::default());
                    store.is_slow.store(true, Ordering::Relaxed);
                    store.save_fails.store(2, Ordering::Relaxed);
                    store.load_fails.store(2, Ordering::Relaxed);
                    let stored = config().idle_ticks(1).store("players", store);
                    passivated.fetch_add(write_at_random(options.clone().jobs(mode), stored, &plan) as u32, Ordering::Relaxed);
                }
                passivated.fetch_add(write_at_random(options, config().idle_ticks(1), &plan) as u32, Ordering::Relaxed);
            }
            Ok(())
        });
        result.unwrap();
        assert!(passivated.into_inner() > 1_000, "players come and go");
    });
}

/// Tells keys in its hooks.
#[derive(Component)]
struct Chatty {
    key: u32,
    port: OutletPort<Played>,
    n: u32,
}

impl Chatty {
    fn chat(&mut self, cx: &Context<'_, Self>) {
        // Neighbours: some are active, some are activated with this one, and some later.
        for key in self.key..self.key + 4 {
            self.n += 1;
            cx.tell(player(key), Play::Show(self.n, self.port));
        }
    }
}

impl Actor for Chatty {
    type Msg = ();
    type Params = ();

    fn handle(&mut self, (): (), cx: &Context<'_, Self>) -> Handled {
        self.chat(cx);
        if self.n < 40 {
            cx.tell(cx.me(), ());
        } else {
            cx.stop_self();
        }
        Ok(())
    }

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        self.chat(cx);
        cx.tell(cx.me(), ());
        Ok(())
    }

    fn stopping(&mut self, cx: &Context<'_, Self>) {
        self.chat(cx);
    }

    fn stopped(&mut self, cx: &Context<'_, Self>) {
        self.chat(cx);
    }
}

#[test]
fn hooks_that_tell_keys_keep_the_order() {
    everywhere(|options| {
        for has_store in [false, true] {
            let mut throng = Throng::new(options.clone().jobs(JobMode::Inline).rounds_max(3));
            let config = config().idle_ticks(1);
            let config = if has_store { config.store("players", MemoryStore::default()) } else { config };
            throng.register_keyed(config).unwrap();
            let (port, played) = throng.outlet(1 << 16);
            throng.spawn_many((0..20).map(|key| Chatty { key: key / 2, port, n: 0 }));
            settle_all(&mut throng);
            assert_eq!(in_order(&played), 20 * 48);
        }
    });
}

/// A crowd of players who write to each other by key, fail, stop and leave: the digests of the ticks.
fn crowd(options: ThrongOptions, has_store: bool, record: bool) -> (Vec<u64>, throng::JobLog) {
    let mut throng = Throng::new(options.seed(3));
    let store = Arc::new(Flaky::default());
    store.save_fails.store(3, Ordering::Relaxed);
    store.load_fails.store(2, Ordering::Relaxed);
    store.is_slow.store(record, Ordering::Relaxed);
    let config = config().idle_ticks(3);
    throng.register_keyed(if has_store { config.store("players", store) } else { config }).unwrap();
    throng.record_jobs();
    let digests = (0..40_u32)
        .map(|round| {
            let number = |n: u32| (n * 7919 + round * 31) % 600;
            throng.tell_many((0..300).map(|n| (player(number(n)), Play::Add(n))));
            throng.tell_many((0..40).map(|n| (player(number(n) + 7), Play::Hear(player(number(n * 3))))));
            throng.tell_many((0..9).map(|n| (player(number(n) + 1), Play::Panic)));
            throng.tell_many((0..9).map(|n| (player(number(n) + 2), Play::Stop)));
            throng.tell_many((0..9).map(|n| (player(number(n) + 3), if n % 2 == 0 { Play::Passivate } else { Play::Erase })));
            throng.tell_many((0..9).map(|n| (player(number(n) + 4), Play::Later(2, player(n), 1))));
            tick(&mut throng, 1);
            if record {
                // Some answers come with the next tick, some later.
                std::thread::sleep(Duration::from_micros(400));
            }
            throng.digest()
        })
        .collect();
    (digests, throng.job_log())
}

#[test]
fn digests_do_not_depend_on_threads() {
    for has_store in [false, true] {
        let run = |options: ThrongOptions| crowd(options.jobs(JobMode::Inline), has_store, false).0;
        let one = run(ThrongOptions::new().threads(1));
        for options in [ThrongOptions::new().threads(2).share_always(true), ThrongOptions::new().threads(8).share_always(true)] {
            assert_eq!(run(options), one);
        }
        assert_ne!(one[0], one[1]);
    }
}

#[test]
fn a_recorded_run_is_repeated() {
    let (digests, log) = crowd(ThrongOptions::new().threads(1).jobs(JobMode::Threads), true, true);
    assert!(log.len() > 10);
    for threads in [1, 2, 8] {
        let options = ThrongOptions::new().threads(threads).share_always(threads > 1).jobs(JobMode::Replay(log.clone()));
        let (again, log_again) = crowd(options, true, false);
        assert_eq!((again, &log_again), (digests.clone(), &log));
    }
}

#[test]
fn a_save_that_fails_keeps_the_actor_and_is_tried_again() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 1);
        let failures = throng.store_failures(16);
        store.save_fails.store(3, Ordering::Relaxed);
        throng.tell_many((0..4).map(|key| (player(key), Play::Add(1))));
        tick(&mut throng, 3);
        let next = |throng: &mut Throng| {
            while failures.is_empty() {
                tick(throng, 1);
            }
            failures.recv().unwrap()
        };
        let first = next(&mut throng);
        assert_eq!((first.work, first.keys, first.first_key.as_str(), first.failures), (StoreWork::Save, 4, "0", 1));
        assert!(first.error.contains("as told") && first.table.as_ref() == "players" && first.next_tick == Some(first.tick + 1));
        throng.tell(player(0), Play::Add(5));
        tick(&mut throng, 1);
        assert_eq!((score(&mut throng, 0), stats(&mut throng).active), (Some(6), 4), "they live on");
        let second = next(&mut throng);
        assert_eq!((second.failures, second.next_tick), (2, Some(second.tick + 2)), "and wait longer");
        next(&mut throng);
        while stats(&mut throng).active > 0 {
            tick(&mut throng, 1);
        }
        assert_eq!((store.score(0), store.score(3), stats(&mut throng).save_failures), (Some(6), Some(1), 3));
        assert!(failures.is_empty());
    });
}

#[test]
fn a_state_that_the_store_never_takes_does_not_hold_up_the_others() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 1);
        store.poison.store(33, Ordering::Relaxed);
        throng.tell_many((0..100).map(|key| (player(key), Play::Add(1))));
        for _ in 0..300 {
            tick(&mut throng, 1);
        }
        let stats = stats(&mut throng);
        assert_eq!((stats.active, store.memory.len("players"), store.score(33)), (1, 99, None));
        assert_eq!(score(&mut throng, 33), Some(1));
        store.poison.store(0, Ordering::Relaxed);
        tick(&mut throng, 10);
        assert_eq!(store.score(33), Some(1));
    });
}

#[test]
fn a_state_that_cannot_be_bytes_stays_and_is_told() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 1);
        let failures = throng.store_failures(16);
        // One returns an error, one panics.
        for (key, add) in [(1, 2), (2, 1)] {
            throng.tell(player(key), Play::Odd);
            throng.tell(player(key), Play::Add(add));
        }
        throng.tell(player(3), Play::Add(1));
        tick(&mut throng, 6);
        let told: BTreeMap<String, String> = failures.try_iter().map(|failure| (failure.first_key, failure.error)).collect();
        assert!(told["1"].contains("it is odd") && told["2"].contains("as told"), "{told:?}");
        assert_eq!((stats(&mut throng).active, store.score(3), stats(&mut throng).not_encoded > 2), (2, Some(1), true));
        throng.tell(player(1), Play::Odd);
        tick(&mut throng, 5);
        assert_eq!((store.score(1), throng.active(&player(1))), (Some(2), None));
    });
}

#[test]
fn loads_are_tried_again_and_then_given_up() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 5);
        let failures = throng.store_failures(16);
        store.load_fails.store(7, Ordering::Relaxed);
        throng.tell_many([(player(1), Play::Add(1)), (player(2), Play::Add(1)), (player(1), Play::Add(1))]);
        settle_all(&mut throng);
        assert_eq!((score(&mut throng, 1), failures.try_iter().count()), (Some(2), 7));
        store.load_fails.store(8, Ordering::Relaxed);
        let inlet = throng.inlet();
        let asked = inlet.ask(player(3), Play::Score);
        throng.tell(player(3), Play::Add(1));
        settle_all(&mut throng);
        let last = failures.try_iter().last().unwrap();
        assert_eq!((last.work, last.failures, throng.active(&player(3))), (StoreWork::Load, 8, None));
        assert_eq!(throng.stats().mail.dead_by(DeadReason::NotLoaded), 2);
        tick(&mut throng, 1);
        assert_eq!(asked.wait(Duration::from_secs(9)), Err(AskError::NotLoaded));
        throng.tell(player(3), Play::Add(4));
        settle_all(&mut throng);
        assert_eq!((score(&mut throng, 3), stats(&mut throng).not_loaded), (Some(4), 1), "the next message tries anew");
    });
}

#[test]
fn bytes_that_are_no_state_stay_as_they_are() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 1);
        let failures = throng.store_failures(16);
        let torn: SaveBatch = [(1_u32.to_be_bytes().as_slice(), Some(b"torn".as_slice()))].into_iter().collect();
        store.memory.save("players", &torn).unwrap();
        throng.tell_many([(player(1), Play::Add(1)), (player(2), Play::Add(1)), (player(BAD_KEY), Play::Add(1))]);
        settle_all(&mut throng);
        let told: Vec<_> = failures.try_iter().map(|failure| (failure.work, failure.first_key)).collect();
        assert_eq!(told, [(StoreWork::Decode, "1".to_owned()), (StoreWork::Decode, BAD_KEY.to_string())]);
        assert_eq!(throng.stats().mail.dead_by(DeadReason::NotLoaded), 2);
        tick(&mut throng, 5);
        assert_eq!((store.memory.get("players", &1_u32.to_be_bytes()), store.score(2)), (Some(b"torn".to_vec()), Some(1)));
    });
}

#[test]
fn who_fails_goes_on_with_what_was_saved() {
    everywhere(|options| {
        let (mut throng, store) = stored(options.clone(), 50);
        throng.tell(player(1), Play::Add(5));
        throng.tell(player(1), Play::Save);
        tick(&mut throng, 3);
        assert_eq!(store.score(1), Some(5));
        let before = throng.active(&player(1));
        throng.tell(player(1), Play::Add(100));
        throng.tell(player(1), Play::Panic);
        throng.tell(player(1), Play::Add(1));
        tick(&mut throng, 1);
        throng.tell(player(1), Play::Add(1));
        settle_all(&mut throng);
        assert_eq!((score(&mut throng, 1), throng.active(&player(1))), (Some(7), before), "same address, mail kept");
        assert_eq!((throng.stats().failures, throng.stats().restarts, throng.stats().mail.dead()), (1, 1, 0));

        // Without a store, with fresh state, at once.
        let mut throng = Throng::new(options);
        throng.register_keyed(config()).unwrap();
        throng.tell_many([(player(1), Play::Add(5)), (player(1), Play::Fail), (player(1), Play::Add(1))]);
        tick(&mut throng, 1);
        assert_eq!((score(&mut throng, 1), throng.stats().restarts), (Some(1), 1));
    });
}

#[test]
fn who_fails_too_often_is_given_up_and_the_next_message_activates_anew() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 50);
        throng.tell_many([(player(1), Play::Add(5)), (player(1), Play::Save)]);
        tick(&mut throng, 3);
        let first = throng.active(&player(1));
        for _ in 0..=10 {
            throng.tell(player(1), Play::Fail);
            settle_all(&mut throng);
        }
        assert_eq!((throng.active(&player(1)), throng.stats().given_up, throng.stats().restarts), (None, 1, 10));
        throng.tell(player(1), Play::Add(1));
        settle_all(&mut throng);
        assert_eq!((score(&mut throng, 1), store.score(1)), (Some(6), Some(5)));
        assert_ne!(throng.active(&player(1)), first);

        // Its state cannot be loaded again.
        store.load_fails.store(100, Ordering::Relaxed);
        throng.tell_many([(player(1), Play::Fail), (player(1), Play::Add(1))]);
        settle_all(&mut throng);
        assert_eq!((throng.active(&player(1)), throng.stats().given_up), (None, 2));
        assert_eq!(throng.stats().mail.dead(), 1);
    });
}

#[test]
fn a_torn_state_is_not_saved() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 1);
        throng.tell(player(1), Play::Add(5));
        tick(&mut throng, 2);
        store.load_fails.store(4, Ordering::Relaxed);
        throng.tell_many([(player(1), Play::Passivate), (player(1), Play::Fail)]);
        tick(&mut throng, 3);
        assert_eq!((store.score(1), stats(&mut throng).loading), (None, 1));
        settle_all(&mut throng);
        tick(&mut throng, 10);
        assert_eq!((store.score(1), stats(&mut throng).active), (Some(0), 0), "fresh state took its place");
    });
}

#[test]
fn a_stop_saves_nothing_and_is_no_end() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 20);
        throng.tell_many([(player(1), Play::Add(5)), (player(1), Play::Save)]);
        tick(&mut throng, 3);
        throng.tell_many([(player(1), Play::Add(5)), (player(1), Play::Stop), (player(1), Play::Add(7))]);
        tick(&mut throng, 1);
        assert_eq!((throng.active(&player(1)), store.score(1)), (None, Some(5)));
        assert_eq!(throng.stats().mail.dead_by(DeadReason::Stopped), 1, "what waits in a mailbox that stops is dead, as always");
        throng.tell(player(1), Play::Add(1));
        settle_all(&mut throng);
        assert_eq!(score(&mut throng, 1), Some(6));

        // It stops while it is being saved: who comes next has what was saved.
        throng.tell_many([(player(1), Play::Save), (player(2), Play::Save)]);
        tick(&mut throng, 1);
        let active = throng.active(&player(1)).unwrap();
        throng.stop(active);
        throng.tell(player(1), Play::Add(1));
        tick(&mut throng, 1);
        settle_all(&mut throng);
        assert_eq!((score(&mut throng, 1), store.score(1)), (Some(7), Some(6)));
    });
}

#[test]
fn a_load_waits_for_the_save_of_who_stopped() {
    // The save takes its time on a thread; the load must not overtake it.
    for _ in 0..20 {
        let store = Arc::new(Flaky::default());
        store.is_slow.store(true, Ordering::Relaxed);
        let mut throng = Throng::new(ThrongOptions::new().threads(1));
        throng.register_keyed(config().store("players", store.clone())).unwrap();
        throng.tell_many([(player(1), Play::Add(5)), (player(1), Play::Save)]);
        while stats(&mut throng).saving == 0 {
            tick(&mut throng, 1);
        }
        let active = throng.active(&player(1)).unwrap();
        throng.stop(active);
        throng.tell(player(1), Play::Add(1));
        throng.run_until_quiet(100_000).expect("the store answers");
        assert_eq!((score(&mut throng, 1), store.score(1)), (Some(6), Some(5)));
    }
}

#[test]
fn erased_states_are_gone() {
    everywhere(|options| {
        let (mut throng, store) = stored(options, 3);
        throng.tell_many([(player(1), Play::Add(5)), (player(1), Play::Save)]);
        tick(&mut throng, 3);
        throng.tell_many([(player(1), Play::Erase), (player(1), Play::Stop)]);
        // In the same tick somebody else writes: it begins afresh.
        tick(&mut throng, 1);
        throng.tell(player(1), Play::Add(1));
        settle_all(&mut throng);
        assert_eq!((store.score(1), score(&mut throng, 1), stats(&mut throng).erased), (None, Some(1), 1));
        // Erased, but not stopped: its state is saved anew.
        throng.tell_many([(player(1), Play::Erase), (player(1), Play::Save)]);
        tick(&mut throng, 8);
        assert_eq!((store.score(1), stats(&mut throng).erased), (Some(1), 2));
    });
}

#[test]
fn who_wants_to_leave_does_not_wait() {
    everywhere(|options| {
        let (mut throng, store) = stored(options.clone(), u64::MAX);
        throng.tell_many([(player(1), Play::Add(5)), (player(1), Play::Passivate), (player(2), Play::Add(1))]);
        tick(&mut throng, 4);
        assert_eq!((store.score(1), throng.active(&player(1)), stats(&mut throng).active), (Some(5), None, 1));
        tick(&mut throng, 200);
        assert_eq!(stats(&mut throng).active, 1, "who is never idle stays");
        // Mail that comes before its state is saved keeps it.
        throng.tell(player(2), Play::Passivate);
        tick(&mut throng, 1);
        throng.tell(player(2), Play::Add(1));
        tick(&mut throng, 3);
        assert_eq!((store.score(2), score(&mut throng, 2)), (Some(1), Some(2)));

        let mut throng = Throng::new(options);
        throng.register_keyed(config()).unwrap();
        throng.tell_many([(player(1), Play::Passivate), (player(1), Play::Passivate), (player(1), Play::Add(1))]);
        tick(&mut throng, 1);
        assert_eq!((stats(&mut throng).active, stats(&mut throng).passivated), (0, 1));
        throng.tell(player(1), Play::Add(1));
        tick(&mut throng, 1);
        assert_eq!(score(&mut throng, 1), Some(1));
    });
}

#[test]
fn who_waits_for_something_is_not_idle() {
    everywhere(|options| {
        let (mut throng, _) = stored(options, 2);
        let held = Arc::new(Mutex::new(Vec::new()));
        throng.tell(player(1), Play::Wait(player(2), held.clone()));
        throng.tell(player(3), Play::Postpone);
        tick(&mut throng, 12);
        assert!(throng.active(&player(1)).is_some() && throng.active(&player(3)).is_some() && throng.active(&player(2)).is_none());
        held.lock().unwrap().pop().unwrap().send(9);
        tick(&mut throng, 1);
        let active = throng.active(&player(1)).unwrap();
        assert_eq!(throng.state(active).unwrap().heard, Some(9));
        tick(&mut throng, 6);
        assert_eq!((throng.active(&player(1)), throng.stats().asks.pending), (None, 0));
    });
}

#[test]
fn keys_can_be_asked() {
    everywhere(|options| {
        let (mut throng, _) = stored(options, 1);
        throng.tell(player(1), Play::Add(5));
        tick(&mut throng, 6);
        throng.tell(player(2), Play::Hear(player(1)));
        settle(&mut throng);
        let active = throng.active(&player(2)).unwrap();
        assert_eq!(throng.state(active).unwrap().heard, Some(5));
        let asked = throng.inlet().ask(player(1), Play::Score);
        tick(&mut throng, 4);
        assert_eq!(asked.wait(Duration::from_secs(9)), Ok(5));
    });
}

#[test]
fn timers_find_who_has_the_key_then() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register_keyed(config().idle_ticks(2)).unwrap();
        throng.tell_after(6, player(1), Play::Add(3));
        throng.tell(player(1), Play::Add(1));
        tick(&mut throng, 5);
        assert_eq!(throng.active(&player(1)), None);
        tick(&mut throng, 1);
        assert_eq!(score(&mut throng, 1), Some(3));
        // Its timer to another key, an interval, and one that is cancelled.
        throng.tell_many([(player(2), Play::Later(2, player(3), 1)), (player(4), Play::Often(1, player(4), 1))]);
        tick(&mut throng, 3);
        assert_eq!((score(&mut throng, 3), score(&mut throng, 4)), (Some(1), Some(2)));
        throng.tell(player(4), Play::Never);
        tick(&mut throng, 10);
        assert_eq!((stats(&mut throng).active, throng.stats().timers), (0, 0));
    });
}

#[test]
fn mail_beyond_the_capacity_waits_with_its_senders() {
    everywhere(|options| {
        let store = Arc::new(Flaky::default());
        store.load_fails.store(4, Ordering::Relaxed);
        let mut throng = Throng::new(options.jobs(JobMode::Inline));
        let mailbox = MailboxConfig::new(3).unwrap();
        throng.register_keyed(config().actor(ActorConfig::new().mailbox(mailbox)).store("players", store)).unwrap();
        let (port, played) = throng.outlet(1 << 16);
        let fans = throng.spawn_many((0..3).map(|_| Fan { next: 0, port }));
        for _ in 0..6 {
            throng.tell_many(fans.iter().map(|fan| (fan, vec![1; 5])));
            tick(&mut throng, 1);
        }
        assert!(stats(&mut throng).waiting < 3 * 2 * 5 + 3, "muted fans write no more");
        settle_all(&mut throng);
        assert_eq!((in_order(&played), throng.stats().mail.dead()), (90, 0));
    });
}

#[test]
fn shutdown_saves_all_who_are_active() {
    for mode in [JobMode::Threads, JobMode::Inline] {
        everywhere(move |options| {
            let store = Arc::new(Flaky::default());
            store.save_fails.store(1, Ordering::Relaxed);
            let mut throng = Throng::new(options.clone().jobs(mode.clone()));
            throng.register_keyed(config().store("players", store.clone())).unwrap();
            throng.tell_many((0..50).map(|key| (player(key), Play::Add(key))));
            let report = throng.shutdown_within(1_000);
            assert_eq!((report.quiet, report.unsaved, store.memory.len("players"), store.score(49)), (true, 0, 50, Some(49)));
            assert_eq!(throng.stats().actors, 0);

            // A new world goes on with it.
            let mut throng = Throng::new(options.jobs(mode.clone()));
            throng.register_keyed(config().store("players", store.clone())).unwrap();
            throng.tell(player(49), Play::Add(1));
            throng.run_until_quiet(1_000).expect("the store answers");
            assert_eq!(score(&mut throng, 49), Some(50));
            store.save_fails.store(u32::MAX, Ordering::Relaxed);
            store.load_fails.store(u32::MAX, Ordering::Relaxed);
            throng.tell(player(48), Play::Add(1));
            throng.tick();
            let report = throng.shutdown_within(20);
            assert_eq!((report.unsaved, throng.stats().actors), (1, 0), "who could not be saved is told");
            assert!(throng.stats().mail.is_balanced());
        });
    }
}

#[test]
fn mail_to_a_type_that_is_not_keyed_here_is_counted() {
    let mut throng = Throng::default();
    throng.tell(player(1), Play::Add(1));
    throng.inlet().try_tell(player(1), Play::Add(1)).unwrap();
    throng.tick();
    assert_eq!((throng.stats().unroutable, throng.keyed_stats::<Player>(), throng.active(&player(1))), (2, None, None));
}

#[test]
fn known_keys_leave_nothing_behind() {
    let mut throng = Throng::new(ThrongOptions::new().threads(1));
    throng.register_keyed(config().idle_ticks(1)).unwrap();
    for wave in 0..200 {
        throng.tell_many((0..500).map(|n| (player(1_000 + wave * 500 + n), Play::Add(1))));
        tick(&mut throng, 1);
    }
    tick(&mut throng, 3);
    let stats = stats(&mut throng);
    assert_eq!((stats.active, stats.activated), (0, 100_000));
    // Slots are used again: as many as were active at a time.
    throng.tell(player(1), Play::Add(1));
    tick(&mut throng, 1);
    assert!(throng.active(&player(1)).unwrap().id().slot() < 1_100);
}

/// Does not start under key 1, and its bytes panic under key 2.
#[derive(Component, Hash, Default)]
struct Fragile(u32);

enum Poke {
    Tick(bool),
    Nothing,
}

impl Actor for Fragile {
    type Msg = Poke;
    type Params = ();

    fn started(&mut self, _: &Context<'_, Self>) -> Handled {
        assert_ne!(self.0, 1, "as told");
        Ok(())
    }

    fn handle(&mut self, msg: Poke, cx: &Context<'_, Self>) -> Handled {
        if let Poke::Tick(ticks) = msg {
            cx.set_ticking(ticks);
        }
        Ok(())
    }
}

impl KeyedActor for Fragile {
    type Key = u32;

    fn activate(&key: &u32) -> Self {
        Self(key)
    }
}

impl Persist for Fragile {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
        bytes.extend(self.0.to_le_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
        assert_ne!(bytes, 2_u32.to_le_bytes(), "as told");
        Ok(Self(bytes[0].into()))
    }
}

#[test]
fn panics_in_started_and_decode_end_in_dead_letters_and_who_ticks_stays() {
    everywhere(|options| {
        let mut throng = Throng::new(options.jobs(JobMode::Inline));
        throng.register_keyed(KeyedConfig::<Fragile>::new().idle_ticks(2).store("fragile", Arc::new(MemoryStore::default()))).unwrap();
        let fragile = |key: u32| -> Keyed<Fragile> { keyed(key) };
        for _ in 0..2 {
            throng.tell_many((1..4).map(|key| (fragile(key), Poke::Nothing)));
            tick(&mut throng, 300);
            assert_eq!((throng.stats().actors, throng.stats().mail.queued), (0, 0), "all have left or were given up");
        }
        let mail = throng.stats().mail;
        assert_eq!((mail.handled, mail.dead_by(DeadReason::NotLoaded)), (3, 1), "{mail:?}");

        throng.tell(fragile(3), Poke::Tick(true));
        tick(&mut throng, 20);
        assert!(throng.active(&fragile(3)).is_some(), "it acts unasked");
        throng.tell(fragile(3), Poke::Tick(false));
        tick(&mut throng, 4);
        assert!(throng.active(&fragile(3)).is_none());
    });
}
