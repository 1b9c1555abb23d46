//! Answers that do not come by a context: replies from other threads, and tickets dropped unanswered.
//!
//! # Model
//!
//! Dropping a value runs anywhere, and has no context to write to. A thread that works for a world notes what
//! comes back in a list of its own, which the engine takes in the order of blocks; other threads leave it at
//! the world's desk, which is emptied at the next tick edge. So the order of what comes back within a tick
//! does not depend on threads.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::ask::{AskError, AskKey};
use super::asked::AskPlace;
use crate::mailbox::DeadReason;
use crate::parcel::Parcel;

/// Answers of up to so many words travel without an allocation.
const ANSWER_WORDS: usize = 3;

/// The end of an ask: an answer, or why there is none.
pub(crate) type End = Result<Returned, AskError>;
/// What came back.
pub(crate) type Returned = Parcel<ANSWER_WORDS>;

/// The end of an ask, with its key.
#[derive(Debug)]
pub(crate) struct Return {
    pub(crate) key: AskKey,
    pub(crate) end: End,
}

/// The end of an actor's ask on its way: who asked is known from where it lies.
#[derive(Debug)]
pub(crate) struct AskEnd {
    pub(crate) place: AskPlace,
    pub(crate) end: End,
}

/// Names a world within this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WorldNo(u32);

const NOWHERE: WorldNo = WorldNo(0);

thread_local! {
    static AT_WORK_FOR: Cell<WorldNo> = const { Cell::new(NOWHERE) };
    static ANY: Cell<bool> = const { Cell::new(false) };
    static RETURNS: RefCell<Vec<Return>> = const { RefCell::new(Vec::new()) };
    /// Why whatever is dropped now ends; `None` if its holder just drops it.
    static REASON: Cell<Option<DeadReason>> = const { Cell::new(None) };
}

/// What other threads brought back, by world.
static DESKS: Mutex<BTreeMap<WorldNo, Vec<Return>>> = Mutex::new(BTreeMap::new());
/// Returns at all desks together, so that a tick need not lock to see that there are none.
static AT_DESKS: AtomicUsize = AtomicUsize::new(0);

fn desks<R>(use_them: impl FnOnce(&mut BTreeMap<WorldNo, Vec<Return>>) -> R) -> R {
    use_them(&mut DESKS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A world's place at the desks.
#[derive(Debug)]
pub(crate) struct Desk(WorldNo);

impl Desk {
    pub(crate) fn open() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let world = WorldNo(LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        desks(|desks| desks.insert(world, Vec::new()));
        Self(world)
    }

    pub(crate) fn world(&self) -> WorldNo {
        self.0
    }

    /// Whether other threads brought something.
    pub(crate) fn is_empty(&self) -> bool {
        AT_DESKS.load(Ordering::Acquire) == 0 || desks(|desks| desks.get(&self.0).is_none_or(Vec::is_empty))
    }

    pub(crate) fn take(&self) -> Vec<Return> {
        if AT_DESKS.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let taken = desks(|desks| desks.get_mut(&self.0).map(std::mem::take)).unwrap_or_default();
        AT_DESKS.fetch_sub(taken.len(), Ordering::Release);
        taken
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let left = desks(|desks| desks.remove(&self.0)).unwrap_or_default();
        AT_DESKS.fetch_sub(left.len(), Ordering::Release);
    }
}

/// Brings a return to its world, from wherever this is.
pub(super) fn bring(back: Return) {
    if works_for(back.key.world) {
        ANY.set(true);
        return RETURNS.with_borrow_mut(|returns| returns.push(back));
    }
    let world = back.key.world;
    let homeless = desks(|desks| match desks.get_mut(&world) {
        Some(desk) => {
            desk.push(back);
            AT_DESKS.fetch_add(1, Ordering::Release);
            None
        }
        None => Some(back),
    });
    // A world that is gone has no asker who waits. Dropped here, since that may bring other returns.
    drop(homeless);
}

/// Whether this thread is at work for a world.
pub(crate) fn works_for(world: WorldNo) -> bool {
    AT_WORK_FOR.try_with(Cell::get).is_ok_and(|at| at == world)
}

/// Takes what came back on this thread since the last time.
#[inline(always)]
pub(crate) fn take_returns(each: impl FnMut(Return)) {
    if ANY.get() {
        take_all_returns(each);
    }
}

#[cold]
fn take_all_returns(each: impl FnMut(Return)) {
    ANY.set(false);
    RETURNS.take().into_iter().for_each(each);
}

/// While it lives, this thread is at work for a world.
pub(crate) struct AtWork(WorldNo);

impl AtWork {
    pub(crate) fn begin(world: WorldNo) -> Self {
        Self(AT_WORK_FOR.replace(world))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK_FOR.set(self.0);
    }
}

/// The error that an ask ends with whose reply is dropped now.
pub(super) fn reason() -> AskError {
    match REASON.try_with(Cell::get).unwrap_or(None) {
        None => AskError::NoReply,
        Some(DeadReason::Unknown | DeadReason::NoState) => AskError::NoActor,
        Some(DeadReason::Stopped) => AskError::Stopped,
        Some(DeadReason::NotLoaded) => AskError::NotLoaded,
        Some(_) => AskError::Undelivered,
    }
}

/// Drops something because its receiver cannot have it, which is what an ask in it ends with.
pub(crate) fn drop_because<R>(reason: DeadReason, drop: impl FnOnce() -> R) -> R {
    let before = REASON.replace(Some(reason));
    let result = drop();
    REASON.set(before);
    result
}
