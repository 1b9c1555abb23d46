//! Actix: one arbiter a thread, actors dealt to them in turn, told with
//! `do_send`, which ignores the bound of the mailbox.

mod ask;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::{Actor, ActorContext, Addr, Context, Handler, Message};
use actix_rt::{Arbiter, ArbiterHandle, System};

use crate::bench::Bench;
use crate::driven::{Driven, Host, Runtime, Verdict};
use crate::work::ask::Style;
use crate::work::{Behaviour, Load, Outcome, play};

/// The library: its arbiters, and whose turn it is.
struct Actix {
    arbiters: Vec<ArbiterHandle>,
    turn: AtomicUsize,
}

/// A host as an actix actor.
struct Member<B: Behaviour>(Host<Actix, B>);

/// A message in a type of this crate, as actix's `Message` is generic over it.
struct Letter<M>(M);

pub fn run(bench: Bench, load: &Load) -> Outcome {
    play::play(&Driven::<Actix>::new(load.threads), bench, load)
}

impl<B: Behaviour> Actor for Member<B> {
    type Context = Context<Self>;
}

impl<M: 'static> Message for Letter<M> {
    type Result = ();
}

impl<B: Behaviour> Handler<Letter<B::Msg>> for Member<B> {
    type Result = ();

    fn handle(&mut self, letter: Letter<B::Msg>, context: &mut Context<Self>) {
        if self.0.handle(letter.0) == Verdict::Stop {
            context.stop();
        }
    }
}

impl Runtime for Actix {
    type Addr<B: Behaviour> = Addr<Member<B>>;

    /// The system's own thread is the first arbiter.
    fn enter<T, F>(threads: usize, drive: impl FnOnce(Self) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let system = System::new();
        system.block_on(async move {
            let others: Vec<Arbiter> = (1..threads).map(|_| Arbiter::new()).collect();
            let mut arbiters = vec![Arbiter::current()];
            arbiters.extend(others.iter().map(Arbiter::handle));
            let turn = AtomicUsize::new(0);
            drive(Self { arbiters, turn }).await
        })
    }

    async fn spawn<B: Behaviour>(&self, host: Host<Self, B>) -> Self::Addr<B> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let arbiter = &self.arbiters[turn % self.arbiters.len()];
        Member::start_in_arbiter(arbiter, move |_| Member(host))
    }

    fn asks(load: &Load, style: Style) -> Outcome {
        ask::run(load, style)
    }

    #[inline]
    fn send<B: Behaviour>(to: &Self::Addr<B>, message: B::Msg) {
        to.do_send(Letter(message));
    }
}
