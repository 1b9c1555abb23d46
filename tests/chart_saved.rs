//! Charts in snapshots: what is saved goes on as if nothing had been, and what does not fit is refused.

#![cfg(feature = "serde")]

use serde::{Deserialize, Serialize};
use throng::prelude::*;
use throng::statechart::{Actions, Chart, ChartEvent, Configuration, Definition, History, Status};
use throng::{ChartActor, Charted, Charting};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Busy,
    Slow,
    Fast,
    Back,
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, ChartEvent, Serialize, Deserialize)]
enum Event {
    Go,
    Shift,
    Stop(u32),
    Later(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Machine {
    heard: Vec<String>,
}

impl ChartActor for Machine {
    type State = State;
    type Event = Event;
    type Set = u64;
    type Params = ();
}

fn chart() -> Definition<Charting<Machine>> {
    Charted::<Machine>::define("machine", |root| {
        root.initial(State::Idle);
        root.on(EventKind::Later).run(|machine, later, _| {
            if let Some(Event::Later(word)) = later.event() {
                machine.heard.push(word.clone());
            }
        });
        root.state(State::Idle, |idle| {
            idle.on(EventKind::Go).go(State::Back);
            idle.on(EventKind::Shift).go(State::Done);
        });
        root.state(State::Busy, |busy| {
            busy.initial(State::Slow);
            busy.history(State::Back, History::Deep, []);
            busy.entry().run(|_, _, step| step.raise_named("later", 20, Event::Later("later".to_owned())));
            busy.on(EventKind::Stop).go(State::Idle);
            busy.state(State::Slow, |slow| {
                slow.on(EventKind::Shift).go(State::Fast);
                slow.after(5).go(State::Fast);
            });
            busy.state(State::Fast, |_| {});
        });
        root.end(State::Done, |_| {});
    })
}

fn world() -> Throng {
    let mut throng = Throng::default();
    throng.register_chart_with(chart(), ActorConfig::new().digest()).expect("the chart is sound");
    throng
}

type Actor = ActorRef<Charted<Machine>>;

fn saved(throng: &mut Throng, actor: Actor) -> String {
    serde_json::to_string(throng.state(actor).expect("it lives")).expect("it can be written")
}

/// After each event of a run a snapshot is taken, from which a second actor goes on: the two stay alike.
#[test]
fn what_is_saved_goes_on() {
    let events = [Event::Go, Event::Shift, Event::Stop(1), Event::Go, Event::Stop(2)];
    for moment in 0..events.len() {
        let mut throng = world();
        let original = throng.spawn(Charted::new(Machine::default()));
        for event in &events[..=moment] {
            throng.tell(original, event.clone().into());
            throng.tick();
        }
        let text = saved(&mut throng, original);
        let copy: Charted<Machine> = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(copy.configuration(), throng.state(original).expect("it lives").configuration());
        let copy = throng.spawn(copy);
        assert_eq!(saved(&mut throng, copy), text);
        for event in &events[moment + 1..] {
            throng.tell_many([original, copy].map(|actor| (actor, event.clone().into())));
            throng.run_ticks(3);
            assert_eq!(throng.active_states(original), throng.active_states(copy), "after {text}");
        }
        throng.run_ticks(30);
        let end = saved(&mut throng, original);
        assert_eq!(end, saved(&mut throng, copy), "after {text}");
        assert!(end.contains("later"), "its timer came");
    }
}

#[test]
fn a_chart_that_is_done_stays_done() {
    let mut configuration = Configuration::<Charting<Machine>>::new();
    let fresh = serde_json::to_string(&configuration).expect("it can be written");
    configuration = serde_json::from_str(&fresh).expect("it can be read");
    assert_eq!(configuration.status(), Status::New);
    let mut throng = world();
    let actor = throng.spawn(Charted::new(Machine::default()));
    let text = saved(&mut throng, actor);
    assert_eq!(
        text,
        r#"{"context":{"heard":[]},"configuration":{"active":[0,1],"history":[],"order":[],"timers":[],"postponed":[],"output":null}}"#
    );
    let done = text.replace("[0,1]", "[6]");
    let read: Charted<Machine> = serde_json::from_str(&done).expect("it can be read");
    assert_eq!(read.configuration().status(), Status::Done);
}

#[test]
fn what_does_not_fit_the_chart_is_refused() {
    let chart: Chart<Charting<Machine>> = chart().build().expect("the chart is sound");
    let refused = |active: &str, history: &str, timers: &str| {
        let text = format!(r#"{{"active":{active},"history":{history},"order":[],"timers":{timers},"postponed":[],"output":null}}"#);
        let read: Configuration<Charting<Machine>> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        chart.check(&read).map_err(|error| error.to_string())
    };
    assert_eq!(refused("[0,2,4]", "[[4]]", "[]"), Ok(()));
    for (active, history, timers, what) in [
        ("[0,40]", "[]", "[]", "it has states that the chart has not"),
        ("[0,2,3,4]", "[]", "[]", "it has states that the chart has not"),
        ("[0,1,2,4]", "[]", "[]", "its states cannot be active together"),
        ("[0,2]", "[]", "[]", "its states cannot be active together"),
        ("[0,1]", "[[4],[5]]", "[]", "its history is of other states"),
        ("[0,1]", "[[40]]", "[]", "its history is of other states"),
        ("[0,1]", "[]", r#"[{"due":3,"what":{"Delay":900}}]"#, "it waits for events that the chart does not know"),
        ("[0,64]", "[]", "[]", "state 64 does not fit a set of 64"),
    ] {
        let error = refused(active, history, timers).expect_err(what);
        assert!(error.contains(what), "{error}");
    }
    let mut throng = world();
    let text =
        r#"{"context":{"heard":[]},"configuration":{"active":[0,40],"history":[],"order":[],"timers":[],"postponed":[],"output":null}}"#;
    let actor = throng.spawn(serde_json::from_str::<Charted<Machine>>(text).expect("it can be read"));
    throng.tick();
    assert!(!throng.is_alive(actor), "it fails to start");
}

/// Timers of all kinds, pending at every moment of a run: a world that is loaded from a snapshot goes on as the first one.
#[test]
fn what_is_delayed_comes_as_if_nothing_had_been() {
    let waiting = || {
        Charted::<Machine>::define("waiting", |root| {
            root.initial(State::Idle);
            root.on(EventKind::Later).run(|machine, later, step| {
                if let Some(Event::Later(word)) = later.event() {
                    machine.heard.push(format!("{word} at {}", step.tick()));
                }
            });
            root.on(EventKind::Stop).run(|_, _, step| step.cancel("named"));
            root.on(EventKind::Shift).run(|_, _, step| {
                step.raise_after(7, Event::Later("unnamed".to_owned()));
                step.raise_named("named", 7, Event::Later("named".to_owned()));
                step.state_timeout(7, Event::Later("state".to_owned()));
                step.event_timeout(1, Event::Later("event".to_owned()));
            });
            root.state(State::Idle, |idle| {
                idle.after(4).go(State::Busy);
            });
            root.state(State::Busy, |busy| {
                busy.after(9).go(State::Idle);
                busy.after(3).run(|machine, _, step| machine.heard.push(format!("three at {}", step.tick())));
            });
        })
    };
    let world = || {
        let mut throng = Throng::default();
        throng.register_chart_with(waiting(), ActorConfig::new().digest()).expect("the chart is sound");
        throng
    };
    let events = |tick: u64| match tick {
        2 | 11 | 30 => Some(Event::Shift),
        15 => Some(Event::Stop(0)),
        _ => None,
    };
    let run = |throng: &mut Throng, actor: Actor, ticks: std::ops::Range<u64>| {
        for tick in ticks {
            throng.tell_many(events(tick).map(|event| (actor, event.into())));
            throng.tick();
        }
        saved(throng, actor)
    };
    const END: u64 = 50;
    let mut whole = world();
    let actor = whole.spawn(Charted::new(Machine::default()));
    let end = run(&mut whole, actor, 0..END);
    for word in ["unnamed at", "named at", "state at", "event at", "three at"] {
        assert!(end.contains(word), "{word} in {end}");
    }
    for moment in 0..END {
        let mut first = world();
        let actor = first.spawn(Charted::new(Machine::default()));
        let text = run(&mut first, actor, 0..moment);
        let mut second = world();
        second.skip_ticks(moment);
        let copy = second.spawn(serde_json::from_str(&text).expect("it can be read"));
        assert_eq!(run(&mut second, copy, moment..END), end, "from {moment}: {text}");
    }
}
