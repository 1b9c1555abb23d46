//! Supervision, links and monitors, recorded from Erlang/OTP.
//!
//! # Model
//!
//! A case is a tree of supervisors and some plain processes, and steps that the environment takes. Each step runs until
//! nothing is left to be done; then what happened, who lives, the children of all supervisors and the mail are
//! compared with the recording. Processes are actors, supervisors are throng's own; the [`stage`] only gives orders
//! and takes notes.
//!
//! One tick of a case is [`stage::TICKS`] ticks here, so that time-outs in fine ticks do not move the restart clock.

mod compare;
mod process;
mod reason;
mod spec;
mod stage;

use serde_json::Value;

use crate::report::Verdict;

/// Runs a case.
///
/// # Errors
///
/// The first difference.
pub fn run(case: &Value) -> Verdict {
    let mut stage = stage::Stage::new(case)?;
    let steps = case["steps"].as_array().ok_or("a case without steps")?;
    let expected = case["expected"].as_array().ok_or("a case without expectations")?;
    for (number, (step, want)) in steps.iter().zip(expected).enumerate() {
        let got = stage.step(step).map_err(|error| format!("step {number}: {error}"))?;
        compare::compare(&got, want).map_err(|difference| format!("step {number} {step}: {difference}"))?;
    }
    Ok(())
}
