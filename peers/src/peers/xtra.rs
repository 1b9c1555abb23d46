//! Xtra: actors with unbounded mailboxes, sent to with `send(..).detach()`, the
//! form that asks for no answer.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as Poller, Poll, Waker};

use xtra::{Actor, Address, Context, Handler, Mailbox};

use crate::bench::Bench;
use crate::driven::{Driven, Host, Runtime, Verdict, on_tokio};
use crate::work::ask::Style;
use crate::work::{Behaviour, Load, Outcome, play};

/// The library.
struct Xtra;

/// A host as an xtra actor.
struct Member<B: Behaviour>(Host<Xtra, B>);

/// A message in a type of this crate, as xtra's `Handler` is generic over it.
struct Letter<M>(M);

pub fn run(bench: Bench, load: &Load) -> Outcome {
    play::play(&Driven::<Xtra>::new(load.threads), bench, load)
}

impl<B: Behaviour> Actor for Member<B> {
    type Stop = ();

    async fn stopped(self) {}
}

impl<B: Behaviour> Handler<Letter<B::Msg>> for Member<B> {
    type Return = ();

    async fn handle(&mut self, letter: Letter<B::Msg>, context: &mut Context<Self>) {
        if self.0.handle(letter.0) == Verdict::Stop {
            context.stop_self();
        }
    }
}

impl Runtime for Xtra {
    type Addr<B: Behaviour> = Address<Member<B>>;

    fn enter<T, F>(threads: usize, drive: impl FnOnce(Self) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        on_tokio(threads, drive(Self))
    }

    async fn spawn<B: Behaviour>(&self, host: Host<Self, B>) -> Self::Addr<B> {
        xtra::spawn_tokio(Member(host), Mailbox::unbounded())
    }

    /// The send is a future; into an unbounded mailbox its first poll completes it.
    fn asks(_: &Load, _: Style) -> Outcome {
        unreachable!("no peer of the asks")
    }

    #[inline]
    fn send<B: Behaviour>(to: &Self::Addr<B>, message: B::Msg) {
        let sending = pin!(to.send(Letter(message)).detach());
        let sent = sending.poll(&mut Poller::from_waker(Waker::noop()));
        assert!(matches!(sent, Poll::Ready(Ok(_))), "the recipient runs");
    }
}
