//! Asks: `cx.ask(..).then(..)`, and async blocks.

use std::time::Instant;

use bevy_ecs::prelude::*;
use throng::{Actor, ActorRef, AskError, Context, Handled, ReplyTo};

use super::Ticks;
use crate::work::Outcome;
use crate::work::ask::{Style, answer};

/// Asks, or answers.
#[derive(Component, Default)]
struct Party {
    sum: u64,
}

enum Talk {
    Question(u64, ReplyTo<u64>),
    /// So many questions, one after the other.
    AskAll(ActorRef<Party>, u64),
    /// One of so many questions, in an async block.
    AskOne(ActorRef<Party>, u64),
}

impl Party {
    fn take(&mut self, answer: Result<u64, AskError>) -> Handled {
        self.sum = self.sum.wrapping_add(answer?);
        Ok(())
    }

    #[inline]
    fn ask_all(oracle: ActorRef<Self>, left: u64, cx: &Context<'_, Self>) {
        let Some(n) = left.checked_sub(1) else { return };
        cx.ask(oracle, move |reply| Talk::Question(n, reply)).then(move |party, answer, cx| {
            party.take(answer)?;
            Self::ask_all(oracle, n, cx);
            Ok(())
        });
    }
}

impl Actor for Party {
    type Msg = Talk;
    type Params = ();

    #[inline]
    fn handle(&mut self, message: Talk, cx: &Context<'_, Self>) -> Handled {
        match message {
            Talk::Question(n, reply) => cx.reply(reply, answer(n)),
            Talk::AskAll(oracle, left) => Self::ask_all(oracle, left, cx),
            Talk::AskOne(oracle, left) => cx.run_async(move |this| async move {
                let answer = this.ask(oracle, move |reply| Talk::Question(left - 1, reply)).await;
                this.with(|party, cx| {
                    if left > 1 {
                        cx.tell(cx.me(), Talk::AskOne(oracle, left - 1));
                    }
                    party.take(answer)
                })
            }),
        }
        Ok(())
    }
}

pub fn run(ticks: &Ticks, asks: u64, style: Style) -> Outcome {
    let mut throng = ticks.open();
    let (asker, oracle) = (throng.spawn(Party::default()), throng.spawn(Party::default()));
    throng.tick();
    let start = Instant::now();
    throng.tell(asker, if style == Style::Ask { Talk::AskAll(oracle, asks) } else { Talk::AskOne(oracle, asks) });
    while !throng.is_quiet() {
        throng.tick();
    }
    let seconds = start.elapsed().as_secs_f64();
    let stats = throng.stats();
    assert!(stats.asks.is_balanced() && stats.asks.answered == asks, "every ask was answered");
    Outcome::timed(seconds, throng.state(asker).expect("it lives on").sum)
}
