//! What goes into a planner and what comes out.
//!
//! # Model
//!
//! A planner is a state machine without an ECS: each [`Input`] may give [`Output`]s, to be carried out in
//! order. What comes of them goes in again. It is as sequential as OTP's `supervisor` process: while it
//! starts or stops children one after the other, other inputs wait in its inbox.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;
use thiserror::Error;

use super::{ChildRules, Shutdown};
use crate::actor::ExitReason;

/// A child in its planner. Keys are used again after a child is removed.
pub(crate) type Key = u32;

/// A request of the outside, to be answered once.
pub(crate) type Token = u64;

/// How a start ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Running,
    Ignored,
    Failed(ExitReason),
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Input<S> {
    /// The start of a child, asked for with [`Output::Start`], is done.
    Started(Key, Start),
    /// A running child is gone.
    Exited(Key, ExitReason),
    /// A child that was told to stop has had its time. A pool has one time for all: any key.
    Deadline(Key),
    /// The time asked for with [`Output::Later`] is there.
    Turn(Key),
    /// The supervisor is to stop all children and exit.
    Leave(ExitReason),
    /// A request.
    Ask(Token, Ask<S>),
}

/// A request about a child. A name, or (in a pool) a key.
#[derive(Debug)]
pub(crate) enum Ask<S> {
    Start(ChildRules, S),
    Terminate(Child),
    Restart(Child),
    Delete(Child),
}

/// Which child is meant.
#[derive(Debug)]
pub(crate) enum Child {
    Name(Arc<str>),
    Key(Key),
    /// An actor that is gone.
    Gone,
    /// An actor that is no child of this supervisor.
    Stranger,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Output<S> {
    /// Start a child; answer with [`Input::Started`].
    Start(Key),
    /// Tell a child to stop in this way; [`Input::Exited`] will come.
    Stop(Key, Shutdown),
    /// Kill a child.
    Kill(Key),
    /// Tell all running children of a pool to stop, with one time for all.
    StopAll(Shutdown),
    /// Kill all children of a pool that are left.
    KillAll,
    /// Give a [`Input::Turn`] after so many ticks; 0: in the next round.
    Later { key: Key, ticks: u64 },
    /// A child's address is not needed any more: it is stopped, and no restart is planned.
    Release(Key),
    /// A child was removed.
    Removed(Key, S),
    /// A request is answered.
    Reply(Token, Result<Option<Key>, ChildError>),
    /// The first start is done.
    Booted,
    /// The first start failed; what was started is stopped again, and then [`Output::Exit`] comes.
    BootFailed(ExitReason),
    /// Too many restarts.
    GaveUp,
    /// All children are gone; the supervisor exits. Nothing follows.
    Exit(ExitReason),
}

/// What one input gives; seldom more than two.
pub(crate) type Outputs<S> = SmallVec<[Output<S>; 2]>;

/// Why a request about a child was refused, in OTP's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildError {
    /// No child of this name. Not fatal.
    #[error("not_found")]
    NotFound,
    /// The child runs. Not fatal: terminate it first.
    #[error("running")]
    Running,
    /// The child is being restarted. Not fatal: try again later, or terminate it first.
    #[error("restarting")]
    Restarting,
    /// A child of this name runs. Not fatal: choose another name.
    #[error("already_started")]
    AlreadyStarted,
    /// A stopped child of this name is there. Not fatal: restart it, or delete it.
    #[error("already_present")]
    AlreadyPresent,
    /// Children of a simple_one_for_one supervisor have no names: they are started from its template, and terminated by their
    /// reference. Not fatal.
    #[error("simple_one_for_one")]
    SimpleOneForOne,
    /// A significant child must not be permanent, and its supervisor must have an auto-shutdown. Not fatal: change the spec.
    #[error("bad_combination")]
    BadCombination,
    /// The spec of a supervisor in it cannot work. Not fatal: change the spec.
    #[error(transparent)]
    Spec(super::SpecError),
    /// The child could not be started. Not fatal.
    #[error("{0}")]
    Start(ExitReason),
    /// The supervisor does not live (any more).
    #[error("noproc")]
    NoProc,
}

/// The state of a child of a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum ChildState {
    /// It runs, or is being stopped.
    Running,
    /// It has ended, and is not to be restarted by itself.
    Stopped,
    /// It waits for its restart.
    Restarting,
}

impl fmt::Display for ChildState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Restarting => "restarting",
        })
    }
}

impl<S> Output<S> {
    /// Changes what was kept for a removed child.
    pub(crate) fn map<T>(self, change: impl Fn(S) -> T) -> Output<T> {
        match self {
            Self::Removed(key, data) => Output::Removed(key, change(data)),
            Self::Start(key) => Output::Start(key),
            Self::Stop(key, shutdown) => Output::Stop(key, shutdown),
            Self::Kill(key) => Output::Kill(key),
            Self::StopAll(shutdown) => Output::StopAll(shutdown),
            Self::KillAll => Output::KillAll,
            Self::Later { key, ticks } => Output::Later { key, ticks },
            Self::Release(key) => Output::Release(key),
            Self::Reply(token, answer) => Output::Reply(token, answer),
            Self::Booted => Output::Booted,
            Self::BootFailed(reason) => Output::BootFailed(reason),
            Self::GaveUp => Output::GaveUp,
            Self::Exit(reason) => Output::Exit(reason),
        }
    }
}

impl<S> Input<S> {
    /// Changes what is to be kept for a new child; `None` if that cannot be.
    pub(crate) fn map<T>(self, change: impl Fn(S) -> Option<T>) -> Option<Input<T>> {
        Some(match self {
            Self::Ask(token, Ask::Start(rules, data)) => Input::Ask(token, Ask::Start(rules, change(data)?)),
            Self::Ask(token, Ask::Terminate(child)) => Input::Ask(token, Ask::Terminate(child)),
            Self::Ask(token, Ask::Restart(child)) => Input::Ask(token, Ask::Restart(child)),
            Self::Ask(token, Ask::Delete(child)) => Input::Ask(token, Ask::Delete(child)),
            Self::Started(key, start) => Input::Started(key, start),
            Self::Exited(key, reason) => Input::Exited(key, reason),
            Self::Deadline(key) => Input::Deadline(key),
            Self::Turn(key) => Input::Turn(key),
            Self::Leave(reason) => Input::Leave(reason),
        })
    }
}
