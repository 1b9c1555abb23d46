//! Ractor: actors without names, told with `cast`; its mailboxes are unbounded.

mod ask;

use std::future::Future;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::bench::Bench;
use crate::driven::{Driven, Host, Runtime, Verdict, on_tokio};
use crate::work::ask::Style;
use crate::work::{Behaviour, Load, Outcome, play};

/// The library.
struct Ractor;

/// A ractor actor; its state is the host.
struct Member<B>(std::marker::PhantomData<B>);

pub fn run(bench: Bench, load: &Load) -> Outcome {
    play::play(&Driven::<Ractor>::new(load.threads), bench, load)
}

impl<B: Behaviour> Actor for Member<B> {
    type Msg = B::Msg;
    type State = Host<Ractor, B>;
    type Arguments = Host<Ractor, B>;

    async fn pre_start(&self, _: ActorRef<B::Msg>, host: Self::Arguments) -> Result<Self::State, ActorProcessingErr> {
        Ok(host)
    }

    async fn handle(&self, myself: ActorRef<B::Msg>, message: B::Msg, host: &mut Self::State) -> Result<(), ActorProcessingErr> {
        if host.handle(message) == Verdict::Stop {
            myself.stop(None);
        }
        Ok(())
    }
}

impl Runtime for Ractor {
    type Addr<B: Behaviour> = ActorRef<B::Msg>;

    fn enter<T, F>(threads: usize, drive: impl FnOnce(Self) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        on_tokio(threads, drive(Self))
    }

    async fn spawn<B: Behaviour>(&self, host: Host<Self, B>) -> Self::Addr<B> {
        let member = Member::<B>(std::marker::PhantomData);
        let spawned = Actor::spawn(None, member, host).await;
        spawned.expect("an actor without a name starts").0
    }

    fn asks(load: &Load, style: Style) -> Outcome {
        ask::run(load, style)
    }

    #[inline]
    fn send<B: Behaviour>(to: &Self::Addr<B>, message: B::Msg) {
        assert!(to.cast(message).is_ok(), "the recipient runs");
    }
}
