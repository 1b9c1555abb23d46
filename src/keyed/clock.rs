//! Since when an actor has been idle.
//!
//! # Model
//!
//! The world stamps a state with its change count when a handler gets it, so nothing has to be noted for a message.
//! The clock remembers the change count at which ticks began, and so turns a stamp into a tick.

use std::collections::VecDeque;

/// Marks that are kept, about. With more ticks of idleness than these, not every tick is marked.
const MARKS: u64 = 1_024;

/// The change count at the beginning of a tick.
#[derive(Clone, Copy, Debug)]
struct Mark {
    tick: u64,
    changes: u32,
}

/// Turns stamps of states into ticks.
///
/// # Invariants
///
/// 1. Marks ascend, in ticks and in changes.
/// 2. The first mark, or none, lies further back than the idle time.
#[derive(Debug)]
pub(crate) struct IdleClock {
    idle_ticks: u64,
    /// Ticks from mark to mark, at least.
    stride: u64,
    marks: VecDeque<Mark>,
}

impl IdleClock {
    pub(crate) fn new(idle_ticks: u64) -> Self {
        Self { idle_ticks, stride: (idle_ticks / MARKS).max(1), marks: VecDeque::new() }
    }

    /// A tick begins; whatever changes in it is stamped with `changes` or more.
    pub(crate) fn begin_tick(&mut self, tick: u64, changes: u32) {
        if self.idle_ticks == u64::MAX || self.marks.back().is_some_and(|last| tick - last.tick < self.stride) {
            return;
        }
        self.marks.push_back(Mark { tick, changes });
        while self.marks.get(1).is_some_and(|second| second.tick + self.idle_ticks < tick) {
            self.marks.pop_front();
        }
    }

    /// The tick of a stamp, or a later one within the clock's precision; `now` is the change count and the tick of
    /// the present.
    pub(crate) fn tick_of(&self, stamp: u32, now: (u32, u64)) -> u64 {
        let age = |changes: u32| now.0.wrapping_sub(changes);
        let begun = self.marks.partition_point(|mark| age(mark.changes) >= age(stamp));
        let before_next = self.marks.get(begun).map_or(now.1, |next| next.tick - 1);
        let within = begun.checked_sub(1).map_or(u64::MAX, |at| self.marks[at].tick + self.stride - 1);
        before_next.min(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A stamp's tick is found exactly as long as every tick is marked, and never too early otherwise.
        #[test]
        fn stamps_become_ticks(idle_ticks in prop_oneof![1_u64..50, 2_000_u64..9_000], first in any::<u32>(), steps in prop::collection::vec((1_u64..5, 1_u32..9), 1..300)) {
            let mut clock = IdleClock::new(idle_ticks);
            let (mut tick, mut changes) = (0, first);
            let mut stamps = Vec::new();
            for (ticks, work) in steps {
                tick += ticks;
                clock.begin_tick(tick, changes);
                stamps.extend((0..work).map(|n| (tick, changes.wrapping_add(n))));
                changes = changes.wrapping_add(work);
                for &(touched, stamp) in &stamps {
                    let found = clock.tick_of(stamp, (changes, tick));
                    if tick - touched > idle_ticks + clock.stride {
                        prop_assert!(tick - found >= idle_ticks, "it counts as idle");
                    } else {
                        prop_assert!(found >= touched && found < touched + clock.stride);
                    }
                }
                prop_assert!(clock.marks.len() as u64 <= idle_ticks.min(2 * MARKS) + 2);
            }
        }
    }
}
