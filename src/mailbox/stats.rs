//! The accounting: every message sent is handled, dead, or still queued.

use super::DeadReason;

/// What became of the mail to one actor type since the world began.
///
/// At every tick edge `sent == handled + dead() + queued`, which
/// [`MailStats::is_balanced`] checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailStats {
    /// Messages whose sender's call succeeded, and messages from outside. A message to all actors
    /// of the type counts once for each reader, when it is delivered.
    pub sent: u64,
    /// Messages given to a handler, whether it succeeded or failed.
    pub handled: u64,
    /// Calls that failed: of handlers, and of [`Actor::tick`](crate::Actor::tick).
    pub failed: u64,
    /// Messages not handled yet: on their way, kept, postponed, or held back for want of room.
    pub queued: u64,
    /// Dead letters by reason, in the order of [`DeadReason::ALL`].
    pub dead_by_reason: [u64; DeadReason::ALL.len()],
    /// Messages that met a full mailbox, whatever its policy did with them.
    pub overflowed: u64,
    /// How often a handler postponed a message.
    pub postponed: u64,
}

impl MailStats {
    /// Dead letters of all reasons.
    #[must_use]
    pub fn dead(&self) -> u64 {
        self.dead_by_reason.iter().sum()
    }

    /// Dead letters of one reason.
    #[must_use]
    pub fn dead_by(&self, reason: DeadReason) -> u64 {
        self.dead_by_reason[reason as usize]
    }

    /// Whether every message sent is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.sent == self.handled + self.dead() + self.queued
    }

    /// Adds another count, as when many types are summed.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.handled += other.handled;
        self.failed += other.failed;
        self.queued += other.queued;
        self.overflowed += other.overflowed;
        self.postponed += other.postponed;
        for (mine, theirs) in self.dead_by_reason.iter_mut().zip(other.dead_by_reason) {
            *mine += theirs;
        }
    }
}
