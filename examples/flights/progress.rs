//! Shows how far the run is: a bar on a terminal, else a line for each simulated month.

use std::io::{self, Write};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::data::MINUTES_PER_DAY;

/// The last day of each month of 2013, with 1 January as day 0.
const MONTH_ENDS: [(u32, &str); 12] = [
    (30, "January"),
    (58, "February"),
    (89, "March"),
    (119, "April"),
    (150, "May"),
    (180, "June"),
    (211, "July"),
    (242, "August"),
    (272, "September"),
    (303, "October"),
    (333, "November"),
    (364, "December"),
];

/// Hears of the simulated minutes that are done.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Say the months instead.
    lines: bool,
    start: Instant,
}

impl Progress {
    /// `minutes` is how many there will be.
    #[expect(clippy::disallowed_methods, reason = "people, not actors, read this clock")]
    pub(crate) fn new(minutes: u32, quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(minutes.into()) };
        let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {percent:>3}%, {eta} left; {msg}");
        bar.set_style(style.expect("invariant: the template is well formed"));
        bar.set_message("the actors are made");
        let lines = !quiet && bar.is_hidden();
        Self { bar, lines, start: Instant::now() }
    }

    /// A minute of the year is done.
    pub(crate) fn minute_done(&self, minute: u32) {
        let day_minutes = u32::from(MINUTES_PER_DAY);
        if !(minute + 1).is_multiple_of(day_minutes) {
            return;
        }
        let day = minute / day_minutes;
        self.bar.set_position((minute + 1).into());
        if let Some((month, name)) = month_ending(day) {
            self.bar.set_message(format!("{name} is over"));
            self.say(month, name);
        }
    }

    fn say(&self, month: usize, name: &str) {
        if self.lines {
            let seconds = self.start.elapsed().as_secs_f64();
            // Progress is a courtesy: nobody may be reading it.
            let _ = writeln!(io::stderr(), "{seconds:6.1} s: {name} is over, {month} of 12 months");
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The number and name of the month whose last day this is.
fn month_ending(day: u32) -> Option<(usize, &'static str)> {
    (1..).zip(MONTH_ENDS).find(|(_, (end, _))| *end == day).map(|(number, (_, name))| (number, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_on_their_last_day() {
        assert_eq!(month_ending(30), Some((1, "January")));
        assert_eq!(month_ending(31), None);
        assert_eq!(month_ending(364), Some((12, "December")));
        assert_eq!((0..400).filter(|&day| month_ending(day).is_some()).count(), 12);
    }
}
