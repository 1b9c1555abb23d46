//! Throng: what this crate measures.
//!
//! Actors as throng's own documentation shows them: state as a component, one message enum, references
//! from a shared read-only resource. Rounds of traffic are driven by one broadcast a round, which
//! every sender handles; only payload messages are counted, as with the other message-driven peers.

mod ask;
mod closed;
mod lone;
mod rounds;

use throng::{Throng, ThrongOptions};

use crate::bench::Bench;
use crate::work::ask::Style;
use crate::work::route::Route;
use crate::work::{Behaviour, Load, Outcome, Scene, Stage, play};

/// Throng as a stage.
struct Ticks {
    threads: usize,
}

pub fn run(bench: Bench, load: &Load) -> Outcome {
    let threads = load.threads;
    play::play(&Ticks { threads }, bench, load)
}

impl Ticks {
    fn open(&self) -> Throng {
        Throng::new(ThrongOptions::new().threads(self.threads))
    }
}

impl Stage for Ticks {
    fn closed<B: Behaviour>(&self, scene: Scene<B>) -> Outcome {
        closed::run(self, scene)
    }

    fn rounds<R: Route>(&self, actors: u32, rounds: u32, route: R) -> Outcome {
        rounds::run(self, actors, rounds, route)
    }

    fn create(&self, actors: u32) -> Outcome {
        lone::create(self, actors)
    }

    fn asks(&self, load: &Load, style: Style) -> Outcome {
        ask::run(self, load.messages, style)
    }

    fn idle(&self, actors: u32) -> Outcome {
        lone::idle(self, actors)
    }
}
