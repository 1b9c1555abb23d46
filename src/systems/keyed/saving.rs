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
use std::hash::Hash;

use bevy_ecs::world::World;

use super::catalog::{Catalog, Done, job};
use super::view::{Idleness, Part, Touch, View, Writing};
use crate::actor::{Keep, KeyedActor};
use crate::digest::Secret;
use crate::id::ActorId;
use crate::keyed::{Patience, StoreWork};
use crate::store::{ActorKey, SaveBatch, StoreError};
use crate::systems::engine::Engine;
use crate::systems::hub::Hub;
use crate::systems::keeper::{Keeper, Runner};
use crate::systems::parts;

pub(super) type KeySet<K> = HashSet<K, Secret>;

/// Whether an actor is to leave the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Leave {
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
    pub(super) leave: Leave,
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

    fn has_orders(&self) -> bool {
        !self.ordered.is_empty() || !self.erased.is_empty()
    }

    pub(super) fn ordered(&self) -> impl Iterator<Item = &ActorId> {
        self.ordered.iter()
    }
}

/// Whether a stamp is later than another.
pub(super) fn is_later(stamp: u32, than: u32) -> bool {
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
    pub(super) fn order_all(&mut self, engine: &mut Engine, world: &mut World) {
        if self.storage.is_none() {
            return;
        }
        let ids: Vec<ActorId> = self.directory(engine).iter().map(|(id, _)| id).collect();
        let nobody = HashSet::default();
        self.sight.update_archetypes(world);
        let Engine { hub, runners, .. } = engine;
        let view = self.view(hub, runners, world, &nobody);
        let is_clean = |&id: &ActorId| view.touched(id).is_some_and(|touch| view.is_clean(id, touch));
        let dirty: Vec<ActorId> = ids.into_iter().filter(|id| !is_clean(id)).collect();
        dirty.into_iter().for_each(|id| self.order(id, Leave::No));
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
            Err(error) => self.not_saved(engine, changes, &error),
        }
    }

    /// The store could not save these changes.
    fn not_saved(&mut self, engine: &mut Engine, changes: Vec<Change<A::Key>>, error: &StoreError) {
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
        let saves_at_once = self.saves_at_once(engine.hub.tick);
        if due.is_empty() && self.saves.saved.is_empty() && !(saves_at_once && self.saves.has_orders()) {
            return Vec::new();
        }
        let awaited = self.awaited(engine);
        self.sight.update_archetypes(world);
        let mut leaving = self.find_saved(engine, world, &awaited);
        if saves_at_once {
            due.into_iter().for_each(|id| self.is_due(engine, id));
            self.save_at_once(engine, world, &awaited, &mut leaving);
        } else {
            self.find_idle(engine, world, &awaited, &due, &mut leaving);
        }
        // In the order of their rows, or nearly.
        leaving.sort_unstable();
        self.strike_out(engine, &leaving);
        leaving
    }

    fn saves_at_once(&self, tick: u64) -> bool {
        self.storage.as_ref().is_some_and(|storage| storage.store.is_immediate()) && self.saves.patience.allows(tick)
    }

    /// Whom mail is on the way to, or the end of an ask.
    fn awaited(&self, engine: &mut Engine) -> HashSet<ActorId> {
        let mut awaited = engine.askers(self.kind);
        let roster = &mut self.keeper(engine).roster;
        if roster.has_mail() {
            awaited.extend(roster.receivers());
        }
        awaited
    }

    /// Looks at the world. New archetypes must be known to `sight` by then.
    fn view<'a>(
        &'a self,
        hub: &'a Hub,
        runners: &'a mut [Box<dyn Runner>],
        world: &'a World,
        awaited: &'a HashSet<ActorId>,
    ) -> View<'a, A> {
        let keeper: Option<&mut Keeper<A>> = runners[self.kind as usize].as_any().downcast_mut();
        View {
            world,
            sight: &self.sight,
            slots: &keeper.expect("invariant: it was registered with the catalog").roster.slots,
            directory: hub.registry.keys.get::<A, A::Key>().expect("invariant: it was opened with the catalog"),
            stays: &self.stays,
            clock: &self.clock,
            unsettled: &self.saves.unsettled,
            awaited,
            tick: hub.tick,
            idle_ticks: self.idle_ticks,
        }
    }

    /// Who was saved in order to leave, and has not been touched since.
    fn find_saved(&mut self, engine: &mut Engine, world: &World, awaited: &HashSet<ActorId>) -> Vec<ActorId> {
        let mut leaving = Vec::new();
        for (id, changed) in std::mem::take(&mut self.saves.saved) {
            if self.directory(engine).key_of(id).is_none() {
                continue;
            }
            let Engine { hub, runners, .. } = &mut *engine;
            let touch = self.view(hub, runners, world, awaited).touched(id);
            let is_settled = touch.is_some_and(|touch| self.storage.is_none() || !is_later(touch.stamp, changed));
            if is_settled && !awaited.contains(&id) && !self.stays[id.slot() as usize].is_ordered {
                leaving.push(id);
            } else {
                self.watch_on(engine, id, touch);
            }
        }
        leaving
    }

    /// Who has been idle for long enough: leaves if its state is saved, and is to be saved otherwise.
    fn find_idle(&mut self, engine: &mut Engine, world: &World, awaited: &HashSet<ActorId>, due: &[ActorId], leaving: &mut Vec<ActorId>) {
        let has_store = self.storage.is_some();
        let Engine { hub, runners, .. } = &mut *engine;
        let view = self.view(hub, runners, world, awaited);
        let found = parts::in_parts(parts::helpers(hub, due.len()), due, |ids| {
            let judge = |&id: &ActorId| {
                let idleness = view.idleness(id);
                let leaves = matches!(idleness, Idleness::Idle(touch) if !has_store || view.is_clean(id, touch));
                (idleness, leaves)
            };
            ids.iter().map(judge).collect::<Vec<_>>()
        });
        for (&id, (idleness, leaves)) in due.iter().zip(found.into_iter().flatten()) {
            let stay = &mut self.stays[id.slot() as usize];
            match idleness {
                Idleness::Gone => continue,
                _ => stay.is_watched = false,
            }
            match idleness {
                _ if stay.leave != Leave::No => {}
                Idleness::Idle(_) if leaves => leaving.push(id),
                Idleness::Idle(_) => self.order(id, Leave::Idle),
                Idleness::Busy(touch) => self.watch_on(engine, id, touch),
                Idleness::Gone => {}
            }
        }
    }

    /// An actor's time is over: if it is idle, it is to be saved and to leave.
    fn is_due(&mut self, engine: &Engine, id: ActorId) {
        if self.directory(engine).key_of(id).is_some() {
            let stay = &mut self.stays[id.slot() as usize];
            stay.is_watched = false;
            if stay.leave == Leave::No {
                self.order(id, Leave::Idle);
            }
        }
    }

    /// Looks at an actor again when it may be idle.
    fn watch_on(&mut self, engine: &Engine, id: ActorId, touch: Option<Touch>) {
        let tick = engine.hub.tick;
        // Whoever is awaited, or not at rest, counts as touched now.
        let since = touch.map_or(tick, |touch| touch.tick).saturating_add(self.idle_ticks);
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

    /// Takes the keys to be struck out into a batch, as many as there is room for.
    fn take_erased(&mut self, room: usize) -> (SaveBatch, Vec<Change<A::Key>>) {
        let (mut batch, mut changes) = (SaveBatch::default(), Vec::new());
        for key in self.saves.erased.drain(..room.min(self.saves.erased.len())) {
            batch.push_erased(|bytes| key.write(bytes));
            changes.push(Change::Erase(key));
        }
        (batch, changes)
    }

    /// Writes the states of up to so many ordered actors, in parts, and saves them if that can be done at once.
    fn write_ordered(
        &mut self,
        engine: &mut Engine,
        world: &World,
        awaited: &HashSet<ActorId>,
        room: usize,
        at_once: bool,
    ) -> (Vec<ActorId>, Vec<Part>) {
        let ids: Vec<ActorId> = self.saves.ordered.drain(..room.min(self.saves.ordered.len())).collect();
        let Engine { hub, runners, .. } = engine;
        let helpers = if A::PINNED { None } else { parts::helpers(hub, ids.len()) };
        let view = self.view(hub, runners, world, awaited);
        let storage = self.storage.as_ref();
        let written = storage.map(|storage| parts::in_parts(helpers, &ids, |ids| view.write_all(storage, ids, at_once)));
        (ids, written.unwrap_or_default())
    }

    /// Carries out what became of an actor that was to be saved; `true` if it is in the batch, or needs not be.
    fn heed(&mut self, engine: &mut Engine, id: ActorId, writing: Writing) -> bool {
        if matches!(writing, Writing::Gone) {
            return false;
        }
        let slot = id.slot() as usize;
        self.stays[slot].is_ordered = false;
        match writing {
            Writing::Gone => {}
            Writing::Early => {
                let leave = self.stays[slot].leave;
                self.order(id, leave);
            }
            Writing::Late(touch) => self.watch_on(engine, id, touch),
            Writing::Odd(error) => {
                self.stats.not_encoded += 1;
                self.watch_on(engine, id, None);
                let key = self.directory(engine).key_of(id).cloned();
                self.report(engine, StoreWork::Encode, (1, key.as_ref()), 1, None, error.to_string());
            }
            Writing::Clean | Writing::Written => return true,
        }
        false
    }

    /// Saves what is ordered, in a store that answers at once. Who was to leave then does, unless it is awaited.
    fn save_at_once(&mut self, engine: &mut Engine, world: &mut World, awaited: &HashSet<ActorId>, leaving: &mut Vec<ActorId>) {
        let (batch, erased) = self.take_erased(self.saves.patience.batch_at_once());
        if !erased.is_empty() {
            let saved = self.storage.as_ref().map_or(Ok(()), |storage| storage.save(&batch));
            self.saves.batch = Some(Batch { changes: erased, changed: 0 });
            self.saved(engine, saved);
        }
        if !self.saves.patience.allows(engine.hub.tick) {
            return;
        }
        let (ids, written) = self.write_ordered(engine, world, awaited, self.saves.patience.batch_at_once(), true);
        let changed = world.change_tick().get();
        // What is written from now on is not saved.
        world.increment_change_tick();
        let (mut failed, mut error) = (Vec::new(), None);
        for (ids, part) in ids.chunks(parts::PART).zip(written) {
            let is_saved = part.saved.is_ok();
            for (&id, writing) in ids.iter().zip(part.writings) {
                let is_written = matches!(writing, Writing::Written);
                if !self.heed(engine, id, writing) {
                    continue;
                }
                if is_written && !is_saved {
                    failed.push(Change::Save(id));
                    continue;
                }
                let stay = &mut self.stays[id.slot() as usize];
                if is_written {
                    self.stats.saved += 1;
                    stay.saved = Some(changed);
                }
                match stay.leave {
                    Leave::No => {}
                    _ if awaited.contains(&id) => self.watch_on(engine, id, None),
                    _ => leaving.push(id),
                }
            }
            error = error.or(part.saved.err());
        }
        match error {
            Some(error) => self.not_saved(engine, failed, &error),
            None if !ids.is_empty() => self.saves.patience.succeeded(),
            None => {}
        }
    }

    /// Makes a batch of what is ordered, and a job of that.
    pub(super) fn request_saves(&mut self, engine: &mut Engine, world: &mut World) {
        let Some(storage) = self.storage.clone().filter(|storage| !storage.store.is_immediate()) else { return };
        if self.saves.batch.is_some() || !self.saves.has_orders() || !self.saves.patience.allows(engine.hub.tick) {
            return;
        }
        let room = self.saves.patience.batch();
        let (mut batch, mut changes) = self.take_erased(room);
        let changed = world.change_tick().get();
        let nobody = HashSet::default();
        self.sight.update_archetypes(world);
        let (ids, written) = self.write_ordered(engine, world, &nobody, room - changes.len(), false);
        for (ids, part) in ids.chunks(parts::PART).zip(written) {
            batch.append(&part.batch);
            for (&id, writing) in ids.iter().zip(part.writings) {
                let is_clean = matches!(writing, Writing::Clean);
                if self.heed(engine, id, writing) {
                    if is_clean {
                        self.saves.saved.push((id, changed));
                    } else {
                        self.stays[id.slot() as usize].is_saving = true;
                        changes.push(Change::Save(id));
                    }
                }
            }
        }
        // What is written from now on is not in the batch.
        world.increment_change_tick();
        if !changes.is_empty() {
            self.saves.batch = Some(Batch { changes, changed });
            engine.jobs.push(job(self.kind, move || storage.save(&batch), Done::<A>::Saved));
        }
    }
}
