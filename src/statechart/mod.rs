//! Statecharts: behaviour as Harel drew it, stepped purely.
//!
//! # Model
//!
//! A [`Chart`] is written once ([`Chart::define`]), checked, and compiled to flat tables that all instances share. An
//! instance is a [`Configuration`] (a bit set of active states, and history and timers where there are any) and a
//! context of the user's. Stepping is a function of these and an event: no clock, no thread, no allocation in the
//! steady state. A [`Session`] keeps one instance with its chart.
//!
//! # Invariants
//!
//! 1. States are numbered in document order, so a state's descendants are the numbers after it up to its end, and
//!    going backwards meets descendants before their ancestors.
//! 2. A configuration holds with each state its parent, and one child of each compound state, all of each parallel one;
//!    the root's bit means "running".
//! 3. What a transition leaves and enters is computed when the chart is built, unless history has a say in it.
//!
//! # Source
//!
//! D. Harel, "Statecharts: a visual formalism for complex systems" (1987); W3C SCXML, Appendix D; XState v5 where the
//! two differ ([`Semantics`]); OTP's `gen_statem` for what is postponed and inserted, and for time-outs.

mod chart;
mod check;
mod compile;
mod configuration;
mod definition;
mod describe;
mod effects;
mod error;
mod invoke;
mod label;
mod model;
mod moves;
mod paths;
mod picture;
#[cfg(feature = "serde")]
mod saved;
#[cfg(feature = "scxml")]
mod scxml;
mod select;
mod session;
mod set;
mod shown;
#[cfg(any(feature = "xstate-json", feature = "scxml"))]
mod state_id;
mod step;
mod timers;
#[cfg(feature = "xstate-json")]
mod xstate_export;
#[cfg(feature = "xstate-json")]
mod xstate_json;

pub use chart::Chart;
pub use configuration::{Configuration, Status};
pub use definition::{ActionList, Actions, Definition, Guard, History, Semantics, StateDef, TransitionDef};
pub use error::{ChartError, Problem, StepError};
pub use throng_macros::ChartEvent;

pub(crate) use invoke::{Ending, Tied};
pub use model::{ActiveStates, ChartEvent, EventId, EventKind, EventNames, Model, Step, Trigger};
pub use paths::{PathStep, Paths};
#[cfg(feature = "scxml")]
pub use scxml::{
    DataModel, ScxmlBindings, ScxmlDocument, ScxmlError, ScxmlEvent, ScxmlEventType, ScxmlMessage, ScxmlNumber, ScxmlProblem, ScxmlSession,
    ScxmlValue,
};
#[cfg(feature = "scxml")]
pub(crate) use scxml::{Family, Instant};
pub use session::Session;
pub use set::StateSet;
pub use shown::Shown;
#[cfg(any(feature = "xstate-json", feature = "scxml"))]
pub use state_id::StateId;
pub use step::Outcome;
pub use timers::TimerName;
#[cfg(feature = "xstate-json")]
pub use xstate_export::ExportError;
#[cfg(feature = "xstate-json")]
pub use xstate_json::{Bindings, ImportError, ImportProblem, XStateMachine};
