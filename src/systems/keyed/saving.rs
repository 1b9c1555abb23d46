//! Saving states, and actors that leave the world.
//!
//! # Model
//!
//! An actor that was idle for long enough is *ordered* to be saved. When the tick ends, the states of all that were
//! ordered become one batch, which a job saves. An actor stays in the world and takes its mail meanwhile; only when its state is saved,
//! and no message has come since, it leaves. So there is nothing that mail could get between, and a save that
//! fails changes nothing. One batch is under way at a time: what is ordered meanwhile is in the next.
//!
//! An actor leaves when a tick ends, and only if no mail to it is on the way.
//!
//! # Invariants
//!
//! 1. An active actor is on the wheel, or it is ordered, being saved or saved in order to leave.
//! 2. A key is in the batch under way, or is to be struck out, only if no load of it is.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hash};

use bevy_ecs::change_detection::DetectChangesMut;
use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;

use super::catalog::{Catalog, Done, job};
use crate::actor::{Keep, KeyedActor};
use crate::digest::Digester;
use crate::id::ActorId;
use crate::keyed::{Patience, StoreWork};
use crate::panics;
use crate::store::{ActorKey, PersistError, SaveBatch, StoreError};
use crate::systems::engine::Engine;
use crate::world::{Life, Mailbox};

type KeySet<K> = HashSet<K, BuildHasherDefault<Digester>>;

/// Whether an actor is to leave the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leave {
    #[default]
    No,
    /// If it is still idle when its turn comes.
    Idle,
    /// Because it said so.
    Wish,
}

/// What is known of an active actor.
#[derive(Debug, Default)]
pub(super) struct Stay {
    /// It is on the wheel.
    is_watched: bool,
    is_ordered: bool,
    is_saving: bool,
    leave: Leave,
    /// The world's change count up to which its state is saved.
    pub(super) saved: Option<u32>,
}

/// A change that is under way.
enum Change<K> {
    Save(ActorId),
    Erase(K),
}

/// The batch under way.
struct Batch<K> {
    changes: Vec<Change<K>>,
    /// The world's change count when its states were taken.
    changed: u32,
}

/// All saves of a type.
pub(super) struct Saves<K> {
    /// Actors to be saved, in order. Some have stopped since.
    ordered: VecDeque<ActorId>,
    /// Keys to be struck out, before the next states are saved.
    erased: Vec<K>,
    batch: Option<Batch<K>>,
    /// Saved in order to leave, with the change count of their saved state.
    saved: Vec<(ActorId, u32)>,
    /// Keys of which something is under way, or to be struck out, and whose actor may be gone.
    unsettled: KeySet<K>,
    patience: Patience,
}

impl<K> Default for Saves<K> {
    fn default() -> Self {
        Self {
            ordered: VecDeque::new(),
            erased: Vec::new(),
            batch: None,
            saved: Vec::new(),
            unsettled: KeySet::default(),
            patience: Patience::default(),
        }
    }
}

impl<K: Eq + Hash> Saves<K> {
    /// Changes that are not saved yet.
    pub(super) fn len(&self) -> usize {
        self.ordered.len() + self.erased.len() + self.batch.as_ref().map_or(0, |batch| batch.changes.len())
    }

    /// Whether it is too early to load a key.
    pub(super) fn concerns(&self, key: &K) -> bool {
        !self.unsettled.is_empty() && self.unsettled.contains(key)
    }

    pub(super) fn ordered(&self) -> impl Iterator<Item = &ActorId> {
        self.ordered.iter()
    }
}

/// The change count up to which an actor's state has changed.
fn stamp<A: KeyedActor>(world: &World, entity: Entity) -> Option<u32> {
    Some(world.get_entity(entity).ok()?.get_change_ticks::<A>()?.changed.get())
}

/// Whether a stamp is later than another.
fn is_later(stamp: u32, than: u32) -> bool {
    stamp.wrapping_sub(than) as i32 > 0
}

impl<A: KeyedActor> Catalog<A> {
    /// Looks at an actor again at a tick.
    pub(super) fn watch(&mut self, id: ActorId, due: u64) {
        let stay = &mut self.stays[id.slot() as usize];
        stay.leave = Leave::No;
        if !stay.is_watched && self.idle_ticks != u64::MAX {
            stay.is_watched = true;
            self.wheel.set_for_good(due, id);
        }
    }

    /// An actor wants something done with its state.
    pub(super) fn keep(&mut self, engine: &mut Engine, id: ActorId, keep: Keep) {
        let Some(key) = self.directory(engine).key_of(id) else { return };
        let leave = match keep {
            Keep::Save => Leave::No,
            Keep::Passivate => Leave::Wish,
            Keep::Erase => {
                if self.storage.is_some() && self.saves.unsettled.insert(key.clone()) {
                    self.saves.erased.push(key.clone());
                }
                self.stays[id.slot() as usize].saved = None;
                return;
            }
        };
        if self.storage.is_some() {
            self.order(id, leave);
        } else if leave == Leave::Wish {
            let stay = &mut self.stays[id.slot() as usize];
            if std::mem::replace(&mut stay.leave, Leave::Wish) != Leave::Wish {
                // Its state is as good as saved: nothing is kept of it.
                self.saves.saved.push((id, u32::MAX));
            }
        }
    }

    fn order(&mut self, id: ActorId, leave: Leave) {
        let stay = &mut self.stays[id.slot() as usize];
        if leave != Leave::No {
            stay.leave = leave;
        }
        if !std::mem::replace(&mut stay.is_ordered, true) {
            self.saves.ordered.push_back(id);
        }
    }

    /// Orders all states to be saved that are not.
    pub(super) fn order_all(&mut self, engine: &mut Engine, world: &World) {
        if self.storage.is_none() {
            return;
        }
        let ids: Vec<ActorId> = self.directory(engine).iter().map(|(id, _)| id).collect();
        for id in ids {
            let entity = engine.entity(id);
            if !entity.is_some_and(|entity| self.is_clean(world, id, entity)) {
                self.order(id, Leave::No);
            }
        }
    }

    fn is_clean(&self, world: &World, id: ActorId, entity: Entity) -> bool {
        let saved = self.stays[id.slot() as usize].saved;
        saved.is_some_and(|saved| stamp::<A>(world, entity).is_some_and(|stamp| !is_later(stamp, saved)))
    }

    /// Learns who stopped, so that what is under way for them is not overtaken.
    pub(super) fn forget_stopped(&mut self, engine: &mut Engine) {
        for (id, key) in self.directory_mut(engine).take_stopped() {
            let stay = std::mem::take(&mut self.stays[id.slot() as usize]);
            if stay.is_saving {
                self.saves.unsettled.insert(key);
            }
        }
    }

    /// The store has saved the batch, or has not.
    pub(super) fn saved(&mut self, engine: &mut Engine, saved: Result<(), StoreError>) {
        self.forget_stopped(engine);
        let Some(Batch { changes, changed }) = self.saves.batch.take() else { return };
        match saved {
            Ok(()) => {
                self.saves.patience.succeeded();
                // Keys to be struck out that came meanwhile stay.
                self.saves.unsettled.clear();
                self.saves.unsettled.extend(self.saves.erased.iter().cloned());
                changes.into_iter().for_each(|change| self.settle(engine, change, changed));
            }
            Err(error) => {
                let tick = engine.hub.tick;
                let failures = self.saves.patience.failures() + 1;
                let wait = self.retry_delay(engine, failures);
                let next = self.saves.patience.failed(tick, changes.len(), |_| wait);
                self.stats.save_failures += 1;
                let first = changes.first().and_then(|change| match change {
                    Change::Save(id) => self.directory(engine).key_of(*id).cloned(),
                    Change::Erase(key) => Some(key.clone()),
                });
                self.report(engine, StoreWork::Save, (changes.len(), first.as_ref()), failures, Some(next), error.to_string());
                changes.into_iter().for_each(|change| self.order_again(engine, change));
            }
        }
    }

    fn settle(&mut self, engine: &Engine, change: Change<A::Key>, changed: u32) {
        let Change::Save(id) = change else {
            self.stats.erased += 1;
            return;
        };
        self.stats.saved += 1;
        let is_erased = self.directory(engine).key_of(id).map(|key| self.saves.concerns(key));
        if let Some(is_erased) = is_erased {
            let stay = &mut self.stays[id.slot() as usize];
            stay.is_saving = false;
            stay.saved = (!is_erased).then_some(changed);
            if stay.leave != Leave::No {
                self.saves.saved.push((id, changed));
            }
        }
    }

    fn order_again(&mut self, engine: &Engine, change: Change<A::Key>) {
        match change {
            Change::Erase(key) => self.saves.erased.push(key),
            Change::Save(id) if self.directory(engine).key_of(id).is_some() => {
                let stay = &mut self.stays[id.slot() as usize];
                stay.is_saving = false;
                let leave = stay.leave;
                self.order(id, leave);
            }
            // It was never saved, and its actor is gone.
            Change::Save(_) => {}
        }
    }

    /// Finds who is idle and saved, and orders who is idle and not saved. Who is found is struck out: what its hooks tell
    /// its key is for whoever is activated next.
    pub(super) fn find_leavers(&mut self, engine: &mut Engine, world: &mut World) -> Vec<ActorId> {
        self.forget_stopped(engine);
        let mut due = Vec::new();
        self.wheel.advance(engine.hub.tick, |id| {
            due.push(id);
            None
        });
        let saved = std::mem::take(&mut self.saves.saved);
        if due.is_empty() && saved.is_empty() {
            return Vec::new();
        }
        let on_the_way = if self.keeper(engine).roster.has_mail() { self.keeper(engine).roster.receivers() } else { HashSet::default() };
        let askers = engine.askers(self.kind);
        let is_awaited = |id: &ActorId| on_the_way.contains(id) || askers.contains(id);
        let mut leaving = Vec::new();
        for (id, changed) in saved {
            let is_here = self.directory(engine).key_of(id).is_some();
            if !is_here {
                continue;
            }
            let touched = self.touched(engine, world, id);
            let is_settled = touched.is_some_and(|(stamp, _)| self.storage.is_none() || !is_later(stamp, changed));
            if is_settled && !is_awaited(&id) && !self.stays[id.slot() as usize].is_ordered {
                leaving.push(id);
            } else {
                self.watch_on(engine, id, touched);
            }
        }
        for id in due {
            let is_here = self.directory(engine).key_of(id).is_some();
            if !is_here {
                continue;
            }
            let stay = &mut self.stays[id.slot() as usize];
            stay.is_watched = false;
            if stay.leave != Leave::No {
                continue;
            }
            match self.touched(engine, world, id) {
                Some((stamp, tick)) if self.is_idle_since(engine, tick) && !is_awaited(&id) => {
                    let saved = self.stays[id.slot() as usize].saved;
                    if self.storage.is_none() || saved.is_some_and(|saved| !is_later(stamp, saved)) {
                        leaving.push(id);
                    } else {
                        self.order(id, Leave::Idle);
                    }
                }
                touched => self.watch_on(engine, id, touched),
            }
        }
        self.strike_out(engine, &leaving);
        leaving
    }

    fn is_idle_since(&self, engine: &Engine, tick: u64) -> bool {
        engine.hub.tick.saturating_sub(tick) >= self.idle_ticks
    }

    /// When an actor at rest was touched last: the change count and the tick. `None` if it has failed, is muted, or mail
    /// waits in its mailbox.
    fn touched(&self, engine: &Engine, world: &mut World, id: ActorId) -> Option<(u32, u64)> {
        let entity = engine.entity(id)?;
        let mut mailbox = world.get_mut::<Mailbox<A>>(entity)?;
        if mailbox.bypass_change_detection().held_mut().as_ref().is_some_and(|held| !held.is_at_rest()) {
            return None;
        }
        let stamp = stamp::<A>(world, entity)?;
        Some((stamp, self.clock.tick_of(stamp, (world.change_tick().get(), engine.hub.tick))))
    }

    /// Looks at an actor again when it may be idle.
    fn watch_on(&mut self, engine: &Engine, id: ActorId, touched: Option<(u32, u64)>) {
        let tick = engine.hub.tick;
        // Whoever is awaited, or not at rest, counts as touched now.
        let since = touched.map_or(tick, |(_, touched)| touched).saturating_add(self.idle_ticks);
        self.watch(id, if since > tick { since } else { tick.saturating_add(1) });
    }

    fn strike_out(&mut self, engine: &mut Engine, ids: &[ActorId]) {
        let directory = self.directory_mut(engine);
        ids.iter().for_each(|&id| drop(directory.remove(id)));
        for id in ids {
            self.stays[id.slot() as usize] = Stay::default();
        }
        self.stats.passivated += ids.len() as u64;
    }

    /// Makes a batch of what is ordered, and a job of that.
    pub(super) fn request_saves(&mut self, engine: &mut Engine, world: &mut World) {
        let has_orders = !self.saves.ordered.is_empty() || !self.saves.erased.is_empty();
        if self.saves.batch.is_some() || !has_orders || !self.saves.patience.allows(engine.hub.tick) {
            return;
        }
        let mut left = self.saves.patience.batch();
        let (mut batch, mut changes) = (SaveBatch::default(), Vec::new());
        let erased = left.min(self.saves.erased.len());
        left -= erased;
        for key in self.saves.erased.drain(..erased) {
            batch.push_erased(|bytes| key.write(bytes));
            changes.push(Change::Erase(key));
        }
        let changed = world.change_tick().get();
        let mut put_off = Vec::new();
        while left > 0
            && let Some(id) = self.saves.ordered.pop_front()
        {
            let Some(key) = self.directory(engine).key_of(id).cloned() else { continue };
            if self.saves.concerns(&key) {
                put_off.push(id);
                continue;
            }
            if self.encode(engine, world, id, &key, &mut batch) {
                left -= 1;
                changes.push(Change::Save(id));
            }
        }
        self.saves.ordered.extend(put_off);
        // What is written from now on is not in the batch.
        world.increment_change_tick();
        if changes.is_empty() {
            return;
        }
        let Some(storage) = &self.storage else { return };
        let (store, table) = (storage.store.clone(), storage.table.clone());
        self.saves.batch = Some(Batch { changes, changed });
        engine.jobs.push(job(self.kind, move || store.save(&table, &batch), Done::<A>::Saved));
    }

    /// Writes an ordered state; `false` if it is not to be saved now.
    fn encode(&mut self, engine: &mut Engine, world: &mut World, id: ActorId, key: &A::Key, batch: &mut SaveBatch) -> bool {
        let slot = id.slot() as usize;
        self.stays[slot].is_ordered = false;
        let touched = self.touched(engine, world, id);
        let is_torn = touched.is_none() && self.has_failed(engine, world, id);
        let came_late = self.stays[slot].leave == Leave::Idle && !touched.is_some_and(|(_, tick)| self.is_idle_since(engine, tick));
        if is_torn || came_late {
            self.watch_on(engine, id, touched);
            return false;
        }
        let storage = self.storage.as_ref().expect("invariant: only what has a store is ordered");
        let Some(state) = engine.entity(id).and_then(|entity| world.get::<A>(entity)) else { return false };
        let write =
            |bytes: &mut Vec<u8>| panics::catch(|| (storage.encode)(state, bytes)).unwrap_or_else(|panic| Err(PersistError::new(panic)));
        match batch.try_push(|bytes| key.write(bytes), write) {
            Ok(()) => {
                self.stays[slot].is_saving = true;
                true
            }
            Err(error) => {
                self.stats.not_encoded += 1;
                self.watch_on(engine, id, None);
                self.report(engine, StoreWork::Encode, (1, Some(key)), 1, None, error.to_string());
                false
            }
        }
    }

    fn has_failed(&self, engine: &Engine, world: &mut World, id: ActorId) -> bool {
        let mailbox = engine.entity(id).and_then(|entity| world.get_mut::<Mailbox<A>>(entity));
        mailbox
            .is_some_and(|mut mailbox| mailbox.bypass_change_detection().held_mut().as_ref().is_some_and(|held| held.life == Life::Failed))
    }
}
