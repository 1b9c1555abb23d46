//! The keyed actors of one type: who is to be activated, and how.
//!
//! # Model
//!
//! When a round is settled, states that were loaded and messages that found nobody make newborn actors. First all of
//! them, of all types, are entered in their directories; then their hooks run. So a hook that tells a key finds
//! either nobody, or whom all later mail to that key finds, and order is kept.

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Mutex;

use bevy_ecs::world::World;

use super::config::{KeyedConfig, Loaded, Storage};
use super::saving::{Saves, Stay};
use super::view::Sight;
use crate::actor::{
    Anywhere, Client, End, Failure, FailureKind, Go, HasMailbox, Job, KeyedActor, Knock, Newborn, Outbox, Returned, Signal, Undelivered,
    Work, drop_because,
};
use crate::digest::Digester;
use crate::id::{ActorId, Kind};
use crate::keyed::{Entry, IdleClock, KeyedStats, Overflowed, Patience, Restart, StoreFailure, StoreWork, Waiting};
use crate::mailbox::{DeadLetter, DeadReason, Envelope};
use crate::panics;
use crate::parcel::Parcel;
use crate::registry::Directory;
use crate::store::{ActorKey, KeyBatch, PersistError, StoreError};
use crate::supervision::Backoff;
use crate::systems::behaviour::Beginning;
use crate::systems::config::Fresh;
use crate::systems::engine::Engine;
use crate::systems::hub::Hub;
use crate::systems::keeper::Keeper;
use crate::systems::parts;
use crate::wheel::Wheel;
use crate::world::Tally;

/// Why a newcomer has no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miss {
    /// It cannot be had.
    NotLoaded,
    /// The store failed, and is asked again.
    Later,
}

/// What a job has done for a store.
pub(super) enum Done<A> {
    Loaded(Loaded<A>),
    Saved(Result<(), StoreError>),
}

/// The keyed actors of type `A`.
pub(super) struct Catalog<A: KeyedActor> {
    pub(super) kind: Kind,
    pub(super) idle_ticks: u64,
    pub(super) storage: Option<Storage<A>>,
    load_attempts: u32,
    retry: Backoff,
    knocks: Vec<Knock<A>>,
    waiting: Waiting<A::Key, A::Msg>,
    /// Keys for which the store was asked.
    asked: Option<Vec<A::Key>>,
    /// What it gave.
    loaded: Option<(Vec<A::Key>, Loaded<A>)>,
    load_patience: Patience,
    births: Vec<Newborn<A>>,
    restarts: Vec<(A::Key, Restart, A)>,
    /// By slot.
    pub(super) stays: Vec<Stay>,
    pub(super) clock: IdleClock,
    pub(super) sight: Sight<A>,
    /// When to look whether an actor is idle.
    pub(super) wheel: Wheel<ActorId>,
    pub(super) saves: Saves<A::Key>,
    pub(super) stats: KeyedStats,
    /// No more activations: the world is shut down.
    is_closed: bool,
}

impl<A: KeyedActor> Catalog<A> {
    pub(super) fn new(kind: Kind, config: KeyedConfig<A>, tick: u64, sight: Sight<A>) -> Self {
        let KeyedConfig { idle_ticks, storage, load_attempts, retry, .. } = config;
        Self {
            kind,
            idle_ticks,
            storage,
            load_attempts,
            retry,
            knocks: Vec::new(),
            waiting: Waiting::default(),
            asked: None,
            loaded: None,
            load_patience: Patience::default(),
            births: Vec::new(),
            restarts: Vec::new(),
            stays: Vec::new(),
            clock: IdleClock::new(idle_ticks),
            sight,
            wheel: Wheel::new(tick),
            saves: Saves::default(),
            stats: KeyedStats::default(),
            is_closed: false,
        }
    }

    pub(super) fn directory<'e>(&self, engine: &'e Engine) -> &'e Directory<A::Key> {
        engine.hub.registry.keys.get::<A, A::Key>().expect("invariant: it was opened with the catalog")
    }

    pub(super) fn directory_mut<'e>(&self, engine: &'e mut Engine) -> &'e mut Directory<A::Key> {
        engine.hub.registry.keys.get_mut::<A, A::Key>().expect("invariant: it was opened with the catalog")
    }

    pub(super) fn keeper<'e>(&self, engine: &'e mut Engine) -> &'e mut Keeper<A> {
        engine.keeper::<A>().expect("invariant: it was registered with the catalog")
    }

    /// Whether mail, or an actor that failed, waits for a state.
    pub(super) fn waits(&self) -> bool {
        self.waiting.len() > 0
    }

    /// A job for the store is done.
    pub(super) fn take_in(&mut self, engine: &mut Engine, done: Returned) {
        let Ok(done) = done.open::<Done<A>>() else { return };
        match done {
            Done::Loaded(loaded) => self.loaded = self.asked.take().map(|asked| (asked, loaded)),
            Done::Saved(saved) => self.saved(engine, saved),
        }
    }

    /// Enters whom the settled round is to activate.
    pub(super) fn enter_all(&mut self, engine: &mut Engine) {
        self.forget_stopped(engine);
        if let Some((keys, loaded)) = self.loaded.take() {
            self.take_in_loaded(engine, keys, loaded);
        }
        let mut knocks = std::mem::take(&mut self.knocks);
        engine.hub.knocks.take(self.kind, &mut knocks);
        if !knocks.is_empty() {
            self.answer(engine, &mut knocks);
        }
        self.knocks = knocks;
        self.keeper(engine).roster.waiting = self.waiting.messages() as u64;
    }

    /// Puts them into the world, and lets those go on who failed.
    pub(super) fn bear_all(&mut self, engine: &mut Engine, world: &mut World) {
        let births = std::mem::take(&mut self.births);
        engine.bear_now::<A>(world, births);
        for (key, restart, state) in std::mem::take(&mut self.restarts) {
            self.restart(engine, world, &key, restart, state);
        }
    }

    /// Messages found nobody when they were sent.
    fn answer(&mut self, engine: &mut Engine, knocks: &mut Vec<Knock<A>>) {
        if self.is_closed {
            return knocks.drain(..).for_each(|Knock { key, from, msg }| {
                let to = self.directory(engine).find(&key).unwrap_or_else(|| nobody(engine, self.kind));
                self.bury(engine, Envelope { to, from, msg }, DeadReason::Stopped);
            });
        }
        let (receivers, newcomers) = self.find_receivers(engine, knocks);
        let missed = self.activate(engine, &newcomers);
        for (Knock { key, from, msg }, receiver) in knocks.drain(..).zip(receivers) {
            match receiver {
                Some(to) if missed.is_empty() => tell::<A>(engine, to, from, msg),
                None => self.let_wait(engine, key, from, msg),
                Some(to) => match missed.get(&to) {
                    None => tell::<A>(engine, to, from, msg),
                    Some(Miss::Later) => self.let_wait(engine, key, from, msg),
                    Some(Miss::NotLoaded) => {
                        let to = nobody(engine, self.kind);
                        self.bury(engine, Envelope { to, from, msg }, DeadReason::NotLoaded);
                    }
                },
            }
        }
    }

    /// To whom each message goes: to who is active, or to a newcomer, who is entered now. `None` for one that waits until
    /// a store has brought the state.
    fn find_receivers(&mut self, engine: &mut Engine, knocks: &[Knock<A>]) -> (Vec<Option<ActorId>>, Vec<ActorId>) {
        let at_once =
            self.storage.as_ref().is_none_or(|storage| storage.store.is_immediate()) && self.load_patience.allows(engine.hub.tick);
        let Self { kind, waiting, saves, .. } = self;
        let Hub { nurseries, registry, .. } = &mut *engine.hub;
        let nursery = &mut nurseries[*kind as usize];
        let directory = registry.keys.get_mut::<A, A::Key>().expect("invariant: it was opened with the catalog");
        let mut newcomers = Vec::new();
        let receivers = knocks.iter().map(|Knock { key, .. }| {
            let newcomer = || (at_once && !waiting.has(key) && !saves.concerns(key)).then(|| nursery.take_one());
            let (id, is_new) = directory.find_or_enter(key, newcomer)?;
            if is_new {
                newcomers.push(id);
            }
            Some(id)
        });
        (receivers.collect(), newcomers)
    }

    /// Gives newcomers their states. Those for whom there is none are struck out again, and returned.
    fn activate(&mut self, engine: &mut Engine, newcomers: &[ActorId]) -> HashMap<ActorId, Miss, BuildHasherDefault<Digester>> {
        let directory = self.directory(engine);
        let helpers = if A::PINNED { None } else { parts::helpers(&engine.hub, newcomers.len()) };
        let storage = self.storage.as_ref();
        let key_of = |&id: &ActorId| directory.key_of(id).expect("invariant: newcomers were entered");
        let made = parts::in_parts(helpers, newcomers, |ids| make_states(storage, ids.iter().map(key_of)));
        let (mut missed, mut failed) = (HashMap::default(), Vec::new());
        let mut error = None;
        for (ids, made) in newcomers.chunks(parts::PART).zip(made) {
            match made {
                Err(why) => {
                    failed.extend_from_slice(ids);
                    error.get_or_insert(why);
                }
                Ok(made) => {
                    for (&id, (state, is_saved)) in ids.iter().zip(made) {
                        match state {
                            Ok(state) => self.enter(engine, id, state, is_saved),
                            Err(error) => {
                                let key = self.strike_newcomer(engine, id);
                                self.note_not_loaded(engine, &key, error.to_string());
                                missed.insert(id, Miss::NotLoaded);
                            }
                        }
                    }
                }
            }
        }
        if error.is_none() && !newcomers.is_empty() {
            self.load_patience.succeeded();
        }
        if let Some(error) = error {
            let keys: Vec<A::Key> = failed.iter().map(|&id| self.strike_newcomer(engine, id)).collect();
            self.load_failed(engine, &keys, &error);
            let miss = if self.load_attempts > 1 { Miss::Later } else { Miss::NotLoaded };
            match miss {
                Miss::Later => keys.into_iter().for_each(|key| self.waiting.expect(key)),
                Miss::NotLoaded => self.stats.not_loaded += keys.len() as u64,
            }
            missed.extend(failed.into_iter().map(|id| (id, miss)));
        }
        missed
    }

    fn strike_newcomer(&self, engine: &mut Engine, id: ActorId) -> A::Key {
        engine.hub.nurseries[self.kind as usize].free(id);
        self.directory_mut(engine).remove(id).expect("invariant: newcomers were entered")
    }

    fn let_wait(&mut self, engine: &mut Engine, key: A::Key, from: Option<ActorId>, msg: A::Msg) {
        let config = &self.keeper(engine).roster.config;
        let limits = (config.capacity() as usize, config.policy());
        let Some(overflowed) = self.waiting.push(key, from, msg, limits) else { return };
        match overflowed {
            Overflowed::Mute(sender) => engine.hub.signals.push(Signal::Mute(sender)),
            Overflowed::Bounce(sender, msg) => {
                self.count_dead(engine, DeadReason::Bounced);
                let to = nobody(engine, self.kind);
                let notice = Undelivered { to, message_type: type_name::<A::Msg>(), message: Box::new(msg) };
                engine.hub.signals.push(Signal::Bounce { to: sender, notice });
            }
            Overflowed::Dead(from, msg) => {
                let to = nobody(engine, self.kind);
                self.bury(engine, Envelope { to, from, msg }, DeadReason::MailboxFull);
            }
        }
    }

    /// Somebody who was entered in the directory has a state.
    fn enter(&mut self, engine: &Engine, id: ActorId, state: A, is_saved: bool) {
        let slot = id.slot() as usize;
        if slot >= self.stays.len() {
            self.stays.resize_with(slot + 1, Stay::default);
        }
        self.stays[slot] = Stay::default();
        self.watch(id, engine.hub.tick.saturating_add(self.idle_ticks));
        self.births.push(Newborn { id, state });
        self.stats.activated += 1;
        self.stats.loaded += u64::from(is_saved);
    }

    fn take_in_loaded(&mut self, engine: &mut Engine, keys: Vec<A::Key>, loaded: Loaded<A>) {
        match loaded {
            Ok(states) => {
                self.load_patience.succeeded();
                for (key, state) in keys.into_iter().zip(states) {
                    let (state, is_saved) = saved_or_fresh(state, &key);
                    match state {
                        Ok(state) => self.go_on(engine, key, state, is_saved),
                        Err(error) => {
                            self.note_not_loaded(engine, &key, error.to_string());
                            self.give_up(engine, &key);
                        }
                    }
                }
            }
            Err(error) => {
                self.load_failed(engine, &keys, &error);
                for key in self.waiting.failed(keys, self.load_attempts) {
                    self.stats.not_loaded += 1;
                    self.give_up(engine, &key);
                }
            }
        }
    }

    fn load_failed(&mut self, engine: &mut Engine, keys: &[A::Key], error: &StoreError) {
        let (tick, asked, retry) = (engine.hub.tick, keys.len(), self.retry);
        let next = self.load_patience.failed(tick, asked, |nth| delay(retry, engine.hub.seed, tick, nth));
        self.stats.load_failures += 1;
        let failures = self.load_patience.failures();
        self.report(engine, StoreWork::Load, (asked, keys.first()), failures, Some(next), error.to_string());
    }

    /// A state is there for a key: its mail goes to a newborn actor, or the one that failed goes on.
    fn go_on(&mut self, engine: &mut Engine, key: A::Key, state: A, is_saved: bool) {
        let Some(mut entry) = self.waiting.remove(&key) else { return };
        match entry.take_restart() {
            Some(restart) if self.directory(engine).find(&key) == Some(restart.id) => {
                self.stats.loaded += u64::from(is_saved);
                self.restarts.push((key, restart, state));
            }
            // It stopped meanwhile, and nobody wrote since.
            _ if entry.is_empty() => {}
            _ => {
                let id = engine.hub.nurseries[self.kind as usize].take_one();
                self.directory_mut(engine).find_or_enter(&key, || Some(id));
                self.enter(engine, id, state, is_saved);
                let mut unmuted = Vec::new();
                entry.hand_out(|from, msg| tell::<A>(engine, id, from, msg), |sender| unmuted.push(Signal::Unmute(sender)));
                engine.hub.signals.append(&mut unmuted);
            }
        }
    }

    /// A key waits no longer: its state cannot be had.
    fn give_up(&mut self, engine: &mut Engine, key: &A::Key) {
        let Some(mut entry) = self.waiting.remove(key) else { return };
        if let Some(restart) = entry.take_restart() {
            // Nobody is left to decide otherwise: it is stopped as an actor that is given up.
            engine.keyed.given_up.push((restart.id, restart.failure));
        }
        self.bury_all(engine, entry, DeadReason::NotLoaded);
    }

    /// Makes dead letters of all that waits with a key.
    fn bury_all(&self, engine: &mut Engine, entry: Entry<A::Msg>, reason: DeadReason) {
        if entry.is_empty() {
            return;
        }
        let to = nobody(engine, self.kind);
        let mut unmuted = Vec::new();
        entry.hand_out(|from, msg| self.bury(engine, Envelope { to, from, msg }, reason), |sender| unmuted.push(Signal::Unmute(sender)));
        engine.hub.signals.append(&mut unmuted);
    }

    /// Asks the store for the states of the keys that wait.
    pub(super) fn request_loads(&mut self, engine: &mut Engine) {
        let Some(storage) = &self.storage else { return };
        if self.asked.is_some() || self.loaded.is_some() || !self.load_patience.allows(engine.hub.tick) {
            return;
        }
        let Self { waiting, saves, .. } = self;
        let keys = waiting.ask(self.load_patience.batch(), |key| saves.concerns(key));
        if keys.is_empty() {
            return;
        }
        let mut batch = KeyBatch::default();
        keys.iter().for_each(|key| batch.push_with(|bytes| key.write(bytes)));
        let storage = storage.clone();
        self.asked = Some(keys);
        engine.jobs.push(job(self.kind, move || storage.load(&batch), Done::<A>::Loaded));
    }

    // ---- restarts

    /// An actor that is active under a key has failed: it goes on with its saved state, or with fresh state. `false` if it
    /// has failed too often, `None` if it is not active under a key.
    pub(super) fn renew(&mut self, engine: &mut Engine, world: &mut World, id: ActorId, failure: &Failure) -> Option<bool> {
        let key = self.directory(engine).key_of(id)?.clone();
        if self.waiting.restarting(&key) == Some(id) {
            return Some(true);
        }
        let (tick, keeper) = (engine.hub.tick, self.keeper(engine));
        let rules = keeper.behaviour.restart_rules();
        let Some(keep_mailbox) = keeper.may_restart(world, tick, id, rules) else { return Some(false) };
        keeper.behaviour.forget_asks(id);
        let restart = Restart { id, failure: failure.clone(), keep_mailbox };
        if self.storage.is_some() {
            self.waiting.restart(key, restart);
            return Some(true);
        }
        match panics::catch(|| A::activate(&key)) {
            Ok(state) => self.restart(engine, world, &key, restart, state),
            Err(panic) => engine.hub.signals.push(Signal::Failed(id, Failure { kind: FailureKind::Start, reason: panic })),
        }
        Some(true)
    }

    /// Puts a state in the place of the one that failed.
    fn restart(&mut self, engine: &mut Engine, world: &mut World, key: &A::Key, restart: Restart, state: A) {
        let Restart { id, failure, keep_mailbox } = restart;
        if self.directory(engine).find(key) != Some(id) {
            return;
        }
        let state = Mutex::new(Some(state));
        // Called once, for this restart.
        let take = move |_| state.lock().ok().and_then(|mut state| state.take()).expect("invariant: a restart takes one state");
        let fresh: Fresh<A> = std::sync::Arc::new(take);
        let with = Beginning { fresh: Some(&fresh), failure: Some(&failure) };
        let slot = id.slot() as usize;
        self.stays[slot].saved = None;
        let before = engine.hub.orders.len();
        let begun = engine.runners[self.kind as usize].begin(world, &mut engine.hub, id, with, keep_mailbox);
        engine.heed_ties(before);
        engine.went_on(id, &failure, begun);
    }

    // ---- what is lost

    fn count_dead(&self, engine: &mut Engine, reason: DeadReason) {
        let mut tally = Tally { sent: 1, ..Tally::default() };
        tally.dead[reason as usize] = 1;
        self.keeper(engine).roster.count(tally);
    }

    fn bury(&self, engine: &mut Engine, envelope: Envelope<A::Msg>, reason: DeadReason) {
        self.count_dead(engine, reason);
        if engine.hub.keep_dead {
            let letter = DeadLetter::of(envelope, reason, engine.hub.tick);
            engine.hub.dead.push(letter);
        } else if let Some(panic) = drop_because(reason, || panics::drop_quietly(envelope)) {
            tracing::warn!(message_type = type_name::<A::Msg>(), panic, "a message panicked when it was dropped");
        }
    }

    fn note_not_loaded(&mut self, engine: &mut Engine, key: &A::Key, error: String) {
        self.stats.not_loaded += 1;
        self.report(engine, StoreWork::Decode, (1, Some(key)), 1, None, error);
    }

    pub(super) fn report(
        &self,
        engine: &mut Engine,
        work: StoreWork,
        (keys, first): (usize, Option<&A::Key>),
        failures: u32,
        next_tick: Option<u64>,
        error: String,
    ) {
        let first_key = first.and_then(|key| panics::catch(|| format!("{key:?}")).ok()).unwrap_or_default();
        let table = self.storage.as_ref().map_or_else(|| "".into(), |storage| storage.table.clone());
        let (actor_type, tick) = (type_name::<A>(), engine.hub.tick);
        if engine.hub.may_log() {
            tracing::warn!(actor_type, %table, ?work, keys, first_key, failures, ?next_tick, error, "the states of keyed actors: this failed");
        }
        let failure = StoreFailure { actor_type, table, tick, work, keys, first_key, failures, next_tick, error };
        let Engine { keyed, emitted, .. } = engine;
        emitted.extend(keyed.ports.iter().map(|&port| (port, Box::new(failure.clone()) as Box<dyn Any + Send>)));
    }

    pub(super) fn retry_delay(&self, engine: &Engine, nth: u32) -> u64 {
        delay(self.retry, engine.hub.seed, engine.hub.tick, nth)
    }

    /// Nobody is activated any more.
    pub(super) fn close(&mut self, engine: &mut Engine) {
        self.is_closed = true;
        let asked = self.asked.take().unwrap_or_default();
        for key in asked.into_iter().chain(self.waiting.take_queue()) {
            if let Some(entry) = self.waiting.remove(&key) {
                self.bury_all(engine, entry, DeadReason::Stopped);
            }
        }
        self.keeper(engine).roster.waiting = 0;
    }

    pub(super) fn stats(&self, engine: &Engine) -> KeyedStats {
        KeyedStats {
            active: self.directory(engine).len(),
            loading: self.waiting.len(),
            waiting: self.waiting.messages(),
            saving: self.saves.len(),
            ..self.stats.clone()
        }
    }

    pub(super) fn waiting_keys(&self) -> impl Iterator<Item = &A::Key> {
        self.waiting.queue().chain(self.asked.iter().flatten())
    }
}

/// A job for the store of a kind.
pub(super) fn job<A: Send + 'static, R: 'static>(
    kind: Kind,
    run: impl FnOnce() -> Result<R, StoreError> + Send + 'static,
    done: fn(Result<R, StoreError>) -> Done<A>,
) -> Job {
    let run = move |go| -> End {
        let result = match go {
            Go::Run => run(),
            Go::Refuse => Err(StoreError::new("its threads could not be started")),
            #[cfg(feature = "testkit")]
            Go::Break => Err(StoreError::new("a fault was injected")),
        };
        Ok(Parcel::new(done(result)))
    };
    Job { client: Client::Store(kind), work: Work::Blocking(Box::new(run)) }
}

/// Ticks to wait after the n-th failure in a row.
fn delay(retry: Backoff, seed: u64, tick: u64, nth: u32) -> u64 {
    retry.ticks(nth as usize, crate::digest::mix(seed, crate::digest::mix(tick, u64::from(nth))))
}

/// Sends in somebody's name, for the next round.
fn tell<A: HasMailbox>(engine: &mut Engine, to: ActorId, from: Option<ActorId>, msg: A::Msg) {
    engine.hub.host().1.with(|outbox: &mut Outbox| outbox.tell::<A>(to, from, msg));
}

/// An id that nobody has or will have, for mail to a key that cannot be delivered.
fn nobody(engine: &mut Engine, kind: Kind) -> ActorId {
    let nursery = &mut engine.hub.nurseries[kind as usize];
    let id = nursery.take_one();
    nursery.free(id);
    id
}

/// A state, and whether it was saved.
type Made<A> = (Result<A, PersistError>, bool);

/// States for keys, in their order: from a store that answers at once, or fresh.
fn make_states<'k, A: KeyedActor>(
    storage: Option<&Storage<A>>,
    keys: impl ExactSizeIterator<Item = &'k A::Key> + Clone,
) -> Result<Vec<Made<A>>, StoreError> {
    let _anywhere = (!A::PINNED).then(Anywhere::begin);
    let Some(storage) = storage else { return Ok(keys.map(|key| saved_or_fresh(None, key)).collect()) };
    let mut batch = KeyBatch::with_room(keys.len());
    keys.clone().for_each(|key| batch.push_with(|bytes| key.write(bytes)));
    let states = storage.load(&batch)?;
    Ok(keys.zip(states).map(|(key, state)| saved_or_fresh(state, key)).collect())
}

fn saved_or_fresh<A: KeyedActor>(saved: Option<Result<A, PersistError>>, key: &A::Key) -> Made<A> {
    let is_saved = saved.is_some();
    (saved.unwrap_or_else(|| panics::catch(|| A::activate(key)).map_err(PersistError::new)), is_saved)
}
