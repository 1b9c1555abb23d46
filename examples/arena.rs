//! A crowd of 100,000 in an arena: each is an actor whose behaviour is a chart.
//!
//! Awake, a fighter patrols until a foe is near, then chases it while it feels strong, and flees when it is weak. A hit
//! stuns it for some ticks, whatever it did; history leads back to that. Who is hit for the last time is out: its chart
//! is done, so the actor stops.
//!
//! Each tick every fighter gets one `Beat`, and looks around in a map of who was where. What it sees it raises as an
//! event of its own, so that each mode says only what it does about it.
//!
//! `cargo run --release --example arena -- [FIGHTERS] [TICKS]`

#![expect(clippy::print_stdout, reason = "an example talks")]

use std::time::Instant;

use bevy_ecs::resource::Resource;
use bevy_ecs::system::Res;
use rand_core::RngCore;
use throng::prelude::*;
use throng::statechart::{Actions, ChartEvent, Definition, History, StateDef, StateSet};
use throng::{ChartActor, Charted, Charting, SharedChart};

type Ref = ActorRef<Charted<Fighter>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Awake,
    Patrol,
    Chase,
    Flee,
    Before,
    Stunned,
    Out,
}

#[derive(Clone, Copy, Debug, ChartEvent)]
enum Event {
    /// Look around.
    Beat,
    /// A foe is near, so far away in each direction.
    Foe(Foe),
    /// No foe is near.
    Peace,
    /// A foe has hit.
    Hit,
}

#[derive(Clone, Copy, Debug)]
struct Foe {
    who: Ref,
    dx: f32,
    dy: f32,
}

impl Foe {
    fn distance(&self) -> f32 {
        self.dx.hypot(self.dy)
    }
}

/// A fighter of one of two teams.
#[derive(Clone, Copy, Debug)]
struct Fighter {
    team: u8,
    strength: u8,
    x: f32,
    y: f32,
}

impl ChartActor for Fighter {
    type State = Mode;
    type Event = Event;
    type Set = u64;
    type Params = Res<'static, Map>;
}

/// Side of a cell of the map, which is how far a fighter sees.
const SIGHT: f32 = 8.0;
/// From this near a fighter hits.
const REACH: f32 = 1.5;
const STRENGTH: u8 = 4;

/// Who was where at the end of the last tick, by cells.
#[derive(Resource, Default)]
struct Map {
    /// Cells in a row.
    width: usize,
    cells: Vec<Vec<(Ref, Fighter)>>,
}

impl Map {
    fn of(side: f32) -> Self {
        let width = (side / SIGHT).ceil() as usize;
        Self { width, cells: vec![Vec::new(); width * width] }
    }

    fn column(&self, at: f32) -> usize {
        ((at / SIGHT) as usize).min(self.width - 1)
    }

    fn fill(&mut self, fighters: impl Iterator<Item = (Ref, Fighter)>) {
        self.cells.iter_mut().for_each(Vec::clear);
        for (who, fighter) in fighters {
            let cell = self.column(fighter.y) * self.width + self.column(fighter.x);
            self.cells[cell].push((who, fighter));
        }
    }

    /// The nearest foe in sight; of several as near, the first in the map.
    fn nearest_foe(&self, me: &Fighter) -> Option<Foe> {
        let around = |at: f32| self.column(at).saturating_sub(1)..=(self.column(at) + 1).min(self.width - 1);
        let cells = around(me.y).flat_map(|row| around(me.x).map(move |column| row * self.width + column));
        cells
            .flat_map(|cell| &self.cells[cell])
            .filter(|(_, other)| other.team != me.team)
            .map(|(who, other)| Foe { who: *who, dx: other.x - me.x, dy: other.y - me.y })
            .filter(|foe| foe.distance() < SIGHT)
            .min_by(|a, b| a.distance().total_cmp(&b.distance()))
    }

    fn side(&self) -> f32 {
        self.width as f32 * SIGHT
    }
}

impl Fighter {
    fn is_strong(&self) -> bool {
        self.strength > STRENGTH / 2
    }

    fn walk(&mut self, dx: f32, dy: f32, map: &Map) {
        self.x = (self.x + dx).clamp(0.0, map.side());
        self.y = (self.y + dy).clamp(0.0, map.side());
    }
}

fn awake(awake: &mut StateDef<Charting<Fighter>>) {
    awake.initial(Mode::Patrol);
    awake.history(Mode::Before, History::Shallow, []);
    awake.on(EventKind::Beat).effect(|me, _, step| {
        let sight = step.params().1.nearest_foe(me);
        step.raise(sight.map_or(Event::Peace, Event::Foe));
    });
    awake.on(EventKind::Hit).go(Mode::Stunned).run(|me, _, _| me.strength -= 1);
    awake.state(Mode::Patrol, |patrol| {
        patrol.on(EventKind::Foe).go(Mode::Chase).when(|me, _| me.is_strong());
        patrol.on(EventKind::Foe).go(Mode::Flee);
        patrol.on(EventKind::Peace).run(|me, _, step| {
            let angle = (step.rng().next_u32() as f32).to_radians();
            me.walk(angle.cos(), angle.sin(), &step.params().1);
        });
    });
    awake.state(Mode::Chase, |chase| {
        chase.on(EventKind::Foe).go(Mode::Flee).when(|me, _| !me.is_strong());
        chase.on(EventKind::Foe).run(|me, seen, step| {
            let Some(Event::Foe(foe)) = seen.event() else { return };
            if foe.distance() < REACH {
                step.tell(foe.who, Event::Hit.into());
            } else {
                me.walk(foe.dx / foe.distance(), foe.dy / foe.distance(), &step.params().1);
            }
        });
        chase.on(EventKind::Peace).go(Mode::Patrol);
    });
    awake.state(Mode::Flee, |flee| {
        flee.on(EventKind::Foe).run(|me, seen, step| {
            let Some(Event::Foe(foe)) = seen.event() else { return };
            let pace = 1.2 / foe.distance().max(0.1);
            me.walk(-foe.dx * pace, -foe.dy * pace, &step.params().1);
        });
        flee.on(EventKind::Peace).go(Mode::Patrol);
        // Whoever has got away for so long has come to strength again.
        flee.after(25).go(Mode::Patrol).run(|me, _, _| me.strength = STRENGTH);
    });
}

fn fighter() -> Definition<Charting<Fighter>> {
    Charted::<Fighter>::define("fighter", |fighter| {
        fighter.initial(Mode::Awake);
        fighter.state(Mode::Awake, awake);
        fighter.state(Mode::Stunned, |stunned| {
            // Nothing is seen or felt.
            stunned.on_any();
            stunned.always().go(Mode::Out).when(|me, _| me.strength == 0);
            stunned.after(5).go(Mode::Before);
        });
        fighter.end(Mode::Out, |_| {});
    })
}

/// How many are in each mode, and how many are out.
fn count(throng: &mut Throng, fighters: &[Ref]) -> [usize; 5] {
    let chart = throng.world().resource::<SharedChart<Fighter>>().chart().clone();
    let modes = [Mode::Patrol, Mode::Chase, Mode::Flee, Mode::Stunned].map(|mode| chart.index_of(&mode).expect("it is in the chart"));
    let mut counts = [0; 5];
    for &fighter in fighters {
        let at = throng.state(fighter).and_then(|state| modes.iter().position(|&mode| state.configuration().states().has(mode)));
        counts[at.unwrap_or(4)] += 1;
    }
    counts
}

#[expect(clippy::disallowed_methods, reason = "how long a tick takes is shown, and nothing else depends on it")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let count_all = arguments.next().transpose()?.unwrap_or(100_000);
    let ticks = arguments.next().transpose()?.unwrap_or(200);

    let mut throng = Throng::new(ThrongOptions::new().seed(7));
    throng.register_chart(fighter())?;
    // Ten square units for each.
    let map = Map::of((count_all as f32 * 10.0).sqrt().max(SIGHT));
    let side = map.side();
    throng.world_mut().insert_resource(map);
    // Spread evenly, without a pattern that one sees: by multiples of two irrational numbers.
    let place = |number: usize, step: f64| ((number as f64 * step).fract() * f64::from(side)) as f32;
    let crowd = (0..count_all).map(|number| {
        let (x, y) = (place(number, 0.754_877_666_246_692_8), place(number, 0.569_840_290_998_053_3));
        Charted::new(Fighter { team: (number % 2) as u8, strength: STRENGTH, x, y })
    });
    let fighters: Vec<Ref> = throng.spawn_many(crowd).iter().collect();

    println!("{count_all} fighters of two teams in an arena of {side} by {side}");
    println!("{:>5} {:>8} {:>8} {:>8} {:>8} {:>8}", "tick", "patrol", "chase", "flee", "stunned", "out");
    let began = Instant::now();
    for tick in 0..=ticks {
        let seen: Vec<_> = fighters.iter().filter_map(|&who| Some((who, *throng.state(who)?.context()))).collect();
        throng.world_mut().resource_mut::<Map>().fill(seen.into_iter());
        throng.broadcast::<Charted<Fighter>>(Event::Beat.into());
        throng.tick();
        if tick % (ticks / 10).max(1) == 0 {
            let [patrol, chase, flee, stunned, out] = count(&mut throng, &fighters);
            println!("{tick:>5} {patrol:>8} {chase:>8} {flee:>8} {stunned:>8} {out:>8}");
        }
    }
    println!("{:.1} ms a tick, the map and the counting included", began.elapsed().as_secs_f64() * 1e3 / (ticks + 1) as f64);
    println!("digest {:016x}", throng.digest());
    Ok(())
}
