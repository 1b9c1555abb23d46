//! Async blocks that wait, by block of their actors.
//!
//! # Model
//!
//! They lie beside the asks of the same actors ([`asked`](super::asked)), with the same owner. A block that is
//! polled is out of its cell, so that what it does meanwhile may come here. The future and what is known of it
//! are in one piece of memory, which the next block takes over. The blocks of one actor are a list, which begins at the actor's place.

#![expect(unsafe_code, reason = "a future is pinned in the box that it shares with what is known of it")]

use std::cell::RefCell;
use std::hash::Hash;
use std::pin::Pin;

use super::Handled;
use super::stage::Waits;
use super::task_memory::{Memories, Spare};
use crate::digest::Digester;
use crate::id::ActorId;

/// The future of an async block.
pub(crate) type Block = dyn Future<Output = Handled> + Send;

/// An async block that waits, or is polled for the first time.
pub(crate) struct Task<F: ?Sized = Block> {
    pub(crate) actor: ActorId,
    pub(crate) waits: RefCell<Waits>,
    /// Whether its actor takes no mail until it is over.
    pub(crate) is_turn: bool,
    /// Whether it was polled; until then it holds no mail up.
    pub(crate) has_begun: bool,
    /// Who sent the message that it answers.
    pub(crate) cause: Option<ActorId>,
    /// Never moved: tasks are boxed before they are polled, and it cannot be taken out.
    block: F,
}

impl<F: Future<Output = Handled> + Send + 'static> Task<F> {
    #[inline]
    pub(super) fn boxed(spare: Spare, actor: ActorId, cause: Option<ActorId>, is_turn: bool, block: F) -> Box<Task> {
        spare.fill(Self { actor, waits: RefCell::default(), is_turn, has_begun: false, cause, block })
    }
}

impl Task {
    /// What it waits for, and the future.
    pub(super) fn parts(&mut self) -> (&RefCell<Waits>, Pin<&mut Block>) {
        // SAFETY: the future stays in its box until it is dropped.
        (&self.waits, unsafe { Pin::new_unchecked(&mut self.block) })
    }
}

/// No cell.
const NONE: u32 = u32::MAX;

struct Cell {
    generation: u32,
    /// The actor's other blocks: those begun just after and just before this one.
    newer: u32,
    older: u32,
    /// `None` when it is free, and while the task is polled.
    task: Option<Box<Task>>,
}

/// The async blocks of one block's actors.
#[derive(Default)]
pub(super) struct Tasks {
    cells: Vec<Cell>,
    free: Vec<u32>,
    /// By the place of their actor: the newest of each.
    newest: Vec<u32>,
    pub(super) memories: Memories,
}

impl Tasks {
    /// A cell for a task of an actor, which is put there with [`Tasks::put`].
    pub(super) fn reserve(&mut self, actor: ActorId) -> (u32, u32) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.cells.push(Cell { generation: 0, newer: NONE, older: NONE, task: None });
            self.cells.len() as u32 - 1
        });
        if actor.place() >= self.newest.len() {
            self.newest.resize(actor.place() + 1, NONE);
        }
        let older = std::mem::replace(&mut self.newest[actor.place()], index);
        if let Some(older) = self.cells.get_mut(older as usize) {
            older.newer = index;
        }
        let cell = &mut self.cells[index as usize];
        (cell.newer, cell.older) = (NONE, older);
        (index, cell.generation)
    }

    /// Takes a task out to be polled.
    #[inline]
    pub(super) fn take(&mut self, index: u32, generation: u32) -> Option<Box<Task>> {
        self.cells.get_mut(index as usize).filter(|cell| cell.generation == generation)?.task.take()
    }

    /// Puts a task in its cell to wait.
    #[inline]
    pub(super) fn put(&mut self, index: u32, task: Box<Task>) {
        self.cells[index as usize].task = Some(task);
    }

    /// A task is over, or was never put in its cell.
    pub(super) fn free(&mut self, actor: ActorId, index: u32) {
        let Cell { newer, older, .. } = self.cells[index as usize];
        match self.cells.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest[actor.place()] = older,
        }
        if let Some(older) = self.cells.get_mut(older as usize) {
            older.newer = newer;
        }
        self.vacate(index);
    }

    fn vacate(&mut self, index: u32) -> Option<Box<Task>> {
        let cell = &mut self.cells[index as usize];
        cell.generation = cell.generation.wrapping_add(1);
        self.free.push(index);
        cell.task.take()
    }

    /// Takes the tasks of an actor out whose state goes, the newest first.
    pub(super) fn take_all(&mut self, actor: ActorId) -> Vec<Box<Task>> {
        let mut taken = Vec::new();
        let Some(newest) = self.newest.get_mut(actor.place()) else { return taken };
        let mut next = std::mem::replace(newest, NONE);
        while let Some(cell) = self.cells.get(next as usize) {
            let index = std::mem::replace(&mut next, cell.older);
            taken.extend(self.vacate(index));
        }
        taken
    }

    /// The task whose turn an actor is in, if there is one alone.
    pub(super) fn turn_of(&self, actor: ActorId) -> Option<&Task> {
        let cell = self.cells.get(*self.newest.get(actor.place())? as usize)?;
        cell.task.as_deref().filter(|task| task.is_turn && cell.older == NONE)
    }

    pub(super) fn digest(&self, digester: &mut Digester) {
        for task in self.cells.iter().filter_map(|cell| cell.task.as_ref()) {
            (task.actor, task.is_turn, task.waits.borrow().pending).hash(digester);
        }
    }
}
