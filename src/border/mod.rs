//! Where the world meets other threads: mail comes in at the start of a tick, values go out at its end.
//!
//! # Model
//!
//! Other threads hold an [`Inlet`] and write to a bounded channel; a tick drains it once, in order, so what
//! came in is one batch at one tick edge. What handlers emit leaves by outlets, which are bounded too: a
//! reader that is too slow loses values, which is counted, and never stops the world.

mod ask;
mod calls;
#[cfg(feature = "testkit")]
mod faults;
mod inlet;
mod offload;
mod outlet;
mod pace;

pub use ask::PendingReply;
pub use inlet::{Inlet, SendError, TrySendError};
pub use pace::{Pace, PaceReport};

#[cfg(feature = "testkit")]
pub(crate) use faults::{BatchFault, BatchFaults};
pub(crate) use inlet::{InletDrain, drain_inlet};
pub(crate) use offload::Jobs;
pub(crate) use outlet::{Outlets, fill_outlets};
pub(crate) use pace::Pacer;
