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

/// Starts a tick: counts it, and wakes what could not run in the last.
pub(crate) fn begin_tick(engine: &mut Engine) {
    // Timers that the host set count from the last tick.
    engine.set_timers(0);
    engine.hub.tick += 1;
    engine.hub.sessions = 0;
    for back in engine.desk.take() {
        engine.hub.bring_in(back);
    }
    engine.hub.log_left = LOG_LINES;
    for kind in std::mem::take(&mut engine.stalled) {
        engine.awake.wake(kind);
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
            engine.end_rounds(world);
        });
    }
    Engine::scope(world, Engine::begin_rounds);
    while Engine::scope(world, |engine, world| engine.run_round(world, false)) {
        world.run_schedule(ActorRound);
    }
    Engine::scope(world, Engine::end_rounds);
}

/// The kinds with mail for the next round.
#[derive(Default)]
pub(super) struct WakeList {
    kinds: Vec<Kind>,
    /// By kind: whether it is in `kinds`.
    is_awake: Vec<bool>,
}

impl WakeList {
    /// Makes room for one more kind.
    pub(super) fn add_kind(&mut self) {
        self.is_awake.push(false);
    }

    /// Marks a kind for the next round.
    pub(super) fn wake(&mut self, kind: Kind) {
        let is_awake = &mut self.is_awake[kind as usize];
        if !*is_awake {
            *is_awake = true;
            self.kinds.push(kind);
        }
    }

    fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Takes the kinds out, in the order of their registration.
    fn take(&mut self) -> Vec<Kind> {
        let mut kinds = std::mem::take(&mut self.kinds);
        if kinds.len() > 1 {
            kinds.sort_unstable();
        }
        for &kind in &kinds {
            self.is_awake[kind as usize] = false;
        }
        kinds
    }

    /// Takes an emptied list back for its memory, in front of the kinds woken meanwhile.
    fn give_back(&mut self, mut emptied: Vec<Kind>) {
        emptied.append(&mut self.kinds);
        self.kinds = emptied;
    }
}

impl Engine {
    fn begin_rounds(&mut self, world: &mut World) {
        self.hub.round = 0;
        self.begin_keyed(world);
        self.settle_lost(world);
        if !self.lives.wheel.is_empty() {
            self.ring(world);
        }
        self.gather_desk();
        self.settle(world);
        for &kind in &self.ticking {
            if self.runners[kind as usize].begin_tick() {
                self.awake.wake(kind);
            }
        }
    }

    fn end_rounds(&mut self, world: &mut World) {
        self.end_keyed(world);
        // Bevy notes each component of each entity that goes, until it is told to forget.
        if self.tidies.is_some_and(|ended| ended != self.hub.ended) {
            world.clear_trackers();
            self.tidies = Some(self.hub.ended);
        }
    }

    /// Runs one round; `false` if there was nothing to do, or the tick has had its rounds.
    /// With `may_relay`, a pass may go on with the next rounds by itself if it alone has mail.
    pub(super) fn run_round(&mut self, world: &mut World, may_relay: bool) -> bool {
        if self.is_quiet() || self.hub.round >= self.rounds_max {
            return false;
        }
        let mut awake = self.awake.take();
        for &kind in &awake {
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
        self.awake.give_back(awake);
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
            self.awake.wake(kind);
        }
        self.gather();
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_quiet(&self) -> bool {
        self.awake.is_empty() && self.newborn.is_empty() && !self.hub.has_deeds() && !self.lives.has_deeds()
    }

    /// Gathers what the host and hooks wrote, which is all in the first outbox.
    pub(super) fn gather_desk(&mut self) {
        self.hub.collect(1);
        self.gather();
    }

    /// Hands mail and births from the outboxes to their types, in the order of the outboxes.
    pub(super) fn gather(&mut self) {
        let used = std::mem::take(&mut self.hub.used).max(1);
        for at in 0..used {
            let Self { hub, runners, awake, newborn, .. } = self;
            let outbox = hub.outboxes[at].get_mut();
            outbox.gather(|kind, lane| {
                runners[kind as usize].take_over(lane);
                awake.wake(kind);
            });
            outbox.gather_answers(|kind, lane| {
                runners[kind as usize].take_over_answers(lane);
                awake.wake(kind);
            });
            for kind in outbox.take_birth_kinds() {
                runners[kind as usize].take_births(outbox);
                newborn.push(kind);
            }
            self.set_timers(at);
        }
    }
}
