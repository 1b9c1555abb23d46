//! Where actors are kept: components, slot tables, and the mail that waits for a type.
//!
//! # Model
//!
//! An actor is an entity with two components: its state and its [`Mailbox`]. A [`SlotTable`] for each
//! actor type leads from the slot in an [`ActorId`](crate::ActorId) to the entity and, as a guess that is
//! verified, to its table row. A [`Roster`] holds all that is kept for one type; a [`Family`] knows who
//! spawned whom, and [`Ties`] who is linked with, monitors or watches whom.

mod answers;
mod cell;
mod family;
mod history;
mod roster;
mod slots;
mod ticking;
mod ties;

pub use cell::Mailbox;

pub(crate) use answers::{AnswerLanes, AnswerParts};
pub(crate) use cell::{Held, Life, Lost};
pub(crate) use family::Family;
pub(crate) use history::History;
pub(crate) use roster::{Job, Roster, Scratch, Tally};
pub(crate) use slots::{BlockHint, SlotTable};
pub(crate) use ticking::Ticking;
pub(crate) use ties::{Leaving, Ties};
