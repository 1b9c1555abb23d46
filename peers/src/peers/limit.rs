//! The limit: what the machine can do if one bench is written by hand.
//!
//! Plain arrays, one known message type, handlers inlined, no ECS, no mailboxes
//! that outlive a round. It keeps what an actor system cannot do without: mail
//! that is really written and read, a header of slot and generation, and a check
//! of the generation for each message. The sender knows the generation of the
//! recipient without a look-up, as nobody is replaced in these benches.

mod blocks;
mod closed;
mod crew;
mod huge;
mod lone;
mod segments;
mod sparse;

use crate::bench::Bench;
use crate::work::ask::Style;
use crate::work::route::Route;
use crate::work::{Behaviour, Load, Outcome, Scene, Stage, play};

/// The hand-written stage.
struct Limit {
    threads: usize,
}

/// The generation of every actor that was never replaced.
const FIRST_GENERATION: u32 = 1;

/// A message with the eight bytes that say for whom it is.
#[derive(Clone, Copy)]
struct Mail<M> {
    slot: u32,
    generation: u32,
    body: M,
}

impl<M> Mail<M> {
    #[inline]
    fn first(slot: u32, body: M) -> Self {
        Self { slot, generation: FIRST_GENERATION, body }
    }
}

pub fn run(bench: Bench, load: &Load) -> Outcome {
    let threads = load.threads;
    if bench == Bench::Sparse {
        return sparse::run(load.actors, bench.rounds(load));
    }
    play::play(&Limit { threads }, bench, load)
}

impl Stage for Limit {
    /// One thread: these benches are chains, and a second one only slows them.
    fn closed<B: Behaviour>(&self, scene: Scene<B>) -> Outcome {
        closed::run(scene)
    }

    fn rounds<R: Route>(&self, actors: u32, rounds: u32, route: R) -> Outcome {
        blocks::run(self.threads, actors, rounds, &route)
    }

    fn create(&self, actors: u32) -> Outcome {
        lone::create(actors)
    }

    fn asks(&self, _: &Load, _: Style) -> Outcome {
        unreachable!("no peer of the asks")
    }

    fn idle(&self, actors: u32) -> Outcome {
        lone::idle(actors)
    }
}
