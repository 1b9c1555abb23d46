//! The receiver's side: mail that waits in an actor's mailbox.
//!
//! # Model
//!
//! A queue with a cursor. Messages before the cursor are postponed: they are skipped in place until
//! [`KeptMail::replay`] puts the cursor back. A message taken from behind postponed ones leaves a
//! hole; holes at the front go at once, and the queue is compacted when holes are the greater part,
//! so every operation is O(1) amortised.
//!
//! # Source
//!
//! Postponing follows `gen_statem` (the event stays where it is in the queue).

use std::collections::VecDeque;

use super::Envelope;

#[derive(Debug)]
pub(crate) struct KeptMail<M> {
    entries: VecDeque<Option<Envelope<M>>>,
    /// Entries before it are postponed or holes.
    cursor: usize,
    /// Messages, without the holes.
    len: usize,
    /// How often a message was postponed since the mailbox was last free of postponed mail.
    postponements: u32,
}

impl<M> Default for KeptMail<M> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), cursor: 0, len: 0, postponements: 0 }
    }
}

impl<M> KeptMail<M> {
    /// Appends a message behind all others.
    pub(crate) fn push(&mut self, envelope: Envelope<M>) {
        self.entries.push_back(Some(envelope));
        self.len += 1;
    }

    /// Takes the oldest message that is not postponed.
    pub(crate) fn next(&mut self) -> Option<Envelope<M>> {
        let envelope = if self.cursor == 0 { self.entries.pop_front()? } else { self.entries.get_mut(self.cursor)?.take() };
        debug_assert!(envelope.is_some(), "no holes behind the cursor");
        self.len -= 1;
        if self.cursor > 0 {
            self.cursor += 1;
            self.compact();
        }
        envelope
    }

    /// Puts a message that was just taken back in its place, to be skipped until [`Self::replay`].
    /// Returns how often mail was postponed here.
    pub(crate) fn postpone(&mut self, envelope: Envelope<M>) -> u32 {
        let hole = self.cursor.checked_sub(1).and_then(|at| self.entries.get_mut(at));
        match hole {
            Some(place @ None) => *place = Some(envelope),
            _ => {
                self.entries.insert(self.cursor, Some(envelope));
                self.cursor += 1;
            }
        }
        self.len += 1;
        self.postponements = self.postponements.saturating_add(1);
        self.postponements
    }

    /// Makes all postponed mail due again, oldest first.
    pub(crate) fn replay(&mut self) {
        if self.cursor > 0 {
            self.entries.retain(Option::is_some);
            self.cursor = 0;
        }
    }

    /// Takes the oldest message, postponed or not.
    pub(crate) fn take_oldest(&mut self) -> Option<Envelope<M>> {
        while let Some(entry) = self.entries.pop_front() {
            self.cursor = self.cursor.saturating_sub(1);
            if entry.is_some() {
                self.len -= 1;
                return entry;
            }
        }
        None
    }

    /// Orders the messages that are not postponed: highest priority first, stable.
    pub(crate) fn sort_by_priority(&mut self, priority: fn(&M) -> u8) {
        let due = &mut self.entries.make_contiguous()[self.cursor..];
        due.sort_by_key(|entry| std::cmp::Reverse(entry.as_ref().map_or(0, |e| priority(&e.msg))));
    }

    /// All messages, oldest first, and whether each is postponed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (bool, &Envelope<M>)> {
        self.entries.iter().enumerate().filter_map(|(at, entry)| Some((at < self.cursor, entry.as_ref()?)))
    }

    /// Messages, postponed ones included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a message waits that is not postponed.
    pub(crate) fn has_due(&self) -> bool {
        self.cursor < self.entries.len()
    }

    /// Makes it as new, for another actor; the memory stays.
    pub(crate) fn renew(&mut self) {
        if !self.entries.is_empty() {
            self.entries.clear();
        }
        (self.cursor, self.len, self.postponements) = (0, 0, 0);
    }

    /// Bytes of memory for messages.
    pub(crate) fn room_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Option<Envelope<M>>>()
    }

    /// Takes all messages, oldest first.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Envelope<M>> + '_ {
        self.cursor = 0;
        self.len = 0;
        self.entries.drain(..).flatten()
    }

    fn compact(&mut self) {
        if self.entries.len() > 2 * self.len + 16 {
            let postponed = self.entries.range(..self.cursor).filter(|e| e.is_some()).count();
            self.entries.retain(Option::is_some);
            self.cursor = postponed;
        }
        if self.len == 0 {
            self.entries.clear();
            self.cursor = 0;
            self.postponements = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ActorId;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Op {
        Push,
        Take,
        Postpone,
        Replay,
        Oldest,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![3 => Just(Op::Push), 3 => Just(Op::Take), 2 => Just(Op::Postpone), 1 => Just(Op::Replay), 1 => Just(Op::Oldest)]
    }

    proptest! {
        /// The queue behaves like a list of (message, postponed) pairs.
        #[test]
        fn like_a_list(ops in prop::collection::vec(op(), 0..400)) {
            let mut kept = KeptMail::default();
            let mut model: Vec<(u32, bool)> = Vec::new();
            for (n, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Push => {
                        kept.push(Envelope { to: ActorId::new(0, 0, 1), from: None, msg: n as u32 });
                        model.push((n as u32, false));
                    }
                    Op::Take | Op::Postpone => {
                        let got = kept.next();
                        let at = model.iter().position(|(_, postponed)| !postponed);
                        prop_assert_eq!(got.as_ref().map(|e| e.msg), at.map(|at| model[at].0));
                        if let (Some(envelope), Some(at)) = (got, at) {
                            if matches!(op, Op::Postpone) {
                                kept.postpone(envelope);
                                model[at].1 = true;
                            } else {
                                model.remove(at);
                            }
                        }
                    }
                    Op::Replay => {
                        kept.replay();
                        model.iter_mut().for_each(|m| m.1 = false);
                    }
                    Op::Oldest => {
                        let got = kept.take_oldest().map(|e| e.msg);
                        let want = (!model.is_empty()).then(|| model.remove(0).0);
                        prop_assert_eq!(got, want);
                    }
                }
                prop_assert_eq!(kept.len(), model.len());
                prop_assert_eq!(kept.has_due(), model.iter().any(|m| !m.1));
            }
        }
    }
}
