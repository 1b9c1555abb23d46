//! How calls fail, and what comes back.

use std::any::Any;
use std::error::Error;
use std::fmt;

use super::ExitReason;
use crate::id::ActorId;

/// What a handler returns: `Ok(())`, or why it failed.
pub type Handled = Result<(), ActorFailure>;

/// Why a handler gave up. Any error converts with `?`; a text with [`ActorFailure::msg`].
///
/// # Examples
///
/// ```
/// use throng::ActorFailure;
///
/// fn parse(text: &str) -> Result<u32, ActorFailure> {
///     Ok(text.parse::<u32>()?)
/// }
/// assert!(parse("x").unwrap_err().to_string().contains("invalid digit"));
/// ```
pub struct ActorFailure(Box<dyn Error + Send + Sync>);

impl ActorFailure {
    /// A failure with a text.
    pub fn msg(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The error behind it.
    #[must_use]
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ActorFailure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for ActorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorFailure({:?})", self.0)
    }
}

impl fmt::Display for ActorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How an actor failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// A handler returned an error.
    Error,
    /// A handler panicked.
    Panic,
    /// The `started` hook returned an error or panicked.
    Start,
    /// The mailbox was full and its policy is [`Overflow::Fail`](crate::Overflow::Fail).
    MailboxFull,
    /// The actor ended with an abnormal reason, by itself or by a signal.
    Exit,
}

/// One failure of one actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How it failed.
    pub kind: FailureKind,
    /// The error's or the panic's text, with the place of the panic.
    pub reason: String,
}

impl From<&ExitReason> for Failure {
    fn from(reason: &ExitReason) -> Self {
        match reason {
            ExitReason::Error(text) => Self { kind: FailureKind::Error, reason: text.as_ref().to_owned() },
            ExitReason::Panic(text) => Self { kind: FailureKind::Panic, reason: text.as_ref().to_owned() },
            other => Self { kind: FailureKind::Exit, reason: other.to_string() },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.reason)
    }
}

/// A message that came back because its receiver's mailbox was full.
pub struct Undelivered {
    /// Whom it was for.
    pub to: ActorId,
    pub(crate) message_type: &'static str,
    pub(crate) message: Box<dyn Any + Send>,
}

impl Undelivered {
    /// Takes the message out if it is an `M`.
    ///
    /// # Errors
    ///
    /// Gives the notice back if the message has another type.
    pub fn downcast<M: 'static>(self) -> Result<M, Self> {
        match self.message.downcast::<M>() {
            Ok(message) => Ok(*message),
            Err(message) => Err(Self { message, ..self }),
        }
    }
}

impl fmt::Debug for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undelivered").field("to", &self.to).field("message_type", &self.message_type).finish_non_exhaustive()
    }
}
