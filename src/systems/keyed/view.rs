//! What is seen of actors when a tick ends: who is idle, and what is to be written.
//!
//! # Model
//!
//! Everything here only reads, so many actors are looked at by several threads. What follows from it is done by the
//! [`Catalog`](super::catalog::Catalog), on one thread and in order.

#![expect(unsafe_code, reason = "mailboxes are read by several threads, while no pass runs")]

use std::collections::HashSet;

use bevy_ecs::change_detection::{DetectChanges, Ref};
use bevy_ecs::query::QueryState;
use bevy_ecs::world::World;

use super::config::Storage;
use super::saving::{KeySet, Leave, Stay, is_later};
use crate::actor::{Anywhere, KeyedActor};
use crate::id::ActorId;
use crate::keyed::IdleClock;
use crate::registry::Directory;
use crate::store::{ActorKey, PersistError, SaveBatch, StoreError};
use crate::world::{Mailbox, SlotTable};

/// Sees mailboxes and states, with the change counts of these.
pub(super) type Sight<A> = QueryState<(&'static Mailbox<A>, Ref<'static, A>)>;

/// All that it takes to judge an actor.
pub(super) struct View<'a, A: KeyedActor> {
    pub(super) world: &'a World,
    pub(super) sight: &'a Sight<A>,
    pub(super) slots: &'a SlotTable,
    pub(super) directory: &'a Directory<A::Key>,
    pub(super) stays: &'a [Stay],
    pub(super) clock: &'a IdleClock,
    /// Keys that are not to be written now.
    pub(super) unsettled: &'a KeySet<A::Key>,
    /// Whom mail is on the way to, or an answer.
    pub(super) awaited: &'a HashSet<ActorId>,
    pub(super) tick: u64,
    pub(super) idle_ticks: u64,
}

/// When an actor's state was touched last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    /// The world's change count.
    pub(super) stamp: u32,
    pub(super) tick: u64,
}

/// What an actor whose time may be over is doing.
pub(super) enum Idleness {
    /// It has stopped.
    Gone,
    /// It is at work, or awaited. When it was touched, if it is at rest.
    Busy(Option<Touch>),
    Idle(Touch),
}

/// What became of an actor that was to be saved.
pub(super) enum Writing {
    /// It has stopped.
    Gone,
    /// Its key is not to be written now.
    Early,
    /// It has failed, or is idle no more. When it was touched, if it is at rest.
    Late(Option<Touch>),
    /// It is idle, and has not changed since it was saved.
    Clean,
    /// It is in the batch.
    Written,
    /// It cannot be made bytes.
    Odd(PersistError),
}

/// Some actors, in order, with what became of them.
pub(super) struct Part {
    pub(super) batch: SaveBatch,
    pub(super) writings: Vec<Writing>,
    /// The end of saving it, if that was done at once.
    pub(super) saved: Result<(), StoreError>,
}

impl<A: KeyedActor> View<'_, A> {
    /// When an actor at rest was touched last, and its state; `None` if there is no state, it has failed, is muted, or mail
    /// waits in its mailbox. With it comes whether its state may be saved.
    fn look(&self, id: ActorId) -> (Option<Touch>, Option<&A>) {
        let seen = self.slots.entity(id).ok().and_then(|entity| self.sight.get_manual(self.world, entity).ok());
        let Some((mailbox, state)) = seen else { return (None, None) };
        // SAFETY: the tick's rounds are over, and the engine has the world to itself: no pass runs.
        let posture = unsafe { mailbox.posture() };
        let stamp = state.last_changed().get();
        let touch = || Touch { stamp, tick: self.clock.tick_of(stamp, (self.world.read_change_tick().get(), self.tick)) };
        (posture.is_at_rest.then(touch), (!posture.has_failed).then(|| state.into_inner()))
    }

    pub(super) fn touched(&self, id: ActorId) -> Option<Touch> {
        self.look(id).0
    }

    fn is_idle(&self, id: ActorId, touch: Touch) -> bool {
        self.tick.saturating_sub(touch.tick) >= self.idle_ticks && !self.awaited.contains(&id)
    }

    pub(super) fn idleness(&self, id: ActorId) -> Idleness {
        if self.directory.key_of(id).is_none() {
            return Idleness::Gone;
        }
        match self.touched(id) {
            Some(touch) if self.is_idle(id, touch) => Idleness::Idle(touch),
            touch => Idleness::Busy(touch),
        }
    }

    /// Whether a state is saved as it is.
    pub(super) fn is_clean(&self, id: ActorId, touch: Touch) -> bool {
        self.stays[id.slot() as usize].saved.is_some_and(|saved| !is_later(touch.stamp, saved))
    }

    /// Writes the states of ordered actors; with `at_once`, saves them.
    pub(super) fn write_all(&self, storage: &Storage<A>, ids: &[ActorId], at_once: bool) -> Part {
        let _anywhere = (!A::PINNED).then(Anywhere::begin);
        let mut batch = SaveBatch::with_room(ids.len());
        let writings = ids.iter().map(|&id| self.write(storage, id, &mut batch)).collect();
        let saved = if at_once && !batch.is_empty() { storage.save(&batch) } else { Ok(()) };
        Part { batch, writings, saved }
    }

    fn write(&self, storage: &Storage<A>, id: ActorId, batch: &mut SaveBatch) -> Writing {
        let Some(key) = self.directory.key_of(id) else { return Writing::Gone };
        if !self.unsettled.is_empty() && self.unsettled.contains(key) {
            return Writing::Early;
        }
        let (touch, state) = self.look(id);
        let Some(state) = state else { return Writing::Late(touch) };
        if self.stays[id.slot() as usize].leave == Leave::Idle {
            match touch {
                Some(touch) if self.is_idle(id, touch) => {
                    if self.is_clean(id, touch) {
                        return Writing::Clean;
                    }
                }
                touch => return Writing::Late(touch),
            }
        }
        match batch.try_push(|bytes| key.write(bytes), |bytes| storage.encode(state, bytes)) {
            Ok(()) => Writing::Written,
            Err(error) => Writing::Odd(error),
        }
    }
}
