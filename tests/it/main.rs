//! Integration tests: a file for each guarantee or failure mode. Bodies run at 1, 2 and 8 threads.

mod accounting;
mod batch;
mod border;
mod control;
mod determinism;
mod failures;
mod identity;
mod isolation;
mod mail_system;
mod order;
mod overflow;
mod recipient;
mod support;
