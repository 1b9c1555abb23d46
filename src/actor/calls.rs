//! What the calls of a service start from.
//!
//! # Model
//!
//! A call reads `account.deposit(cx, 5)` wherever it is made. What it starts from decides what comes of it: in a
//! handler a tell is done and an ask goes on with `then`; elsewhere a tell may be refused, and an answer is waited for.

use super::{Actor, AskFuture, Asking, Context, Destination, ReplyTo, This, Turn};

/// What a call of a [`service`](macro@crate::service) that wants no answer starts from: `&Context` and `&Turn` in handlers, `This` in async blocks,
/// `&Inlet` on other threads, `&mut Throng` for the host.
#[diagnostic::on_unimplemented(
    message = "no call can start from `{Self}`",
    label = "the first argument of a service's call says from where it is made",
    note = "pass `cx` in a handler, `this` in an async block, `&inlet` on another thread, `&mut throng` between ticks"
)]
pub trait TellFrom {
    /// What the caller gets: nothing, or whether the message was taken.
    type Told<M>;

    /// Sends a message.
    fn tell_from<M, D>(self, to: D, msg: M) -> Self::Told<M>
    where
        M: Send + 'static,
        D: Destination<M> + Send + 'static;
}

/// What a call of a [`service`](macro@crate::service) that wants an answer starts from: `&Context` in handlers, `This` in async blocks, `&Inlet` on
/// other threads.
#[diagnostic::on_unimplemented(
    message = "no answer can come to `{Self}`",
    label = "the first argument of a service's call says who gets the answer",
    note = "pass `cx` in a handler, `this` in an async block, `&inlet` elsewhere (`throng.inlet()`)"
)]
pub trait AskFrom {
    /// What the caller gets: an ask that goes on in the actor, or an answer to wait for.
    type Asked<M, R, D, F>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static;

    /// Asks with the message that `make` makes around a [`ReplyTo`].
    fn ask_from<M, R, D, F>(self, to: D, make: F) -> Self::Asked<M, R, D, F>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static;
}

impl TellFrom for &Turn<'_> {
    type Told<M> = ();

    #[inline]
    fn tell_from<M: Send + 'static, D: Destination<M> + Send + 'static>(self, to: D, msg: M) {
        self.tell(to, msg);
    }
}

impl<A: Actor> TellFrom for &Context<'_, A> {
    type Told<M> = ();

    #[inline]
    fn tell_from<M: Send + 'static, D: Destination<M> + Send + 'static>(self, to: D, msg: M) {
        self.tell(to, msg);
    }
}

impl<'c, 'a, A: Actor> AskFrom for &'c Context<'a, A> {
    type Asked<M, R, D, F>
        = Asking<'c, 'a, A, M, R, D, F>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static;

    fn ask_from<M, R, D, F>(self, to: D, make: F) -> Asking<'c, 'a, A, M, R, D, F>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static,
    {
        self.ask(to, make)
    }
}

impl<A: Actor> TellFrom for This<A> {
    type Told<M> = ();

    fn tell_from<M: Send + 'static, D: Destination<M> + Send + 'static>(self, to: D, msg: M) {
        self.with(|_, cx| cx.tell(to, msg));
    }
}

impl<A: Actor> AskFrom for This<A> {
    type Asked<M, R, D, F>
        = AskFuture<A, M, R, D, F>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static;

    fn ask_from<M, R, D, F>(self, to: D, make: F) -> AskFuture<A, M, R, D, F>
    where
        M: 'static,
        R: Send + 'static,
        D: Destination<M> + Send + 'static,
        F: FnOnce(ReplyTo<R>) -> M + Send + 'static,
    {
        self.ask(to, make)
    }
}

/// Checks that a service's messages can carry values of type `T`.
#[doc(hidden)]
pub fn carried<T: Send + 'static>() {}
