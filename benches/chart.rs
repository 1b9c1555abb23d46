//! Statecharts: the price of an event in the pure core, and of one a tick to each of a million actors.

mod support;

use std::hint::black_box;
use std::sync::Arc;

use bevy_ecs::component::Component;
use criterion::{Criterion, Throughput};
use throng::statechart::{Actions, Chart, ChartEvent, Configuration, Model, StateDef};
use throng::{Actor, ActorRef, ChartActor, Charted, Context, Handled, Throng};

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

/// The same two charts from XState's JSON.
#[cfg(feature = "xstate-json")]
mod imported {
    use throng::statechart::{Bindings, StateId, XStateMachine};

    use super::*;

    pub(crate) struct Imported;

    impl Model for Imported {
        type State = StateId;
        type Event = Event;
        type Context = Counts;
        type Port<'a> = ();
        type Set = u64;
    }

    const FLAT: &str = r#"{"id": "flat", "initial": "red", "states": {
        "red": {"on": {"Next": "green"}}, "green": {"on": {"Next": "yellow"}}, "yellow": {"on": {"Next": "red"}}
    }}"#;

    /// A region; its states are called `idle`, `busy`, `slow`, `fast`.
    const REGION: &str = r#"{"entry": "enter", "exit": "exit", "initial": "idle", "states": {
        "idle": {"entry": "enter", "exit": "exit", "on": {"Toggle": {"target": "busy", "guard": "bounded", "actions": "move"}}},
        "busy": {"entry": "enter", "exit": "exit", "initial": "slow", "on": {"Toggle": {"target": "idle", "actions": "move"}}, "states": {
            "slow": {"entry": "enter", "exit": "exit", "on": {"Shift": {"target": "fast", "guard": "moved", "actions": "move"}}},
            "fast": {"entry": "enter", "exit": "exit", "on": {"Shift": {"target": "slow", "guard": "moved", "actions": "move"}}}
        }}
    }}"#;

    fn import(json: &str) -> Chart<Imported> {
        let bindings = Bindings::<Imported>::new(|_| None)
            .guard("bounded", |counts, _| counts.moves < u64::MAX)
            .guard("moved", |counts, _| counts.moves > 0)
            .action("enter", |counts, _, _| counts.entries += 1)
            .action("exit", |counts, _, _| counts.exits += 1)
            .action("move", |counts, _, _| counts.moves += 1);
        let machine = XStateMachine::parse(json).expect("it is JSON");
        machine.define(&bindings, 1).expect("all is bound").build().expect("the chart is sound")
    }

    pub(crate) fn flat() -> Chart<Imported> {
        import(FLAT)
    }

    pub(crate) fn parallel() -> Chart<Imported> {
        import(&format!(r#"{{"id": "parallel", "type": "parallel", "states": {{"left": {REGION}, "right": {REGION}}}}}"#))
    }
}

fn bench<M>(criterion: &mut Criterion, name: &str, chart: Chart<M>, events: &[Event])
where
    M: for<'a> Model<Event = Event, Context = Counts, Port<'a> = ()>,
{
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
    let cycle = [Event::Toggle, Event::Shift, Event::Shift, Event::Toggle];
    bench(criterion, "flat of 3 states", flat(), &[Event::Next]);
    bench(criterion, "2 regions of depth 3", parallel(), &cycle);
    #[cfg(feature = "xstate-json")]
    {
        bench(criterion, "flat of 3 states, imported", imported::flat(), &[Event::Next]);
        bench(criterion, "2 regions of depth 3, imported", imported::parallel(), &cycle);
    }
}

const ACTORS: usize = 1_000_000;

/// A ring of three states as a chart.
struct Lamp(u32);

impl ChartActor for Lamp {
    type State = State;
    type Event = Event;
    type Set = u64;
    type Params = ();
}

fn lamps(threads: usize) -> (Throng, Vec<ActorRef<Charted<Lamp>>>) {
    let ring = [State::Red, State::Green, State::Yellow];
    let chart = Charted::<Lamp>::define("lamp", |root| {
        root.initial(State::Red);
        for (at, state) in ring.into_iter().enumerate() {
            root.state(state, |writing| {
                writing.on(EventKind::Next).go(ring[(at + 1) % 3]).run(|lamp, _, _| lamp.0 += 1);
                // Each lamp then has one pending.
                writing.on(EventKind::Shift).run(|_, _, step| step.raise_named("next", 1, Event::Next));
            });
        }
    });
    let mut throng = support::one_round(threads);
    throng.register_chart(chart).expect("the chart is sound");
    let actors = throng.spawn_many((0..ACTORS).map(|_| Charted::new(Lamp(0)))).iter().collect();
    (throng, actors)
}

/// Two states, each of which leads to the other after a tick: every tick fires a delay of each actor and sets another.
struct Blinker(u32);

impl ChartActor for Blinker {
    type State = State;
    type Event = Event;
    type Set = u64;
    type Params = ();
}

fn blinkers(threads: usize) -> Throng {
    let chart = Charted::<Blinker>::define("blinker", |root| {
        root.initial(State::Red);
        for (from, to) in [(State::Red, State::Green), (State::Green, State::Red)] {
            root.state(from, |state| {
                state.after(1).go(to).run(|blinker, _, _| blinker.0 += 1);
            });
        }
    });
    let mut throng = support::one_round(threads);
    throng.register_chart(chart).expect("the chart is sound");
    throng.spawn_many((0..ACTORS).map(|_| Charted::new(Blinker(0))));
    throng
}

/// The same as a lamp by hand.
#[derive(Component)]
struct Plain {
    state: u8,
    steps: u32,
}

impl Actor for Plain {
    type Msg = Event;
    type Params = ();

    fn handle(&mut self, _: Event, _: &Context<'_, Self>) -> Handled {
        self.state = (self.state + 1) % 3;
        self.steps += 1;
        Ok(())
    }
}

fn actors(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "chart actors");
    group.throughput(Throughput::Elements(ACTORS as u64));
    for threads in [1, 2] {
        let (mut throng, lamps) = lamps(threads);
        group.bench_function(format!("chart, {threads} threads"), |bencher| {
            bencher.iter_custom(|runs| {
                let run = |_| {
                    throng.tell_many(lamps.iter().map(|&lamp| (lamp, Event::Next.into())));
                    support::timed(|| throng.tick())
                };
                (0..runs).map(run).sum()
            });
        });
        group.bench_function(format!("an event that sets a named timer, which fires, {threads} threads"), |bencher| {
            bencher.iter_custom(|runs| {
                let run = |_| {
                    throng.tell_many(lamps.iter().map(|&lamp| (lamp, Event::Shift.into())));
                    support::timed(|| throng.run_ticks(2))
                };
                (0..runs).map(run).sum()
            });
        });
        drop((throng, lamps));
        let mut throng = blinkers(threads);
        group.bench_function(format!("an `after` that fires and the next that is set, {threads} threads"), |bencher| {
            bencher.iter_custom(|runs| (0..runs).map(|_| support::timed(|| throng.tick())).sum());
        });
        drop(throng);
        let mut throng = support::one_round(threads);
        let plain: Vec<_> = throng.spawn_many((0..ACTORS).map(|_| Plain { state: 0, steps: 0 })).iter().collect();
        group.bench_function(format!("plain handler, {threads} threads"), |bencher| {
            bencher.iter_custom(|runs| {
                let run = |_| {
                    throng.tell_many(plain.iter().map(|&plain| (plain, Event::Next)));
                    support::timed(|| throng.tick())
                };
                (0..runs).map(run).sum()
            });
        });
    }
    group.finish();
}

fn main() {
    support::run(&[steps, actors]);
}
