//! Tokio: a task and an unbounded channel for each actor, as people write it
//! who want no actor library.

use std::future::Future;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::bench::Bench;
use crate::driven::{Driven, Host, Runtime, Verdict, on_tokio};
use crate::work::ask::Style;
use crate::work::{Behaviour, Load, Outcome, play};

/// Plain tasks.
struct Tasks;

pub fn run(bench: Bench, load: &Load) -> Outcome {
    play::play(&Driven::<Tasks>::new(load.threads), bench, load)
}

impl Runtime for Tasks {
    type Addr<B: Behaviour> = UnboundedSender<B::Msg>;

    fn enter<T, F>(threads: usize, drive: impl FnOnce(Self) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        on_tokio(threads, drive(Self))
    }

    async fn spawn<B: Behaviour>(&self, mut host: Host<Self, B>) -> Self::Addr<B> {
        let (sender, mut receiver) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(message) = receiver.recv().await {
                if host.handle(message) == Verdict::Stop {
                    break;
                }
            }
        });
        sender
    }

    fn asks(_: &Load, _: Style) -> Outcome {
        unreachable!("no peer of the asks")
    }

    #[inline]
    fn send<B: Behaviour>(to: &Self::Addr<B>, message: B::Msg) {
        assert!(to.send(message).is_ok(), "the recipient runs");
    }
}
