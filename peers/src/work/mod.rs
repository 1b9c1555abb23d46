//! The work every peer does: the same actors, messages and checksums for all.
//!
//! A bench is a population of actors with indices `0..size`. What an actor does
//! is a [`Behaviour`], written once here, so that no peer gains by a lighter
//! handler. A peer gives a [`Stage`]: how actors are made, how mail moves.

pub mod ask;
pub mod behaviour;
pub mod big;
pub mod chameneos;
pub mod counting;
pub mod expected;
pub mod forkjoin;
pub mod lone;
pub mod memory;
pub mod play;
pub mod random;
pub mod relay;
pub mod route;
pub mod traffic;

pub use behaviour::{Behaviour, Outbox, Scene};
pub use play::Stage;

use serde::{Deserialize, Serialize};

/// How much is asked of one run.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Actors that do the work; a driver, mall or producer comes on top.
    pub actors: u32,
    /// Messages that count; triggers and bookkeeping come on top.
    pub messages: u64,
    /// Threads that may run actors.
    pub threads: usize,
}

/// What one run gave.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Wall time of the work alone.
    pub seconds: f64,
    /// Sum of what the actors saw, free of order.
    pub checksum: u64,
    /// Memory an actor, where the bench is about memory.
    pub bytes_per_actor: Option<f64>,
}

impl Outcome {
    /// An outcome of a bench that is not about memory.
    pub fn timed(seconds: f64, checksum: u64) -> Self {
        Self { seconds, checksum, bytes_per_actor: None }
    }
}
