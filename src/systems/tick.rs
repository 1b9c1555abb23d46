//! The tick's middle: rounds until no mail is left.
//!
//! # Model
//!
//! A round visits the actor types with mail, in the order of their registration, and then settles what
//! came of it. What handlers send in a round is handled in the next. A type without mail costs nothing,
//! and neither does an actor.

use bevy_ecs::schedule::Schedules;
use bevy_ecs::world::World;

use super::engine::Engine;
use super::hub::LOG_LINES;
use super::sets::ActorRound;
use crate::id::Kind;
use crate::world::Lost;

/// Starts a tick: counts it, and wakes what could not run in the last.
pub(crate) fn begin_tick(engine: &mut Engine) {
    engine.hub.tick += 1;
    engine.hub.sessions = 0;
    engine.hub.log_left = LOG_LINES;
    for kind in std::mem::take(&mut engine.stalled) {
        engine.wake(kind);
    }
}

/// The system of [`ThrongSystems::Rounds`](super::ThrongSystems::Rounds).
pub(crate) fn run_rounds(world: &mut World) {
    let between = world.get_resource::<Schedules>().is_some_and(|schedules| schedules.contains(ActorRound));
    // A system between rounds wants to see each of them.
    if !between {
        return Engine::scope(world, |engine, world| {
            engine.begin_rounds(world);
            while engine.run_round(world, true) {}
        });
    }
    Engine::scope(world, Engine::begin_rounds);
    while Engine::scope(world, |engine, world| engine.run_round(world, false)) {
        world.run_schedule(ActorRound);
    }
}

impl Engine {
    /// Marks a kind for the next round.
    pub(super) fn wake(&mut self, kind: Kind) {
        let is_awake = &mut self.is_awake[kind as usize];
        if !*is_awake {
            *is_awake = true;
            self.awake.push(kind);
        }
    }

    fn begin_rounds(&mut self, world: &mut World) {
        self.hub.round = 0;
        for (id, held) in world.get_resource_mut::<Lost>().map(|mut lost| lost.take()).unwrap_or_default() {
            // Its children stop as if it had been told to.
            while let Some(child) = self.hub.family.youngest_child(id) {
                self.stop(world, &[child]);
            }
            self.runners[id.kind() as usize].forget_lost(&mut self.hub, id, held);
        }
        self.hub.collect(1);
        self.gather();
        self.settle(world);
    }

    /// Runs one round; `false` if there was nothing to do, or the tick has had its rounds.
    /// With `may_relay`, a pass may go on with the next rounds by itself if it alone has mail.
    pub(super) fn run_round(&mut self, world: &mut World, may_relay: bool) -> bool {
        if self.is_quiet() || self.hub.round >= self.rounds_max {
            return false;
        }
        let mut awake = std::mem::take(&mut self.awake);
        if awake.len() > 1 {
            awake.sort_unstable();
        }
        for &kind in &awake {
            self.is_awake[kind as usize] = false;
            self.runners[kind as usize].begin_round();
        }
        if !self.newborn.is_empty() {
            // Born in a hook after the last round's births: they are there before their mail.
            self.bear(world);
            self.gather();
        }
        self.hub.relay_max = if may_relay && awake.len() == 1 { self.rounds_max - self.hub.round - 1 } else { 0 };
        for &kind in &awake {
            self.run_kind(world, kind);
        }
        awake.clear();
        // Kinds woken meanwhile are in the new list; the old one gives its memory.
        awake.append(&mut self.awake);
        self.awake = awake;
        self.hub.round += self.hub.relayed;
        self.settle(world);
        self.hub.round += 1;
        self.stats.rounds += u64::from(self.hub.relayed) + 1;
        self.hub.relayed = 0;
        true
    }

    fn run_kind(&mut self, world: &mut World, kind: Kind) {
        let runner = &mut self.runners[kind as usize];
        if !runner.run(world, &mut self.hub) {
            self.stalled.push(kind);
            return;
        }
        if runner.has_mail() {
            self.wake(kind);
        }
        self.gather();
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_quiet(&self) -> bool {
        self.awake.is_empty() && self.newborn.is_empty() && !self.hub.has_deeds()
    }

    /// Hands mail and births from the outboxes to their types, in the order of the outboxes.
    pub(super) fn gather(&mut self) {
        let used = std::mem::take(&mut self.hub.used).max(1);
        for at in 0..used {
            let Self { hub, runners, awake, is_awake, newborn, .. } = self;
            let outbox = hub.outboxes[at].get_mut();
            outbox.gather(|kind, lane| {
                runners[kind as usize].take_over(lane);
                if !is_awake[kind as usize] {
                    is_awake[kind as usize] = true;
                    awake.push(kind);
                }
            });
            for kind in outbox.take_birth_kinds() {
                runners[kind as usize].take_births(outbox);
                newborn.push(kind);
            }
        }
    }
}
