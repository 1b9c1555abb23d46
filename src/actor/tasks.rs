//! Async blocks that wait, by block of their actors.
//!
//! # Model
//!
//! They lie beside the asks of the same actors ([`asked`](super::asked)), with the same owner. A block that is
//! polled is out of its cell, so that what it does meanwhile may come here. The future and what is known of it
//! are one allocation.

#![expect(unsafe_code, reason = "a future is pinned in the box that it shares with what is known of it")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};
use std::pin::Pin;

use smallvec::SmallVec;

use super::Handled;
use super::stage::Waits;
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
    pub(super) fn boxed(actor: ActorId, cause: Option<ActorId>, is_turn: bool, block: F) -> Box<Task> {
        Box::new(Self { actor, waits: RefCell::default(), is_turn, has_begun: false, cause, block })
    }
}

impl Task {
    /// What it waits for, and the future.
    pub(super) fn parts(&mut self) -> (&RefCell<Waits>, Pin<&mut Block>) {
        // SAFETY: the future stays in its box until it is dropped.
        (&self.waits, unsafe { Pin::new_unchecked(&mut self.block) })
    }
}

#[derive(Default)]
struct Cell {
    generation: u32,
    /// `None` when it is free, and while the task is polled.
    task: Option<Box<Task>>,
}

/// The async blocks of one block's actors.
#[derive(Default)]
pub(super) struct Tasks {
    cells: Vec<Cell>,
    free: Vec<u32>,
    /// By actor, those that were polled and wait. Looked up, never iterated for a result.
    of: HashMap<ActorId, SmallVec<[u32; 1]>, BuildHasherDefault<Digester>>,
}

impl Tasks {
    /// A cell for a task, which is put there with [`Tasks::put`].
    pub(super) fn reserve(&mut self) -> (u32, u32) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.cells.push(Cell::default());
            self.cells.len() as u32 - 1
        });
        (index, self.cells[index as usize].generation)
    }

    /// Takes a task out to be polled.
    pub(super) fn take(&mut self, index: u32, generation: u32) -> Option<Box<Task>> {
        self.cells.get_mut(index as usize).filter(|cell| cell.generation == generation)?.task.take()
    }

    /// Puts a task in its cell to wait.
    pub(super) fn put(&mut self, index: u32, task: Box<Task>) {
        let of = self.of.entry(task.actor).or_default();
        if !of.contains(&index) {
            of.push(index);
        }
        self.cells[index as usize].task = Some(task);
    }

    /// A task is over, or was never put in its cell.
    pub(super) fn free(&mut self, actor: ActorId, index: u32) {
        let cell = &mut self.cells[index as usize];
        cell.generation = cell.generation.wrapping_add(1);
        self.free.push(index);
        if let Some(of) = self.of.get_mut(&actor) {
            of.retain(|other| *other != index);
            if of.is_empty() {
                self.of.remove(&actor);
            }
        }
    }

    /// Takes the tasks of an actor out whose state goes.
    pub(super) fn take_all(&mut self, actor: ActorId) -> Vec<Box<Task>> {
        if self.of.is_empty() {
            return Vec::new();
        }
        let indices = self.of.remove(&actor).unwrap_or_default();
        let taken = indices.into_iter().filter_map(|index| {
            let cell = &mut self.cells[index as usize];
            cell.generation = cell.generation.wrapping_add(1);
            self.free.push(index);
            cell.task.take()
        });
        taken.collect()
    }

    /// The task whose turn an actor is in, if there is one alone.
    pub(super) fn turn_of(&self, actor: ActorId) -> Option<&Task> {
        match self.of.get(&actor)?.as_slice() {
            &[index] => self.cells[index as usize].task.as_deref().filter(|task| task.is_turn),
            _ => None,
        }
    }

    pub(super) fn digest(&self, digester: &mut Digester) {
        for task in self.cells.iter().filter_map(|cell| cell.task.as_ref()) {
            (task.actor, task.is_turn, task.waits.borrow().pending).hash(digester);
        }
    }
}
