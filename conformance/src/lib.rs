//! Recorded cases of other systems, run through throng: one module a suite.

pub mod gen_statem;
pub mod otp;
pub mod report;
pub mod scxml;
mod stage;
pub mod xstate;
