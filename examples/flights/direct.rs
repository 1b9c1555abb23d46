//! The figures of the year, computed straight from the file without any actor: what the actors
//! must arrive at. Whole numbers only, so that both can be compared for equality.

use super::data::{Flight, Named, Year};

pub(crate) const HOURS: usize = 24;

/// Everything counted over the year; the lists are indexed as those of `Year`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub flights: u64,
    pub cancelled: u64,
    pub arrival_delay: Tally,
    /// Arrival delay by airline.
    pub carriers: Vec<Tally>,
    pub airports: Vec<AirportFigures>,
    pub aircraft: Vec<Usage>,
}

/// A count and a sum, from which a mean follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tally {
    pub count: u64,
    pub sum: i64,
}

/// What happened at one airport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct AirportFigures {
    /// By the hour of the actual departure, not the scheduled one.
    pub departures_by_hour: [u32; HOURS],
    /// Flights that came in, diverted ones included if they got here in the end.
    pub arrivals: u32,
}

/// What one aircraft did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Usage {
    /// All flights in its name, cancelled ones included.
    pub planned: u32,
    /// Departures.
    pub flown: u32,
    /// Minutes in the air; diverted flights have none in the table.
    pub air_minutes: u64,
    /// Miles between the airports of the flights flown.
    pub miles: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, value: i64) {
        self.count += 1;
        self.sum += value;
    }

    /// Adds another tally.
    pub(crate) fn append(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }

    #[allow(clippy::cast_precision_loss, reason = "counts and sums stay far below 2^52")]
    pub(crate) fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

impl AirportFigures {
    /// Adds those of the same airport under another name.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.departures_by_hour.iter_mut().zip(other.departures_by_hour) {
            *mine += theirs;
        }
        self.arrivals += other.arrivals;
    }

    /// The hour with the most departures (the earliest of equals) and their number.
    pub(crate) fn busiest_hour(&self) -> Option<(usize, u32)> {
        let hours = self.departures_by_hour.into_iter().enumerate();
        hours.rev().max_by_key(|&(_, departures)| departures).filter(|&(_, departures)| departures > 0)
    }
}

impl Figures {
    /// All zero, with a place for each airline, airport and aircraft.
    pub(crate) fn empty(year: &Year) -> Self {
        Self {
            flights: 0,
            cancelled: 0,
            arrival_delay: Tally::default(),
            carriers: vec![Tally::default(); year.carriers.len()],
            airports: vec![AirportFigures::default(); year.airports.len()],
            aircraft: vec![Usage::default(); year.aircraft.len()],
        }
    }

    /// Counts every flight of the year.
    pub(crate) fn direct(year: &Year) -> Self {
        let mut figures = Self::empty(year);
        for flight in &year.flights {
            figures.count(flight);
        }
        figures
    }

    /// Those of the year flown `copies` times.
    pub(crate) fn times(&self, copies: usize) -> Self {
        let mut all = Self {
            flights: 0,
            cancelled: 0,
            arrival_delay: Tally::default(),
            carriers: vec![Tally::default(); self.carriers.len()],
            airports: vec![AirportFigures::default(); self.airports.len()],
            aircraft: vec![Usage::default(); self.aircraft.len()],
        };
        for _ in 0..copies {
            all.add(self);
        }
        all
    }

    fn add(&mut self, other: &Self) {
        self.flights += other.flights;
        self.cancelled += other.cancelled;
        self.arrival_delay.append(other.arrival_delay);
        for (mine, theirs) in self.carriers.iter_mut().zip(&other.carriers) {
            mine.append(*theirs);
        }
        for (mine, theirs) in self.airports.iter_mut().zip(&other.airports) {
            mine.add(theirs);
        }
        for (mine, theirs) in self.aircraft.iter_mut().zip(&other.aircraft) {
            mine.add(theirs);
        }
    }

    fn count(&mut self, flight: &Flight) {
        self.flights += 1;
        self.cancelled += u64::from(flight.dep_time.is_none());
        if let Some(delay) = flight.arr_delay {
            self.arrival_delay.add(delay.into());
            self.carriers[usize::from(flight.carrier)].add(delay.into());
        }
        if let Some(hour) = departure_hour(flight) {
            self.airports[usize::from(flight.origin)].departures_by_hour[hour] += 1;
        }
        if flight.arr_time.is_some() {
            self.airports[usize::from(flight.dest)].arrivals += 1;
        }
        if let Some(aircraft) = flight.aircraft {
            self.aircraft[usize::from(aircraft)].count(flight);
        }
    }
}

impl Usage {
    /// Adds that of the same aircraft under another name.
    pub(crate) fn add(&mut self, other: &Self) {
        self.planned += other.planned;
        self.flown += other.flown;
        self.air_minutes += other.air_minutes;
        self.miles += other.miles;
    }

    fn count(&mut self, flight: &Flight) {
        self.planned += 1;
        if flight.dep_time.is_some() {
            self.flown += 1;
            self.miles += u64::from(flight.distance);
        }
        self.air_minutes += u64::from(flight.air_time.unwrap_or(0));
    }
}

/// The hour 0 to 23 a flight really left in; the table's 2400 belongs to hour 0.
pub(crate) fn departure_hour(flight: &Flight) -> Option<usize> {
    flight.dep_time.map(|time| usize::from(time) / 60 % HOURS)
}

/// The indexes of the `count` items with the highest key, the first of equals first.
pub(crate) fn top<T, K: Ord>(items: &[T], count: usize, key: impl Fn(&T) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(key(&items[index])));
    order.truncate(count);
    order
}

/// The airlines that had an arrival, the latest on average first, with their mean delay.
pub(crate) fn carriers_by_delay<'a>(year: &'a Year, figures: &Figures) -> Vec<(&'a Named, Tally, f64)> {
    let airlines = year.carriers.iter().zip(&figures.carriers);
    let mut means: Vec<_> = airlines.filter_map(|(name, tally)| Some((name, *tally, tally.mean()?))).collect();
    means.sort_by(|a, b| b.2.total_cmp(&a.2));
    means
}

#[cfg(test)]
mod tests {
    use super::super::data::tests::YEAR;
    use super::*;
    use std::sync::LazyLock;

    static FIGURES: LazyLock<Figures> = LazyLock::new(|| Figures::direct(&YEAR));

    fn airport(code: &str) -> &'static AirportFigures {
        let index = YEAR.airports.iter().position(|a| a.code == code);
        &FIGURES.airports[index.expect("invariant: the airport is served")]
    }

    fn close(tally: Tally, published: f64) -> bool {
        tally.mean().is_some_and(|mean| (mean - published).abs() <= 0.005)
    }

    #[test]
    fn published_totals() {
        assert_eq!(FIGURES.flights, 336_776);
        assert_eq!(FIGURES.cancelled, 8_255);
        assert_eq!(FIGURES.arrival_delay, Tally { count: 327_346, sum: 2_257_174 });
        assert!(close(FIGURES.arrival_delay, 6.895));
    }

    #[test]
    fn published_means_by_airline() {
        let mean_of = |code: &str| {
            let index = YEAR.carriers.iter().position(|c| c.code == code);
            FIGURES.carriers[index.expect("invariant: the airline flew")]
        };
        assert!(close(mean_of("F9"), 21.92));
        assert!(close(mean_of("UA"), 3.56));
        assert!(close(mean_of("AS"), -9.93));
        let order = carriers_by_delay(&YEAR, &FIGURES);
        assert_eq!(order.len(), 16);
        assert_eq!((&order[0].0.code[..], &order[15].0.code[..]), ("F9", "AS"));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let delays =
            FIGURES.carriers.iter().fold(Tally::default(), |all, tally| Tally { count: all.count + tally.count, sum: all.sum + tally.sum });
        assert_eq!(delays, FIGURES.arrival_delay);
        let hours = FIGURES.airports.iter().flat_map(|a| a.departures_by_hour);
        let departures: u64 = hours.map(u64::from).sum();
        assert_eq!(departures, FIGURES.flights - FIGURES.cancelled);
        let flown: u64 = FIGURES.aircraft.iter().map(|a| u64::from(a.flown)).sum();
        assert_eq!(flown, departures);
        let arrivals: u64 = FIGURES.airports.iter().map(|a| u64::from(a.arrivals)).sum();
        assert_eq!(arrivals, 328_063);
    }

    #[test]
    fn only_new_york_has_departures() {
        let busy = YEAR.airports.iter().filter(|a| airport(&a.code).busiest_hour().is_some());
        assert_eq!(busy.map(|a| &a.code[..]).collect::<Vec<_>>(), ["EWR", "JFK", "LGA"]);
    }

    #[test]
    fn most_used_aircraft() {
        let most = top(&FIGURES.aircraft, 1, |a| a.planned)[0];
        assert_eq!((&YEAR.aircraft[most][..], FIGURES.aircraft[most].planned), ("N725MQ", 575));
        let longest = top(&FIGURES.aircraft, 1, |a| a.air_minutes)[0];
        assert_eq!(YEAR.aircraft[longest], "N328AA");
        assert_eq!(FIGURES.aircraft[longest].air_minutes, 123_768);
    }

    #[test]
    fn top_keeps_the_first_of_equals() {
        assert_eq!(top(&[1, 3, 2, 3], 3, |&n| n), [1, 3, 2]);
        assert_eq!(AirportFigures::default().busiest_hour(), None);
        let even = AirportFigures { departures_by_hour: [7; HOURS], arrivals: 0 };
        assert_eq!(even.busiest_hour(), Some((0, 7)));
    }
}
