//! What an async block finds while it is polled: its actor's state and context, and the ends of its waits.
//!
//! # Model
//!
//! A future cannot borrow the state across an await. So it borrows nothing: while a block is polled, its
//! [`Stage`] is noted on the thread, and what the block holds ([`This`](super::This) and the futures that it
//! makes) finds it there, after it has proved to belong to the same block. Between polls, and on other threads,
//! there is no stage.
//!
//! # Invariants
//!
//! 1. A stage is noted for the length of one poll; the guard that noted it takes it off, also on a panic.
//! 2. State and context are lent to one caller at a time: while `with` runs, the state is not on the stage.

#![expect(unsafe_code, reason = "the state and the context of the running call are reached through a thread-local pointer")]

use std::cell::{Cell, RefCell};
use std::task::{RawWaker, RawWakerVTable, Waker};

use smallvec::SmallVec;

use super::ask::GoOn;
use super::returns::{End, WorldNo};
use super::{Actor, Context};
use crate::id::ActorId;

/// Names an async block; no other block has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId {
    pub(crate) world: WorldNo,
    pub(crate) actor: ActorId,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// The waits of an async block, which it numbers.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    next: u32,
    /// How many have not ended, those that were given up among them.
    pub(crate) pending: u32,
    /// Those that have not ended, or that the block has not seen the end of.
    open: SmallVec<[Open; 1]>,
}

#[derive(Debug)]
struct Open {
    wait: u32,
    /// Whom it asked, if it is an ask.
    asked: Option<ActorId>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// With who wants to know of the end, beside the block itself.
    Pending(Option<Waker>),
    Ended(End),
    /// By the block, before it ended.
    GivenUp,
}

impl Waits {
    fn begin(&mut self, asked: Option<ActorId>) -> u32 {
        let wait = self.next;
        self.next = wait.wrapping_add(1);
        self.pending += 1;
        self.open.push(Open { wait, asked, state: State::Pending(None) });
        wait
    }

    fn find(&self, wait: u32) -> Option<usize> {
        self.open.iter().position(|open| open.wait == wait)
    }

    /// A wait has ended; `false` if the block gave it up before.
    pub(crate) fn end(&mut self, wait: u32, end: End) -> bool {
        self.pending -= 1;
        let Some(at) = self.find(wait) else { return false };
        match std::mem::replace(&mut self.open[at].state, State::Ended(end)) {
            State::Pending(waker) => {
                waker.into_iter().for_each(Waker::wake);
                true
            }
            State::Ended(_) | State::GivenUp => {
                self.open.swap_remove(at);
                false
            }
        }
    }

    fn fetch(&mut self, wait: u32) -> Option<End> {
        let at = self.find(wait)?;
        if !matches!(self.open[at].state, State::Ended(_)) {
            return None;
        }
        if let State::Ended(end) = self.open.swap_remove(at).state { Some(end) } else { None }
    }

    /// Gives what is to be dropped.
    fn give_up(&mut self, wait: u32) -> Option<State> {
        let at = self.find(wait)?;
        match &mut self.open[at].state {
            State::Ended(_) => Some(self.open.swap_remove(at).state),
            pending => Some(std::mem::replace(pending, State::GivenUp)),
        }
    }

    /// Notes who wants to know of an end; gives who wanted to before.
    fn note_waker(&mut self, wait: u32, waker: Waker) -> Option<Waker> {
        let at = self.find(wait)?;
        if let State::Pending(noted) = &mut self.open[at].state { noted.replace(waker) } else { None }
    }

    /// Who was asked, if that is all that the block waits for.
    pub(crate) fn only_asked(&self) -> Option<ActorId> {
        let is_pending = |open: &&Open| matches!(open.state, State::Pending(_));
        self.open.iter().find(is_pending).filter(|_| self.pending == 1)?.asked
    }
}

/// An async block at work.
pub(crate) struct Stage<'a> {
    task: TaskId,
    /// The state, of the actor type that the task's id implies; null while it is lent.
    state: Cell<*mut ()>,
    /// The [`Context`] of the running call.
    context: *const (),
    waits: &'a RefCell<Waits>,
}

thread_local! {
    static STAGE: Cell<*const Stage<'static>> = const { Cell::new(std::ptr::null()) };
    static WOKEN: Cell<bool> = const { Cell::new(false) };
}

/// Takes a stage off the thread.
struct Off(*const Stage<'static>);

impl Drop for Off {
    fn drop(&mut self) {
        STAGE.set(self.0);
    }
}

impl<'a> Stage<'a> {
    pub(super) fn new<A: Actor>(task: TaskId, state: &mut A, context: &Context<'_, A>, waits: &'a RefCell<Waits>) -> Self {
        Self { task, state: Cell::new(std::ptr::from_mut(state).cast()), context: std::ptr::from_ref(context).cast(), waits }
    }

    /// Runs a poll on this stage.
    #[inline]
    pub(super) fn play<R>(&self, poll: impl FnOnce() -> R) -> R {
        let _off = Off(STAGE.replace(std::ptr::from_ref(self).cast()));
        poll()
    }

    /// The stage of a block, if it is at work on this thread.
    #[inline]
    fn of<R>(task: TaskId, then: impl FnOnce(&Stage<'_>) -> R) -> Option<R> {
        let stage = STAGE.try_with(Cell::get).unwrap_or(std::ptr::null());
        // SAFETY: invariant 1: the stage lives while it is noted. It is reached through shared references only.
        let stage = unsafe { stage.as_ref() }.filter(|stage| stage.task == task)?;
        Some(then(stage))
    }
}

/// Puts the state back on the stage.
struct Lent<'a>(&'a Stage<'a>, *mut ());

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.state.set(self.1);
    }
}

/// Whether this thread polls an async block.
pub(super) fn is_at_work() -> bool {
    !STAGE.get().is_null()
}

/// Runs `use_them` on the state and the context of a block's actor, which is of type `A`.
///
/// # Panics
///
/// Panics outside the polling of that block, and while the state is lent already.
pub(super) fn with_state<A: Actor, R>(task: TaskId, use_them: impl FnOnce(&mut A, &Context<'_, A>) -> R) -> R {
    let used = Stage::of(task, |stage| {
        let state = stage.state.replace(std::ptr::null_mut());
        assert!(!state.is_null(), "`This::with` was called inside `This::with`: use the state that the outer call was given");
        let _lent = Lent(stage, state);
        // SAFETY: `Stage::new` noted both, of the type of the task's actor, for a `This<A>` of that task; both
        // outlive the poll. The state was on the stage, so nobody else has it.
        use_them(unsafe { &mut *state.cast::<A>() }, unsafe { &*stage.context.cast::<Context<'_, A>>() })
    });
    used.unwrap_or_else(|| not_here())
}

/// Begins a wait of the block at work: `start` takes the [`Begin`] and sees to it that the end comes.
///
/// # Panics
///
/// Panics outside the polling of that block.
#[inline]
pub(super) fn begin_wait<A: Actor>(task: TaskId, start: impl FnOnce(&Context<'_, A>, Begin<'_>)) -> Wait {
    let begun = Stage::of(task, |stage| {
        let number = stage.waits.borrow().next;
        // SAFETY: as in `with_state`; a context is shared.
        start(unsafe { &*stage.context.cast::<Context<'_, A>>() }, Begin(stage));
        Wait { task, number, is_over: false }
    });
    begun.unwrap_or_else(|| not_here())
}

/// The right to begin one wait.
pub(super) struct Begin<'a>(&'a Stage<'a>);

impl Begin<'_> {
    /// Begins it, for an answer of `asked` if it is an ask; gives what is to be done at its end.
    #[inline]
    pub(super) fn wait<A: Actor>(self, asked: Option<ActorId>) -> GoOn<A> {
        let TaskId { index, generation, .. } = self.0.task;
        let number = self.0.waits.borrow_mut().begin(asked);
        GoOn::Task { wait: TaskWait { index, generation, number }, asked }
    }
}

fn not_here() -> ! {
    panic!("`This` works within its own async block only: not in another actor's, not on another thread")
}

/// A wait of an async block; given up when it is dropped before its end.
#[derive(Debug)]
pub(super) struct Wait {
    task: TaskId,
    number: u32,
    is_over: bool,
}

impl Wait {
    /// The end, if it is there; else `waker` is called when it comes.
    #[inline]
    pub(super) fn poll(&mut self, waker: &Waker) -> Option<End> {
        let number = self.number;
        let end = Stage::of(self.task, |stage| stage.waits.borrow_mut().fetch(number));
        let end = end.unwrap_or_else(|| not_here());
        self.is_over |= end.is_some();
        if end.is_none() {
            self.attend(waker);
        }
        end
    }

    /// Sees to it that `waker` is called at the end. The block itself is polled at the end of any wait.
    #[inline]
    pub(super) fn attend(&self, waker: &Waker) {
        if !is_own(waker) {
            self.note_waker(waker.clone());
        }
    }

    #[cold]
    fn note_waker(&self, waker: Waker) {
        let before = Stage::of(self.task, |stage| stage.waits.borrow_mut().note_waker(self.number, waker));
        drop(before);
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if !self.is_over {
            let given_up = Stage::of(self.task, |stage| stage.waits.borrow_mut().give_up(self.number));
            drop(given_up);
        }
    }
}

/// The waker that blocks are polled with: it notes on the calling thread that it was called.
// SAFETY: the functions use no data and keep the contract of `RawWaker` trivially.
pub(super) static WAKER: Waker = unsafe { Waker::from_raw(RAW) };

const RAW: RawWaker = RawWaker::new(std::ptr::null(), &VTABLE);
static VTABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| wake(), |_| wake(), |_| ());

fn wake() {
    WOKEN.set(true);
}

fn is_own(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &VTABLE)
}

/// Whether the waker was called on this thread since the last time.
pub(super) fn take_woken() -> bool {
    WOKEN.replace(false)
}

/// A wait of an async block of the asker's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskWait {
    pub(crate) index: u32,
    pub(crate) generation: u32,
    pub(crate) number: u32,
}
