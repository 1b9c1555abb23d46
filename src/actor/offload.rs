//! Work that would hold the tick up leaves it.
//!
//! # Model
//!
//! A job is an ask whose answer comes from a thread of its own: it starts when the tick in which it was asked
//! for ends, and its result comes in with a later tick, like mail from outside. So what a tick does still depends
//! on what came in at its edge alone.

use std::any::Any;

use thiserror::Error;

use super::ask::{Ticket, ask, typed};
use super::outbox::Act;
use super::{Actor, Context, GoOn, Handled};
use crate::id::Kind;
use crate::panics;

/// Why a job has no result.
#[derive(Debug, Error, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobError {
    /// As many jobs were in flight as there may be. Not fatal: offload it again later, or allow more with
    /// [`ThrongOptions::jobs_max`](crate::ThrongOptions::jobs_max).
    #[error("as many jobs are in flight as `jobs_max` allows; try again later, or allow more")]
    Full,
    /// The job panicked, with this text.
    #[error("the job panicked: {0}")]
    Panicked(String),
    /// The job was dropped before it ran.
    #[error("the job was dropped before it ran")]
    Lost,
}

/// What is to be done with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    Run,
    Refuse,
    /// Fail it, as a fault that a test injects.
    #[cfg(feature = "testkit")]
    Break,
}

/// Whom a job is done for.
pub(crate) enum Client {
    /// Who asked.
    Ask(Ticket),
    /// The keyed actors of a kind: it is about their states.
    Store(Kind),
}

/// A job that a call, or the engine, asked for.
pub(crate) struct Job {
    pub(crate) client: Client,
    /// For an ask it gives a `Result<R, JobError>`. Does not panic.
    pub(crate) run: Box<dyn FnOnce(Go) -> Box<dyn Any + Send> + Send>,
}

impl<A: Actor> Context<'_, A> {
    /// Runs `job` on a thread outside the tick, and tells this actor the message that `then` makes of the result.
    ///
    /// The job starts at the end of the tick if this call succeeds. What becomes of it is counted with the
    /// asks. If this actor fails or stops meanwhile, the result is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use bevy_ecs::component::Component;
    /// use throng::prelude::*;
    /// use throng::{JobError, JobMode};
    ///
    /// #[derive(Component, Default)]
    /// struct Painter { sum: Option<u64> }
    /// enum Do { Paint(u64), Painted(Result<u64, JobError>) }
    /// impl Actor for Painter {
    ///     type Msg = Do;
    ///     type Params = ();
    ///     fn handle(&mut self, msg: Do, cx: &Context<'_, Self>) -> Handled {
    ///         match msg {
    ///             Do::Paint(n) => cx.offload(move || (0..n).sum(), Do::Painted),
    ///             Do::Painted(sum) => self.sum = Some(sum?),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// // Results come with the next tick, for the example's sake; threads take as long as they take.
    /// let mut throng = Throng::new(ThrongOptions::new().jobs(JobMode::Inline));
    /// let painter = throng.spawn(Painter::default());
    /// throng.tell(painter, Do::Paint(10));
    /// throng.run_ticks(2);
    /// assert_eq!(throng.state(painter).unwrap().sum, Some(45));
    /// ```
    #[doc(alias = "spawn_blocking")]
    pub fn offload<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
        then: impl FnOnce(Result<R, JobError>) -> A::Msg + Send + 'static,
    ) {
        self.offload_for(job, move |_, result, cx| {
            cx.tell(cx.me(), then(result));
            Ok(())
        });
    }

    /// As [`Context::offload`], with a continuation in the place of a message.
    pub(crate) fn offload_for<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
        then: impl FnOnce(&mut A, Result<R, JobError>, &Context<'_, A>) -> Handled + Send + 'static,
    ) {
        let go_on =
            GoOn::<A>(Box::new(move |state, end, cx| then(state, typed::<Result<R, JobError>>(end).unwrap_or(Err(JobError::Lost)), cx)));
        let run = move |go| -> Box<dyn Any + Send> {
            let result: Result<R, JobError> = match go {
                Go::Run => panics::catch(job).map_err(JobError::Panicked),
                Go::Refuse => Err(JobError::Full),
                #[cfg(feature = "testkit")]
                Go::Break => Err(JobError::Panicked("a fault was injected".to_owned())),
            };
            Box::new(result)
        };
        // It has no time-out of its own: threads know no ticks.
        let key = ask(self, u64::MAX, Some(self.id()), Box::new(go_on));
        let job = Job { client: Client::Ask(Ticket::new(key)), run: Box::new(run) };
        self.outbox().with(|outbox| outbox.act(Act::Job(job)));
    }
}
