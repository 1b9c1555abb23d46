//! Asks that wait for their end, by block of their askers.
//!
//! # Model
//!
//! A block's table holds what its actors do at the end of their asks. Actors ask in a pass over their block,
//! and an answer is handled in one, so the table belongs to the block's worker as mailboxes do: nothing is
//! locked, and what is where does not depend on threads.
//!
//! Most asks end in their tick. So one gets a place on the wheel of time-outs only when the tick is over:
//! until then it is in the table, and on a list of *recent* ones that is thinned out as it grows. The wheel
//! leaves a place behind when an ask ends; they are swept out when they may be the greater part.
//!
//! # Invariants
//!
//! 1. A continuation is taken out once. Whatever comes to the same place later is late: places have
//!    generations, and a time-out gives its ask another one.
//! 2. Every pending ask that can time out is on the recent list or on the wheel.
//! 3. A table is touched by its block's worker in a pass, and otherwise by the thread that runs the tick; no
//!    user code runs meanwhile.

#![expect(unsafe_code, reason = "workers reach the tables of their own blocks through shared references")]

use std::cell::UnsafeCell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash};
use std::sync::{Mutex, PoisonError};

use super::Actor;
use super::ask::{AskStats, GoOn};
use super::returns::drop_because;
use super::tasks::Tasks;
use crate::digest::Digester;
use crate::id::ActorId;
use crate::mailbox::DeadReason;
use crate::panics;
use crate::wheel::Wheel;

/// Recent asks that are not worth thinning out.
const RECENT_MIN: usize = 32;
/// Restarts that are remembered before the list is looked through, and time-outs before they are swept.
const SWEEP_MIN: usize = 1_024;
/// The due tick of an ask that never times out.
pub(crate) const NEVER: u64 = u64::MAX;

/// Where a pending ask is in the table of its asker's block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AskPlace {
    index: u32,
    generation: u32,
}

/// Who asked, and what is done at the end.
struct PendingAsk<A: Actor> {
    asker: ActorId,
    due: u64,
    /// Counts the asks of the block.
    number: u64,
    go_on: GoOn<A>,
}

struct Cell<A: Actor> {
    generation: u32,
    pending: Option<PendingAsk<A>>,
}

/// The asks of one block's actors.
struct Table<A: Actor> {
    cells: Vec<Cell<A>>,
    free: Vec<u32>,
    /// Asks of this tick, those that ended among them.
    recent: Vec<AskPlace>,
    recent_max: usize,
    /// Whether the block is on the list of those with recent asks.
    is_listed: bool,
    /// Actors with the number that the next ask had when they were restarted. Looked up, never iterated for a
    /// result.
    restarted: HashMap<ActorId, u64, BuildHasherDefault<Digester>>,
    stats: AskStats,
    /// Async blocks of the block's actors.
    tasks: Tasks,
}

impl<A: Actor> Default for Table<A> {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            free: Vec::new(),
            recent: Vec::new(),
            recent_max: RECENT_MIN,
            is_listed: false,
            restarted: HashMap::default(),
            stats: AskStats::default(),
            tasks: Tasks::default(),
        }
    }
}

impl<A: Actor> Table<A> {
    #[inline]
    fn set(&mut self, asker: ActorId, due: u64, go_on: GoOn<A>) -> AskPlace {
        let index = self.free.pop().unwrap_or_else(|| self.add_cell());
        let cell = &mut self.cells[index as usize];
        let place = AskPlace { index, generation: cell.generation };
        cell.pending = Some(PendingAsk { asker, due, number: self.stats.asked, go_on });
        self.stats.asked += 1;
        self.stats.pending += 1;
        if self.recent.len() >= self.recent_max {
            self.thin_out();
        }
        self.recent.push(place);
        place
    }

    #[cold]
    fn add_cell(&mut self) -> u32 {
        self.cells.push(Cell { generation: 0, pending: None });
        self.cells.len() as u32 - 1
    }

    #[cold]
    fn thin_out(&mut self) {
        let Self { recent, cells, .. } = self;
        recent.retain(|place| cells[place.index as usize].generation == place.generation);
        self.recent_max = 2 * recent.len() + RECENT_MIN;
    }

    fn get(&self, place: AskPlace) -> Option<&PendingAsk<A>> {
        pending_at(&self.cells, place)
    }

    #[inline]
    fn take(&mut self, place: AskPlace) -> Option<PendingAsk<A>> {
        let cell = self.cells.get_mut(place.index as usize).filter(|cell| cell.generation == place.generation)?;
        let pending = cell.pending.take()?;
        cell.generation = cell.generation.wrapping_add(1);
        self.free.push(place.index);
        self.stats.pending -= 1;
        Some(pending)
    }

    /// Gives an ask another place, so that what comes to the old one is late.
    fn renew(&mut self, place: AskPlace) -> Option<AskPlace> {
        self.get(place)?;
        let generation = place.generation.wrapping_add(1);
        self.cells[place.index as usize].generation = generation;
        Some(AskPlace { generation, ..place })
    }

    fn undo(&mut self) -> Option<PendingAsk<A>> {
        let undone = self.recent.pop().and_then(|place| self.take(place));
        self.stats.asked -= u64::from(undone.is_some());
        undone
    }

    /// The asks that an actor made until now were another state's.
    fn forget(&mut self, asker: ActorId) {
        if self.stats.pending == 0 {
            return self.restarted.clear();
        }
        self.restarted.insert(asker, self.stats.asked);
        if self.restarted.len() > 2 * self.stats.pending + SWEEP_MIN {
            let waiting: HashSet<ActorId> = self.askers().collect();
            self.restarted.retain(|asker, _| waiting.contains(asker));
        }
    }

    fn askers(&self) -> impl Iterator<Item = ActorId> {
        self.cells.iter().filter_map(|cell| cell.pending.as_ref()).map(|ask| ask.asker)
    }

    fn is_another_state(&self, ask: &PendingAsk<A>) -> bool {
        !self.restarted.is_empty() && self.restarted.get(&ask.asker).is_some_and(|&number| ask.number < number)
    }
}

fn pending_at<A: Actor>(cells: &[Cell<A>], place: AskPlace) -> Option<&PendingAsk<A>> {
    cells.get(place.index as usize).filter(|cell| cell.generation == place.generation)?.pending.as_ref()
}

/// The table of a block, reached through a shared reference.
struct TableCell<A: Actor>(UnsafeCell<Option<Box<Table<A>>>>);

/// A place on the wheel of time-outs.
#[derive(Clone, Copy)]
struct TimeOut {
    asker: ActorId,
    place: AskPlace,
}

/// The pending asks of one type's actors.
pub(crate) struct AskTables<A: Actor> {
    blocks: Vec<TableCell<A>>,
    /// Blocks with recent asks, in any order.
    fresh: Mutex<Vec<u32>>,
    wheel: Wheel<TimeOut>,
    /// Time-outs set since the last sweep, and how many call for the next.
    set: usize,
    sweep_at: usize,
    /// Asks of async blocks that outlived their tick, as of this tick.
    suspects: Vec<Suspect>,
}

/// An ask of an async block that may never be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspect {
    pub(crate) asker: ActorId,
    pub(crate) place: AskPlace,
}

/// An actor that takes no mail until its async block is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turned {
    /// Whom it asked, if that is all that it waits for.
    pub(crate) asked: Option<ActorId>,
    /// Who sent the message that the block answers.
    pub(crate) cause: Option<ActorId>,
}

// SAFETY: tables are reached under invariant 3, by one thread at a time; all they hold is `Send`, as
// continuations and messages are.
unsafe impl<A: Actor> Sync for AskTables<A> {}

impl<A: Actor> Default for AskTables<A> {
    fn default() -> Self {
        Self { blocks: Vec::new(), fresh: Mutex::default(), wheel: Wheel::default(), set: 0, sweep_at: 0, suspects: Vec::new() }
    }
}

impl<A: Actor> AskTables<A> {
    /// Makes room for the actors of so many slots.
    pub(crate) fn fit(&mut self, slots: u32) {
        let blocks = slots.div_ceil(crate::id::BLOCK as u32) as usize;
        if self.blocks.len() < blocks {
            self.blocks.resize_with(blocks, || TableCell(UnsafeCell::new(None)));
        }
    }

    /// The table of an actor's block.
    ///
    /// # Safety
    ///
    /// Invariant 3, for as long as the reference lives.
    #[expect(clippy::mut_from_ref, reason = "the block's owner has the table to itself")]
    unsafe fn table(&self, actor: ActorId) -> &mut Option<Box<Table<A>>> {
        // SAFETY: promised by the caller.
        unsafe { &mut *self.blocks[actor.block() as usize].0.get() }
    }

    /// Notes an ask.
    ///
    /// # Safety
    ///
    /// The caller runs the asker: in a pass over its block, or while no pass runs.
    #[inline]
    pub(crate) unsafe fn ask(&self, asker: ActorId, due: u64, go_on: GoOn<A>) -> AskPlace {
        // SAFETY: promised by the caller; the reference ends here, and no user code runs.
        let table = unsafe { self.table(asker) }.get_or_insert_default();
        if !table.is_listed {
            table.is_listed = true;
            self.list(asker.block());
        }
        table.set(asker, due, go_on)
    }

    #[cold]
    fn list(&self, block: u32) {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).push(block);
    }

    /// Runs `use_them` on the async blocks of an actor's block.
    ///
    /// # Safety
    ///
    /// As [`AskTables::ask`]; `use_them` runs no user code.
    pub(super) unsafe fn with_tasks<R>(&self, actor: ActorId, use_them: impl FnOnce(&mut Tasks) -> R) -> R {
        // SAFETY: promised by the caller.
        use_them(&mut unsafe { self.table(actor) }.get_or_insert_default().tasks)
    }

    /// Takes the last asks of an actor's running call back.
    ///
    /// # Safety
    ///
    /// As [`AskTables::ask`].
    pub(crate) unsafe fn undo(&self, asker: ActorId, asks: usize) {
        for _ in 0..asks {
            // SAFETY: promised by the caller; the reference ends before what is undone is dropped.
            let undone = unsafe { self.table(asker) }.as_mut().and_then(|table| table.undo());
            panics::drop_quietly(undone);
        }
    }

    /// Takes the continuation of an ask that has come to its end, and counts the end; `None` if it was over, or its
    /// asker cannot go on, which `can_run` tells.
    ///
    /// # Safety
    ///
    /// As [`AskTables::ask`].
    #[inline(always)]
    pub(crate) unsafe fn claim(&self, asker: ActorId, place: AskPlace, is_answer: bool, can_run: bool) -> Option<GoOn<A>> {
        // SAFETY: promised by the caller; the reference ends before anything is dropped.
        let table = unsafe { self.table(asker) }.as_mut()?;
        let Some(ask) = table.take(place) else {
            table.stats.late += u64::from(is_answer);
            return None;
        };
        if !can_run || table.is_another_state(&ask) {
            table.stats.dropped += 1;
            panics::drop_quietly(ask);
            return None;
        }
        if is_answer {
            table.stats.answered += 1;
        } else {
            table.stats.unanswered += 1;
        }
        Some(ask.go_on)
    }

    fn table_mut(&mut self, actor: ActorId) -> Option<&mut Table<A>> {
        self.blocks.get_mut(actor.block() as usize)?.0.get_mut().as_deref_mut()
    }

    fn tables(&mut self) -> impl Iterator<Item = &mut Table<A>> {
        self.blocks.iter_mut().filter_map(|block| block.0.get_mut().as_deref_mut())
    }

    /// An actor was restarted: the asks that it made until now were another state's, and its async blocks go.
    pub(crate) fn forget(&mut self, asker: ActorId) {
        let Some(table) = self.table_mut(asker) else { return };
        table.forget(asker);
        panics::drop_quietly(table.tasks.take_all(asker));
    }

    /// An actor stopped: its async blocks go.
    pub(crate) fn bury(&mut self, asker: ActorId) {
        let Some(table) = self.table_mut(asker) else { return };
        let tasks = table.tasks.take_all(asker);
        drop_because(DeadReason::Stopped, || panics::drop_quietly(tasks));
    }

    /// Asks that outlived their tick can time out from now on.
    fn set_time_outs(&mut self, tick: u64) {
        let Self { blocks, fresh, wheel, set, suspects, .. } = self;
        suspects.clear();
        let fresh = fresh.get_mut().unwrap_or_else(PoisonError::into_inner);
        if fresh.is_empty() {
            return;
        }
        if wheel.is_empty() {
            // It was not advanced while it was empty.
            wheel.advance(tick.saturating_sub(1), |_| None);
        }
        fresh.sort_unstable();
        for block in fresh.drain(..) {
            let Some(table) = blocks[block as usize].0.get_mut() else { continue };
            table.is_listed = false;
            let Table { recent, cells, .. } = &mut **table;
            for place in recent.drain(..) {
                let Some(ask) = pending_at(cells, place).filter(|ask| ask.due != NEVER) else { continue };
                wheel.set_for_good(ask.due, TimeOut { asker: ask.asker, place });
                *set += 1;
                if let GoOn::Task { asked: Some(_), .. } = &ask.go_on {
                    suspects.push(Suspect { asker: ask.asker, place });
                }
            }
        }
    }

    /// Drops the time-outs of asks that are over.
    fn sweep(&mut self) {
        if self.set >= self.sweep_at.max(SWEEP_MIN) {
            let Self { wheel, blocks, .. } = self;
            let is_pending = |time_out: &TimeOut| {
                let table = blocks[time_out.asker.block() as usize].0.get_mut();
                table.as_ref().is_some_and(|table| table.get(time_out.place).is_some())
            };
            wheel.retain(is_pending, |_| ());
            self.set = 0;
            self.sweep_at = self.wheel.len();
        }
    }
}

/// The pending asks of some type.
pub(crate) trait TypeAsks {
    /// A tick begins: hands the asks whose time is over to `late`.
    fn begin_tick(&mut self, tick: u64, late: &mut dyn FnMut(ActorId, AskPlace));
    /// Asks of async blocks that outlived their tick just now.
    fn suspects(&self) -> &[Suspect];
    /// The turn that an actor is in; `None` if it is in none, or in more.
    fn turn_of(&mut self, actor: ActorId) -> Option<Turned>;
    /// Whether an actor has continuations besides its async blocks. Looks at all asks of its block.
    fn has_continuations(&mut self, actor: ActorId) -> bool;
    /// Gives an ask that is brought to its end another place, so that what comes to the old one is late.
    fn renew(&mut self, ask: Suspect) -> Option<AskPlace>;
    /// Who waits for an end.
    fn askers(&mut self) -> HashSet<ActorId>;
    fn add_to(&mut self, stats: &mut AskStats);
    fn digest(&mut self, digester: &mut Digester);
}

impl<A: Actor> TypeAsks for AskTables<A> {
    fn begin_tick(&mut self, tick: u64, late: &mut dyn FnMut(ActorId, AskPlace)) {
        self.set_time_outs(tick);
        if self.wheel.is_empty() {
            return;
        }
        self.sweep();
        let Self { wheel, blocks, .. } = self;
        wheel.advance(tick, |TimeOut { asker, place }| {
            let table = blocks[asker.block() as usize].0.get_mut();
            if let Some(place) = table.as_mut().and_then(|table| table.renew(place)) {
                late(asker, place);
            }
            None
        });
    }

    fn suspects(&self) -> &[Suspect] {
        &self.suspects
    }

    fn turn_of(&mut self, actor: ActorId) -> Option<Turned> {
        let task = self.table_mut(actor)?.tasks.turn_of(actor)?;
        Some(Turned { asked: task.waits.borrow().only_asked(), cause: task.cause })
    }

    fn has_continuations(&mut self, actor: ActorId) -> bool {
        self.table_mut(actor).is_some_and(|table| {
            let mut pending = table.cells.iter().filter_map(|cell| cell.pending.as_ref());
            pending.any(|ask| ask.asker == actor && !matches!(ask.go_on, GoOn::Task { .. }))
        })
    }

    fn renew(&mut self, ask: Suspect) -> Option<AskPlace> {
        self.table_mut(ask.asker)?.renew(ask.place)
    }

    fn askers(&mut self) -> HashSet<ActorId> {
        self.tables().flat_map(|table| table.askers()).collect()
    }

    fn add_to(&mut self, stats: &mut AskStats) {
        self.tables().for_each(|table| stats.add(&table.stats));
    }

    fn digest(&mut self, digester: &mut Digester) {
        for table in self.tables() {
            for ask in table.cells.iter().filter_map(|cell| cell.pending.as_ref()) {
                (ask.asker, ask.due).hash(digester);
            }
            let stats = &table.stats;
            (stats.answered, stats.unanswered, stats.dropped, stats.late).hash(digester);
            table.tasks.digest(digester);
        }
    }
}
