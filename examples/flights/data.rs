//! Loads the 336,776 flights that left New York in 2013, with the names of the airlines and
//! airports and the aircraft that flew them.

use super::reader::{Reader, unpack};

pub(crate) use super::reader::DataError;

static FILE: &[u8] = include_bytes!("../data/nyc-flights-2013.bin");

pub(crate) const MINUTES_PER_DAY: u16 = 24 * 60;
const DAYS: u16 = 365;

/// United States summer time of 2013, 10 March up to 3 November, as days of the year.
const SUMMER_TIME: std::ops::Range<u16> = 68..306;
const NEW_YORK_HOURS: i8 = -5;

/// Everything in the file; flights hold indexes into the other lists.
#[derive(Debug)]
pub(crate) struct Year {
    /// In order of schedule: day, scheduled departure, airline, flight number, origin.
    pub flights: Vec<Flight>,
    pub carriers: Vec<Named>,
    pub airports: Vec<Named>,
    /// The clock of each airport, at the same index as in `airports`.
    pub clocks: Vec<Clock>,
    /// Tail numbers.
    pub aircraft: Vec<String>,
}

/// An airline or an airport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// IATA code, such as `UA` or `JFK`.
    pub code: String,
    pub name: String,
}

/// How an airport's clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Hours from UTC in winter.
    pub hours: i8,
    /// Whether it is put forward in summer.
    pub summer_time: bool,
}

impl Clock {
    /// Minutes to add to this clock's reading to get New York's on a day of the year.
    pub(crate) fn behind_new_york(self, day: u16) -> i32 {
        let new_york_moved = SUMMER_TIME.contains(&day) && !self.summer_time;
        let hours = i32::from(NEW_YORK_HOURS) - i32::from(self.hours) + i32::from(new_york_moved);
        hours * 60
    }
}

/// One flight. `None` is the table's NA: a cancelled flight has no `dep_time`, a diverted one
/// no `arr_delay`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flight {
    /// Scheduled day of the year, 0 for 1 January.
    pub day: u16,
    /// Scheduled departure, minute of the day in New York.
    pub sched_dep: u16,
    /// Scheduled arrival, minute of the day at the destination.
    pub sched_arr: u16,
    /// Actual departure on New York's clock, 1 to 1440 (midnight, written 2400 in the table).
    pub dep_time: Option<u16>,
    /// Actual arrival on the destination's clock, 1 to 1440.
    pub arr_time: Option<u16>,
    /// Minutes behind schedule, negative if early.
    pub dep_delay: Option<i16>,
    /// Minutes behind schedule, negative if early.
    pub arr_delay: Option<i16>,
    /// Minutes in the air.
    pub air_time: Option<u16>,
    /// Miles.
    pub distance: u16,
    /// Flight number.
    pub number: u16,
    /// Known for every flight that departed.
    pub aircraft: Option<u16>,
    pub carrier: u8,
    pub origin: u8,
    pub dest: u8,
}

impl Year {
    /// The year built into the program.
    pub(crate) fn load() -> Result<Self, DataError> {
        Self::from_bytes(FILE)
    }

    /// Decodes and checks a flights file.
    pub(crate) fn from_bytes(file: &[u8]) -> Result<Self, DataError> {
        let body = unpack(file)?;
        let mut reader = Reader::new(&body);
        let rows = reader.count("the number of rows")?;
        let carriers = table(&mut reader, "the airlines", named)?;
        let places = table(&mut reader, "the airports", place)?;
        let (airports, clocks) = places.into_iter().unzip();
        let aircraft = table(&mut reader, "the aircraft", Reader::text)?;
        let flights = flights(&mut reader, rows)?;
        reader.finish()?;
        let mut year = Self { flights, carriers, airports, clocks, aircraft };
        year.check()?;
        // The file keeps the flights of a route together, because that packs better.
        year.flights.sort_unstable_by_key(|f| (f.day, f.sched_dep, f.carrier, f.number, f.origin));
        Ok(year)
    }

    /// Everything the rest of the program relies on and the types do not say.
    fn check(&self) -> Result<(), DataError> {
        for (row, flight) in self.flights.iter().enumerate() {
            if let Some(what) = self.fault(flight) {
                return Err(DataError::Range { what, row });
            }
            if flight.dep_time.is_some() && flight.aircraft.is_none() {
                return Err(DataError::Missing { what: "the aircraft", row });
            }
        }
        Ok(())
    }

    fn fault(&self, flight: &Flight) -> Option<&'static str> {
        self.bad_index(flight).or_else(|| bad_time(flight))
    }

    fn bad_index(&self, flight: &Flight) -> Option<&'static str> {
        let aircraft = flight.aircraft.map(usize::from);
        let indexes = [
            ("the airline", Some(flight.carrier.into()), self.carriers.len()),
            ("the origin", Some(flight.origin.into()), self.airports.len()),
            ("the destination", Some(flight.dest.into()), self.airports.len()),
            ("the aircraft", aircraft, self.aircraft.len()),
        ];
        let beyond = indexes.into_iter().find(|(_, index, len)| index.is_some_and(|i| i >= *len));
        beyond.map(|(what, ..)| what)
    }
}

fn bad_time(flight: &Flight) -> Option<&'static str> {
    let departed = flight.dep_time.is_some();
    let arrived = flight.arr_time.is_some();
    let off_clock = |time| !(1..=MINUTES_PER_DAY).contains(&time);
    let faults = [
        ("the day", flight.day >= DAYS),
        ("the scheduled departure", flight.sched_dep >= MINUTES_PER_DAY),
        ("the arrival", flight.arr_time.is_some_and(off_clock)),
        ("an arrival without departure", arrived && !departed),
        ("a delay without arrival", flight.arr_delay.is_some() && !arrived),
        ("time in the air without arrival", flight.air_time.is_some() && !arrived),
    ];
    let fault = faults.into_iter().find(|(_, bad)| *bad);
    fault.map(|(what, _)| what)
}

fn table<'a, T>(
    reader: &mut Reader<'a>,
    what: &'static str,
    entry: impl Fn(&mut Reader<'a>, &'static str) -> Result<T, DataError>,
) -> Result<Vec<T>, DataError> {
    let count = reader.count(what)?;
    (0..count).map(|_| entry(reader, what)).collect()
}

fn named(reader: &mut Reader<'_>, what: &'static str) -> Result<Named, DataError> {
    Ok(Named { code: reader.text(what)?, name: reader.text(what)? })
}

fn place(reader: &mut Reader<'_>, what: &'static str) -> Result<(Named, Clock), DataError> {
    let named = named(reader, what)?;
    let hours = reader.signed(what)?;
    let hours = i8::try_from(hours).map_err(|_| DataError::TooLarge(what))?;
    let summer_time = reader.count(what)? == 1;
    Ok((named, Clock { hours, summer_time }))
}

/// The thirteen columns, in the order of the file.
fn flights(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<Flight>, DataError> {
    let mut flights = vec![Flight::default(); rows];
    let all = &mut flights[..];
    reader.narrow("the airline", all, |f, value| f.carrier = value)?;
    reader.narrow("the origin", all, |f, value| f.origin = value)?;
    reader.narrow("the destination", all, |f, value| f.dest = value)?;
    reader.narrow("the day", all, |f, value| f.day = value)?;
    reader.narrow("the scheduled departure", all, |f, value| {
        f.sched_dep = value;
    })?;
    reader.narrow("the flight number", all, |f, value| f.number = value)?;
    reader.narrow("the distance", all, |f, value| f.distance = value)?;
    reader.narrow("the scheduled duration", all, set_duration)?;
    reader.plain("the departure delay", all, set_dep_delay)?;
    reader.plain("the arrival delay", all, set_arr_delay)?;
    reader.plain("the arrival", all, set_arr_time)?;
    reader.plain("the aircraft", all, |f, value| store(&mut f.aircraft, value))?;
    reader.deltas("the time in the air", all, |f, value| store(&mut f.air_time, value))?;
    Ok(flights)
}

/// Narrows into `field`; false if the value does not fit.
fn store<T: TryFrom<i64>>(field: &mut Option<T>, value: Option<i64>) -> bool {
    *field = value.and_then(|value| T::try_from(value).ok());
    field.is_some() == value.is_some()
}

/// By the two local clocks, so the scheduled arrival follows from the departure.
fn set_duration(flight: &mut Flight, minutes: u16) {
    let arrival = u32::from(flight.sched_dep) + u32::from(minutes);
    let minute = arrival % u32::from(MINUTES_PER_DAY);
    flight.sched_arr = u16::try_from(minute).expect("invariant: a remainder of 1440 fits in u16");
}

/// The delay also gives the time of departure; none is early enough to fall on the day before.
fn set_dep_delay(flight: &mut Flight, delay: Option<i64>) -> bool {
    flight.dep_time = delay.and_then(|delay| clock_time(flight.sched_dep, delay));
    let same_day = delay.is_none_or(|delay| delay.saturating_add(flight.sched_dep.into()) > 0);
    same_day && store(&mut flight.dep_delay, delay)
}

/// Stored as what was lost or made up on the way.
fn set_arr_delay(flight: &mut Flight, change: Option<i64>) -> bool {
    let left = i64::from(flight.dep_delay.unwrap_or(0));
    store(&mut flight.arr_delay, change.map(|change| change.wrapping_add(left)))
}

/// Stored as the difference from schedule plus delay, or from 0 if there is no delay.
fn set_arr_time(flight: &mut Flight, change: Option<i64>) -> bool {
    let due = flight.arr_delay.and_then(|delay| clock_time(flight.sched_arr, delay.into()));
    let time = change.map(|change| change.wrapping_add(due.unwrap_or(0).into()));
    store(&mut flight.arr_time, time)
}

/// The reading of a clock, 1 to 1440, some minutes after a minute of the day.
fn clock_time(minute: u16, later: i64) -> Option<u16> {
    let from_one = i64::from(minute).checked_add(later)?.checked_sub(1)?;
    u16::try_from(from_one.rem_euclid(MINUTES_PER_DAY.into()) + 1).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::LazyLock;

    /// Decoded once for all tests.
    pub(crate) static YEAR: LazyLock<Year> = LazyLock::new(|| Year::load().expect("invariant: built in"));

    fn sum<T: Into<i64>>(field: impl Fn(&Flight) -> Option<T>) -> (usize, i64) {
        let values = YEAR.flights.iter().filter_map(field).map(Into::into);
        values.fold((0, 0), |(count, sum), value: i64| (count + 1, sum + value))
    }

    /// Count and sum of each column, taken from the CSV by other means.
    #[test]
    fn columns_sum_to_those_of_the_table() {
        assert_eq!(YEAR.flights.len(), 336_776);
        assert_eq!(sum(|f| f.dep_time), (328_521, 270_099_509));
        assert_eq!(sum(|f| Some(f.sched_dep)), (336_776, 275_161_128));
        assert_eq!(sum(|f| f.dep_delay), (328_521, 4_152_200));
        assert_eq!(sum(|f| f.arr_time), (328_063, 299_528_349));
        assert_eq!(sum(|f| Some(f.sched_arr)), (336_776, 314_361_265));
        assert_eq!(sum(|f| f.arr_delay), (327_346, 2_257_174));
        assert_eq!(sum(|f| f.air_time), (327_346, 49_326_610));
        assert_eq!(sum(|f| Some(f.distance)), (336_776, 350_217_607));
        assert_eq!(sum(|f| Some(f.number)), (336_776, 664_096_549));
        assert_eq!(sum(|f| f.aircraft).0, 334_264);
    }

    #[test]
    fn tables_are_complete() {
        let sizes = (YEAR.carriers.len(), YEAR.airports.len(), YEAR.aircraft.len());
        assert_eq!(sizes, (16, 107, 4_043));
        let united = Named { code: "UA".to_owned(), name: "United Air Lines Inc.".to_owned() };
        assert!(YEAR.carriers.contains(&united));
    }

    /// The first flight of the published table: UA 1545, 1 January, Newark to Houston.
    #[test]
    fn a_known_flight() {
        let known = |f: &&Flight| f.day == 0 && f.number == 1545 && f.sched_dep == 315;
        let flight = YEAR.flights.iter().find(known).expect("invariant: UA 1545 flew that day");
        assert_eq!(YEAR.carriers[usize::from(flight.carrier)].code, "UA");
        assert_eq!(YEAR.airports[usize::from(flight.origin)].code, "EWR");
        assert_eq!(YEAR.airports[usize::from(flight.dest)].code, "IAH");
        assert_eq!(flight.aircraft.map(|a| &YEAR.aircraft[usize::from(a)][..]), Some("N14228"));
        assert_eq!((flight.dep_time, flight.arr_time), (Some(317), Some(510)));
        assert_eq!((flight.dep_delay, flight.arr_delay), (Some(2), Some(11)));
        assert_eq!((flight.air_time, flight.distance), (Some(227), 1400));
    }

    #[test]
    fn damaged_files_are_refused() {
        assert_eq!(Year::from_bytes(b"PNG").unwrap_err(), DataError::Magic);
        let cut = Year::from_bytes(&FILE[..FILE.len() - 5]).unwrap_err();
        assert!(matches!(cut, DataError::Unpack(_)), "{cut}");
        let mut flipped = FILE.to_vec();
        flipped[FILE.len() / 2] ^= 0x10;
        assert!(Year::from_bytes(&flipped).is_err());
    }

    #[test]
    fn clocks_follow_new_york() {
        let clock = |code| {
            let airport = YEAR.airports.iter().position(|a| a.code == code);
            YEAR.clocks[airport.expect("invariant: the airport is served")]
        };
        let (winter, summer) = (0, 200);
        assert_eq!(clock("BOS").behind_new_york(summer), 0);
        assert_eq!(clock("LAX").behind_new_york(winter), 180);
        assert_eq!(clock("PHX").behind_new_york(winter), 120);
        assert_eq!(clock("PHX").behind_new_york(summer), 180);
        assert_eq!(clock("SJU").behind_new_york(winter), -60);
        assert_eq!(clock("SJU").behind_new_york(summer), 0);
    }

    #[test]
    fn clock_times_fold_at_midnight() {
        assert_eq!(clock_time(1430, 10), Some(1440));
        assert_eq!(clock_time(1430, 11), Some(1));
        assert_eq!(clock_time(5, -5), Some(1440));
    }
}
