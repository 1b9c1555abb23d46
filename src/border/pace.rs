//! Driving a world by the clock: ticks at a fixed rate.

use std::time::{Duration, Instant};

/// How a world is driven; see [`Throng::run`](crate::Throng::run).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// One tick after the other, without rest.
    AsFastAsPossible,
    /// A tick each period. A tick that is done later than its period ends is an overrun; the ticks behind
    /// it follow without rest until they are on time again, and none is left out.
    Every(Duration),
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PaceReport {
    /// Ticks run.
    pub ticks: u64,
    /// Ticks that took longer than their period.
    pub overruns: u64,
    /// The longest overrun: how much later than its period the tick was done.
    pub overrun_max: Duration,
    /// Time from start to end.
    pub elapsed: Duration,
}

/// Keeps time for a run.
pub(crate) struct Pacer {
    pace: Pace,
    start: Instant,
    due: Instant,
    report: PaceReport,
}

#[expect(clippy::disallowed_methods, reason = "the border may read the clock")]
fn now() -> Instant {
    Instant::now()
}

impl Pacer {
    pub(crate) fn new(pace: Pace) -> Self {
        let start = now();
        Self { pace, start, due: start, report: PaceReport::default() }
    }

    /// A tick is done: waits for the next one's time.
    #[expect(clippy::disallowed_methods, reason = "the border may sleep")]
    pub(crate) fn after_tick(&mut self) {
        self.report.ticks += 1;
        let Pace::Every(period) = self.pace else { return };
        self.due += period;
        let done = now();
        match self.due.checked_duration_since(done) {
            Some(rest) => std::thread::sleep(rest),
            None => {
                let late = done.duration_since(self.due);
                self.report.overruns += 1;
                self.report.overrun_max = self.report.overrun_max.max(late);
            }
        }
    }

    pub(crate) fn finish(self) -> PaceReport {
        PaceReport { elapsed: now().duration_since(self.start), ..self.report }
    }
}
