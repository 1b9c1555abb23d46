//! The year as a list of events in order of time, which the actors replay. All minutes are on
//! New York's clock, counted from 1 January 2013, 00:00.

use super::data::{Flight, MINUTES_PER_DAY, Year};

/// What happens to a flight. Arrivals come first within a minute, so that an aircraft is free
/// before it may be asked to leave again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Arrived,
    Cancelled,
    Departed,
}

/// One event. The order of the fields is the order of the events: minute, kind, flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Event {
    /// Minute of the year.
    pub minute: u32,
    pub kind: Kind,
    /// Index into `Year::flights`.
    pub flight: u32,
}

/// All events of the year in order: a departure and, if the flight came in, an arrival for each
/// flight that left, and one cancellation for each other.
pub(crate) fn timeline(year: &Year) -> Vec<Event> {
    let mut events: Vec<Event> = (0_u32..).zip(&year.flights).flat_map(|(index, flight)| events_of(year, index, flight)).collect();
    events.sort_unstable();
    events
}

fn events_of(year: &Year, index: u32, flight: &Flight) -> impl Iterator<Item = Event> {
    let departed = departure_minute(flight);
    let arrived = departed.zip(minutes_under_way(year, flight));
    let first = match departed {
        Some(minute) => (minute, Kind::Departed),
        None => (scheduled_minute(flight), Kind::Cancelled),
    };
    let second = arrived.map(|(departed, minutes)| (departed + minutes, Kind::Arrived));
    let event = move |(minute, kind)| Event { minute, kind, flight: index };
    std::iter::once(first).chain(second).map(event)
}

fn scheduled_minute(flight: &Flight) -> u32 {
    u32::from(flight.day) * u32::from(MINUTES_PER_DAY) + u32::from(flight.sched_dep)
}

/// Schedule plus delay: the delay, unlike the clock time, tells on which day a late flight left.
fn departure_minute(flight: &Flight) -> Option<u32> {
    let delay = i32::from(flight.dep_delay?);
    scheduled_minute(flight).checked_add_signed(delay)
}

/// Minutes from gate to gate, between 1 and 1440: the difference of the two clock times, once
/// the destination's is set to New York, folded over midnight.
fn minutes_under_way(year: &Year, flight: &Flight) -> Option<u32> {
    let clock = year.clocks[usize::from(flight.dest)];
    let arrived = i32::from(flight.arr_time?) + clock.behind_new_york(flight.day);
    let minutes = arrived - i32::from(flight.dep_time?);
    let folded = (minutes - 1).rem_euclid(i32::from(MINUTES_PER_DAY)) + 1;
    u32::try_from(folded).ok()
}

#[cfg(test)]
mod tests {
    use super::super::data::tests::YEAR;
    use super::*;
    use std::sync::LazyLock;

    static EVENTS: LazyLock<Vec<Event>> = LazyLock::new(|| timeline(&YEAR));

    fn count(kind: Kind) -> usize {
        EVENTS.iter().filter(|event| event.kind == kind).count()
    }

    #[test]
    fn counts() {
        assert_eq!(count(Kind::Departed), 328_521);
        assert_eq!(count(Kind::Arrived), 328_063);
        assert_eq!(count(Kind::Cancelled), 8_255);
        assert_eq!(EVENTS.len(), 664_839);
    }

    #[test]
    fn strictly_in_order() {
        assert!(EVENTS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn each_flight_leaves_once_then_arrives_at_most_once() {
        let mut seen: Vec<Option<Kind>> = vec![None; YEAR.flights.len()];
        for event in &*EVENTS {
            let state = &mut seen[event.flight as usize];
            let before = if event.kind == Kind::Arrived { Some(Kind::Departed) } else { None };
            assert_eq!(*state, before, "{event:?}");
            *state = Some(event.kind);
        }
        assert!(seen.iter().all(Option::is_some));
    }

    /// Taxiing is what remains of the way from gate to gate; a wrong time zone would show.
    #[test]
    fn time_under_way_agrees_with_time_in_the_air() {
        for flight in &YEAR.flights {
            if let (Some(air), Some(gate)) = (flight.air_time, minutes_under_way(&YEAR, flight)) {
                let taxi = i64::from(gate) - i64::from(air);
                assert!((5..=235).contains(&taxi), "{flight:?} taxied for {taxi} minutes");
            }
        }
    }

    #[test]
    fn late_flights_leave_on_the_next_day() {
        let flight = Flight { day: 1, sched_dep: 1_430, dep_delay: Some(20), dep_time: Some(10), arr_time: Some(5), ..Flight::default() };
        assert_eq!(scheduled_minute(&flight), 2_870);
        assert_eq!(departure_minute(&flight), Some(2_890));
        let to = |code| YEAR.airports.iter().position(|a| a.code == code);
        let dest = to("ORD").and_then(|i| u8::try_from(i).ok()).expect("invariant: ORD is served");
        // 00:10 in New York to 00:05 in Chicago, an hour behind.
        assert_eq!(minutes_under_way(&YEAR, &Flight { dest, ..flight }), Some(55));
    }
}
