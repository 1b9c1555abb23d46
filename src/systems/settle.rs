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
use crate::actor::{Act, Failure, Signal};
use crate::id::ActorId;
use crate::mailbox::{DeadLetter, DeadReason};
use crate::supervision::{Failed, Verdict};

/// Dead letters that a round logs one by one, and failures beyond which it sums up.
const LOGGED_MAX: usize = 8;

impl Engine {
    /// Settles what the round brought.
    #[inline]
    pub(super) fn settle(&mut self, world: &mut World) {
        if self.newborn.is_empty() && !self.hub.has_deeds() && self.hub.dead.is_empty() {
            return;
        }
        self.settle_all(world);
    }

    #[cold]
    fn settle_all(&mut self, world: &mut World) {
        self.bear(world);
        let signals = std::mem::take(&mut self.hub.signals);
        let acts = std::mem::take(&mut self.hub.acts);
        if self.heed(world, signals) {
            self.supervise(world);
        }
        self.carry_out(world, acts);
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

    /// Applies what the engine noticed; `true` if somebody failed.
    fn heed(&mut self, world: &mut World, signals: Vec<Signal>) -> bool {
        let mut failures = 0;
        for signal in signals {
            match signal {
                Signal::Failed(id, failure) => {
                    self.note_failure(id, &failure);
                    failures += 1;
                    self.runners[id.kind() as usize].mark_failed(world, id, failure);
                }
                Signal::Mute(id) => self.mute(world, id, true),
                Signal::Unmute(id) => self.mute(world, id, false),
                Signal::Bounce { to, notice } => self.bounce(world, to, notice),
            }
        }
        if failures > LOGGED_MAX {
            tracing::warn!(failures, round = self.hub.round, "many actors failed in this round; only some are logged");
        }
        failures > 0
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

    /// Finds the failed actors and restarts them or gives them up.
    fn supervise(&mut self, world: &mut World) {
        let mut failed: Vec<(ActorId, Entity)> =
            world.query::<(Entity, &Failed)>().iter(world).map(|(entity, failed)| (failed.id, entity)).collect();
        failed.sort_unstable();
        let mut given_up = Vec::new();
        for (id, entity) in failed {
            let Some(Failed { failure, .. }) = world.get_entity_mut(entity).ok().and_then(|mut entity| entity.take()) else {
                continue;
            };
            let runner = &mut self.runners[id.kind() as usize];
            match runner.supervise(world, &mut self.hub, id, &failure) {
                Verdict::Restart => self.stats.restarts += 1,
                Verdict::GiveUp => {
                    let actor_type = runner.type_name();
                    if self.hub.may_log() {
                        tracing::error!(actor = %id, actor_type, reason = %failure.reason, "an actor is given up after its failure, and stops");
                    }
                    given_up.push(id);
                }
            }
            if self.runners[id.kind() as usize].has_mail() {
                self.awake.wake(id.kind());
            }
        }
        self.stats.given_up += given_up.len() as u64;
        self.stop(world, &given_up);
    }

    fn carry_out(&mut self, world: &mut World, mut acts: Vec<Act>) {
        self.end_asks(&mut acts);
        self.go_on(world);
        let mut stops = Vec::new();
        for act in acts {
            match act {
                Act::Stop(id) => stops.push(id),
                Act::Emit { port, value } => self.emitted.push((port, value)),
                Act::Answer(_) | Act::Return(_) => unreachable!("invariant: taken out above"),
            }
        }
        self.stop(world, &stops);
    }

    /// Stops actors and their children. Those without children go in batches by type.
    pub(crate) fn stop(&mut self, world: &mut World, ids: &[ActorId]) {
        for group in ids.chunk_by(|a, b| a.kind() == b.kind()) {
            if group[0].kind() as usize >= self.runners.len() {
                continue;
            }
            if self.hub.family.is_empty() {
                self.stop_leaves(world, &once_each(group));
            } else {
                group.iter().for_each(|&id| self.stop_tree(world, id));
            }
        }
        self.gather();
    }

    fn stop_leaves(&mut self, world: &mut World, ids: &[ActorId]) {
        let Some(first) = ids.first() else { return };
        let runner = &mut self.runners[first.kind() as usize];
        runner.ending(world, &mut self.hub, ids, Ending::Both);
        runner.remove(world, &mut self.hub, ids);
    }

    /// Stops an actor after its children, the youngest first. Not recursive: trees may be deep.
    fn stop_tree(&mut self, world: &mut World, id: ActorId) {
        if !self.is_alive(id) {
            return;
        }
        let mut stack = vec![id];
        self.run_ending(world, id, Ending::Stopping);
        while let Some(&top) = stack.last() {
            if let Some(child) = self.hub.family.youngest_child(top) {
                self.run_ending(world, child, Ending::Stopping);
                stack.push(child);
            } else {
                stack.pop();
                self.run_ending(world, top, Ending::Stopped);
                self.runners[top.kind() as usize].remove(world, &mut self.hub, &[top]);
            }
        }
    }

    fn run_ending(&mut self, world: &mut World, id: ActorId, hook: Ending) {
        self.runners[id.kind() as usize].ending(world, &mut self.hub, &[id], hook);
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
