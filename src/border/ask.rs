//! Asking from other threads.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::inlet::{Inbound, Inlet, TrySendError};
use crate::actor::{ASK_TICKS_DEFAULT, AskError, Destination, Outward, ReplyTo, Turn, WorldNo, typed, works_for};
use crate::panics;

/// Where the answer is put.
struct Place<R> {
    end: Mutex<Waiting<R>>,
    ended: Condvar,
}

enum Waiting<R> {
    No(Option<Waker>),
    Ended(Result<R, AskError>),
    Taken,
}

impl<R> Place<R> {
    fn put(&self, end: Result<R, AskError>) {
        let before = std::mem::replace(&mut *self.end.lock().unwrap_or_else(PoisonError::into_inner), Waiting::Ended(end));
        self.ended.notify_all();
        if let Waiting::No(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// The world's end of an ask. If the world goes without an answer, so does the asker.
struct Owed<R>(Option<Arc<Place<R>>>);

impl<R> Owed<R> {
    fn put(mut self, end: Result<R, AskError>) {
        if let Some(place) = self.0.take() {
            place.put(end);
        }
    }
}

impl<R> Drop for Owed<R> {
    fn drop(&mut self) {
        if let Some(place) = self.0.take() {
            place.put(Err(AskError::Closed));
        }
    }
}

/// An answer that another thread waits for, made by [`Inlet::ask`]: wait for it with
/// [`PendingReply::wait`], or as a future with any executor.
///
/// Dropping it does not take the question back.
#[must_use = "wait for it, or await it"]
pub struct PendingReply<R> {
    place: Arc<Place<R>>,
    world: WorldNo,
}

impl<R> PendingReply<R> {
    /// Blocks until the answer is there, for `deadline` at most.
    ///
    /// # Errors
    ///
    /// Why there is no answer: [`AskError::TimedOut`] also if the deadline passes, and
    /// [`AskError::Cycle`], at once, when a handler of the asked world waits here.
    pub fn wait(self, deadline: Duration) -> Result<R, AskError> {
        if works_for(self.world) {
            return Err(AskError::Cycle);
        }
        let end = self.place.end.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.place.ended.wait_timeout_while(end, deadline, |end| matches!(end, Waiting::No(_)));
        let (mut end, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *end, Waiting::Taken) {
            Waiting::Ended(end) => end,
            Waiting::No(_) | Waiting::Taken => Err(AskError::TimedOut),
        }
    }
}

impl<R> Future for PendingReply<R> {
    type Output = Result<R, AskError>;

    /// # Panics
    ///
    /// Panics when polled after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut end = self.place.end.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *end, Waiting::Taken) {
            Waiting::Ended(answer) => Poll::Ready(answer),
            Waiting::No(_) => {
                *end = Waiting::No(Some(context.waker().clone()));
                Poll::Pending
            }
            Waiting::Taken => panic!("a `PendingReply` was polled after it was ready"),
        }
    }
}

impl<R> fmt::Debug for PendingReply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingReply(..)")
    }
}

/// A question that comes in.
struct Question<D, F, R> {
    to: D,
    make: F,
    ticks: u64,
    owed: Owed<R>,
}

impl<M, R, D, F> Inbound for Question<D, F, R>
where
    M: 'static,
    R: Send + 'static,
    D: Destination<M> + Send + 'static,
    F: FnOnce(ReplyTo<R>) -> M + Send + 'static,
{
    fn post(self: Box<Self>, host: &Turn<'_>) {
        let Self { to, make, ticks, owed } = *self;
        let outward = Outward(Box::new(move |end| owed.put(typed(end))));
        let key = host.note_ask_from_outside(host.tick().saturating_add(ticks), outward);
        match panics::catch(|| make(ReplyTo::new(key))) {
            Ok(msg) => to.deliver(host.registry(), host.outbox(), None, msg),
            Err(panic) => tracing::warn!(panic, "the message of an ask from outside panicked when it was made"),
        }
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

impl Inlet {
    /// Asks an actor: with the next tick it gets the message that `make` makes around a [`ReplyTo`].
    ///
    /// The answer leaves at the end of the tick in which it is given. The ask ends after 1,000 ticks at the
    /// latest; see [`Inlet::ask_within`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::prelude::*;
    /// # use bevy_ecs::component::Component;
    /// # use std::time::Duration;
    /// #[derive(Component)]
    /// struct Till(u64);
    /// enum Do { Add(u64), Total(ReplyTo<u64>) }
    /// impl Actor for Till {
    ///     type Msg = Do;
    ///     type Params = ();
    ///     fn handle(&mut self, msg: Do, cx: &Context<'_, Self>) -> Handled {
    ///         match msg {
    ///             Do::Add(n) => self.0 += n,
    ///             Do::Total(reply) => cx.reply(reply, self.0),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// let mut throng = Throng::default();
    /// let till = throng.spawn(Till(0));
    /// let inlet = throng.inlet();
    /// inlet.try_tell(till, Do::Add(5))?;
    /// let total = inlet.ask(till, Do::Total);
    /// throng.tick();
    /// assert_eq!(total.wait(Duration::from_secs(1))?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "call")]
    pub fn ask<M, R, D, F>(&self, to: D, make: F) -> PendingReply<R>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static,
    {
        self.ask_within(ASK_TICKS_DEFAULT, to, make)
    }

    /// As [`Inlet::ask`], with a time-out in ticks, from the tick in which the question comes in; 0 counts as 1.
    pub fn ask_within<M, R, D, F>(&self, ticks: u64, to: D, make: F) -> PendingReply<R>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static,
    {
        let place = Arc::new(Place { end: Mutex::new(Waiting::No(None)), ended: Condvar::new() });
        let reply = PendingReply { place: place.clone(), world: self.world() };
        let refused = match self.try_post(Question { to, make, ticks, owed: Owed(Some(place)) }) {
            Ok(()) => return reply,
            Err(refused) => refused,
        };
        let error = if matches!(refused, TrySendError::Closed(_)) { AskError::Closed } else { AskError::InletFull };
        refused.into_message().owed.put(Err(error));
        reply
    }
}
