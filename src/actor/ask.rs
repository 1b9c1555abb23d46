//! Asking: a message that wants an answer, and what is done with the answer.
//!
//! # Model
//!
//! The continuation waits in the table of the asker's block ([`asked`](super::asked)). The message carries a
//! [`ReplyTo`], which holds the place in the table. An answer, a dropped `ReplyTo` and the time-out all come back
//! as a [`Return`], which travels like mail to the asker's block and is handled there before the round's mail;
//! whichever comes first takes the continuation out.
//!
//! Source: OTP's `gen_server:call` with an alias, without blocking the caller.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use thiserror::Error;

use super::asked::AskPlace;
use super::returns::{End, Return, WorldNo, bring, reason};
use super::stage::TaskWait;
use super::{Actor, Context, Destination, Handled, Turn};
use crate::id::ActorId;
use crate::parcel::Parcel;
use crate::wheel::TimerKey;

/// The time-out of an ask that names none.
pub(crate) const ASK_TICKS_DEFAULT: u64 = 1_000;

/// Why there is no answer.
#[derive(Debug, Error, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AskError {
    /// The time was over first. Not fatal: an answer that comes later is ignored. In a cycle of actors that
    /// postpone all else until they have their answer, this is how it ends.
    #[error("no answer within the time-out; is the receiver overloaded, or does it wait for this actor?")]
    TimedOut,
    /// There never was such an actor, or it has no state.
    #[error("there is no such actor")]
    NoActor,
    /// The receiver has stopped.
    #[error("the receiver has stopped")]
    Stopped,
    /// The receiver found no room for the message, or lost it in a restart.
    #[error("the message was not delivered: the receiver's mailbox was full or was emptied")]
    Undelivered,
    /// The receiver dropped the [`ReplyTo`] without an answer, or failed with it.
    #[error("the receiver dropped the reply unanswered, or failed")]
    NoReply,
    /// The inlet was full. Not fatal: ask again after the next tick.
    #[error("the inlet is full until the next tick")]
    InletFull,
    /// The world is gone or was shut down.
    #[error("the world was shut down or dropped")]
    Closed,
    /// A handler waited, blocking, for an answer of its own world: the tick would wait for itself.
    #[error("this thread runs a tick of the world that it waits for: a cycle that cannot end; use `cx.ask` in handlers")]
    Cycle,
    /// The receiver is addressed by key, and its state could not be loaded.
    #[error("the receiver's saved state could not be loaded; `Throng::store_failures` tells why")]
    NotLoaded,
    /// Actors await each other in async blocks, each taking no mail until it has its answer. Remedy: let one of
    /// them tell instead of await, or run its block with [`Context::run_async_reentrant`].
    #[error("actors await each other and take no mail meanwhile: {0}; let one tell instead, or be reentrant")]
    Deadlock(Ring),
}

/// Actors of which each awaits the next, and the last the first. Shown as `a -> b -> a`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ring(Arc<[ActorId]>);

impl Ring {
    pub(crate) fn new(actors: &[ActorId]) -> Self {
        Self(actors.into())
    }

    /// The actors, from the one whose ask was ended.
    #[must_use]
    pub fn actors(&self) -> &[ActorId] {
        &self.0
    }
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|actor| write!(f, "{actor} -> "))?;
        self.0.first().map_or(Ok(()), |first| write!(f, "{first}"))
    }
}

/// Names a pending ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AskKey {
    pub(crate) world: WorldNo,
    pub(crate) asker: Asker,
}

/// Who waits for the end of an ask, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Actor(ActorId, AskPlace),
    /// Another thread; its place is on the wheel of the host's outbox.
    Outside(TimerKey),
}

/// What became of asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskStats {
    /// Asks whose call succeeded, and those from outside.
    pub asked: u64,
    /// Ended with an answer.
    pub answered: u64,
    /// Ended without: timed out, not delivered, dropped.
    pub unanswered: u64,
    /// Dropped because the asker had failed or stopped.
    pub dropped: u64,
    /// Not ended yet.
    pub pending: usize,
    /// Answers that came after the end.
    pub late: u64,
}

impl AskStats {
    /// Whether every ask is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.asked == self.answered + self.unanswered + self.dropped + self.pending as u64
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.asked += other.asked;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.dropped += other.dropped;
        self.pending += other.pending;
        self.late += other.late;
    }
}

/// Closures of up to so many words wait without an allocation.
const CLOSURE_WORDS: usize = 4;

/// What an actor does at the end of an ask.
pub(crate) enum GoOn<A: Actor> {
    /// Calls a closure, with a function that knows the types of the closure and of the answer.
    Call(Parcel<CLOSURE_WORDS>, RunClosure<A>),
    /// Goes on with an async block, which asked `asked` if it is an ask at all.
    Task { wait: TaskWait, asked: Option<ActorId> },
}

type RunClosure<A> = fn(Parcel<CLOSURE_WORDS>, &mut A, End, &Context<'_, A>) -> Handled;

impl<A: Actor> GoOn<A> {
    pub(crate) fn new<R, F>(go_on: F) -> Self
    where
        R: 'static,
        F: FnOnce(&mut A, Result<R, AskError>, &Context<'_, A>) -> Handled + Send + 'static,
    {
        Self::Call(Parcel::new(go_on), run_closure::<A, R, F>)
    }

    #[inline]
    pub(crate) fn run(self, state: &mut A, end: End, cx: &Context<'_, A>) -> Handled {
        match self {
            Self::Call(closure, run) => run(closure, state, end, cx),
            Self::Task { wait, .. } => cx.resume(state, wait, end),
        }
    }
}

fn run_closure<A, R, F>(closure: Parcel<CLOSURE_WORDS>, state: &mut A, end: End, cx: &Context<'_, A>) -> Handled
where
    A: Actor,
    R: 'static,
    F: FnOnce(&mut A, Result<R, AskError>, &Context<'_, A>) -> Handled + 'static,
{
    let closure = closure.open::<F>().unwrap_or_else(|_| unreachable!("invariant: `GoOn::new` packs this closure"));
    closure(state, typed(end), cx)
}

/// What is done at the end of an ask from outside.
pub(crate) struct Outward(pub(crate) Box<dyn FnOnce(End) + Send>);

/// The right to answer one ask, once. Travels in messages and between threads.
///
/// Answer with [`Turn::reply`] in a handler, and with [`ReplyTo::send`] elsewhere. If it is dropped
/// unanswered, the asker is told at once ([`AskError::NoReply`]).
#[must_use = "dropping it tells the asker that there is no answer"]
pub struct ReplyTo<R> {
    ticket: Ticket,
    answers: PhantomData<fn(R)>,
}

impl<R: Send + 'static> ReplyTo<R> {
    pub(crate) fn new(key: AskKey) -> Self {
        Self { ticket: Ticket::new(key), answers: PhantomData }
    }

    /// Answers from any thread. From a thread of its own it arrives with the next tick.
    ///
    /// A handler should rather use [`Turn::reply`]: this answer stays sent even if the call fails.
    pub fn send(self, answer: R) {
        bring(Return { key: self.ticket.redeem(), end: Ok(Parcel::new(answer)) });
    }
}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyTo(..)")
    }
}

/// An ask that is owed an end.
pub(crate) struct Ticket(AskKey);

impl Ticket {
    pub(crate) fn new(key: AskKey) -> Self {
        Self(key)
    }

    /// Ends the debt.
    #[inline]
    pub(crate) fn redeem(self) -> AskKey {
        let key = self.0;
        std::mem::forget(self);
        key
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        bring(Return { key: self.0, end: Err(reason()) });
    }
}

impl Turn<'_> {
    /// Answers an ask, when this call succeeds. If it fails, the asker is told so ([`AskError::NoReply`]).
    pub fn reply<R: Send + 'static>(&self, to: ReplyTo<R>, answer: R) {
        let back = Return { key: to.ticket.redeem(), end: Ok(Parcel::new(answer)) };
        if back.key.world == self.world() {
            self.outbox().with(|outbox| outbox.answer(Some(self.id()), back));
        } else {
            bring(back);
        }
    }
}

impl<'a, A: Actor> Context<'a, A> {
    /// Asks: sends the message that `make` makes around a [`ReplyTo`], and goes on with
    /// [`Asking::then`] when the answer is there. Nothing is sent before `then`.
    ///
    /// The actor does not wait: it handles other mail meanwhile, so asks in a cycle, or to oneself, are
    /// answered like all others. One that postpones everything until it has its answer may wait for the
    /// time-out, which always comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use bevy_ecs::component::Component;
    /// use throng::prelude::*;
    ///
    /// #[derive(Component)]
    /// struct Shelf(u32);
    /// struct HowMany(ReplyTo<u32>);
    /// impl Actor for Shelf {
    ///     type Msg = HowMany;
    ///     type Params = ();
    ///     fn handle(&mut self, HowMany(reply): HowMany, cx: &Context<'_, Self>) -> Handled {
    ///         cx.reply(reply, self.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// #[derive(Component, Default)]
    /// struct Clerk { counted: Option<u32> }
    /// impl Actor for Clerk {
    ///     type Msg = ActorRef<Shelf>;
    ///     type Params = ();
    ///     fn handle(&mut self, shelf: ActorRef<Shelf>, cx: &Context<'_, Self>) -> Handled {
    ///         cx.ask(shelf, HowMany).within(10).then(|clerk, count, _cx| {
    ///             clerk.counted = Some(count?);
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut throng = Throng::default();
    /// throng.register::<Shelf>()?.register::<Clerk>()?;
    /// let (shelf, clerk) = (throng.spawn(Shelf(12)), throng.spawn(Clerk::default()));
    /// throng.tell(clerk, shelf);
    /// throng.tick();
    /// assert_eq!(throng.state(clerk).unwrap().counted, Some(12));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "call")]
    #[doc(alias = "request")]
    pub fn ask<M, R, D, F>(&self, to: D, make: F) -> Asking<'_, 'a, A, M, R, D, F>
    where
        R: Send + 'static,
        D: Destination<M>,
        F: FnOnce(ReplyTo<R>) -> M,
    {
        Asking { context: self, to, make, ticks: ASK_TICKS_DEFAULT, answers: PhantomData }
    }
}

/// An ask that is about to be sent; see [`Context::ask`].
#[must_use = "nothing is asked before `then`"]
pub struct Asking<'c, 'a, A: Actor, M, R, D, F> {
    context: &'c Context<'a, A>,
    to: D,
    make: F,
    ticks: u64,
    answers: PhantomData<fn(R) -> M>,
}

impl<A, M, R, D, F> Asking<'_, '_, A, M, R, D, F>
where
    A: Actor,
    R: Send + 'static,
    D: Destination<M>,
    F: FnOnce(ReplyTo<R>) -> M,
{
    /// Sets the time-out in ticks; 0 counts as 1, and 1,000 is the default. Rounds take no time: an answer that
    /// comes within the tick is never too late.
    pub fn within(mut self, ticks: u64) -> Self {
        self.ticks = ticks;
        self
    }

    /// Asks, and goes on with `go_on` at the end of the ask, exactly once: with the answer or with why there is
    /// none. It is a call like that of a handler: it may send, ask, fail.
    ///
    /// It does not run if this call fails, or if this actor fails or stops before the end.
    pub fn then(self, go_on: impl FnOnce(&mut A, Result<R, AskError>, &Context<'_, A>) -> Handled + Send + 'static) {
        let Self { context, to, make, ticks, .. } = self;
        let due = context.tick().saturating_add(ticks);
        let msg = make(ReplyTo::new(context.note_ask(due, GoOn::new(go_on))));
        context.tell(to, msg);
    }
}

/// The answer in its own type. The ticket was typed, so it has it.
#[inline]
pub(crate) fn typed<R: 'static>(end: End) -> Result<R, AskError> {
    end.and_then(|answer| answer.open().map_err(|_| AskError::NoReply))
}

impl<A: Actor, M, R, D, F> fmt::Debug for Asking<'_, '_, A, M, R, D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("within", &self.ticks).finish_non_exhaustive()
    }
}
