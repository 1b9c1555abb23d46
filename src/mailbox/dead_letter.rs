//! Mail that reached nobody.

use std::any::{Any, type_name};
use std::fmt;

use super::Envelope;
use crate::id::ActorId;

/// Why a message became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeadReason {
    /// The receiver has stopped (its slot may have a new holder, whom the message never reaches).
    Stopped,
    /// No actor ever had this id here: the reference comes from another world.
    Unknown,
    /// The receiver's mailbox was full and its policy dropped a message.
    MailboxFull,
    /// The message bounced off a full mailbox and went back to its sender. It is counted always, and
    /// shown to subscribers if the sender had stopped or did not take it.
    Bounced,
    /// The receiver's entity has lost its state component.
    NoState,
    /// The receiver was restarted and its mailbox was set to be dropped.
    Restarted,
    /// It was sent to a key whose state could not be loaded (see [`StoreFailure`](crate::StoreFailure)). The letter's `to` is an id
    /// that no actor has.
    NotLoaded,
}

impl DeadReason {
    /// All reasons, in the order in which [`MailStats`](crate::MailStats) counts them.
    pub const ALL: [Self; 7] =
        [Self::Stopped, Self::Unknown, Self::MailboxFull, Self::Bounced, Self::NoState, Self::Restarted, Self::NotLoaded];
}

/// A message that reached nobody, with the reason.
///
/// Subscribe with [`Throng::dead_letters`](crate::Throng::dead_letters).
pub struct DeadLetter {
    /// Whom the message was for.
    pub to: ActorId,
    /// Who sent it; `None` if it came from outside.
    pub from: Option<ActorId>,
    /// Why it was not delivered.
    pub reason: DeadReason,
    /// The tick in which it was found undeliverable.
    pub tick: u64,
    /// The message's type.
    pub message_type: &'static str,
    /// The message.
    pub message: Box<dyn Any + Send>,
}

impl DeadLetter {
    pub(crate) fn of<M: Send + 'static>(envelope: Envelope<M>, reason: DeadReason, tick: u64) -> Self {
        Self { to: envelope.to, from: envelope.from, reason, tick, message_type: type_name::<M>(), message: Box::new(envelope.msg) }
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("to", &self.to)
            .field("from", &self.from)
            .field("reason", &self.reason)
            .field("tick", &self.tick)
            .field("message_type", &self.message_type)
            .finish_non_exhaustive()
    }
}
