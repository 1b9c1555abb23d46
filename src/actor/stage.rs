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
    /// How many have not ended.
    pub(crate) pending: u32,
    /// Those that are asks, with whom was asked.
    asked: SmallVec<[(u32, ActorId); 1]>,
    /// Ended, not fetched yet.
    ended: SmallVec<[(u32, End); 1]>,
    /// Given up by the block before they ended.
    given_up: Vec<u32>,
    /// Who wants to know of an end, beside the block itself.
    wakers: Vec<(u32, Waker)>,
}

impl Waits {
    fn begin(&mut self, asked: Option<ActorId>) -> u32 {
        let wait = self.next;
        self.next = wait.wrapping_add(1);
        self.pending += 1;
        self.asked.extend(asked.map(|asked| (wait, asked)));
        wait
    }

    /// A wait has ended; `false` if the block gave it up before.
    pub(crate) fn end(&mut self, wait: u32, end: End) -> bool {
        self.pending -= 1;
        self.asked.retain(|asked| asked.0 != wait);
        if let Some(at) = self.given_up.iter().position(|&given_up| given_up == wait) {
            self.given_up.swap_remove(at);
            return false;
        }
        self.ended.push((wait, end));
        for (_, waker) in self.wakers.extract_if(.., |waker| waker.0 == wait) {
            waker.wake();
        }
        true
    }

    fn fetch(&mut self, wait: u32) -> Option<End> {
        let at = self.ended.iter().position(|ended| ended.0 == wait)?;
        Some(self.ended.swap_remove(at).1)
    }

    /// Gives what is to be dropped.
    fn give_up(&mut self, wait: u32) -> (Option<End>, Option<Waker>) {
        let end = self.fetch(wait);
        if end.is_none() {
            self.given_up.push(wait);
        }
        let at = self.wakers.iter().position(|waker| waker.0 == wait);
        (end, at.map(|at| self.wakers.swap_remove(at).1))
    }

    /// Notes who wants to know of an end; gives who wanted to before.
    fn note_waker(&mut self, wait: u32, waker: Waker) -> Option<Waker> {
        match self.wakers.iter_mut().find(|noted| noted.0 == wait) {
            Some(noted) => Some(std::mem::replace(&mut noted.1, waker)),
            None => {
                self.wakers.push((wait, waker));
                None
            }
        }
    }

    /// Who was asked, if that is all that the block waits for.
    pub(crate) fn only_asked(&self) -> Option<ActorId> {
        match self.asked.as_slice() {
            &[(_, asked)] if self.pending == 1 => Some(asked),
            _ => None,
        }
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
    pub(super) fn play<R>(&self, poll: impl FnOnce() -> R) -> R {
        let _off = Off(STAGE.replace(std::ptr::from_ref(self).cast()));
        poll()
    }

    /// The stage of a block, if it is at work on this thread.
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

/// Runs `use_it` on the context of a block's actor.
///
/// # Panics
///
/// Panics outside the polling of that block.
pub(super) fn with_context<A: Actor, R>(task: TaskId, use_it: impl FnOnce(&Context<'_, A>) -> R) -> R {
    // SAFETY: as in `with_state`; a context is shared.
    Stage::of(task, |stage| use_it(unsafe { &*stage.context.cast::<Context<'_, A>>() })).unwrap_or_else(|| not_here())
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
    /// Begins a wait of the block at work, for an answer of `asked` if it is an ask.
    pub(super) fn begin(task: TaskId, asked: Option<ActorId>) -> Self {
        let number = Stage::of(task, |stage| stage.waits.borrow_mut().begin(asked)).unwrap_or_else(|| not_here());
        Self { task, number, is_over: false }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The end, if it is there; else `waker` is called when it comes.
    pub(super) fn poll(&mut self, waker: &Waker) -> Option<End> {
        let number = self.number;
        let end = Stage::of(self.task, |stage| {
            let end = stage.waits.borrow_mut().fetch(number);
            // The block itself is polled at the end of any wait.
            if end.is_none() && !is_own(waker) {
                let noted = waker.clone();
                let before = stage.waits.borrow_mut().note_waker(number, noted);
                drop(before);
            }
            end
        });
        let end = end.unwrap_or_else(|| not_here());
        self.is_over |= end.is_some();
        end
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
pub(super) fn waker() -> Waker {
    // SAFETY: the functions use no data and keep the contract of `RawWaker` trivially.
    unsafe { Waker::from_raw(RAW) }
}

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

/// Where a pending ask stands for a wait of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskWait {
    pub(crate) task: TaskId,
    pub(crate) wait: u32,
}
