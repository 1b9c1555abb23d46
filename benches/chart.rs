//! Statecharts: the price of an event in the pure core.

mod support;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use throng::statechart::{Actions, Chart, ChartEvent, Configuration, Model, StateDef};

const EVENTS: usize = 1_000;

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

#[derive(Default)]
struct Counts {
    entries: u64,
    exits: u64,
    moves: u64,
}

struct Bench;

impl Model for Bench {
    type State = State;
    type Event = Event;
    type Context = Counts;
    type Port<'a> = ();
    type Set = u64;
}

/// Three states in a ring.
fn flat() -> Chart<Bench> {
    let ring = [State::Red, State::Green, State::Yellow];
    let chart = Chart::define("flat", |root| {
        root.initial(State::Red);
        for (at, state) in ring.into_iter().enumerate() {
            root.state(state, |writing| {
                writing.on(EventKind::Next).go(ring[(at + 1) % 3]);
            });
        }
    });
    chart.build().expect("the chart is sound")
}

/// Counts its entries and exits.
fn counted(state: &mut StateDef<Bench>) {
    state.entry().run(|counts, _, _| counts.entries += 1);
    state.exit().run(|counts, _, _| counts.exits += 1);
}

/// A region with two states, the second of which has two children.
fn region(region: &mut StateDef<Bench>, idle: State, busy: State, children: [State; 2]) {
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

/// Two regions of depth 3; each event moves both.
fn parallel() -> Chart<Bench> {
    let chart = Chart::define("parallel", |root| {
        root.regions();
        root.state(State::Left, |state| region(state, State::LeftOff, State::LeftOn, [State::LeftSlow, State::LeftFast]));
        root.state(State::Right, |state| region(state, State::RightIdle, State::RightBusy, [State::RightLight, State::RightHeavy]));
    });
    chart.build().expect("the chart is sound")
}

fn bench(criterion: &mut Criterion, name: &str, chart: Chart<Bench>, events: &[Event]) {
    let chart = Arc::new(chart);
    let mut group = criterion.benchmark_group("chart");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(name, |bencher| {
        let mut configuration = Configuration::new();
        let mut counts = Counts::default();
        chart.start(&mut configuration, &mut counts, 0, ()).expect("it starts");
        bencher.iter(|| {
            for event in events.iter().cycle().take(EVENTS) {
                let outcome = chart.send(&mut configuration, &mut counts, black_box(*event), 0, ());
                black_box(outcome.expect("it runs"));
            }
        });
    });
    group.finish();
}

fn steps(criterion: &mut Criterion) {
    bench(criterion, "flat of 3 states", flat(), &[Event::Next]);
    bench(criterion, "2 regions of depth 3", parallel(), &[Event::Toggle, Event::Shift, Event::Shift, Event::Toggle]);
}

fn main() {
    support::run(&[steps]);
}
