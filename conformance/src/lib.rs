//! Recorded cases of other systems, run through throng: one module a suite.

pub mod otp;
pub mod report;
