//! Work that would hold the tick up leaves it.
//!
//! # Model
//!
//! A job is an ask whose answer comes from a thread of its own: it starts when the tick in which it was asked
//! for ends, and its result comes in with a later tick, like mail from outside. So what a tick does still depends
//! on what came in at its edge alone.

use thiserror::Error;

#[cfg(feature = "tokio")]
use std::pin::Pin;

use super::ask::Ticket;
use super::asked::NEVER;
use super::outbox::Act;
use super::{Actor, AskError, Context, End, GoOn, Handled};
use crate::id::Kind;
use crate::panics;
use crate::parcel::Parcel;

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
    pub(crate) work: Work,
}

/// What is done outside the tick. Gives a `Result<R, JobError>`; does not panic.
pub(crate) enum Work {
    /// On a thread of its own.
    Blocking(Box<dyn FnOnce(Go) -> End + Send>),
    /// On Tokio; made when it starts.
    #[cfg(feature = "tokio")]
    Future(Box<dyn FnOnce(Go) -> OutsideFuture + Send>),
}

/// A future that runs on Tokio.
#[cfg(feature = "tokio")]
pub(crate) type OutsideFuture = Pin<Box<dyn Future<Output = End> + Send>>;

/// The end of a job that does not run.
fn not_run<R>(go: Go) -> Option<Result<R, JobError>> {
    match go {
        Go::Run => None,
        Go::Refuse => Some(Err(JobError::Full)),
        #[cfg(feature = "testkit")]
        Go::Break => Some(Err(JobError::Panicked("a fault was injected".to_owned()))),
    }
}

impl Work {
    pub(super) fn blocking<R: Send + 'static>(job: impl FnOnce() -> R + Send + 'static) -> Self {
        Self::Blocking(Box::new(move |go| {
            let result = not_run(go).unwrap_or_else(|| panics::catch(job).map_err(JobError::Panicked));
            Ok(Parcel::new(result))
        }))
    }

    #[cfg(feature = "tokio")]
    pub(super) fn future<R: Send + 'static>(future: impl Future<Output = R> + Send + 'static) -> Self {
        Self::Future(Box::new(move |go| {
            Box::pin(async move {
                let result = match not_run(go) {
                    Some(result) => result,
                    None => {
                        let mut future = Box::pin(future);
                        std::future::poll_fn(move |polled| match panics::catch(|| future.as_mut().poll(polled)) {
                            Ok(polled) => polled.map(Ok),
                            Err(panic) => std::task::Poll::Ready(Err(JobError::Panicked(panic))),
                        })
                        .await
                    }
                };
                Ok(Parcel::new(result))
            })
        }))
    }
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
        let go_on = GoOn::<A>::new(move |state, end: Result<Result<R, JobError>, AskError>, cx| {
            then(state, end.unwrap_or(Err(JobError::Lost)), cx)
        });
        // It has no time-out of its own: threads know no ticks.
        let ticket = Ticket::new(self.note_ask(NEVER, go_on));
        self.start_job(Job { client: Client::Ask(ticket), work: Work::blocking(job) });
    }

    /// Has a job done, when this call succeeds.
    pub(super) fn start_job(&self, job: Job) {
        self.outbox().with(|outbox| outbox.act(Act::Job(job)));
    }
}
