//! All mail of one actor in one round.

use std::cell::Cell;

use super::Turn;
use crate::id::ActorId;
use crate::mailbox::KeptMail;

/// The mail that an actor takes at once; an iterator over its messages, in order.
///
/// Messages not taken stay in the mailbox. [`Turn::sender`] tells who sent the message taken last.
#[derive(Debug)]
pub struct Batch<'a, M> {
    kept: &'a mut KeptMail<M>,
    from: &'a Cell<Option<ActorId>>,
    left: u32,
}

impl<'a, M> Batch<'a, M> {
    pub(crate) fn new(kept: &'a mut KeptMail<M>, turn: &'a Turn<'_>, budget: u32) -> Self {
        Self { kept, from: turn.sender_cell(), left: budget }
    }
}

impl<M> Iterator for Batch<'_, M> {
    type Item = M;

    fn next(&mut self) -> Option<M> {
        self.left = self.left.checked_sub(1)?;
        let envelope = self.kept.next()?;
        self.from.set(envelope.from);
        Some(envelope.msg)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.kept.len().min(self.left as usize)))
    }
}
