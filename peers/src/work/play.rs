//! Which work each bench is: the only place that knows all of them.

use super::ask::Style;
use super::behaviour::{Behaviour, Scene};
use super::route::{Broadcast, FanIn, Local, Route, Scatter, Sparse, Zipf};
use super::{Load, Outcome, big, chameneos, counting, forkjoin, relay};
use crate::bench::Bench;

/// A peer, seen from the work: four ways to run actors.
pub trait Stage {
    /// Runs a closed bench from its kicks to its last arrival.
    fn closed<B: Behaviour>(&self, scene: Scene<B>) -> Outcome;

    /// Runs `rounds` rounds of traffic among `actors` [`super::traffic::Node`]s.
    fn rounds<R: Route>(&self, actors: u32, rounds: u32, route: R) -> Outcome;

    /// Makes `actors` [`super::lone::Mayfly`]s, sends each its index, sees all stop.
    fn create(&self, actors: u32) -> Outcome;

    /// Lets one actor ask another so many questions, if [`Peer::plays`](crate::peers::Peer::plays) it.
    fn asks(&self, load: &Load, style: Style) -> Outcome;

    /// Makes `actors` [`super::lone::Sleeper`]s, wakes the last with a 1 and
    /// measures the memory.
    fn idle(&self, actors: u32) -> Outcome;
}

/// Plays `bench` on `stage`; `load` has been fitted by [`Bench::fit`].
pub fn play(stage: &impl Stage, bench: Bench, load: &Load) -> Outcome {
    let &Load { actors, messages, .. } = load;
    let rounds = bench.rounds(load);
    match bench {
        Bench::Pingpong | Bench::Ring => stage.closed(relay::scene(actors, messages)),
        Bench::Counting => stage.closed(counting::scene(messages)),
        Bench::Fjthroughput => stage.closed(forkjoin::scene(actors, messages)),
        Bench::Big => stage.closed(big::scene(actors, messages)),
        Bench::Chameneos => stage.closed(chameneos::scene(actors, messages)),
        Bench::Ask => stage.asks(load, Style::Ask),
        Bench::AsyncAsk => stage.asks(load, Style::Handler),
        Bench::Create => stage.create(actors),
        Bench::Idle => stage.idle(actors),
        Bench::Scatter => stage.rounds(actors, rounds, Scatter { actors }),
        Bench::Zipf => stage.rounds(actors, rounds, Zipf::new(actors)),
        Bench::Local => stage.rounds(actors, rounds, Local { actors }),
        Bench::Sparse => stage.rounds(actors, rounds, Sparse { actors }),
        Bench::Broadcast => stage.rounds(actors, rounds, Broadcast { actors }),
        Bench::Fanin => stage.rounds(actors, rounds, FanIn { actors }),
    }
}
