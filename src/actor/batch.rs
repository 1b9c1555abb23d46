//! All mail of one actor in one round.

use crate::id::ActorId;
use crate::mailbox::KeptMail;

/// The mail that an actor takes at once; an iterator over its messages, in order.
///
/// Messages not taken stay in the mailbox. [`Batch::sender`] tells who sent the message taken last.
#[derive(Debug)]
pub struct Batch<'a, M> {
    kept: &'a mut KeptMail<M>,
    left: u32,
    from: Option<ActorId>,
}

impl<'a, M> Batch<'a, M> {
    pub(crate) fn new(kept: &'a mut KeptMail<M>, budget: u32) -> Self {
        Self { kept, left: budget, from: None }
    }

    /// Who sent the message taken last; `None` if it came from outside.
    #[must_use]
    pub fn sender(&self) -> Option<ActorId> {
        self.from
    }
}

impl<M> Iterator for Batch<'_, M> {
    type Item = M;

    fn next(&mut self) -> Option<M> {
        self.left = self.left.checked_sub(1)?;
        let envelope = self.kept.next()?;
        self.from = envelope.from;
        Some(envelope.msg)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.kept.len().min(self.left as usize)))
    }
}
