//! Actors that await each other in a ring.
//!
//! # Model
//!
//! An actor in a turn takes no mail. If it waits for the answer of another that is in a turn, and so on around to
//! the first, no answer can come. All asks of a ring outlive their tick; so it is enough to look at those that did so
//! just now, which closes a ring at the latest with its last ask. From each, the way leads from actor to actor:
//! each is in one turn, waits for one ask and nothing else, and has been asked by the one before in vain, its
//! question in the mailbox, or being what the turn is about; and none has a continuation that could answer. An ask that leads back to its asker ends with an
//! error, which frees the others.
//!
//! # Source
//!
//! Wait-for graphs with one outgoing edge ("single-resource model"): Knapp, "Deadlock detection in distributed
//! databases", 1987.

use bevy_ecs::world::World;

use super::engine::Engine;
use crate::actor::{AskError, AskKey, Asker, Return, Ring, Suspect, Turned};
use crate::id::ActorId;

/// Longer rings end by time-out.
const RING_MAX: usize = 64;

impl Engine {
    /// Ends asks that cannot be answered since their askers await each other.
    pub(super) fn break_rings(&mut self, world: &mut World) {
        let suspects = self.runners.iter_mut().filter_map(|runner| runner.asks());
        let suspects: Vec<Suspect> = suspects.flat_map(|asks| asks.suspects()).copied().collect();
        // Each waits for one, so rings share nobody: of each, one ask ends.
        let mut freed = Vec::new();
        for ask in suspects {
            if !freed.contains(&ask.asker)
                && let Some(ring) = self.ring_of(world, ask.asker)
            {
                self.break_ring(ask, &ring);
                freed.extend(ring);
            }
        }
    }

    fn break_ring(&mut self, ask: Suspect, ring: &[ActorId]) {
        let asks = self.runners[ask.asker.kind() as usize].asks();
        let Some(place) = asks.and_then(|asks| asks.renew(ask)) else { return };
        let ring = Ring::new(ring);
        tracing::warn!(%ring, "actors await each other; the ask of the first ends with an error");
        let key = AskKey { world: self.hub.world, asker: Asker::Actor(ask.asker, place) };
        self.hub.bring_in(Return { key, end: Err(AskError::Deadlock(ring)) });
    }

    /// The actors of the ring that an asker is in.
    fn ring_of(&mut self, world: &mut World, asker: ActorId) -> Option<Vec<ActorId>> {
        let mut ring = vec![asker];
        let mut asked = self.turn_of(asker)?.asked?;
        loop {
            let last = *ring.last()?;
            let turn = self.turn_of(asked)?;
            let is_stuck = turn.cause == Some(last) || self.runners[asked.kind() as usize].has_mail_from(world, asked, last);
            if !is_stuck {
                return None;
            }
            if asked == asker {
                // A continuation may hold what one of them waits for.
                let may_go_on = ring.iter().any(|&actor| self.has_continuations(actor));
                return (!may_go_on).then_some(ring);
            }
            // A ring that the asker is not in ends with the ask of one who is.
            if ring.contains(&asked) || ring.len() == RING_MAX {
                return None;
            }
            ring.push(asked);
            asked = turn.asked?;
        }
    }

    fn has_continuations(&mut self, actor: ActorId) -> bool {
        let asks = self.runners.get_mut(actor.kind() as usize).and_then(|runner| runner.asks());
        asks.is_some_and(|asks| asks.has_continuations(actor))
    }

    fn turn_of(&mut self, actor: ActorId) -> Option<Turned> {
        self.runners.get_mut(actor.kind() as usize)?.asks()?.turn_of(actor)
    }
}
