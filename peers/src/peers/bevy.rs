//! Bevy: entities as actors and plain `Messages` as mail, by hand, as a good
//! user of `bevy_ecs` writes it today.
//!
//! An update reads what was written in the last one and does a
//! `Query::get_mut` for each message. With one thread the schedule uses the
//! single-threaded executor. With more it uses the multi-threaded one and sends
//! the traffic of a round with `par_iter_mut`; reading stays serial, as bevy
//! offers no parallel `get_mut`.

mod closed;
mod lone;
mod rounds;

use bevy_ecs::prelude::*;
use bevy_ecs::schedule::{MultiThreadedExecutor, ScheduleLabel, SingleThreadedExecutor};
use bevy_tasks::{ComputeTaskPool, TaskPoolBuilder};

use crate::bench::Bench;
use crate::work::ask::Style;
use crate::work::route::Route;
use crate::work::{Behaviour, Load, Outcome, Scene, Stage, play};

/// Bevy as a stage.
struct Ecs {
    threads: usize,
}

pub fn run(bench: Bench, load: &Load) -> Outcome {
    let threads = load.threads;
    play::play(&Ecs { threads }, bench, load)
}

impl Stage for Ecs {
    fn closed<B: Behaviour>(&self, scene: Scene<B>) -> Outcome {
        closed::run(self, scene)
    }

    fn rounds<R: Route>(&self, actors: u32, rounds: u32, route: R) -> Outcome {
        rounds::run(self, actors, rounds, route)
    }

    fn create(&self, actors: u32) -> Outcome {
        lone::create(self, actors)
    }

    fn asks(&self, _: &Load, _: Style) -> Outcome {
        unreachable!("no peer of the asks")
    }

    fn idle(&self, actors: u32) -> Outcome {
        lone::idle(self, actors)
    }
}

/// The entities of the actors, by index.
#[derive(Resource)]
struct Directory(Vec<Entity>);

/// A message of any kind and the entity it is for.
#[derive(Message)]
struct Mail<M: Send + Sync + 'static> {
    to: Entity,
    body: M,
}

/// The one schedule of a bench.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
struct Tick;

impl Ecs {
    /// A schedule on the executor that fits the threads.
    fn schedule(&self) -> Schedule {
        let mut schedule = Schedule::new(Tick);
        if self.threads == 1 {
            schedule.set_executor(SingleThreadedExecutor::new());
        } else {
            let helpers = self.threads - 1;
            ComputeTaskPool::get_or_init(|| TaskPoolBuilder::new().num_threads(helpers).build());
            schedule.set_executor(MultiThreadedExecutor::new());
        }
        schedule
    }
}
