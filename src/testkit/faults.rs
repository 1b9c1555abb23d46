//! Faults at a time of the test's choosing.

use std::collections::BTreeMap;

use crate::border::BatchFault;
use crate::id::ActorId;
use crate::throng::Throng;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An actor fails, as if a handler had panicked.
    Crash(ActorId),
    /// What came through the inlet for this tick is lost.
    DropBatch,
    /// What came through the inlet for this tick comes so many ticks later.
    DelayBatch(u64),
    /// What came through the inlet for this tick comes in the reverse order.
    ReverseBatch,
    /// The next job that starts, counted from the first as 0, fails: this is its number.
    BreakJob(u64),
}

/// Faults by tick.
///
/// # Examples
///
/// ```
/// # use throng::prelude::*;
/// # #[derive(bevy_ecs::component::Component)] struct Lamp;
/// # impl Actor for Lamp { type Msg = (); type Params = ();
/// #   fn handle(&mut self, _: (), _: &Context<'_, Self>) -> Handled { Ok(()) } }
/// use throng::testkit::{Fault, Faults};
///
/// let mut throng = Throng::default();
/// let lamp = throng.spawn_with(|_id| Lamp);
/// let mut faults = Faults::new().at(2, Fault::Crash(lamp.id()));
/// faults.run(&mut throng, 3);
/// assert_eq!(throng.stats().restarts, 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults {
    by_tick: BTreeMap<u64, Vec<Fault>>,
}

impl Faults {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault that happens with a tick; ticks are numbered from 1.
    #[must_use]
    pub fn at(mut self, tick: u64, fault: Fault) -> Self {
        self.by_tick.entry(tick).or_default().push(fault);
        self
    }

    /// Runs so many ticks, with their faults. Each fault happens once.
    pub fn run(&mut self, throng: &mut Throng, ticks: u64) {
        for _ in 0..ticks {
            let next = throng.stats().ticks + 1;
            for fault in self.by_tick.remove(&next).unwrap_or_default() {
                inject(throng, fault, next);
            }
            throng.tick();
        }
    }
}

fn inject(throng: &mut Throng, fault: Fault, tick: u64) {
    match fault {
        Fault::Crash(actor) => throng.crash(actor),
        Fault::DropBatch => throng.break_batch(BatchFault::Drop),
        Fault::DelayBatch(ticks) => throng.break_batch(BatchFault::DelayTo(tick.saturating_add(ticks))),
        Fault::ReverseBatch => throng.break_batch(BatchFault::Reverse),
        Fault::BreakJob(number) => throng.break_job(number),
    }
}
