//! How many restarts are too many.

use crate::world::History;

/// How often an actor, or the children of a supervisor together, may be restarted: at most `intensity`
/// times within `period_ticks`.
///
/// The window slides and includes both ends, as OTP's does: a restart at tick `t` counts at tick `now`
/// if `t >= now - period_ticks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartIntensity {
    /// Restarts allowed in the window.
    pub intensity: u32,
    /// Length of the window in ticks.
    pub period_ticks: u64,
}

/// What the supervisor does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Restart,
    GiveUp,
}

impl RestartIntensity {
    /// Restarts without end. An actor that fails in every round then takes all rounds of a tick.
    pub const UNLIMITED: Self = Self { intensity: u32::MAX, period_ticks: 0 };

    /// Whether one more restart at tick `now` is allowed.
    pub(crate) fn has_room(&self, history: &mut History, now: u64) -> bool {
        if self.intensity == u32::MAX {
            return true;
        }
        history.forget_before(now.saturating_sub(self.period_ticks));
        history.len() < self.intensity as usize
    }

    /// Notes a failure at tick `now` in the history of restarts and decides about it.
    pub(crate) fn decide(self, history: &mut History, now: u64) -> Verdict {
        if self.intensity == u32::MAX {
            return Verdict::Restart;
        }
        history.forget_before(now.saturating_sub(self.period_ticks));
        history.note(now);
        if history.len() > self.intensity as usize { Verdict::GiveUp } else { Verdict::Restart }
    }
}

impl Default for RestartIntensity {
    /// Ten restarts in a hundred ticks.
    fn default() -> Self {
        Self { intensity: 10, period_ticks: 100 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The sliding window agrees with counting all restarts by hand.
        #[test]
        fn like_counting(gaps in prop::collection::vec(0u64..6, 1..200), intensity in 0u32..6, period_ticks in 0u64..20) {
            let limit = RestartIntensity { intensity, period_ticks };
            let (mut now, mut history, mut all) = (0, History::default(), Vec::new());
            for gap in gaps {
                now += gap;
                all.push(now);
                let within = all.iter().filter(|&&t| t + period_ticks >= now).count();
                let want = if within > intensity as usize { Verdict::GiveUp } else { Verdict::Restart };
                prop_assert_eq!(limit.decide(&mut history, now), want);
                prop_assert_eq!(history.len(), within);
            }
        }
    }
}
