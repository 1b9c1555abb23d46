//! What happens to actors that fail.
//!
//! # Model
//!
//! A failed call puts [`Failed`] on its actor's entity. The supervise step finds such entities, asks the
//! planner ([`RestartIntensity::decide`], a pure function) and carries the verdict out: fresh state in
//! place of the old, or a stop. All actors are under the root, which restarts one for one.
//!
//! # Source
//!
//! Restart intensity follows OTP's `supervisor`: more than `intensity` restarts within `period` end it.

mod failed;
mod intensity;

pub use failed::Failed;
pub use intensity::RestartIntensity;

pub(crate) use intensity::Verdict;
