//! Calls of services from other threads.

use super::{Inlet, PendingReply, TrySendError};
use crate::actor::{AskFrom, Destination, ReplyTo, TellFrom};

/// Tells without waiting, as [`Inlet::try_tell`] does.
impl TellFrom for &Inlet {
    type Told<M> = Result<(), TrySendError<M>>;

    fn tell_from<M: Send + 'static, D: Destination<M> + Send + 'static>(self, to: D, msg: M) -> Result<(), TrySendError<M>> {
        self.try_tell(to, msg)
    }
}

/// Asks as [`Inlet::ask`] does: the answer can be waited for, or awaited.
impl AskFrom for &Inlet {
    type Asked<M, R, D, F>
        = PendingReply<R>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static;

    fn ask_from<M, R, D, F>(self, to: D, make: F) -> PendingReply<R>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static,
    {
        self.ask(to, make)
    }
}
