//! The rules that a supervisor and its children are given, in OTP's words.

use std::fmt;
use std::sync::Arc;

use crate::digest::mix;

/// What a supervisor does when one of its children ends and is to be restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum RestartStrategy {
    /// Restarts that child.
    #[default]
    OneForOne,
    /// Stops all others in reverse order, then starts all in order.
    OneForAll,
    /// Stops those after it in reverse order, then starts it and them in order.
    RestForOne,
    /// As `OneForOne`, for any number of children of one template, which are started at run time and have no names.
    SimpleOneForOne,
}

impl fmt::Display for RestartStrategy {
    /// Writes OTP's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneForOne => "one_for_one",
            Self::OneForAll => "one_for_all",
            Self::RestForOne => "rest_for_one",
            Self::SimpleOneForOne => "simple_one_for_one",
        })
    }
}

/// Whether a child that ended is restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// Always.
    #[default]
    Permanent,
    /// If it ended with a reason that is not [normal](crate::ExitReason::is_normal); otherwise it is left stopped.
    Transient,
    /// Never; its spec is dropped.
    Temporary,
}

/// How a supervisor stops a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// It is killed.
    BrutalKill,
    /// It is told to stop, and killed if it is not gone after so many ticks.
    Ticks(u64),
    /// It is told to stop, and waited for.
    Infinity,
}

impl Default for Shutdown {
    /// Told to stop, and killed after 100 ticks.
    fn default() -> Self {
        Self::Ticks(100)
    }
}

/// Whether a supervisor stops by itself when significant children have ended by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AutoShutdown {
    /// No.
    #[default]
    Never,
    /// When any of them has.
    AnySignificant,
    /// When all of them have.
    AllSignificant,
}

/// Waiting before a restart: each one in the window doubles it. (OTP has no such thing.)
///
/// # Examples
///
/// ```
/// use throng::Backoff;
///
/// let backoff = Backoff { initial_ticks: 2, ticks_max: 60, jitter_ticks: 3 };
/// # let _ = backoff;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// Ticks before the first restart in the window. 0 means at once.
    pub initial_ticks: u64,
    /// Most ticks, without the jitter.
    pub ticks_max: u64,
    /// Up to so many ticks more, drawn from the world's seed.
    pub jitter_ticks: u64,
}

impl Backoff {
    /// Ticks to wait before a restart, the `nth` in the window (from 1).
    pub(crate) fn ticks(self, nth: usize, draw: u64) -> u64 {
        let doublings = u32::try_from(nth.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        let ticks = self.initial_ticks.saturating_mul(factor).min(self.ticks_max);
        if ticks == 0 {
            return 0;
        }
        let jitter = self.jitter_ticks.checked_add(1).map_or(0, |range| draw % range);
        ticks.saturating_add(jitter)
    }
}

/// What the planner knows of a child's spec.
#[derive(Clone, Debug)]
pub(crate) struct ChildRules {
    pub(crate) name: Arc<str>,
    pub(crate) restart: RestartPolicy,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
}

/// What the planner knows of a supervisor's spec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SupervisorRules {
    pub(crate) strategy: RestartStrategy,
    pub(crate) intensity: super::RestartIntensity,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) backoff: Option<Backoff>,
    /// Where the jitter is drawn from.
    pub(crate) seed: u64,
}

impl SupervisorRules {
    /// Ticks to wait before a restart at `now`, the `nth` in the window.
    pub(crate) fn delay(&self, nth: usize, now: u64) -> u64 {
        self.backoff.map_or(0, |backoff| backoff.ticks(nth, mix(self.seed, mix(now, nth as u64))))
    }
}
