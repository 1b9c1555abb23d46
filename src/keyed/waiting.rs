//! Keys that wait for their states, and the mail that waits with them.
//!
//! # Model
//!
//! A key is entered by the first message that finds nobody active under it, or by an actor that failed and is to go on
//! with its saved state. It stands in a queue until the store is asked, and leaves when its state is there or cannot be had.
//! Its mail waits as it would in a mailbox: as much as the capacity says, and what is beyond follows the policy.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::actor::Failure;
use crate::digest::Secret;
use crate::id::ActorId;
use crate::mailbox::Overflow;

/// An actor that failed, and goes on when its state is loaded.
#[derive(Clone, Debug)]
pub(crate) struct Restart {
    pub(crate) id: ActorId,
    pub(crate) failure: Failure,
    pub(crate) keep_mailbox: bool,
}

/// A sender and its message.
type Letter<M> = (Option<ActorId>, M);

/// A key that waits.
///
/// Most wait with one message, and nothing else: that needs no memory of its own.
#[derive(Debug)]
pub(crate) struct Entry<M> {
    first: Option<Letter<M>>,
    rest: Option<Box<Rest<M>>>,
}

/// What few keys have.
#[derive(Debug)]
struct Rest<M> {
    /// Mail behind the first message, in order of arrival.
    mail: VecDeque<Letter<M>>,
    /// Senders who are muted until their mail can go on, once for each message.
    muted: Vec<ActorId>,
    /// Attempts to load it that failed.
    attempts: u32,
    restart: Option<Restart>,
}

impl<M> Default for Rest<M> {
    fn default() -> Self {
        Self { mail: VecDeque::new(), muted: Vec::new(), attempts: 0, restart: None }
    }
}

impl<M> Entry<M> {
    fn rest(&mut self) -> &mut Rest<M> {
        self.rest.get_or_insert_default()
    }

    /// Messages that wait.
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, |rest| rest.mail.len())
    }

    fn push(&mut self, letter: Letter<M>) {
        match self.first {
            None => self.first = Some(letter),
            Some(_) => self.rest().mail.push_back(letter),
        }
    }

    fn take_oldest(&mut self) -> Option<Letter<M>> {
        let next = self.rest.as_mut().and_then(|rest| rest.mail.pop_front());
        std::mem::replace(&mut self.first, next)
    }

    /// The failed actor that waits.
    pub(crate) fn take_restart(&mut self) -> Option<Restart> {
        self.rest.as_mut()?.restart.take()
    }

    /// Whether no mail waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Hands out the mail, in order, then its muted senders.
    pub(crate) fn hand_out(self, mut each: impl FnMut(Option<ActorId>, M), muted: impl FnMut(ActorId)) {
        self.first.into_iter().for_each(|(from, msg)| each(from, msg));
        if let Some(rest) = self.rest {
            rest.mail.into_iter().for_each(|(from, msg)| each(from, msg));
            rest.muted.into_iter().for_each(muted);
        }
    }
}

/// What becomes of a message for which there is no room.
#[derive(Debug)]
pub(crate) enum Overflowed<M> {
    /// Its sender is to wait.
    Mute(ActorId),
    /// It goes back to its sender.
    Bounce(ActorId, M),
    /// It is a dead letter.
    Dead(Option<ActorId>, M),
}

type Entries<K, M> = HashMap<K, Entry<M>, Secret>;

/// All keys of a type that wait.
#[derive(Debug)]
pub(crate) struct Waiting<K, M> {
    /// Looked up, never iterated.
    entries: Entries<K, M>,
    /// Keys for which the store is to be asked, each once, in order.
    queue: VecDeque<K>,
    messages: usize,
}

impl<K, M> Default for Waiting<K, M> {
    fn default() -> Self {
        Self { entries: HashMap::default(), queue: VecDeque::new(), messages: 0 }
    }
}

impl<K: Clone + Eq + Hash, M> Waiting<K, M> {
    /// Keys that wait.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Messages that wait.
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// The keys for which the store is yet to be asked.
    pub(crate) fn queue(&self) -> impl Iterator<Item = &K> {
        self.queue.iter()
    }

    /// A message waits for its key.
    pub(crate) fn push(&mut self, key: K, from: Option<ActorId>, msg: M, (capacity, policy): (usize, Overflow)) -> Option<Overflowed<M>> {
        let Self { entries, queue, messages } = self;
        let entry = entry(entries, queue, key);
        let is_full = entry.len() >= capacity;
        let overflowed = match (is_full, policy, from) {
            (false, ..) => None,
            // From outside as many more as there is room for wait, since nobody can be muted.
            (true, Overflow::Backpressure, None) if entry.len() < capacity.saturating_mul(2) => None,
            (true, Overflow::Backpressure, Some(from)) => {
                entry.rest().muted.push(from);
                Some(Overflowed::Mute(from))
            }
            (true, Overflow::Bounce, Some(from)) => return Some(Overflowed::Bounce(from, msg)),
            (true, Overflow::DropOldest, _) if capacity > 0 => {
                *messages -= 1;
                entry.take_oldest().map(|(from, msg)| Overflowed::Dead(from, msg))
            }
            _ => return Some(Overflowed::Dead(from, msg)),
        };
        entry.push((from, msg));
        *messages += 1;
        overflowed
    }

    /// A key waits since the store was asked for it in vain, once.
    pub(crate) fn expect(&mut self, key: K) {
        entry(&mut self.entries, &mut self.queue, key).rest().attempts = 1;
    }

    /// An actor that failed waits for its state.
    pub(crate) fn restart(&mut self, key: K, restart: Restart) {
        entry(&mut self.entries, &mut self.queue, key).rest().restart = Some(restart);
    }

    /// Whether a key waits.
    pub(crate) fn has(&self, key: &K) -> bool {
        !self.entries.is_empty() && self.entries.contains_key(key)
    }

    /// The failed actor that waits under a key.
    pub(crate) fn restarting(&self, key: &K) -> Option<ActorId> {
        self.entries.get(key)?.rest.as_ref()?.restart.as_ref().map(|restart| restart.id)
    }

    /// Takes up to `most` keys out of the queue, in order, but those for which it is too early.
    pub(crate) fn ask(&mut self, most: usize, mut is_early: impl FnMut(&K) -> bool) -> Vec<K> {
        let mut early = VecDeque::new();
        let mut asked = Vec::new();
        while asked.len() < most
            && let Some(key) = self.queue.pop_front()
        {
            if is_early(&key) { early.push_back(key) } else { asked.push(key) }
        }
        early.append(&mut self.queue);
        self.queue = early;
        asked
    }

    /// A key waits no longer.
    pub(crate) fn remove(&mut self, key: &K) -> Option<Entry<M>> {
        let entry = self.entries.remove(key)?;
        self.messages -= entry.len();
        Some(entry)
    }

    /// The store failed for these keys: those with attempts left stand in the queue again, the others are returned.
    pub(crate) fn failed(&mut self, keys: Vec<K>, attempts_max: u32) -> Vec<K> {
        let mut given_up = Vec::new();
        for key in keys {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let attempts = &mut entry.rest().attempts;
            *attempts += 1;
            if *attempts < attempts_max { self.queue.push_back(key) } else { given_up.push(key) }
        }
        given_up
    }

    /// Takes all keys out that the store was not asked for, in order.
    pub(crate) fn take_queue(&mut self) -> Vec<K> {
        std::mem::take(&mut self.queue).into()
    }
}

/// The entry of a key; a new one stands in the queue.
fn entry<'a, K: Clone + Eq + Hash, M>(entries: &'a mut Entries<K, M>, queue: &mut VecDeque<K>, key: K) -> &'a mut Entry<M> {
    entries.entry(key).or_insert_with_key(|key| {
        queue.push_back(key.clone());
        Entry { first: None, rest: None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Option<ActorId> = None;

    fn sender() -> Option<ActorId> {
        Some(ActorId::new(0, 9, 1))
    }

    fn fill(policy: Overflow, from: Option<ActorId>, n: u32) -> (Waiting<u8, u32>, Vec<Overflowed<u32>>) {
        let mut waiting = Waiting::default();
        let overflowed = (0..n).filter_map(|msg| waiting.push(1, from, msg, (2, policy))).collect();
        (waiting, overflowed)
    }

    fn mail(waiting: &mut Waiting<u8, u32>) -> Vec<u32> {
        let mut mail = Vec::new();
        waiting.remove(&1).expect("it waits").hand_out(|_, msg| mail.push(msg), drop);
        assert_eq!(waiting.messages(), 0);
        mail
    }

    #[test]
    fn what_overflows_follows_the_policy() {
        let (mut waiting, muted) = fill(Overflow::Backpressure, sender(), 4);
        assert!(matches!(*muted, [Overflowed::Mute(_), Overflowed::Mute(_)]));
        assert_eq!(mail(&mut waiting), [0, 1, 2, 3]);
        let (mut waiting, dead) = fill(Overflow::Backpressure, SENDER, 5);
        assert!(matches!(*dead, [Overflowed::Dead(None, 4)]));
        assert_eq!(mail(&mut waiting), [0, 1, 2, 3]);
        let (mut waiting, dead) = fill(Overflow::DropOldest, sender(), 3);
        assert!(matches!(*dead, [Overflowed::Dead(Some(_), 0)]));
        assert_eq!(mail(&mut waiting), [1, 2]);
        for policy in [Overflow::DropNewest, Overflow::Fail] {
            let (mut waiting, dead) = fill(policy, sender(), 3);
            assert!(matches!(*dead, [Overflowed::Dead(Some(_), 2)]));
            assert_eq!(mail(&mut waiting), [0, 1]);
        }
        let (mut waiting, back) = fill(Overflow::Bounce, sender(), 3);
        assert!(matches!(*back, [Overflowed::Bounce(_, 2)]));
        assert_eq!(mail(&mut waiting), [0, 1]);
    }

    #[test]
    fn keys_are_asked_for_in_order_and_again_after_a_failure() {
        let mut waiting = Waiting::<u8, u32>::default();
        for key in [3, 1, 2, 1] {
            waiting.push(key, None, 0, (9, Overflow::DropNewest));
        }
        assert_eq!(waiting.ask(2, |&key| key == 3), [1, 2]);
        assert_eq!(waiting.failed(vec![1, 2], 2), [0_u8; 0]);
        assert_eq!(waiting.ask(9, |_| false), [3, 1, 2]);
        assert_eq!(waiting.failed(vec![1, 3], 2), [1]);
        assert_eq!((waiting.len(), waiting.messages()), (3, 4));
        assert_eq!(waiting.take_queue(), [3]);
        waiting.expect(9);
        assert_eq!((waiting.has(&9), waiting.ask(9, |_| false)), (true, vec![9]));
        assert_eq!(waiting.failed(vec![9], 2), [9]);
    }
}
