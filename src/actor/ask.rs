//! Asking: a message that wants an answer, and what is done with the answer.
//!
//! # Model
//!
//! The asker's worker keeps the continuation on a wheel in its outbox, where it falls due at the time-out.
//! The message carries a [`ReplyTo`], which holds the place on the wheel. An answer, a dropped `ReplyTo` and the
//! time-out all end the ask when the round is settled; whichever comes first takes the continuation off.
//!
//! Source: OTP's `gen_server:call` with an alias, without blocking the caller.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use thiserror::Error;

use super::returns::{Return, WorldNo, bring, reason};
use super::{Actor, Context, Destination, Handled, Turn};
use crate::id::ActorId;
use crate::wheel::TimerKey;

/// The time-out of an ask that names none.
pub(crate) const ASK_TICKS_DEFAULT: u64 = 1_000;

/// Why there is no answer.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq, Hash)]
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
}

/// Where a pending ask is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AskKey {
    pub(crate) world: WorldNo,
    pub(crate) outbox: u32,
    pub(crate) place: TimerKey,
}

/// Who asked, and what is done at the end.
pub(crate) struct PendingAsk {
    /// `None` if it was asked from outside.
    pub(crate) asker: Option<ActorId>,
    /// The pass or the session of hooks in which it was asked.
    pub(crate) moment: u64,
    /// The number of the ask in its outbox.
    pub(crate) number: u64,
    /// A [`GoOn`] of the asker's type, or an [`Outward`].
    pub(crate) go_on: Box<dyn Any + Send>,
}

/// What an actor does at the end of an ask.
type Continue<A> = dyn FnOnce(&mut A, super::returns::End, &Context<'_, A>) -> Handled + Send;

pub(crate) struct GoOn<A: Actor>(pub(crate) Box<Continue<A>>);

/// What is done at the end of an ask from outside.
pub(crate) struct Outward(pub(crate) Box<dyn FnOnce(super::returns::End) + Send>);

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
    pub fn send(mut self, answer: R) {
        self.ticket.is_used = true;
        bring(Return { key: self.ticket.key, end: Ok(Box::new(answer)) });
    }
}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyTo(..)")
    }
}

/// An ask that is owed an end.
pub(crate) struct Ticket {
    key: AskKey,
    is_used: bool,
}

impl Ticket {
    pub(crate) fn new(key: AskKey) -> Self {
        Self { key, is_used: false }
    }

    /// Ends the debt.
    pub(crate) fn redeem(mut self) -> AskKey {
        self.is_used = true;
        self.key
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_used {
            bring(Return { key: self.key, end: Err(reason()) });
        }
    }
}

/// An answer of a call that has not succeeded yet. If the call fails, the ticket is dropped with it.
pub(crate) struct Answer {
    pub(crate) ticket: Ticket,
    pub(crate) from: ActorId,
    pub(crate) value: Box<dyn Any + Send>,
}

impl Turn<'_> {
    /// Answers an ask, when this call succeeds. If it fails, the asker is told so ([`AskError::NoReply`]).
    pub fn reply<R: Send + 'static>(&self, to: ReplyTo<R>, answer: R) {
        let answer = Answer { ticket: to.ticket, from: self.id(), value: Box::new(answer) };
        self.outbox().with(|outbox| outbox.act(super::outbox::Act::Answer(answer)));
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
        let go_on = GoOn::<A>(Box::new(move |state, end, cx| go_on(state, typed(end), cx)));
        let due = context.tick().saturating_add(ticks);
        let key = ask(context, due, Some(context.id()), Box::new(go_on));
        let msg = make(ReplyTo::new(key));
        context.tell(to, msg);
    }
}

/// Notes a pending ask.
pub(crate) fn ask(turn: &Turn<'_>, due: u64, asker: Option<ActorId>, go_on: Box<dyn Any + Send>) -> AskKey {
    let moment = turn.moment();
    let (outbox, place) = turn.outbox().with(|outbox| outbox.ask(due, PendingAsk { asker, moment, number: 0, go_on }));
    AskKey { world: turn.world(), outbox, place }
}

/// The answer in its own type. The ticket was typed, so it has it.
pub(crate) fn typed<R: 'static>(end: super::returns::End) -> Result<R, AskError> {
    end.and_then(|answer| answer.downcast().map(|answer| *answer).map_err(|_| AskError::NoReply))
}

impl<A: Actor, M, R, D, F> fmt::Debug for Asking<'_, '_, A, M, R, D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("within", &self.ticks).finish_non_exhaustive()
    }
}
