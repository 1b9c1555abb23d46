//! A junction of a main road and a side road, with lights for people on foot: a chart with three regions.
//!
//! Each region has its own times. The roads give way to each other by events that they raise; people who press the
//! button cross the main road when it next stops. A fault leaves the whole day behind and makes all lights flash; when
//! it is repaired, deep history leads back to where each region was.
//!
//! Prints what the lights show, then the chart as an outline and as a Mermaid picture.

#![expect(clippy::print_stdout, reason = "an example talks")]

use throng::statechart::{Actions, Chart, ChartEvent, Definition, History, Model, Session, StateDef};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Light {
    Day,
    DayAgain,
    Main,
    MainRed,
    MainGreen,
    MainYellow,
    Side,
    SideRed,
    SideGreen,
    SideYellow,
    People,
    Wait,
    Asked,
    Walk,
    Hurry,
    Flashing,
}

#[derive(Clone, Copy, Debug, ChartEvent)]
enum Event {
    Button,
    Fault,
    Repair,
    MainStops,
    SideStops,
}

/// How often the way was free for people on foot.
#[derive(Default)]
struct Crossings(u32);

struct Junction;

impl Model for Junction {
    type State = Light;
    type Event = Event;
    type Context = Crossings;
    type Port<'a> = ();
    type Set = u64;
}

/// A road waits for the other to stop, and tells when it has stopped itself. Times are in ticks of a second.
fn road(road: &mut StateDef<Junction>, [red, green, yellow]: [Light; 3], seconds: u64, [other, own]: [(EventKind, Event); 2]) {
    road.state(red, |state| {
        state.tag("closed");
        state.on(other.0).go(green);
    });
    road.state(green, |state| {
        state.after(seconds).go(yellow);
    });
    road.state(yellow, |state| {
        state.after(3).go(red).raise(own.1);
    });
}

fn people(people: &mut StateDef<Junction>) {
    people.initial(Light::Wait);
    people.state(Light::Wait, |wait| {
        wait.on(EventKind::Button).go(Light::Asked);
    });
    people.state(Light::Asked, |asked| {
        asked.on(EventKind::MainStops).go(Light::Walk).run(|crossings, _, _| crossings.0 += 1);
    });
    people.state(Light::Walk, |walk| {
        walk.tag("crossing");
        walk.after(8).go(Light::Hurry);
    });
    people.state(Light::Hurry, |hurry| {
        hurry.tag("crossing");
        hurry.after(4).go(Light::Wait);
    });
}

fn junction() -> Definition<Junction> {
    Chart::define("junction", |junction| {
        junction.initial(Light::Day);
        junction.parallel(Light::Day, |day| {
            day.on(EventKind::Fault).go(Light::Flashing);
            day.history(Light::DayAgain, History::Deep, []);
            let [main, side] = [(EventKind::MainStops, Event::MainStops), (EventKind::SideStops, Event::SideStops)];
            day.state(Light::Main, |state| {
                state.initial(Light::MainGreen);
                road(state, [Light::MainRed, Light::MainGreen, Light::MainYellow], 20, [side, main]);
            });
            day.state(Light::Side, |state| {
                state.initial(Light::SideRed);
                road(state, [Light::SideRed, Light::SideGreen, Light::SideYellow], 10, [main, side]);
            });
            day.state(Light::People, people);
        });
        junction.state(Light::Flashing, |flashing| {
            flashing.on(EventKind::Repair).go(Light::DayAgain);
        });
    })
}

/// What happens at the junction, by the second.
const NEWS: [(u64, Event); 4] = [(12, Event::Button), (28, Event::Fault), (34, Event::Repair), (60, Event::Button)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let chart = junction().build()?;
    let mut lights = Session::start(chart.into(), Crossings::default())?;
    let mut shown = Vec::new();
    println!("second  lights");
    for second in 0..80 {
        for (_, event) in NEWS.iter().filter(|(at, _)| *at == second) {
            println!("{second:>6}  ({event:?})");
            lights.send(*event)?;
        }
        let active = lights.active();
        if active != shown {
            let names: Vec<String> = active.iter().map(|light| format!("{light:?}")).collect();
            let note = if lights.has_tag("crossing") { "  people cross" } else { "" };
            println!("{second:>6}  {}{note}", names.join(" "));
            shown = active;
        }
        let both_open = !lights.is_in(&Light::MainRed) && !lights.is_in(&Light::SideRed);
        assert!(!both_open || lights.is_in(&Light::Flashing), "two roads are open at once");
        lights.advance(1)?;
    }
    println!("\nTimes that the way was free for people on foot: {}\n", lights.context().0);
    let (chart, states) = (lights.chart(), lights.configuration().states());
    println!("{}", chart.describe(states));
    println!("{}", chart.to_mermaid(states));
    Ok(())
}
