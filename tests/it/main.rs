//! Integration tests: a file for each guarantee or failure mode. Bodies run at 1, 2 and 8 threads.

#![expect(clippy::disallowed_methods, reason = "tests of the border wait for other threads")]

mod accounting;
mod ask;
mod async_blocks;
mod batch;
mod border;
mod brittle;
mod charts;
mod control;
mod determinism;
mod failures;
mod identity;
mod invoke;
mod isolation;
mod keyed;
mod keyed_model;
mod mail_system;
mod naming;
mod offload;
mod order;
mod overflow;
mod pinned;
mod pools;
mod recipient;
mod service;
mod supervision;
mod support;
mod ticking;
mod timers;
