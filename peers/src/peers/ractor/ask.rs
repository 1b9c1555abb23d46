//! Asks: `call(..).await` in a handler.

use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::oneshot;

use super::Ractor;
use crate::driven::Runtime;
use crate::work::ask::{Style, answer};
use crate::work::{Load, Outcome};

struct Oracle;

struct Question(u64, RpcReplyPort<u64>);

struct Asker;

struct State {
    oracle: ActorRef<Question>,
    sum: u64,
    done: Option<oneshot::Sender<u64>>,
}

enum Ask {
    /// So many questions in one handler.
    All(u64),
    /// One of so many.
    One(u64),
}

impl Actor for Oracle {
    type Msg = Question;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Question>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Question>, Question(n, reply): Question, (): &mut ()) -> Result<(), ActorProcessingErr> {
        assert!(reply.send(answer(n)).is_ok(), "the asker waits");
        Ok(())
    }
}

impl State {
    async fn ask(&mut self, n: u64) {
        let called = self.oracle.call(|reply| Question(n, reply), None).await;
        self.sum = self.sum.wrapping_add(called.expect("the oracle runs").expect("the oracle answers"));
    }

    fn finish(&mut self) {
        let told = self.done.take().map(|done| done.send(self.sum));
        assert_eq!(told, Some(Ok(())), "the driver waits");
    }
}

impl Actor for Asker {
    type Msg = Ask;
    type State = State;
    type Arguments = State;

    async fn pre_start(&self, _: ActorRef<Ask>, state: State) -> Result<State, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(&self, myself: ActorRef<Ask>, message: Ask, state: &mut State) -> Result<(), ActorProcessingErr> {
        match message {
            Ask::All(asks) => {
                for n in 0..asks {
                    state.ask(n).await;
                }
                state.finish();
            }
            Ask::One(left) => {
                state.ask(left - 1).await;
                if left == 1 {
                    state.finish();
                } else {
                    myself.cast(Ask::One(left - 1))?;
                }
            }
        }
        Ok(())
    }
}

pub fn run(load: &Load, style: Style) -> Outcome {
    let asks = load.messages;
    Ractor::enter(load.threads, move |_| async move {
        let (oracle, _) = Actor::spawn(None, Oracle, ()).await.expect("an actor without a name starts");
        let (done, sum) = oneshot::channel();
        let state = State { oracle, sum: 0, done: Some(done) };
        let (asker, _) = Actor::spawn(None, Asker, state).await.expect("an actor without a name starts");
        let start = Instant::now();
        let message = if style == Style::Ask { Ask::All(asks) } else { Ask::One(asks) };
        assert!(asker.cast(message).is_ok(), "the asker runs");
        let sum = sum.await.expect("the asker finishes");
        Outcome::timed(start.elapsed().as_secs_f64(), sum)
    })
}
