//! The actors of the year: flights, airports with a runway, aircraft, airlines and a timekeeper.
//!
//! # Model
//!
//! A flight hears from outside that it leaves, comes in or is cancelled. It asks the airport for
//! the runway and, once cleared, tells its aircraft and its airline. An airport clears
//! [`CLEARED_A_MINUTE`] flights a minute; the others wait in its queue, and the timekeeper wakes
//! it each minute until none is left. The table knows gate times only, so a flight asks for the
//! runway in the very minute of its departure or arrival, and what it waits there changes none of
//! the figures.

use std::collections::VecDeque;

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, ActorRefs};

use super::data::MINUTES_PER_DAY;
use super::direct::{AirportFigures, HOURS, Tally, Usage};

/// One runway, a movement a minute.
const CLEARED_A_MINUTE: u32 = 1;

/// One flight of one day.
#[derive(Component, Hash)]
pub(crate) struct Flight {
    pub origin: ActorRef<Airport>,
    pub dest: ActorRef<Airport>,
    pub airline: ActorRef<Airline>,
    /// Known for every flight that leaves.
    pub aircraft: Option<ActorRef<Aircraft>>,
    pub miles: u16,
    pub phase: Phase,
}

/// How far a flight has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Scheduled,
    Cancelled,
    /// Waits for the runway it takes off from.
    Leaving,
    /// Also the last phase of a flight that was diverted for good.
    InTheAir,
    /// Waits for the runway it lands on.
    Landing(Outcome),
    Landed,
}

/// What the table says about a flight that came in; a diverted one lacks both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Outcome {
    pub delay: Option<i16>,
    pub air_minutes: Option<u16>,
}

/// To a flight.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlightMsg {
    Departed {
        minute: u32,
    },
    Arrived {
        minute: u32,
        outcome: Outcome,
    },
    Cancelled,
    /// The runway is yours.
    Cleared,
}

impl Flight {
    fn ask_for_runway(&self, at: ActorRef<Airport>, minute: u32, movement: Movement, cx: &Context<'_, Self>) {
        let flight = cx.me();
        cx.tell(at, AirportMsg::Runway(Request { flight, minute, movement }));
    }

    fn tell_aircraft(&self, msg: AircraftMsg, cx: &Context<'_, Self>) {
        if let Some(aircraft) = self.aircraft {
            cx.tell(aircraft, msg);
        }
    }

    fn took_off(&self, cx: &Context<'_, Self>) {
        self.tell_aircraft(AircraftMsg::TookOff { miles: self.miles }, cx);
        cx.tell(self.airline, AirlineMsg::TookOff);
    }

    fn landed(&self, outcome: Outcome, cx: &Context<'_, Self>) {
        if let Some(minutes) = outcome.air_minutes {
            self.tell_aircraft(AircraftMsg::Landed { minutes }, cx);
        }
        if let Some(minutes) = outcome.delay {
            cx.tell(self.airline, AirlineMsg::Landed { minutes });
        }
    }
}

impl Actor for Flight {
    type Msg = FlightMsg;
    type Params = ();

    fn handle(&mut self, msg: FlightMsg, cx: &Context<'_, Self>) -> Handled {
        self.phase = match (self.phase, msg) {
            (Phase::Scheduled, FlightMsg::Cancelled) => {
                self.tell_aircraft(AircraftMsg::Cancelled, cx);
                cx.tell(self.airline, AirlineMsg::Cancelled);
                Phase::Cancelled
            }
            (Phase::Scheduled, FlightMsg::Departed { minute }) => {
                self.ask_for_runway(self.origin, minute, Movement::TakeOff, cx);
                Phase::Leaving
            }
            (Phase::Leaving, FlightMsg::Cleared) => {
                self.took_off(cx);
                Phase::InTheAir
            }
            (Phase::InTheAir, FlightMsg::Arrived { minute, outcome }) => {
                self.ask_for_runway(self.dest, minute, Movement::Landing, cx);
                Phase::Landing(outcome)
            }
            (Phase::Landing(outcome), FlightMsg::Cleared) => {
                self.landed(outcome, cx);
                Phase::Landed
            }
            (phase, msg) => return Err(ActorFailure::msg(format!("a flight that is {phase:?} was told {msg:?}"))),
        };
        Ok(())
    }
}

/// An airport.
#[derive(Component, Hash)]
pub(crate) struct Airport {
    pub name: Box<str>,
    pub timekeeper: ActorRef<Timekeeper>,
    pub figures: AirportFigures,
    pub runway: RunwayFigures,
    queue: VecDeque<Request>,
    /// The minute it is, as far as this airport has heard.
    minute: u32,
    cleared_this_minute: u32,
}

/// A flight that wants the runway.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Request {
    flight: ActorRef<Flight>,
    /// Since when.
    minute: u32,
    movement: Movement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Movement {
    TakeOff,
    Landing,
}

/// What became of the requests for a runway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct RunwayFigures {
    /// Flights cleared, by the hour on New York's clock.
    pub cleared_by_hour: [u32; HOURS],
    /// Those of them that had to wait.
    pub waited: u32,
    pub waited_minutes: u64,
    /// The longest the queue ever was.
    pub longest_queue: u32,
}

/// To an airport.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AirportMsg {
    Runway(Request),
    /// A new minute has begun.
    Minute(u32),
}

impl RunwayFigures {
    pub(crate) fn cleared(&self) -> u64 {
        self.cleared_by_hour.iter().copied().map(u64::from).sum()
    }

    fn count(&mut self, hour: usize, waited: u32) {
        self.cleared_by_hour[hour] += 1;
        self.waited += u32::from(waited > 0);
        self.waited_minutes += u64::from(waited);
    }

    /// Adds those of the same airport under another name.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.cleared_by_hour.iter_mut().zip(other.cleared_by_hour) {
            *mine += theirs;
        }
        self.waited += other.waited;
        self.waited_minutes += other.waited_minutes;
        self.longest_queue = self.longest_queue.max(other.longest_queue);
    }
}

impl Airport {
    pub(crate) fn new(name: Box<str>, timekeeper: ActorRef<Timekeeper>) -> Self {
        Self {
            name,
            timekeeper,
            figures: AirportFigures::default(),
            runway: RunwayFigures::default(),
            queue: VecDeque::new(),
            minute: 0,
            cleared_this_minute: 0,
        }
    }

    pub(crate) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Within a minute the timekeeper may be heard before or after the flights.
    fn now_is(&mut self, minute: u32) {
        if self.minute != minute {
            self.minute = minute;
            self.cleared_this_minute = 0;
        }
    }

    fn runway_is_free(&self) -> bool {
        self.cleared_this_minute < CLEARED_A_MINUTE
    }

    fn queue_up(&mut self, request: Request, cx: &Context<'_, Self>) {
        if self.queue.is_empty() {
            cx.tell(self.timekeeper, TimekeeperMsg::WakeMe(cx.me()));
        }
        self.queue.push_back(request);
        let length = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        self.runway.longest_queue = self.runway.longest_queue.max(length);
    }

    fn clear_queue(&mut self, cx: &Context<'_, Self>) {
        while self.runway_is_free()
            && let Some(request) = self.queue.pop_front()
        {
            self.clear(request, cx);
        }
        if !self.queue.is_empty() {
            cx.tell(self.timekeeper, TimekeeperMsg::WakeMe(cx.me()));
        }
    }

    fn clear(&mut self, request: Request, cx: &Context<'_, Self>) {
        self.cleared_this_minute += 1;
        self.runway.count(hour_of(self.minute), self.minute - request.minute);
        match request.movement {
            // The published hour is that of leaving the gate.
            Movement::TakeOff => self.figures.departures_by_hour[hour_of(request.minute)] += 1,
            Movement::Landing => self.figures.arrivals += 1,
        }
        cx.tell(request.flight, FlightMsg::Cleared);
    }
}

/// The hour of the day of a minute of the year.
fn hour_of(minute: u32) -> usize {
    let minutes = minute % u32::from(MINUTES_PER_DAY);
    usize::try_from(minutes / 60).expect("invariant: an hour of the day is below 24")
}

impl Actor for Airport {
    type Msg = AirportMsg;
    type Params = ();

    fn handle(&mut self, msg: AirportMsg, cx: &Context<'_, Self>) -> Handled {
        match msg {
            AirportMsg::Runway(request) => {
                self.now_is(request.minute);
                if self.queue.is_empty() && self.runway_is_free() {
                    self.clear(request, cx);
                } else {
                    self.queue_up(request, cx);
                }
            }
            AirportMsg::Minute(minute) => {
                self.now_is(minute);
                self.clear_queue(cx);
            }
        }
        Ok(())
    }
}

/// An aircraft, which counts its use.
#[derive(Component, Hash)]
pub(crate) struct Aircraft {
    pub name: Box<str>,
    pub usage: Usage,
}

/// To an aircraft.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AircraftMsg {
    Cancelled,
    TookOff { miles: u16 },
    Landed { minutes: u16 },
}

impl Actor for Aircraft {
    type Msg = AircraftMsg;
    type Params = ();

    fn handle(&mut self, msg: AircraftMsg, _cx: &Context<'_, Self>) -> Handled {
        match msg {
            AircraftMsg::Cancelled => self.usage.planned += 1,
            AircraftMsg::TookOff { miles } => {
                self.usage.planned += 1;
                self.usage.flown += 1;
                self.usage.miles += u64::from(miles);
            }
            AircraftMsg::Landed { minutes } => self.usage.air_minutes += u64::from(minutes),
        }
        Ok(())
    }
}

/// An airline, which counts its flights and their delays.
#[derive(Component, Hash)]
pub(crate) struct Airline {
    pub name: Box<str>,
    pub flown: u64,
    pub cancelled: u64,
    pub delays: Tally,
}

/// To an airline.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AirlineMsg {
    Cancelled,
    TookOff,
    /// Minutes behind schedule, negative if early.
    Landed {
        minutes: i16,
    },
}

impl Actor for Airline {
    type Msg = AirlineMsg;
    type Params = ();

    fn handle(&mut self, msg: AirlineMsg, _cx: &Context<'_, Self>) -> Handled {
        match msg {
            AirlineMsg::Cancelled => self.cancelled += 1,
            AirlineMsg::TookOff => self.flown += 1,
            AirlineMsg::Landed { minutes } => self.delays.add(minutes.into()),
        }
        Ok(())
    }
}

/// Hears every minute from outside and passes it on to the airports that have a queue, so that
/// the others cost nothing.
#[derive(Component, Default, Hash)]
pub(crate) struct Timekeeper {
    waiting: Vec<ActorRef<Airport>>,
}

/// To the timekeeper.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TimekeeperMsg {
    Minute(u32),
    /// Tell me the next minute.
    WakeMe(ActorRef<Airport>),
}

impl Actor for Timekeeper {
    type Msg = TimekeeperMsg;
    type Params = ();

    fn handle(&mut self, msg: TimekeeperMsg, cx: &Context<'_, Self>) -> Handled {
        match msg {
            TimekeeperMsg::Minute(minute) => cx.tell_all(self.waiting.drain(..), AirportMsg::Minute(minute)),
            TimekeeperMsg::WakeMe(airport) => self.waiting.push(airport),
        }
        Ok(())
    }
}

/// The actors of all copies of the year: those of the first, then those of the second, and so on.
pub(crate) struct Crew {
    pub timekeeper: ActorRef<Timekeeper>,
    pub flights: ActorRefs<Flight>,
    pub airports: ActorRefs<Airport>,
    pub aircraft: ActorRefs<Aircraft>,
    pub airlines: ActorRefs<Airline>,
}
