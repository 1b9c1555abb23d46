//! Why an actor ended, and what others hear of it.
//!
//! # Source
//!
//! Exit reasons, links, monitors and trapping follow Erlang/OTP ("Processes", section Errors, and
//! `erlang:exit/2`, `link/1`, `monitor/2`).

use std::fmt;
use std::sync::Arc;

use super::{Failure, FailureKind};
use crate::id::ActorId;

/// Why an incarnation of an actor ended.
///
/// # Examples
///
/// ```
/// use throng::ExitReason;
///
/// assert!(ExitReason::Normal.is_normal());
/// assert!(ExitReason::shutdown_with("done").is_normal());
/// assert!(!ExitReason::Killed.is_normal());
/// assert_eq!(ExitReason::custom("overload").to_string(), "overload");
/// assert_eq!(ExitReason::shutdown_with("done").to_string(), "{shutdown,done}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ExitReason {
    /// It had nothing left to do.
    Normal,
    /// It was told to stop, or gave up in an orderly way.
    Shutdown,
    /// As [`ExitReason::Shutdown`], with a note.
    ShutdownWith(Arc<str>),
    /// As a signal sent with [`Turn::exit_signal`](crate::Turn::exit_signal): ends the receiver whatever it traps,
    /// with reason `Killed`. As the reason of an actor's own exit: an ordinary reason.
    Kill,
    /// It was killed.
    Killed,
    /// There is no such actor.
    NoProc,
    /// A handler or a hook returned this error, or its mailbox overflowed.
    Error(Arc<str>),
    /// A handler or a hook panicked with this text.
    Panic(Arc<str>),
    /// Any other reason, chosen with [`Turn::exit`](crate::Turn::exit).
    Custom(Arc<str>),
    /// A supervisor could not start this child, for this reason.
    FailedToStart {
        /// The child's name in its supervisor.
        child: Arc<str>,
        /// Why the child failed.
        reason: Arc<Self>,
    },
}

impl ExitReason {
    /// A reason of one's own.
    #[must_use]
    pub fn custom(text: impl Into<Arc<str>>) -> Self {
        Self::Custom(text.into())
    }

    /// An orderly end with a note.
    #[must_use]
    pub fn shutdown_with(note: impl Into<Arc<str>>) -> Self {
        Self::ShutdownWith(note.into())
    }

    /// Whether a transient child that ends so is left stopped: `Normal`, `Shutdown` and its variants (a
    /// supervisor that failed to start a child exits with `{shutdown, ...}`, too).
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_) | Self::FailedToStart { .. })
    }
}

impl From<&Failure> for ExitReason {
    fn from(failure: &Failure) -> Self {
        match failure.kind {
            FailureKind::Panic => Self::Panic(failure.reason.as_str().into()),
            FailureKind::Error | FailureKind::Start | FailureKind::MailboxFull => Self::Error(failure.reason.as_str().into()),
            FailureKind::Exit => Self::Custom(failure.reason.as_str().into()),
        }
    }
}

impl fmt::Display for ExitReason {
    /// Writes the reason as an Erlang term; errors and panics as `error:TEXT` and `panic:TEXT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(note) => write!(f, "{{shutdown,{note}}}"),
            Self::Kill => f.write_str("kill"),
            Self::Killed => f.write_str("killed"),
            Self::NoProc => f.write_str("noproc"),
            Self::Error(text) => write!(f, "error:{text}"),
            Self::Panic(text) => write!(f, "panic:{text}"),
            Self::Custom(text) => f.write_str(text),
            Self::FailedToStart { child, reason } => write!(f, "{{shutdown,{{failed_to_start_child,{child},{reason}}}}}"),
        }
    }
}

/// One call of [`Turn::monitor`](crate::Turn::monitor); unique for the actor that called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorRef {
    pub(crate) tick: u64,
    pub(crate) round: u32,
    /// Number of the call in its block of actors, or in its run of hooks.
    pub(crate) nth: u32,
}

/// What an actor hears of others, in [`Actor::notified`](crate::Actor::notified).
///
/// Notices travel in the control lane: they never queue behind user mail and are never dropped for want
/// of room. They belong to one incarnation, except those of `watch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// An exit signal that was trapped.
    Exit {
        /// Who sent it, by a link or explicitly; `None` if it came from outside.
        from: Option<ActorId>,
        /// Its reason.
        reason: ExitReason,
    },
    /// A monitored actor has ended.
    Down {
        /// The actor.
        actor: ActorId,
        /// Why; [`ExitReason::NoProc`] if it did not live when it was monitored.
        reason: ExitReason,
        /// Which call of `monitor` this answers.
        monitor: MonitorRef,
    },
    /// A link was refused: that actor does not live, and this one does not trap exits.
    LinkRefused {
        /// The actor.
        actor: ActorId,
    },
    /// A watched actor was restarted in place; its address still holds.
    Restarted {
        /// The actor.
        actor: ActorId,
        /// Why its last incarnation ended.
        reason: ExitReason,
    },
    /// A watched actor, or a child spawned with [`Turn::spawn`](crate::Turn::spawn), has stopped for good.
    Stopped {
        /// The actor.
        actor: ActorId,
        /// Why.
        reason: ExitReason,
    },
}

/// What a handler asks for that concerns lives; carried out, in order, when the round is settled.
pub(crate) enum Order {
    Exit(ExitReason),
    Signal {
        to: ActorId,
        reason: ExitReason,
    },
    TrapExit(bool),
    Link(ActorId),
    Unlink(ActorId),
    Monitor {
        actor: ActorId,
        monitor: MonitorRef,
    },
    Demonitor {
        monitor: MonitorRef,
        flush: bool,
    },
    Watch(ActorId),
    Unwatch(ActorId),
    HoldNotices(bool),
    Linger(u64),
    /// A request to a supervisor.
    Ask {
        supervisor: ActorId,
        request: Box<dyn std::any::Any + Send>,
    },
}
