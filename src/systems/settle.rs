//! The end of a round: births, failures, stops.
//!
//! # Model
//!
//! All of it happens here, on one thread, in an order fixed by the mail: births, then what the engine
//! noticed (failures, muting, bounced mail), then the supervisor's verdicts, then stops. Hooks that run
//! here send mail and ask for more, which the next round sees to; so an endless chain of births or of
//! failing starts takes rounds, which are bounded, and cannot hang the tick.

use std::borrow::Cow;
use std::collections::HashSet;

use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;

use super::behaviour::Ending;
use super::engine::Engine;
use super::lives::{How, LifeStep};
use super::node::Place;
use crate::actor::{Act, ExitReason, Failure, Notice, Signal, Stop};
use crate::id::{ActorId, Kind};
use crate::mailbox::{DeadLetter, DeadReason};
use crate::supervision::Failed;
use crate::world::Lost;

/// Dead letters that a round logs one by one, and failures beyond which it sums up.
const LOGGED_MAX: usize = 8;

impl Engine {
    /// Settles what the round brought.
    #[inline]
    pub(super) fn settle(&mut self, world: &mut World) {
        if self.newborn.is_empty() && !self.hub.has_deeds() && !self.lives.has_deeds() && self.hub.dead.is_empty() {
            return;
        }
        self.settle_all(world);
    }

    #[cold]
    fn settle_all(&mut self, world: &mut World) {
        self.bear(world);
        if self.lives.has_deeds() {
            self.hand_over_notices(world);
            self.take_turns();
            self.work_off(world);
        }
        if !self.hub.orders.is_empty() {
            self.heed_orders(world);
            self.work_off(world);
        }
        let mut signals = std::mem::take(&mut self.hub.signals);
        let acts = std::mem::take(&mut self.hub.acts);
        let stops = std::mem::take(&mut self.hub.stops);
        if self.heed(world, &mut signals) {
            // The list goes back for its memory, in front of what came meanwhile.
            signals.append(&mut self.hub.signals);
            self.hub.signals = signals;
            self.supervise(world);
        }
        self.carry_out(acts);
        self.carry_out_stops(world, &stops);
        self.activate(world);
        self.log_dead();
        self.hub.take_returns();
        self.gather();
    }

    pub(super) fn bear(&mut self, world: &mut World) {
        let mut kinds = std::mem::take(&mut self.newborn);
        let kin = std::mem::take(&mut self.hub.kin);
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            self.tell_births(kind);
            self.runners[kind as usize].bear(world, &mut self.hub);
        }
        for (parent, child) in kin {
            // A parent that spawned while it stopped is gone: its child is the root's. A child whose birth
            // was taken back was never born.
            if self.is_alive(parent) && self.is_alive(child) {
                self.hub.family.add(parent, child);
            }
        }
    }

    fn tell_births(&mut self, kind: Kind) {
        if self.lives.told.is_some() {
            for id in self.runners[kind as usize].newborn() {
                self.tell_step(id, LifeStep::Started);
            }
        }
    }

    /// Applies what the engine noticed; `true` if somebody failed.
    fn heed(&mut self, world: &mut World, signals: &mut Vec<Signal>) -> bool {
        let mut failed = Vec::new();
        for signal in signals.drain(..) {
            match signal {
                Signal::Failed(id, failure) => {
                    self.note_failure(id, &failure);
                    let runner = &mut self.runners[id.kind() as usize];
                    runner.halt(world, id);
                    failed.extend(runner.entity(id).map(|entity| (entity, Failed { id, failure })));
                }
                Signal::Mute(id) => self.mute(world, id, true),
                Signal::Unmute(id) => self.mute(world, id, false),
                Signal::Bounce { to, notice } => self.bounce(world, to, notice),
            }
        }
        let failures = failed.len();
        if failures == 0 {
            return false;
        }
        // An entity that is gone by now has no failure to be seen to.
        let _ = world.try_insert_batch(failed);
        if failures > LOGGED_MAX {
            tracing::warn!(failures, round = self.hub.round, "many actors failed in this round; only some are logged");
        }
        true
    }

    fn note_failure(&mut self, id: ActorId, failure: &Failure) {
        self.stats.failures += 1;
        if self.hub.may_log() {
            let actor_type = self.runners[id.kind() as usize].type_name();
            tracing::warn!(actor = %id, actor_type, kind = ?failure.kind, reason = %failure.reason, "an actor failed");
        }
    }

    fn mute(&mut self, world: &mut World, id: ActorId, mute: bool) {
        if let Some(runner) = self.runner(id) {
            runner.mute(world, id, mute);
            if runner.has_mail() {
                self.awake.wake(id.kind());
            }
        }
    }

    fn bounce(&mut self, world: &mut World, to: ActorId, notice: crate::actor::Undelivered) {
        let (receiver, tick) = (notice.to, self.hub.tick);
        let keep = self.hub.keep_dead;
        let message_type = notice.message_type;
        let Some(runner) = self.runners.get_mut(to.kind() as usize) else { return };
        match runner.undelivered(world, &mut self.hub, to, notice) {
            Ok(()) => {}
            Err(Some(notice)) if keep => self.hub.dead.push(DeadLetter {
                to: receiver,
                from: Some(to),
                reason: DeadReason::Bounced,
                tick,
                message_type,
                message: notice.message,
            }),
            Err(_) => {}
        }
    }

    /// Finds the failed actors, ends their incarnations, and lets those decide who watch over them.
    fn supervise(&mut self, world: &mut World) {
        let mut failed: Vec<(ActorId, Entity)> =
            world.query::<(Entity, &Failed)>().iter(world).map(|(entity, failed)| (failed.id, entity)).collect();
        failed.sort_unstable();
        for (id, entity) in failed {
            if let Some(Failed { failure, .. }) = world.get_entity_mut(entity).ok().and_then(|mut entity| entity.take()) {
                self.end_failed(world, id, &failure);
            }
        }
        self.work_off(world);
    }

    fn end_failed(&mut self, world: &mut World, id: ActorId, failure: &Failure) {
        if !self.lives(id) {
            return;
        }
        let reason = ExitReason::from(failure);
        if self.place(id).is_none() && self.lives.is_plain() {
            // Nobody but the root is concerned.
            self.runners[id.kind() as usize].terminate(world, &mut self.hub, id, &reason);
            self.stats.exits += 1;
            self.guard(world, id, failure, &reason);
        } else {
            self.end(world, id, reason, true);
        }
    }

    fn carry_out(&mut self, mut acts: Vec<Act>) {
        for act in acts.drain(..) {
            match act {
                Act::Emit { port, value } => self.emitted.push((port, value)),
                Act::Change(change) => self.change(change),
                Act::Job(job) => self.jobs.push(job),
                Act::Keep(..) | Act::Stored(..) => self.heed_keyed(act),
                Act::Return(back) => self.hub.end_ask_from_outside(back),
                Act::Tick(id, ticks) => self.set_ticking(id, ticks),
            }
        }
        // For its memory.
        if self.hub.acts.is_empty() {
            self.hub.acts = acts;
        }
    }

    fn carry_out_stops(&mut self, world: &mut World, stops: &[Stop]) {
        for group in stops.chunk_by(|a, b| a.leaves == b.leaves) {
            let ids: Vec<ActorId> = group.iter().map(|stop| stop.id).collect();
            let reason = if group[0].leaves { ExitReason::Normal } else { ExitReason::Shutdown };
            self.stop(world, &ids, &reason);
        }
    }

    /// Stops actors and their children. Those without children go in batches by type.
    pub(crate) fn stop(&mut self, world: &mut World, ids: &[ActorId], reason: &ExitReason) {
        for group in ids.chunk_by(|a, b| a.kind() == b.kind()) {
            if group[0].kind() as usize >= self.runners.len() {
                continue;
            }
            if self.hub.family.is_empty() && self.lives.is_plain() {
                self.stop_leaves(world, &once_each(group), reason);
            } else {
                group.iter().for_each(|&id| self.stop_one(world, id, reason));
            }
        }
        self.work_off(world);
    }

    fn stop_leaves(&mut self, world: &mut World, ids: &[ActorId], reason: &ExitReason) {
        let Some(first) = ids.first() else { return };
        let runner = &mut self.runners[first.kind() as usize];
        let live = runner.live();
        runner.ending(world, &mut self.hub, ids, Ending::Both, Some(reason));
        runner.remove(world, &mut self.hub, ids);
        self.stats.exits += (live - runner.live()) as u64;
    }

    fn stop_one(&mut self, world: &mut World, id: ActorId, reason: &ExitReason) {
        if !self.lives(id) {
            return;
        }
        if self.lives.is_supervisor(id) {
            self.take_signal(world, id, None, reason.clone(), How::Parent);
        } else if self.place(id) == Some(Place::ORPHAN) {
            // It had its time when its supervisor went.
            self.finish(world, id, ExitReason::Killed);
        } else if self.place(id).is_some() {
            self.end(world, id, reason.clone(), true);
        } else {
            self.stop_tree(world, id, true, reason);
        }
    }

    /// Stops an actor for good, after its children, the youngest first. With `ends`, its incarnation is still to be ended; that
    /// of its children always is. Not recursive: trees may be deep.
    pub(super) fn stop_tree(&mut self, world: &mut World, id: ActorId, ends: bool, reason: &ExitReason) {
        if !self.is_alive(id) {
            return;
        }
        let parent = self.hub.family.parent(id);
        let mut stack = vec![id];
        self.run_ending(world, id, Ending::Stopping, ends.then_some(reason));
        while let Some(&top) = stack.last() {
            if let Some(child) = self.hub.family.youngest_child(top) {
                self.run_ending(world, child, Ending::Stopping, Some(&ExitReason::Shutdown));
                stack.push(child);
            } else {
                stack.pop();
                self.run_ending(world, top, Ending::Stopped, None);
                let reason = if top == id { reason } else { &ExitReason::Shutdown };
                self.bury_one(world, top, ends || top != id, reason);
            }
        }
        if let Some(parent) = parent {
            self.give_notice(parent, Notice::Stopped { actor: id, reason: reason.clone() });
        }
    }

    /// Takes an actor out of the world, and tells those that are tied to it.
    fn bury_one(&mut self, world: &mut World, id: ActorId, ends: bool, reason: &ExitReason) {
        if ends {
            self.cut_ties(id, reason);
        }
        let watchers = self.lives.ties.forget(id);
        self.runners[id.kind() as usize].remove(world, &mut self.hub, &[id]);
        for watcher in watchers {
            self.give_notice(watcher, Notice::Stopped { actor: id, reason: reason.clone() });
        }
    }

    /// Runs a hook; `terminate` first, if the incarnation ends with a reason.
    fn run_ending(&mut self, world: &mut World, id: ActorId, hook: Ending, reason: Option<&ExitReason>) {
        if let Some(reason) = reason {
            self.tell_step(id, LifeStep::Terminating(reason.clone()));
        }
        let before = self.hub.orders.len();
        self.runners[id.kind() as usize].ending(world, &mut self.hub, &[id], hook, reason);
        // It is going already: what it orders about itself comes too late.
        self.hub.orders.truncate(before);
    }

    /// Actors whose entity the host despawned.
    pub(super) fn settle_lost(&mut self, world: &mut World) {
        for (id, held) in world.get_resource_mut::<Lost>().map(|mut lost| lost.take()).unwrap_or_default() {
            let place = self.place(id);
            // Its children stop as if it had been told to.
            while let Some(child) = self.hub.family.youngest_child(id) {
                self.stop(world, &[child], &ExitReason::Shutdown);
            }
            let was_there = self.is_alive(id);
            self.runners[id.kind() as usize].forget_lost(&mut self.hub, id, held);
            if was_there {
                self.mourn(world, id, place);
            }
        }
        self.work_off(world);
    }

    /// The host took an actor away: to all that are concerned it was killed.
    fn mourn(&mut self, world: &mut World, id: ActorId, place: Option<Place>) {
        let reason = ExitReason::Killed;
        if self.lives.is_supervisor(id) {
            self.orphan_children(world, id);
        }
        self.cut_ties(id, &reason);
        for watcher in self.lives.ties.forget(id) {
            self.give_notice(watcher, Notice::Stopped { actor: id, reason: reason.clone() });
        }
        if let Some(place) = place.filter(|&place| place != Place::ORPHAN) {
            self.lose_child(place, id);
        }
    }

    /// Logs a few dead letters and hands all on to those who subscribed. Without subscribers only samples
    /// come here, whose messages were dropped before.
    fn log_dead(&mut self) {
        let dead = std::mem::take(&mut self.hub.dead);
        for letter in dead.iter().take(LOGGED_MAX) {
            tracing::debug!(to = %letter.to, reason = ?letter.reason, message_type = letter.message_type, "dead letter");
        }
        if self.hub.keep_dead {
            self.dead_letters.extend(dead);
        }
    }
}

/// The ids without repetitions, in the order of first mention.
fn once_each(ids: &[ActorId]) -> Cow<'_, [ActorId]> {
    if ids.is_sorted_by(|a, b| a < b) {
        return Cow::Borrowed(ids);
    }
    let mut seen = HashSet::new();
    ids.iter().copied().filter(|id| seen.insert(*id)).collect()
}
