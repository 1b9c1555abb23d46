//! Finding actors without holding their references: unique names, keys, and topics with many members.
//!
//! # Model
//!
//! Handlers read the registry as it was when the round began; what they change takes effect when the round is
//! settled, in the order of the calls. Nothing here keeps an actor alive.
//!
//! # Source
//!
//! Names: OTP's `register/2`. Topics: OTP's `pg`, with typed messages.

mod keys;
mod names;
mod pools;
mod topics;

pub use names::NameError;
pub use topics::TopicError;

pub(crate) use keys::{Directories, Directory};
pub(crate) use names::Names;
pub(crate) use pools::{Members, Pools, consistent_bucket};
pub(crate) use topics::Topics;

/// What handlers look up.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) names: Names,
    pub(crate) topics: Topics,
    pub(crate) pools: Pools,
    pub(crate) keys: Directories,
}

impl Registry {
    /// An actor has stopped.
    pub(crate) fn release(&mut self, actor: crate::id::ActorId) {
        self.names.release(actor);
        self.pools.release(actor);
        self.keys.release(actor);
    }
}
