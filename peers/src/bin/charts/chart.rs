//! The charts in throng: the same as in its own `benches/chart.rs`.

use std::hint::black_box;
use std::time::Instant;

use throng::statechart::{Actions, Chart, ChartEvent, Configuration, Model, StateDef, StateSet};

use super::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Red,
    Green,
    Yellow,
    Left,
    LeftOff,
    LeftOn,
    LeftSlow,
    LeftFast,
    Right,
    RightIdle,
    RightBusy,
    RightLight,
    RightHeavy,
}

#[derive(Clone, Copy, ChartEvent)]
enum Event {
    Next,
    Toggle,
    Shift,
}

const CYCLE: [Event; 4] = [Event::Toggle, Event::Shift, Event::Shift, Event::Toggle];

#[derive(Default)]
struct Counts {
    entries: u64,
    exits: u64,
    moves: u64,
}

struct Bare;

impl Model for Bare {
    type State = State;
    type Event = Event;
    type Context = Counts;
    type Port<'a> = ();
    type Set = u64;
}

/// The flat chart, stepped `events` times.
pub fn flat(events: u64) -> Outcome {
    let ring = [State::Red, State::Green, State::Yellow];
    let chart = Chart::define("flat", |root| {
        root.initial(State::Red);
        for (at, state) in ring.into_iter().enumerate() {
            root.state(state, |writing| {
                writing.on(EventKind::Next).go(ring[(at + 1) % 3]);
            });
        }
    });
    play(&chart.build().expect("the chart is sound"), &[Event::Next], events)
}

fn counted(state: &mut StateDef<Bare>) {
    state.entry().run(|counts, _, _| counts.entries += 1);
    state.exit().run(|counts, _, _| counts.exits += 1);
}

/// A region with two states, the second of which has two children.
fn region(region: &mut StateDef<Bare>, idle: State, busy: State, children: [State; 2]) {
    counted(region);
    region.initial(idle);
    region.state(idle, |state| {
        counted(state);
        state.on(EventKind::Toggle).go(busy).when(|counts, _| counts.moves < u64::MAX).run(|counts, _, _| counts.moves += 1);
    });
    region.state(busy, |state| {
        counted(state);
        state.initial(children[0]);
        state.on(EventKind::Toggle).go(idle).run(|counts, _, _| counts.moves += 1);
        for (from, to) in [(children[0], children[1]), (children[1], children[0])] {
            state.state(from, |state| {
                counted(state);
                state.on(EventKind::Shift).go(to).when(|counts, _| counts.moves > 0).run(|counts, _, _| counts.moves += 1);
            });
        }
    });
}

/// The parallel chart, stepped `events` times.
pub fn parallel(events: u64) -> Outcome {
    let chart = Chart::define("parallel", |root| {
        root.regions();
        root.state(State::Left, |state| region(state, State::LeftOff, State::LeftOn, [State::LeftSlow, State::LeftFast]));
        root.state(State::Right, |state| region(state, State::RightIdle, State::RightBusy, [State::RightLight, State::RightHeavy]));
    });
    play(&chart.build().expect("the chart is sound"), &CYCLE, events)
}

fn play(chart: &Chart<Bare>, cycle: &[Event], events: u64) -> Outcome {
    let (mut configuration, mut counts) = (Configuration::new(), Counts::default());
    chart.start(&mut configuration, &mut counts, 0, ()).expect("it starts");
    let start = Instant::now();
    for event in cycle.iter().cycle().take(events as usize) {
        let outcome = chart.send(&mut configuration, &mut counts, black_box(*event), 0, ());
        black_box(outcome.expect("it runs"));
    }
    let seconds = start.elapsed().as_secs_f64();
    let counts = match cycle.len() {
        1 => [configuration.states().last().map_or(0, |at| at as u64 - 1), 0, 0],
        _ => [counts.entries, counts.exits, counts.moves],
    };
    Outcome { seconds, counts }
}
