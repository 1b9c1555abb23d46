//! Async blocks: an actor that waits in the middle of what it does.
//!
//! # Model
//!
//! A call starts a block ([`Context::run_async`]), which is polled when the call has succeeded and again whenever
//! something that it waits for has come: an answer, a tick, the result of a job. All of these are ends of asks
//! ([`asked`](super::asked)), so a block is polled in the pass over its actor's block of slots, in an order that
//! does not depend on threads, and costs nothing while it waits. Each poll is a call like that of a handler.
//!
//! Source: Orleans' turns (a request is finished before the next is begun, unless the grain is reentrant).

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as PollContext, Poll};

use super::ask::{ASK_TICKS_DEFAULT, GoOn, ReplyTo, Ticket, typed};
use super::asked::NEVER;
use super::offload::{Client, Job, Work};
use super::stage::{Stage, TaskId, TaskWait, WAKER, Wait, begin_wait, is_at_work, take_woken, with_state};
use super::task_memory::Spare;
use super::tasks::{Block, Task};
use super::{Actor, ActorFailure, ActorRef, AskError, Context, Destination, End, Handled, JobError, Return};
use crate::parcel::Parcel;

/// Polls of one stretch of a block whose waker is called while it is polled.
const POLLS_MAX: u32 = 1_000;
/// The number of the wait that a block has before it has begun.
const BEGINNING: u32 = u32::MAX;

/// What an async block has in place of `&mut self`: the way to its actor's state, and all that it can wait for.
///
/// Made by [`Context::run_async`]. It is a few numbers, `Copy`, and works while its own block is polled.
pub struct This<A> {
    task: TaskId,
    actor: PhantomData<fn() -> A>,
}

impl<A: Actor> This<A> {
    /// The actor.
    #[must_use]
    pub fn me(self) -> ActorRef<A> {
        ActorRef::from_id(self.task.actor)
    }

    /// Reaches the state and the context, until the next await. Nothing borrowed from them can be taken out.
    ///
    /// # Panics
    ///
    /// Panics, which fails the running actor, when it is called inside itself or outside the async block that it
    /// was made for.
    pub fn with<R>(self, use_them: impl FnOnce(&mut A, &Context<'_, A>) -> R) -> R {
        with_state(self.task, use_them)
    }

    /// Asks, as [`Context::ask`] does: the future is ready with the answer, or with why there is none. Nothing is
    /// asked before it is awaited.
    ///
    /// # Panics
    ///
    /// The future panics as [`This::with`].
    pub fn ask<M, R, D, F>(self, to: D, make: F) -> AskFuture<A, M, R, D, F>
    where
        R: Send + 'static,
        D: Destination<M>,
        F: FnOnce(ReplyTo<R>) -> M,
    {
        AskFuture { this: self, question: Some((to, make)), ticks: ASK_TICKS_DEFAULT, wait: None, answers: PhantomData }
    }

    /// Waits for so many ticks; 0 counts as 1.
    ///
    /// # Panics
    ///
    /// The future panics as [`This::with`].
    pub async fn sleep(self, ticks: u64) {
        let wait = begin_wait(self.task, |cx: &Context<'_, A>, begin| {
            cx.note_ask(cx.tick().saturating_add(ticks).min(NEVER - 1), begin.wait(None));
        });
        let _ = WaitFuture(wait).await;
    }

    /// Runs `job` on a thread outside the tick, as [`Context::offload`] does.
    ///
    /// # Errors
    ///
    /// Why there is no result: [`JobError`].
    ///
    /// # Panics
    ///
    /// The future panics as [`This::with`].
    pub async fn offload<R: Send + 'static>(self, job: impl FnOnce() -> R + Send + 'static) -> Result<R, JobError> {
        self.job(Work::blocking(job)).await
    }

    /// Runs a future of Tokio's on Tokio, from the end of the tick on. Its result comes in like that of a job, at the
    /// edge of a later tick; dropping this future does not take it back.
    ///
    /// # Errors
    ///
    /// Why there is no result: [`JobError`].
    ///
    /// # Panics
    ///
    /// The future panics as [`This::with`].
    #[cfg(feature = "tokio")]
    pub async fn outside<R: Send + 'static>(self, future: impl Future<Output = R> + Send + 'static) -> Result<R, JobError> {
        self.job(Work::future(future)).await
    }

    async fn job<R: Send + 'static>(self, work: Work) -> Result<R, JobError> {
        let wait = begin_wait(self.task, |cx: &Context<'_, A>, begin| {
            cx.start_job(Job { client: Client::Ask(Ticket::new(cx.note_ask(NEVER, begin.wait(None)))), work });
        });
        typed::<Result<R, JobError>>(WaitFuture(wait).await).unwrap_or(Err(JobError::Lost))
    }
}

impl<A> Clone for This<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for This<A> {}

impl<A> fmt::Debug for This<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("This").field(&self.task.actor).finish()
    }
}

/// A wait as a future.
struct WaitFuture(Wait);

impl Future for WaitFuture {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, polled: &mut PollContext<'_>) -> Poll<End> {
        self.0.poll(polled.waker()).map_or(Poll::Pending, Poll::Ready)
    }
}

/// An ask of an async block; see [`This::ask`].
#[must_use = "nothing is asked before it is awaited"]
pub struct AskFuture<A, M, R, D, F> {
    this: This<A>,
    question: Option<(D, F)>,
    ticks: u64,
    wait: Option<Wait>,
    answers: PhantomData<fn(R) -> M>,
}

impl<A, M, R, D, F> AskFuture<A, M, R, D, F> {
    /// Sets the time-out in ticks; 0 counts as 1, and 1,000 is the default.
    pub fn within(mut self, ticks: u64) -> Self {
        self.ticks = ticks;
        self
    }
}

// Nothing in it is pinned.
impl<A, M, R, D, F> Unpin for AskFuture<A, M, R, D, F> {}

impl<A, M, R, D, F> Future for AskFuture<A, M, R, D, F>
where
    A: Actor,
    R: Send + 'static,
    D: Destination<M>,
    F: FnOnce(ReplyTo<R>) -> M,
{
    type Output = Result<R, AskError>;

    fn poll(mut self: Pin<&mut Self>, polled: &mut PollContext<'_>) -> Poll<Self::Output> {
        let Some((to, make)) = self.question.take() else {
            let end = self.wait.as_mut().and_then(|wait| wait.poll(polled.waker()));
            return end.map_or(Poll::Pending, |end| Poll::Ready(typed(end)));
        };
        let (task, ticks) = (self.this.task, self.ticks);
        let wait = begin_wait(task, |cx: &Context<'_, A>, begin| {
            let go_on = begin.wait(to.receiver(cx.registry()));
            let msg = make(ReplyTo::new(cx.note_ask(cx.tick().saturating_add(ticks), go_on)));
            cx.tell(to, msg);
        });
        wait.attend(polled.waker());
        self.wait = Some(wait);
        Poll::Pending
    }
}

impl<A, M, R, D, F> fmt::Debug for AskFuture<A, M, R, D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskFuture").field("within", &self.ticks).finish_non_exhaustive()
    }
}

/// An async block of the running call, not polled yet.
pub(crate) struct Started {
    id: TaskId,
    task: Box<Task>,
}

impl<A: Actor> Context<'_, A> {
    /// Does the rest in an async block, which may await asks, ticks and jobs through [`This`].
    ///
    /// The block begins when this call has succeeded. Until it is over the actor takes no new mail, which stays in
    /// its mailbox, in order. Each stretch between two awaits is a call of its own: if one fails or panics, what that
    /// stretch did is taken back and the actor fails. A restart or a stop drops the block.
    ///
    /// Costs no allocation where blocks like it were over before.
    ///
    /// # Examples
    ///
    /// ```
    /// use bevy_ecs::component::Component;
    /// use throng::prelude::*;
    ///
    /// #[derive(Component)]
    /// struct Account(u64);
    /// enum Do { Withdraw(u64, ReplyTo<bool>), Deposit(u64) }
    /// impl Actor for Account {
    ///     type Msg = Do;
    ///     type Params = ();
    ///     fn handle(&mut self, msg: Do, cx: &Context<'_, Self>) -> Handled {
    ///         match msg {
    ///             Do::Withdraw(sum, reply) => {
    ///                 let is_enough = self.0 >= sum;
    ///                 self.0 -= if is_enough { sum } else { 0 };
    ///                 cx.reply(reply, is_enough);
    ///             }
    ///             Do::Deposit(sum) => self.0 += sum,
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// /// Moves money, and waits a tick after each time.
    /// #[derive(Component, Default)]
    /// struct Bank { done: u32 }
    /// impl Actor for Bank {
    ///     type Msg = (ActorRef<Account>, ActorRef<Account>, u64);
    ///     type Params = ();
    ///     fn handle(&mut self, (from, to, sum): Self::Msg, cx: &Context<'_, Self>) -> Handled {
    ///         cx.run_async(move |this| async move {
    ///             if this.ask(from, |reply| Do::Withdraw(sum, reply)).await? {
    ///                 this.with(|bank: &mut Bank, cx| {
    ///                     bank.done += 1;
    ///                     cx.tell(to, Do::Deposit(sum));
    ///                 });
    ///             }
    ///             this.sleep(1).await;
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut throng = Throng::default();
    /// throng.register::<Account>()?.register::<Bank>()?;
    /// let (a, b) = (throng.spawn(Account(10)), throng.spawn(Account(0)));
    /// let bank = throng.spawn(Bank::default());
    /// (0..3).for_each(|_| throng.tell(bank, (a, b, 4)));
    /// throng.tick();
    /// assert_eq!(throng.state(bank).unwrap().done, 1);
    /// throng.run_ticks(3);
    /// assert_eq!(throng.state(bank).unwrap().done, 2, "the third time there was not enough");
    /// assert_eq!((throng.state(a).unwrap().0, throng.state(b).unwrap().0), (2, 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "spawn")]
    pub fn run_async<F>(&self, block: impl FnOnce(This<A>) -> F)
    where
        F: Future<Output = Handled> + Send + 'static,
    {
        self.start(block, true);
    }

    /// As [`Context::run_async`], but the actor takes mail meanwhile, in any number of such blocks.
    pub fn run_async_reentrant<F>(&self, block: impl FnOnce(This<A>) -> F)
    where
        F: Future<Output = Handled> + Send + 'static,
    {
        self.start(block, false);
    }

    fn start<F>(&self, block: impl FnOnce(This<A>) -> F, is_turn: bool)
    where
        F: Future<Output = Handled> + Send + 'static,
    {
        let id = self.reserve_task();
        let block = block(This { task: id, actor: PhantomData });
        let spare = self.with_tasks(id.actor, |tasks| tasks.memories.take::<Task<F>>());
        let task = Task::boxed(spare, id.actor, self.sender(), is_turn, block);
        if is_at_work() {
            // Not on the spot: a block that starts another that starts another would not end.
            self.put_off(Started { id, task });
        } else {
            self.note_started(Started { id, task });
        }
    }

    /// Begins the next async block that the last call started.
    pub(crate) fn begin_next(&self, state: &mut A) -> Handled {
        let Some(Started { id, task }) = self.take_started() else { return Ok(()) };
        self.poll_task(state, id, task)
    }

    /// Lets the async blocks that a hook started begin with the next round.
    pub(crate) fn begin_later(&self) {
        while let Some(started) = self.take_started() {
            self.put_off(started);
        }
    }

    fn put_off(&self, Started { id, task }: Started) {
        self.with_tasks(id.actor, |tasks| tasks.put(id.index, task));
        let key = self
            .note_ask(NEVER, GoOn::Task { wait: TaskWait { index: id.index, generation: id.generation, number: BEGINNING }, asked: None });
        // The end that it waits for is there.
        let back = Return { key, end: Ok(Parcel::new(())) };
        self.outbox().with(|outbox| outbox.answer(None, back));
    }

    /// Drops the async blocks that the last call started.
    pub(crate) fn drop_started(&self) {
        while let Some(Started { id, task }) = self.take_started() {
            self.with_tasks(id.actor, |tasks| tasks.free(id.actor, id.index));
            crate::panics::drop_quietly(task);
        }
    }

    /// Goes on with an async block, one of whose waits has ended.
    pub(super) fn resume(&self, state: &mut A, TaskWait { index, generation, number }: TaskWait, end: End) -> Handled {
        let actor = self.id();
        let Some(mut task) = self.with_tasks(actor, |tasks| tasks.take(index, generation)) else { return Ok(()) };
        if task.has_begun && !task.waits.get_mut().end(number, end) && task.waits.get_mut().pending > 0 {
            self.with_tasks(actor, |tasks| tasks.put(index, task));
            return Ok(());
        }
        self.poll_task(state, TaskId { world: self.world(), actor, index, generation }, task)
    }

    fn poll_task(&self, state: &mut A, id: TaskId, mut task: Box<Task>) -> Handled {
        let cell = Polled { context: self, id };
        let (waits, block) = task.parts();
        let stage = Stage::new(id, state, self, waits);
        let handled = match stage.play(|| poll_while_woken(block)) {
            Poll::Ready(handled) => handled,
            Poll::Pending if task.waits.get_mut().pending == 0 => Err(ActorFailure::msg(
                "an async block awaits what nothing in the world can end; await futures of other runtimes through `This::outside`",
            )),
            Poll::Pending => {
                self.note_turns(if task.is_turn && !task.has_begun { 1 } else { 0 });
                task.has_begun = true;
                std::mem::forget(cell);
                self.with_tasks(id.actor, |tasks| tasks.put(id.index, task));
                return Ok(());
            }
        };
        self.note_turns(if task.is_turn && task.has_begun && handled.is_ok() { -1 } else { 0 });
        drop(cell);
        let spare = Spare::of(task);
        self.with_tasks(id.actor, |tasks| tasks.memories.give(spare));
        handled
    }
}

/// Frees the cell of a block that is over, or panicked.
struct Polled<'c, 'a, A: Actor> {
    context: &'c Context<'a, A>,
    id: TaskId,
}

impl<A: Actor> Drop for Polled<'_, '_, A> {
    fn drop(&mut self) {
        let id = self.id;
        self.context.with_tasks(id.actor, |tasks| tasks.free(id.actor, id.index));
    }
}

#[inline]
fn poll_while_woken(mut block: Pin<&mut Block>) -> Poll<Handled> {
    let mut context = PollContext::from_waker(&WAKER);
    for _ in 0..POLLS_MAX {
        take_woken();
        match block.as_mut().poll(&mut context) {
            Poll::Pending if take_woken() => {}
            polled => return polled,
        }
    }
    Poll::Ready(Err(ActorFailure::msg("an async block woke itself again and again without an end")))
}
