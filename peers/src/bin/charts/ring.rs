//! The flat chart as statig compiles it: a match on an enum.

use std::hint::black_box;
use std::time::Instant;

use statig::prelude::*;

#[derive(Default)]
struct Ring;

enum Signal {
    Next,
}

#[state_machine(initial = "State::red()")]
impl Ring {
    #[state]
    fn red(event: &Signal) -> Outcome<State> {
        match event {
            Signal::Next => Transition(State::green()),
        }
    }

    #[state]
    fn green(event: &Signal) -> Outcome<State> {
        match event {
            Signal::Next => Transition(State::yellow()),
        }
    }

    #[state]
    fn yellow(event: &Signal) -> Outcome<State> {
        match event {
            Signal::Next => Transition(State::red()),
        }
    }
}

/// The machine, stepped `events` times.
pub fn run(events: u64) -> super::Outcome {
    let mut machine = Ring.state_machine();
    let start = Instant::now();
    for _ in 0..events {
        machine.handle(black_box(&Signal::Next));
    }
    let seconds = start.elapsed().as_secs_f64();
    let colour = match machine.state() {
        State::Red {} => 0,
        State::Green {} => 1,
        State::Yellow {} => 2,
    };
    super::Outcome { seconds, counts: [colour, 0, 0] }
}
