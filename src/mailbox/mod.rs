//! Mailboxes as plain data: envelopes, the sender's side, the receiver's side, and what happens when
//! there is no room.
//!
//! # Model
//!
//! A handler's `tell` appends an [`Envelope`] to a [`Lane`] of its worker: one growable bucket for
//! each block of recipients. That append *is* the stable partition of the delivery: a block's mail
//! is its bucket in every worker's lane, read in worker order. What an actor does not take in the
//! round in which it arrives waits in its [`KeptMail`].
//!
//! # Invariants
//!
//! 1. Mail for one receiver leaves a lane in the order in which it was pushed.
//! 2. `sent = handled + dead + queued` for every actor type at every tick edge ([`MailStats`]).
//!
//! Nothing here knows bevy.

mod audience;
mod config;
mod dead_letter;
mod kept;
mod lane;
mod reader;
mod shelf;
mod stats;

pub use config::{ConfigError, MailboxConfig, Overflow};
pub use dead_letter::{DeadLetter, DeadReason};
pub use stats::MailStats;

pub(crate) use audience::Audience;
pub(crate) use kept::KeptMail;
pub(crate) use lane::{Envelope, Lane, Part, Shout};
pub(crate) use reader::{Reader, take_only};
pub(crate) use shelf::Segment;
