//! Replays the year with actors, one simulated minute a tick.
//!
//! # Model
//!
//! A feeder thread turns the list of events into letters, some days ahead of the world. The world's
//! thread puts the letters of one minute into the inlet and ticks, and so on: a tick takes in all
//! that is in the inlet, so one minute a tick keeps the result apart from which thread is faster.
//! (A feeder that told the inlet itself would have to wait for each tick, and two threads that wait
//! for each other half a million times cost more than all the work.)

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use throng::prelude::*;
use throng::{ActorRefs, Inlet, RegisterError, StateDigest, Stats, TrySendError};

use super::actors::{Aircraft, Airline, Airport, Crew, Flight, FlightMsg, Outcome, Phase, RunwayFigures, Timekeeper, TimekeeperMsg};
use super::data::{MINUTES_PER_DAY, Named, Year};
use super::direct::{Figures, Tally, Usage};
use super::events::{Event, Kind, timeline};

/// Minutes after the last event, in which the last runway queues are served.
const EVENING: u32 = 120;

/// What is told a minute: the minute itself, and the events.
const TOLD_A_MINUTE: usize = 2;

/// How far the feeder may run ahead.
const DAYS_AHEAD: usize = 2;

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

/// How many minutes a replay of these events takes.
fn minutes(events: &[Event]) -> u32 {
    events.last().map_or(0, |last| last.minute + 1 + EVENING)
}

/// How many minutes a replay takes, which is how many ticks.
pub(crate) fn minutes_of(year: &Year) -> u32 {
    minutes(&timeline(year))
}

/// Replays the year; `progress` hears of each minute that is done.
#[expect(clippy::disallowed_methods, reason = "no handler reads this clock")]
pub(crate) fn replay(year: &Year, plan: Plan, progress: impl FnMut(u32)) -> Result<Replay, RunError> {
    let events = timeline(year);
    let options = ThrongOptions::new().threads(plan.threads).inlet_capacity(TOLD_A_MINUTE);
    let mut throng = Throng::new(options);
    let crew = muster(&mut throng, year, plan.copies)?;
    let feeder = Feeder { year, events: &events, crew: &crew, copies: plan.copies };
    let start = Instant::now();
    fly(&mut throng, &feeder, progress)?;
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

/// Ticks as long as the feeder has minutes.
fn fly(throng: &mut Throng, feeder: &Feeder<'_>, mut progress: impl FnMut(u32)) -> Result<(), RunError> {
    let inlet = throng.inlet();
    let (sender, days) = sync_channel(DAYS_AHEAD);
    thread::scope(|scope| {
        scope.spawn(move || feeder.feed(&sender));
        for minute in days.into_iter().flatten() {
            let number = minute.number;
            minute.tell(&inlet, feeder.crew.timekeeper).map_err(|reason| RunError::Inlet { minute: number, reason })?;
            throng.tick();
            progress(number);
        }
        Ok(())
    })
}

/// What is told in one tick.
struct Minute {
    /// The minute of the year.
    number: u32,
    letters: Vec<(ActorRef<Flight>, FlightMsg)>,
}

impl Minute {
    fn tell(self, inlet: &Inlet, timekeeper: ActorRef<Timekeeper>) -> Result<(), String> {
        fn text<M>(error: TrySendError<M>) -> String {
            error.to_string()
        }
        inlet.try_tell(timekeeper, TimekeeperMsg::Minute(self.number)).map_err(text)?;
        if !self.letters.is_empty() {
            inlet.try_tell_many(self.letters).map_err(text)?;
        }
        Ok(())
    }
}

/// Writes the letters that tell the world what happens.
struct Feeder<'a> {
    year: &'a Year,
    /// In order.
    events: &'a [Event],
    crew: &'a Crew,
    copies: usize,
}

impl Feeder<'_> {
    /// Sends all minutes, those of a day together.
    fn feed(&self, days: &SyncSender<Vec<Minute>>) {
        let mut rest = self.events;
        let end = minutes(self.events);
        for morning in (0..end).step_by(MINUTES_PER_DAY.into()) {
            let night = end.min(morning + u32::from(MINUTES_PER_DAY));
            let day = (morning..night).map(|number| Minute { number, letters: self.letters(take_minute(&mut rest, number)) });
            // The other end hung up: the replay is over for a reason of its own.
            if days.send(day.collect()).is_err() {
                return;
            }
        }
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

/// Cuts the events of a minute off the front.
fn take_minute<'a>(events: &mut &'a [Event], minute: u32) -> &'a [Event] {
    let count = events.iter().take_while(|event| event.minute == minute).count();
    let (now, later) = events.split_at(count);
    *events = later;
    now
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
    let aircraft =
        throng.spawn_many(copied(&year.aircraft, copies, |tail, copy| Aircraft { name: name(tail, copy), usage: Usage::default() }));
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
    Airline { name: name(&named.code, copy), flown: 0, cancelled: 0, delays: Tally::default() }
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

#[cfg(test)]
mod tests {
    use super::super::data::tests::YEAR;
    use super::*;
    use std::sync::LazyLock;

    /// The year up to some day; a whole one takes long without optimisation.
    fn days(count: u16) -> Year {
        let flights = YEAR.flights.iter().filter(|flight| flight.day < count);
        Year {
            flights: flights.copied().collect(),
            carriers: YEAR.carriers.clone(),
            airports: YEAR.airports.clone(),
            clocks: YEAR.clocks.clone(),
            aircraft: YEAR.aircraft.clone(),
        }
    }

    fn replayed(year: &Year, copies: usize, threads: usize) -> Replay {
        replay(year, Plan { copies, threads }, |_| ()).expect("invariant: the built-in year is in order")
    }

    static WHOLE: LazyLock<Replay> = LazyLock::new(|| replayed(&YEAR, 1, 1));

    fn mean_of(code: &str) -> f64 {
        let index = YEAR.carriers.iter().position(|carrier| carrier.code == code);
        let tally = WHOLE.figures.carriers[index.expect("invariant: the airline flew")];
        tally.mean().expect("invariant: the airline arrived")
    }

    #[test]
    fn actors_arrive_at_the_figures_of_the_file() {
        assert_eq!(WHOLE.figures, Figures::direct(&YEAR));
        assert_eq!(WHOLE.stats.actors, actors_of(&YEAR) + 1, "and the timekeeper");
        assert_eq!(WHOLE.stats.ticks, u64::from(minutes_of(&YEAR)));
    }

    #[test]
    fn actors_arrive_at_the_published_figures() {
        let figures = &WHOLE.figures;
        assert_eq!((figures.flights, figures.cancelled), (336_776, 8_255));
        assert_eq!(figures.arrival_delay.count, 327_346);
        let mean = figures.arrival_delay.mean().expect("invariant: flights arrived");
        assert!((mean - 6.895).abs() < 0.000_5, "{mean}");
        for (code, published) in [("F9", 21.92), ("UA", 3.56), ("AS", -9.93)] {
            assert!((mean_of(code) - published).abs() < 0.005, "{code}: {}", mean_of(code));
        }
    }

    #[test]
    fn runways_clear_every_flight() {
        let cleared: u64 = WHOLE.runways.iter().map(RunwayFigures::cleared).sum();
        assert_eq!(cleared, 328_521 + 328_063, "departures and arrivals");
        assert!(WHOLE.runways.iter().any(|runway| runway.longest_queue > 1));
        assert!(WHOLE.runways.iter().all(|runway| u64::from(runway.waited) <= runway.waited_minutes));
    }

    #[test]
    fn copies_scale_exactly() {
        let week = days(7);
        let (one, three) = (replayed(&week, 1, 2), replayed(&week, 3, 2));
        assert_eq!(one.figures, Figures::direct(&week));
        assert_eq!(three.figures, one.figures.times(3));
        assert_eq!(three.stats.actors, 3 * actors_of(&week) + 1);
        let (once, thrice) = (&one.runways, &three.runways);
        let scaled = once.iter().zip(thrice).all(|(one, three)| three.waited == 3 * one.waited && three.longest_queue == one.longest_queue);
        assert!(scaled);
    }

    #[test]
    fn threads_change_nothing() {
        let week = days(7);
        let [one, two, many] = [1, 2, 5].map(|threads| replayed(&week, 4, threads));
        for other in [two, many] {
            assert_eq!((one.digest, &one.figures, &one.runways), (other.digest, &other.figures, &other.runways));
            assert_eq!(one.stats, other.stats);
        }
    }

    #[test]
    fn copies_have_names_of_their_own() {
        assert_eq!([0, 1, 9].map(|copy| name("JFK", copy)), ["JFK", "JFK-2", "JFK-10"].map(Box::from));
    }

    #[test]
    fn a_flight_that_comes_in_before_it_left_fails() {
        let mut throng = Throng::default();
        let crew = muster(&mut throng, &days(1), 1).expect("invariant: the world is new");
        let first = crew.flights.get(0).expect("invariant: flights left on the first day");
        throng.tell(first, FlightMsg::Arrived { minute: 0, outcome: Outcome::default() });
        throng.tick();
        let error = settled(&mut throng, &crew).expect_err("invariant: an actor failed");
        assert!(error.to_string().contains("actors failed"), "{error}");
    }
}
