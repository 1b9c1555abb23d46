//! What is known of actors that are addressed by key, as plain data: who waits to be loaded, who has been idle for how
//! long, when a store is asked again. No ECS, no store, no clock.

mod clock;
mod patience;
mod report;
mod waiting;

pub use report::{KeyedStats, StoreFailure, StoreWork};

pub(crate) use clock::IdleClock;
pub(crate) use patience::Patience;
pub(crate) use waiting::{Entry, Overflowed, Restart, Waiting};
