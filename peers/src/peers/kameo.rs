//! Kameo: an actor with an unbounded mailbox, told with `try_send`, which its
//! documentation gives as the way that never waits.

mod ask;

use std::future::Future;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::message::{Context, Message};

use crate::bench::Bench;
use crate::driven::{Driven, Host, Runtime, Verdict, on_tokio};
use crate::work::ask::Style;
use crate::work::{Behaviour, Load, Outcome, play};

/// The library.
struct Kameo;

/// A host as a kameo actor.
struct Member<B: Behaviour>(Host<Kameo, B>);

/// A message in a type of this crate, as kameo's `Message` is generic over it.
struct Letter<M>(M);

pub fn run(bench: Bench, load: &Load) -> Outcome {
    play::play(&Driven::<Kameo>::new(load.threads), bench, load)
}

impl<B: Behaviour> Actor for Member<B> {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(args: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(args)
    }
}

impl<B: Behaviour> Message<Letter<B::Msg>> for Member<B> {
    type Reply = ();

    async fn handle(&mut self, letter: Letter<B::Msg>, context: &mut Context<Self, ()>) {
        if self.0.handle(letter.0) == Verdict::Stop {
            context.stop();
        }
    }
}

impl Runtime for Kameo {
    type Addr<B: Behaviour> = ActorRef<Member<B>>;

    fn enter<T, F>(threads: usize, drive: impl FnOnce(Self) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        on_tokio(threads, drive(Self))
    }

    async fn spawn<B: Behaviour>(&self, host: Host<Self, B>) -> Self::Addr<B> {
        Member::spawn_with_mailbox(Member(host), mailbox::unbounded())
    }

    fn asks(load: &Load, style: Style) -> Outcome {
        ask::run(load, style)
    }

    #[inline]
    fn send<B: Behaviour>(to: &Self::Addr<B>, message: B::Msg) {
        assert!(to.tell(Letter(message)).try_send().is_ok(), "the recipient runs");
    }
}
