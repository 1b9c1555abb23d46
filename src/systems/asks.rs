//! Asks that end outside of passes: timed out, or asked by another thread.
//!
//! # Model
//!
//! An actor's ask ends in a pass over its block, whatever brings the end ([`shift`](super::shift)). What is left
//! to do here is to bring those whose time is over, type by type, in the phase of timers; and to hand the ends
//! of asks from outside to those who wait, with the end of the tick.

use std::collections::HashSet;
use std::hash::Hash;

use bevy_ecs::world::World;

use super::engine::Engine;
use super::hub::Hub;
use crate::actor::{AskError, AskKey, AskStats, Asker, End, Outward, Return, TypeAsks};
use crate::digest::Digester;
use crate::id::{ActorId, Kind};
use crate::panics;

/// Asks from outside.
#[derive(Default)]
pub(crate) struct Asks {
    /// Over, with the tick's end.
    pub(crate) outward: Vec<(Outward, End)>,
    stats: AskStats,
}

impl Asks {
    fn end(&mut self, outward: Outward, end: End) {
        match &end {
            Ok(_) => self.stats.answered += 1,
            Err(_) => self.stats.unanswered += 1,
        }
        self.outward.push((outward, end));
    }
}

impl Hub {
    pub(super) fn end_ask_from_outside(&mut self, Return { key, end }: Return) {
        let Asker::Outside(place) = key.asker else { return };
        match self.outboxes[0].get_mut().outward.cancel(place) {
            Some(outward) => self.asks.end(outward, end),
            None => {
                self.asks.stats.late += u64::from(end.is_ok());
                panics::drop_quietly(end);
            }
        }
    }
}

impl Engine {
    /// Ends the asks whose time is over.
    pub(super) fn end_late_asks(&mut self, world: &mut World) {
        let Self { hub, runners, .. } = self;
        let (tick, number) = (hub.tick, hub.world);
        let first = hub.outboxes[0].get_mut();
        for runner in runners {
            if let Some(type_asks) = runner.asks() {
                type_asks.begin_tick(tick, &mut |asker, place| {
                    let key = AskKey { world: number, asker: Asker::Actor(asker, place) };
                    first.bring_in(Return { key, end: Err(AskError::TimedOut) });
                });
            }
        }
        self.break_rings(world);
        let Hub { outboxes, asks, tick, .. } = &mut *self.hub;
        let first = outboxes[0].get_mut();
        if !first.outward.is_empty() {
            first.outward.advance(*tick, |outward| {
                asks.end(outward, Err(AskError::TimedOut));
                None
            });
        }
    }

    /// Who of a kind waits for the end of an ask, or of a job.
    pub(super) fn askers(&mut self, kind: Kind) -> HashSet<ActorId> {
        self.runners[kind as usize].asks().map(TypeAsks::askers).unwrap_or_default()
    }

    pub(super) fn ask_stats(&mut self) -> AskStats {
        let first = self.hub.outboxes[0].get_mut();
        let (asked, pending) = (first.asked_from_outside, first.outward.len());
        let mut stats = AskStats { asked, pending, ..self.hub.asks.stats.clone() };
        self.runners.iter_mut().filter_map(|runner| runner.asks()).for_each(|asks| asks.add_to(&mut stats));
        stats
    }

    pub(super) fn digest_asks(&mut self, digester: &mut Digester) {
        self.hub.outboxes[0].get_mut().outward.iter().for_each(|(due, _)| due.hash(digester));
        let stats = &self.hub.asks.stats;
        (stats.answered, stats.unanswered, stats.late).hash(digester);
        self.runners.iter_mut().filter_map(|runner| runner.asks()).for_each(|asks| asks.digest(digester));
    }
}
