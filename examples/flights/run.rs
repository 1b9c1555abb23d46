//! Replays the year with actors, one simulated minute a tick.
//!
//! # Model
//!
//! A feeder thread tells each minute's events through the inlet while the world ticks. It may tell
//! a minute only when it was given leave, and a system of the tick gives leave once the inlet has
//! been drained: so a tick takes in exactly one minute, the next is told while the rounds of this
//! one run, and the result does not depend on which thread is faster.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use bevy_ecs::schedule::IntoScheduleConfigs;
use throng::prelude::*;
use throng::{ActorRefs, Inlet, RegisterError, Stats, StateDigest, TrySendError};

use super::actors::{Aircraft, Airline, Airport, Crew, Flight, FlightMsg, Outcome, Phase, RunwayFigures, Timekeeper, TimekeeperMsg};
use super::data::{Named, Year};
use super::direct::{Figures, Usage};
use super::events::{Event, Kind, timeline};

/// Minutes after the last event, in which the last runway queues are served.
const EVENING: u32 = 120;

/// What is told a minute: the minute itself, and the events.
const TOLD_A_MINUTE: usize = 2;

/// How to replay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How often the year flies, each time with actors of its own.
    pub copies: usize,
    pub threads: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Replay {
    pub figures: Figures,
    /// By airport, as in `Year`.
    pub runways: Vec<RunwayFigures>,
    pub stats: Stats,
    /// Equal on any number of threads.
    pub digest: u64,
    /// Of the ticks alone, without the making of the actors.
    pub elapsed: Duration,
}

/// The replay went wrong; all of these are faults of the program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error("minute {minute} did not get in: {reason}")]
    Inlet { minute: u32, reason: String },
    #[error("the world did not settle: {0}")]
    Unsettled(String),
}

/// How many actors fly one year.
pub(crate) fn actors_of(year: &Year) -> usize {
    year.flights.len() + year.airports.len() + year.aircraft.len() + year.carriers.len()
}

/// The number of minutes a replay takes.
fn minutes(events: &[Event]) -> u32 {
    events.last().map_or(0, |last| last.minute + 1 + EVENING)
}

/// The last minute of the year at which something happens decides how long it takes.
pub(crate) fn minutes_of(year: &Year) -> u32 {
    minutes(&timeline(year))
}

/// Replays the year; `progress` hears of each minute that is done.
pub(crate) fn replay(year: &Year, plan: Plan, mut progress: impl FnMut(u32)) -> Result<Replay, RunError> {
    let events = timeline(year);
    let options = ThrongOptions::new().threads(plan.threads).inlet_capacity(TOLD_A_MINUTE);
    let mut throng = Throng::new(options);
    let crew = muster(&mut throng, year, plan.copies)?;
    let feeder = Feeder { year, events: &events, crew: &crew, copies: plan.copies, inlet: throng.inlet() };
    let start = Instant::now();
    let mut throng = fly(throng, &feeder, &mut progress)?;
    let elapsed = start.elapsed();
    settled(&mut throng, &crew)?;
    Ok(Replay {
        figures: figures(&mut throng, year, &crew),
        runways: runways(&mut throng, year, &crew),
        stats: throng.stats(),
        digest: throng.digest(),
        elapsed,
    })
}

/// Ticks as long as the feeder has minutes. Takes the world, so that it is gone, and the feeder with
/// it, should a tick panic.
fn fly(mut throng: Throng, feeder: &Feeder<'_>, progress: &mut impl FnMut(u32)) -> Result<Throng, RunError> {
    let (leave, leaves) = channel();
    let (told, minutes) = channel();
    // Without a feeder nobody waits for leave; that is no fault of the system.
    let give_leave = move || drop(leave.send(()));
    give_leave();
    throng.add_systems(give_leave.after(ThrongSystems::Inlet).before(ThrongSystems::Rounds));
    thread::scope(|scope| {
        let mut throng = throng;
        let feeding = scope.spawn(move || feeder.feed(&leaves, &told));
        for minute in minutes {
            throng.tick();
            progress(minute);
        }
        feeding.join().expect("invariant: the feeder does not panic")?;
        Ok(throng)
    })
}

/// Tells the world what happens, minute by minute.
struct Feeder<'a> {
    year: &'a Year,
    /// In order.
    events: &'a [Event],
    crew: &'a Crew,
    copies: usize,
    inlet: Inlet,
}

impl Feeder<'_> {
    fn feed(&self, leaves: &Receiver<()>, told: &Sender<u32>) -> Result<(), RunError> {
        let mut rest = self.events;
        for minute in 0..minutes(self.events) {
            let count = rest.iter().take_while(|event| event.minute == minute).count();
            let (now, later) = rest.split_at(count);
            rest = later;
            let letters = self.letters(now);
            // An error at either end of the channels means that the world is gone.
            if leaves.recv().is_err() {
                break;
            }
            self.tell(minute, letters).map_err(|reason| RunError::Inlet { minute, reason })?;
            if told.send(minute).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn tell(&self, minute: u32, letters: Vec<(ActorRef<Flight>, FlightMsg)>) -> Result<(), String> {
        fn text<M>(error: TrySendError<M>) -> String {
            error.to_string()
        }
        self.inlet.try_tell(self.crew.timekeeper, TimekeeperMsg::Minute(minute)).map_err(text)?;
        if !letters.is_empty() {
            self.inlet.try_tell_many(letters).map_err(text)?;
        }
        Ok(())
    }

    /// The same events for each copy of the year.
    fn letters(&self, events: &[Event]) -> Vec<(ActorRef<Flight>, FlightMsg)> {
        let mut letters = Vec::with_capacity(self.copies * events.len());
        for copy in 0..self.copies {
            letters.extend(events.iter().map(|event| self.letter(copy, event)));
        }
        letters
    }

    fn letter(&self, copy: usize, event: &Event) -> (ActorRef<Flight>, FlightMsg) {
        let index = event.flight as usize;
        let row = &self.year.flights[index];
        let flight = self.crew.flights.get(copy * self.year.flights.len() + index);
        let minute = event.minute;
        let msg = match event.kind {
            Kind::Departed => FlightMsg::Departed { minute },
            Kind::Arrived => FlightMsg::Arrived { minute, outcome: Outcome { delay: row.arr_delay, air_minutes: row.air_time } },
            Kind::Cancelled => FlightMsg::Cancelled,
        };
        (flight.expect("invariant: every flight of every copy has an actor"), msg)
    }
}

/// Makes all actors.
///
/// Only the timekeeper may get more than the 1,024 messages a mailbox holds by default: an airport
/// asks it once, but there are 107 in each copy. The others hear from a few of their copy's flights
/// a minute.
fn muster(throng: &mut Throng, year: &Year, copies: usize) -> Result<Crew, RunError> {
    throng.register_with(digested::<Timekeeper>().mailbox(MailboxConfig::unbounded()))?;
    throng.register_with(digested::<Airport>())?.register_with(digested::<Aircraft>())?;
    throng.register_with(digested::<Airline>())?.register_with(digested::<Flight>())?;
    let timekeeper = throng.spawn(Timekeeper::default());
    let airports = throng.spawn_many(copied(&year.airports, copies, |airport, copy| Airport::new(name(&airport.code, copy), timekeeper)));
    let aircraft = throng.spawn_many(copied(&year.aircraft, copies, |tail, copy| Aircraft { name: name(tail, copy), usage: Usage::default() }));
    let airlines = throng.spawn_many(copied(&year.carriers, copies, airline));
    let at = "invariant: the year was checked, so its indexes are good";
    let flights = throng.spawn_many(copied(&year.flights, copies, |row, copy| {
        let place = |index: u8| airports.get(copy * year.airports.len() + usize::from(index)).expect(at);
        Flight {
            origin: place(row.origin),
            dest: place(row.dest),
            airline: airlines.get(copy * year.carriers.len() + usize::from(row.carrier)).expect(at),
            aircraft: row.aircraft.map(|index| aircraft.get(copy * year.aircraft.len() + usize::from(index)).expect(at)),
            miles: row.distance,
            phase: Phase::Scheduled,
        }
    }));
    Ok(Crew { timekeeper, flights, airports, aircraft, airlines })
}

fn digested<A: Actor + StateDigest>() -> ActorConfig<A> {
    ActorConfig::new().digest()
}

fn airline(named: &Named, copy: usize) -> Airline {
    Airline { name: name(&named.code, copy), flown: 0, cancelled: 0, delays: Default::default() }
}

/// All rows for the first copy, then all for the second, and so on.
fn copied<'a, T, A>(rows: &'a [T], copies: usize, make: impl Fn(&'a T, usize) -> A + Copy) -> impl Iterator<Item = A> {
    (0..copies).flat_map(move |copy| rows.iter().map(move |row| make(row, copy)))
}

/// The first copy has the real names; `JFK` of the next is `JFK-2`.
fn name(code: &str, copy: usize) -> Box<str> {
    match copy {
        0 => code.into(),
        _ => format!("{code}-{}", copy + 1).into(),
    }
}

/// Every message must have been handled, every flight served.
fn settled(throng: &mut Throng, crew: &Crew) -> Result<(), RunError> {
    let Stats { mail, failures, unroutable, .. } = throng.stats();
    let faults = [
        (!throng.is_quiet(), "mail is left"),
        (!mail.is_balanced(), "messages were lost"),
        (mail.dead() + unroutable > 0, "there are dead letters"),
        (mail.queued > 0, "messages are queued"),
        (failures > 0, "actors failed"),
    ];
    for (is_fault, what) in faults {
        if is_fault {
            return Err(RunError::Unsettled(format!("{what}: {mail:?}")));
        }
    }
    let mut waiting = None;
    each(throng, &crew.airports, |_, airport| {
        if airport.queue_len() > 0 {
            waiting = Some(format!("{} flights wait at {}", airport.queue_len(), airport.name));
        }
    });
    waiting.map_or(Ok(()), |what| Err(RunError::Unsettled(what)))
}

/// Looks at the state of each actor, in the order of spawning.
fn each<A: Actor>(throng: &mut Throng, actors: &ActorRefs<A>, mut look: impl FnMut(usize, &A)) {
    for (index, actor) in actors.iter().enumerate() {
        look(index, throng.state(actor).expect("invariant: nothing stops an actor here"));
    }
}

/// Adds up what the actors know, all copies together.
fn figures(throng: &mut Throng, year: &Year, crew: &Crew) -> Figures {
    let mut figures = Figures::empty(year);
    each(throng, &crew.flights, |_, flight| {
        let is_over = matches!(flight.phase, Phase::Cancelled | Phase::InTheAir | Phase::Landed);
        figures.flights += u64::from(is_over);
    });
    each(throng, &crew.airlines, |index, airline| {
        let carrier = &mut figures.carriers[index % year.carriers.len()];
        carrier.append(airline.delays);
        figures.arrival_delay.append(airline.delays);
        figures.cancelled += airline.cancelled;
    });
    each(throng, &crew.airports, |index, airport| figures.airports[index % year.airports.len()].add(&airport.figures));
    each(throng, &crew.aircraft, |index, aircraft| figures.aircraft[index % year.aircraft.len()].add(&aircraft.usage));
    figures
}

fn runways(throng: &mut Throng, year: &Year, crew: &Crew) -> Vec<RunwayFigures> {
    let mut runways = vec![RunwayFigures::default(); year.airports.len()];
    each(throng, &crew.airports, |index, airport| runways[index % year.airports.len()].add(&airport.runway));
    runways
}
