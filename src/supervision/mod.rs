//! What happens to actors that end.
//!
//! # Model
//!
//! Who ends, and why, is told to a planner: [`Planner`] for supervisors with named children in order, [`Pool`]
//! for simple_one_for_one. A planner is a pure state machine: plain values in, plain values out, no ECS. The
//! `systems` room feeds it and carries out what it says. Actors without a supervisor are under the root, whose
//! plan is a single question ([`RestartIntensity::decide`]).
//!
//! # Source
//!
//! Erlang/OTP, `supervisor`.

mod failed;
mod intensity;
mod plan;
mod planner;
mod pool;
mod rules;
mod spec_error;

pub use failed::Failed;
pub use intensity::RestartIntensity;
pub use plan::{ChildError, ChildState};
pub use rules::{AutoShutdown, Backoff, RestartPolicy, RestartStrategy, Shutdown};
pub use spec_error::SpecError;

pub(crate) use intensity::Verdict;
pub(crate) use plan::{Ask, Child, Input, Key, Output, Outputs, Start, Token};
pub(crate) use planner::Planner;
pub(crate) use pool::Pool;
pub(crate) use rules::{ChildRules, SupervisorRules};
