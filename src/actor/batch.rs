//! All mail of one actor in one round.

use super::Turn;
use crate::mailbox::KeptMail;

/// The mail that an actor takes at once; an iterator over its messages, in order.
///
/// Messages not taken stay in the mailbox. [`Turn::sender`] tells who sent the message taken last.
#[derive(Debug)]
pub struct Batch<'a, M> {
    kept: &'a mut KeptMail<M>,
    turn: &'a Turn<'a>,
    left: u32,
}

impl<'a, M> Batch<'a, M> {
    pub(crate) fn new(kept: &'a mut KeptMail<M>, turn: &'a Turn<'a>, budget: u32) -> Self {
        Self { kept, turn, left: budget }
    }
}

impl<M> Iterator for Batch<'_, M> {
    type Item = M;

    fn next(&mut self) -> Option<M> {
        self.left = self.left.checked_sub(1)?;
        let envelope = self.kept.next()?;
        self.turn.set_sender(envelope.from);
        Some(envelope.msg)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.kept.len().min(self.left as usize)))
    }
}
