//! Asks: `ask(..).await` in a handler.

use std::time::Instant;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::message::{Context, Message};
use tokio::sync::oneshot;

use super::Kameo;
use crate::driven::Runtime;
use crate::work::ask::{Style, answer};
use crate::work::{Load, Outcome};

struct Oracle;

struct Question(u64);

struct Asker {
    oracle: ActorRef<Oracle>,
    sum: u64,
    done: Option<oneshot::Sender<u64>>,
}

/// Asks so many questions in one handler.
struct AskAll(u64);

/// Asks one of so many questions.
struct AskOne(u64);

impl Actor for Oracle {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(args: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(args)
    }
}

impl Message<Question> for Oracle {
    type Reply = u64;

    async fn handle(&mut self, Question(n): Question, _: &mut Context<Self, u64>) -> u64 {
        answer(n)
    }
}

impl Actor for Asker {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(args: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(args)
    }
}

impl Asker {
    async fn ask(&mut self, n: u64) {
        let answer = self.oracle.ask(Question(n)).await.expect("the oracle answers");
        self.sum = self.sum.wrapping_add(answer);
    }

    fn finish(&mut self) {
        let told = self.done.take().map(|done| done.send(self.sum));
        assert_eq!(told, Some(Ok(())), "the driver waits");
    }
}

impl Message<AskAll> for Asker {
    type Reply = ();

    async fn handle(&mut self, AskAll(asks): AskAll, _: &mut Context<Self, ()>) {
        for n in 0..asks {
            self.ask(n).await;
        }
        self.finish();
    }
}

impl Message<AskOne> for Asker {
    type Reply = ();

    async fn handle(&mut self, AskOne(left): AskOne, context: &mut Context<Self, ()>) {
        self.ask(left - 1).await;
        if left == 1 {
            return self.finish();
        }
        assert!(context.actor_ref().tell(AskOne(left - 1)).try_send().is_ok(), "the asker runs");
    }
}

pub fn run(load: &Load, style: Style) -> Outcome {
    let asks = load.messages;
    Kameo::enter(load.threads, move |_| async move {
        let oracle = Oracle::spawn_with_mailbox(Oracle, mailbox::unbounded());
        let (done, sum) = oneshot::channel();
        let asker = Asker::spawn_with_mailbox(Asker { oracle, sum: 0, done: Some(done) }, mailbox::unbounded());
        let start = Instant::now();
        let told = match style {
            Style::Ask => asker.tell(AskAll(asks)).try_send().is_ok(),
            Style::Handler => asker.tell(AskOne(asks)).try_send().is_ok(),
        };
        assert!(told, "the asker runs");
        let sum = sum.await.expect("the asker finishes");
        Outcome::timed(start.elapsed().as_secs_f64(), sum)
    })
}
