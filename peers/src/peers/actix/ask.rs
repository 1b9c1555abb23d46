//! Asks: `send(..)` as a future; both actors on one arbiter, which is their fastest.

use std::time::Instant;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use tokio::sync::oneshot;

use super::Actix;
use crate::driven::Runtime;
use crate::work::ask::{Style, answer};
use crate::work::{Load, Outcome};

struct Oracle;

struct Question(u64);

struct Asker {
    oracle: Addr<Oracle>,
    sum: u64,
    done: Option<oneshot::Sender<u64>>,
}

/// Asks so many questions in one future.
struct AskAll(u64);

/// Asks one of so many questions.
struct AskOne(u64);

impl Message for Question {
    type Result = u64;
}

impl Message for AskAll {
    type Result = ();
}

impl Message for AskOne {
    type Result = ();
}

impl Actor for Oracle {
    type Context = Context<Self>;
}

impl Actor for Asker {
    type Context = Context<Self>;
}

impl Handler<Question> for Oracle {
    type Result = u64;

    fn handle(&mut self, Question(n): Question, _: &mut Context<Self>) -> u64 {
        answer(n)
    }
}

impl Asker {
    fn finish(&mut self) {
        let told = self.done.take().map(|done| done.send(self.sum));
        assert_eq!(told, Some(Ok(())), "the driver waits");
    }
}

impl Handler<AskAll> for Asker {
    type Result = ();

    fn handle(&mut self, AskAll(asks): AskAll, context: &mut Context<Self>) {
        let oracle = self.oracle.clone();
        let all = async move {
            let mut sum = 0_u64;
            for n in 0..asks {
                sum = sum.wrapping_add(oracle.send(Question(n)).await.expect("the oracle answers"));
            }
            sum
        };
        context.wait(all.into_actor(self).map(|sum, asker, _| {
            asker.sum = sum;
            asker.finish();
        }));
    }
}

impl Handler<AskOne> for Asker {
    type Result = ();

    fn handle(&mut self, AskOne(left): AskOne, context: &mut Context<Self>) {
        let asked = self.oracle.send(Question(left - 1));
        context.wait(asked.into_actor(self).map(move |answer, asker, context| {
            asker.sum = asker.sum.wrapping_add(answer.expect("the oracle answers"));
            if left == 1 {
                asker.finish();
            } else {
                context.address().do_send(AskOne(left - 1));
            }
        }));
    }
}

pub fn run(load: &Load, style: Style) -> Outcome {
    let asks = load.messages;
    Actix::enter(load.threads, move |_| async move {
        let oracle = Oracle.start();
        let (done, sum) = oneshot::channel();
        let asker = Asker { oracle, sum: 0, done: Some(done) }.start();
        let start = Instant::now();
        match style {
            Style::Ask => asker.do_send(AskAll(asks)),
            Style::Handler => asker.do_send(AskOne(asks)),
        }
        let sum = sum.await.expect("the asker finishes");
        Outcome::timed(start.elapsed().as_secs_f64(), sum)
    })
}
