//! How much a mailbox holds, how much of it is handled in a round, in which order, and what happens
//! when it is full.

use std::fmt;
use std::num::NonZeroU32;

use thiserror::Error;

/// What happens to a message for a mailbox that is full.
///
/// A mailbox is full in a round once it holds `capacity` messages: those kept from earlier rounds and
/// those delivered in this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The message stays with its sender, who does not run until the receiver has room. A sender
    /// that is itself full runs on (the rule of Pony's back-pressure), so no cycle can hang.
    #[default]
    Backpressure,
    /// The message goes back to the sender as [`Undelivered`](crate::Undelivered), past user mail.
    Bounce,
    /// The new message becomes a dead letter.
    DropNewest,
    /// The oldest kept message becomes a dead letter and the new one takes its place.
    DropOldest,
    /// The message becomes a dead letter and the receiver fails: its supervisor decides.
    Fail,
}

/// The settings of a mailbox: of all actors of a type, or of one actor.
///
/// # Examples
///
/// ```
/// use throng::{MailboxConfig, Overflow};
///
/// let config = MailboxConfig::<u32>::new(64)?
///     .overflow(Overflow::DropOldest)
///     .budget(8)?
///     .priority(|msg| if *msg == 0 { 1 } else { 0 });
/// assert_eq!(config.capacity(), 64);
/// # Ok::<(), throng::ConfigError>(())
/// ```
pub struct MailboxConfig<M> {
    capacity: NonZeroU32,
    overflow: Overflow,
    budget: Option<NonZeroU32>,
    priority: Option<fn(&M) -> u8>,
}

/// A mailbox setting that cannot work.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A mailbox without room could never receive. Not fatal: give at least 1, or stop the actor.
    #[error("a mailbox needs a capacity of at least 1 message")]
    CapacityZero,
    /// An actor without a budget could never run. Not fatal: give at least 1, or leave it unset.
    #[error("a budget needs at least 1 message a round; leave it unset to handle all")]
    BudgetZero,
}

/// The capacity of a mailbox for which none was chosen, in messages.
pub(crate) const CAPACITY_DEFAULT: u32 = 1024;

impl<M> MailboxConfig<M> {
    /// A mailbox for `capacity` messages that pushes back when full.
    ///
    /// # Errors
    ///
    /// [`ConfigError::CapacityZero`].
    pub fn new(capacity: u32) -> Result<Self, ConfigError> {
        let capacity = NonZeroU32::new(capacity).ok_or(ConfigError::CapacityZero)?;
        Ok(Self { capacity, overflow: Overflow::default(), budget: None, priority: None })
    }

    /// A mailbox that is never full (2^32 - 1 messages).
    #[must_use]
    pub fn unbounded() -> Self {
        Self { capacity: NonZeroU32::MAX, overflow: Overflow::default(), budget: None, priority: None }
    }

    /// Sets what happens when the mailbox is full.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Handles at most `messages` a round; the rest is kept, in order.
    ///
    /// # Errors
    ///
    /// [`ConfigError::BudgetZero`].
    pub fn budget(mut self, messages: u32) -> Result<Self, ConfigError> {
        self.budget = Some(NonZeroU32::new(messages).ok_or(ConfigError::BudgetZero)?);
        Ok(self)
    }

    /// Handles messages with a higher number first; equal numbers in the order of arrival.
    ///
    /// It orders the messages that are in the mailbox together; it gives up the order between
    /// messages of different priority from one sender.
    #[must_use]
    pub fn priority(mut self, priority: fn(&M) -> u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// How many messages the mailbox takes.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.capacity.get()
    }

    pub(crate) fn is_unbounded(&self) -> bool {
        self.capacity.get() == u32::MAX
    }

    pub(crate) fn policy(&self) -> Overflow {
        self.overflow
    }

    pub(crate) fn budget_messages(&self) -> u32 {
        self.budget.map_or(u32::MAX, NonZeroU32::get)
    }

    pub(crate) fn priority_of(&self) -> Option<fn(&M) -> u8> {
        self.priority
    }

    /// Whether mail can be handled straight from the lane, in order of arrival.
    pub(crate) fn is_plain(&self) -> bool {
        self.budget.is_none() && self.priority.is_none() && self.overflow != Overflow::DropOldest
    }
}

impl<M> Default for MailboxConfig<M> {
    fn default() -> Self {
        Self::new(CAPACITY_DEFAULT).expect("invariant: the default capacity is not 0")
    }
}

impl<M> Clone for MailboxConfig<M> {
    fn clone(&self) -> Self {
        Self { capacity: self.capacity, overflow: self.overflow, budget: self.budget, priority: self.priority }
    }
}

impl<M> fmt::Debug for MailboxConfig<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxConfig")
            .field("capacity", &self.capacity)
            .field("overflow", &self.overflow)
            .field("budget", &self.budget)
            .field("priority", &self.priority.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_refused() {
        assert_eq!(MailboxConfig::<()>::new(0).unwrap_err(), ConfigError::CapacityZero);
        assert_eq!(MailboxConfig::<()>::default().budget(0).unwrap_err(), ConfigError::BudgetZero);
    }
}
