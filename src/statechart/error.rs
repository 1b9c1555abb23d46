//! What can be wrong with a chart, and with a step.

use std::error::Error;
use std::fmt;

use thiserror::Error;

/// Why a chart could not be built: all that is wrong with it.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("chart `{chart}` cannot be built:{}", list(.problems))]
#[non_exhaustive]
pub struct ChartError {
    /// The chart.
    pub chart: String,
    /// What is wrong, in document order.
    pub problems: Vec<Problem>,
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n- {problem}")).collect()
}

/// One thing that is wrong with a chart. States are named as their `Debug` output does.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Two states have one name.
    #[error("two states are called `{state}`: rename one of them")]
    SameName {
        /// The name.
        state: String,
    },
    /// A state with children does not say which is entered first.
    #[error("state `{state}` has children and no initial one: call `initial`, or make it parallel")]
    NoInitial {
        /// The state.
        state: String,
    },
    /// The initial state is not inside.
    #[error("state `{state}` has the initial state `{initial}`, which is not inside it: name one of its children")]
    InitialOutside {
        /// The state.
        state: String,
        /// What it names.
        initial: String,
    },
    /// Initial states cannot be active together.
    #[error(
        "state `{state}` has the initial states `{one}` and `{other}`, which cannot be entered together: they must be in different regions"
    )]
    InitialConflict {
        /// The state.
        state: String,
        /// One of them.
        one: String,
        /// Another.
        other: String,
    },
    /// An initial child is given where no child is entered by itself.
    #[error("state `{state}` is {kind} and has an initial state: strike it out")]
    InitialUnused {
        /// The state.
        state: String,
        /// What it is.
        kind: &'static str,
    },
    /// A state that has no children by its kind has some.
    #[error("state `{state}` is {kind} and has children: make it a plain state, or move them")]
    ChildrenNotAllowed {
        /// The state.
        state: String,
        /// What it is.
        kind: &'static str,
    },
    /// A state that is not final has an output.
    #[error("state `{state}` has an output and is not final: strike it out, or write the state with `end`")]
    OutputUnused {
        /// The state.
        state: String,
    },
    /// A history state has transitions or actions, which would never run.
    #[error("history state `{state}` has transitions or actions: it is never active, so move them to its parent")]
    HistoryActs {
        /// The state.
        state: String,
    },
    /// A parallel state without regions.
    #[error("parallel state `{state}` has no region: give it children, or make it a plain state")]
    NoRegion {
        /// The state.
        state: String,
    },
    /// A name that no state has.
    #[error("{place} names the state `{target}`, which is not in the chart: add it, or correct the name")]
    UnknownState {
        /// Where it is named.
        place: String,
        /// The name.
        target: String,
    },
    /// A history state is used in a guard.
    #[error("{place} asks for the history state `{target}`, which is never active: ask for its parent")]
    HistoryGuard {
        /// Where.
        place: String,
        /// The history state.
        target: String,
    },
    /// History states whose defaults lead round in a circle.
    #[error("the defaults of history state `{state}` lead back to itself: let one of them lead to a state")]
    HistoryCircle {
        /// One of them.
        state: String,
    },
    /// A transition's targets cannot be active together.
    #[error("{place} has the targets `{one}` and `{other}`, which cannot be active together: they must be in different regions")]
    TargetsConflict {
        /// The transition.
        place: String,
        /// One target.
        one: String,
        /// Another.
        other: String,
    },
    /// A state that no transition leads to.
    #[error("state `{state}` can never be reached: lead a transition to it, or strike it out (`lenient` lets it pass)")]
    Unreachable {
        /// The state.
        state: String,
    },
    /// A transition behind one that is always taken.
    #[error("{place} can never be taken: an earlier one for the same event has no condition; reorder them (`lenient` lets it pass)")]
    NeverTaken {
        /// The transition.
        place: String,
    },
    /// A history state beside which there is no state that could be remembered.
    #[error(
        "history state `{state}` has no sibling that can be active, so there is nothing to remember: put it beside its parent's children, or strike it out"
    )]
    HistoryAlone {
        /// The history state.
        state: String,
    },
    /// A transition waits for an invocation that no state makes.
    #[error("{place} waits for the invocation `{name}`, which no state makes: call `invoke`, or correct the name")]
    UnknownInvocation {
        /// The transition.
        place: String,
        /// The name.
        name: String,
    },
    /// A state invokes two things under one name.
    #[error("state `{state}` invokes two things as `{name}`: rename one of them")]
    SameInvocation {
        /// The state.
        state: String,
        /// The name.
        name: String,
    },
    /// Too many states for the set.
    #[error("there are {states} states, and the chart's `Set` holds {capacity}: use `[u64; {words}]`")]
    TooManyStates {
        /// How many there are, the root and history states included.
        states: usize,
        /// How many fit.
        capacity: usize,
        /// How many words would do.
        words: usize,
    },
    /// Too many kinds of events, or transitions.
    #[error("there are {count} {what}, and a chart holds 65,535: split it")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
    },
}

impl Problem {
    /// Whether the chart could run all the same.
    pub(super) fn is_warning(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NeverTaken { .. } | Self::TargetsConflict { .. })
    }
}

/// Why a step failed. The configuration and the context are as the step left them, and may be torn; an actor is
/// restarted or stopped by its supervisor.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StepError {
    /// Microsteps went on beyond the limit. Look for eventless transitions that enable each other, or
    /// events that raise each other.
    #[error(
        "chart `{chart}` took {limit} microsteps for one event and found no rest, in the states {}: \
         look for eventless transitions or raised events that follow each other in a circle", .states.join(", ")
    )]
    Livelock {
        /// The chart.
        chart: String,
        /// The active states.
        states: Vec<String>,
        /// The limit; see [`Definition::microsteps_max`](super::Definition::microsteps_max).
        limit: u32,
    },
    /// Too many events are postponed, or too many timers pending.
    #[error("chart `{chart}` holds more than {limit} {what}, in the states {}: raise `waiting_max`, or take them in some state", .states.join(", "))]
    Full {
        /// The chart.
        chart: String,
        /// The active states.
        states: Vec<String>,
        /// Of what.
        what: &'static str,
        /// The limit; see [`Definition::waiting_max`](super::Definition::waiting_max).
        limit: u32,
    },
    /// What a state invoked has failed, and no active state takes the event that says so.
    #[error("what chart `{chart}` invoked as `{invoked}` has failed: {reason}; write an `on_invoke_error` for it")]
    Invoked {
        /// The chart.
        chart: String,
        /// The invocation.
        invoked: String,
        /// Why it failed.
        reason: String,
    },
    /// The configuration is none of this chart: it comes from a snapshot of another one, or was damaged.
    #[error("the configuration does not fit chart `{chart}`: {what}; was the snapshot taken of an earlier version of it?")]
    Foreign {
        /// The chart.
        chart: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// An action failed.
    #[error("an action of chart `{chart}` failed: {reason}")]
    Action {
        /// The chart.
        chart: String,
        /// What it said.
        reason: Box<dyn Error + Send + Sync>,
    },
}

/// A transition's place, for messages.
pub(super) struct Place<'a> {
    pub(super) state: &'a str,
    pub(super) event: &'a str,
    pub(super) number: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transition {} of state `{}` for `{}`", self.number, self.state, self.event)
    }
}
