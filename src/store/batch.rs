//! Many keys, or many changes, in one piece of memory.

use std::convert::Infallible;

/// What a key is taken to need, in bytes, and a state.
const KEY_BYTES: usize = 16;
const STATE_BYTES: usize = 48;

/// Keys that a [`Store`](super::Store) is to load.
///
/// # Examples
///
/// ```
/// use throng::KeyBatch;
///
/// let keys: KeyBatch = [b"ada".as_slice(), b"bob"].into_iter().collect();
/// assert_eq!(keys.iter().nth(1), Some(b"bob".as_slice()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyBatch {
    bytes: Vec<u8>,
    /// Where each key ends.
    ends: Vec<usize>,
}

impl KeyBatch {
    /// Appends the key that `write` writes.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Makes room for so many keys of a usual size.
    pub(crate) fn with_room(keys: usize) -> Self {
        Self { bytes: Vec::with_capacity(keys * KEY_BYTES), ends: Vec::with_capacity(keys) }
    }

    /// A key by its number.
    #[inline]
    pub(crate) fn key(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    /// How many keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The keys, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + '_ {
        (0..self.len()).map(|number| self.key(number))
    }
}

impl<'a> FromIterator<&'a [u8]> for KeyBatch {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(keys: I) -> Self {
        let mut batch = Self::default();
        keys.into_iter().for_each(|key| batch.push_with(|bytes| bytes.extend_from_slice(key)));
        batch
    }
}

/// Where a change's key and its state end. Without a state the key is struck out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    key: usize,
    state: Option<usize>,
}

impl Ends {
    fn end(self) -> usize {
        self.state.unwrap_or(self.key)
    }
}

/// Changes that a [`Store`](super::Store) is to save: each key at most once, with its new state, or without one if
/// the key is to be struck out.
///
/// # Examples
///
/// ```
/// use throng::SaveBatch;
///
/// let changes: SaveBatch = [(b"ada".as_slice(), Some(b"7".as_slice())), (b"bob", None)].into_iter().collect();
/// assert_eq!(changes.iter().next(), Some((b"ada".as_slice(), Some(b"7".as_slice()))));
/// assert_eq!(changes.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveBatch {
    bytes: Vec<u8>,
    ends: Vec<Ends>,
}

impl SaveBatch {
    /// Makes room for so many changes of a usual size.
    pub(crate) fn with_room(changes: usize) -> Self {
        Self { bytes: Vec::with_capacity(changes * (KEY_BYTES + STATE_BYTES)), ends: Vec::with_capacity(changes) }
    }

    /// Appends the changes of another batch.
    pub(crate) fn append(&mut self, other: &Self) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let moved = |ends: &Ends| Ends { key: before + ends.key, state: ends.state.map(|end| before + end) };
        self.ends.extend(other.ends.iter().map(moved));
    }

    /// A change by its number.
    #[inline]
    pub(crate) fn change(&self, number: usize) -> (&[u8], Option<&[u8]>) {
        let start = if number == 0 { 0 } else { self.ends[number - 1].end() };
        let ends = self.ends[number];
        (&self.bytes[start..ends.key], ends.state.map(|end| &self.bytes[ends.key..end]))
    }

    /// Appends a key to be struck out.
    pub(crate) fn push_erased(&mut self, write_key: impl FnOnce(&mut Vec<u8>)) {
        write_key(&mut self.bytes);
        self.ends.push(Ends { key: self.bytes.len(), state: None });
    }

    /// Appends a key with its new state. If writing the state fails, so does this, and nothing is appended.
    pub(crate) fn try_push<E>(
        &mut self,
        write_key: impl FnOnce(&mut Vec<u8>),
        write_state: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        write_key(&mut self.bytes);
        let key = self.bytes.len();
        match write_state(&mut self.bytes) {
            Ok(()) => self.ends.push(Ends { key, state: Some(self.bytes.len()) }),
            Err(error) => {
                self.bytes.truncate(start);
                return Err(error);
            }
        }
        Ok(())
    }

    /// How many changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Keys with their new states, in the order in which they were asked for.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> + '_ {
        (0..self.len()).map(|number| self.change(number))
    }
}

impl<'a> FromIterator<(&'a [u8], Option<&'a [u8]>)> for SaveBatch {
    fn from_iter<I: IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>>(changes: I) -> Self {
        let mut batch = Self::default();
        for (key, state) in changes {
            let write_key = |bytes: &mut Vec<u8>| bytes.extend_from_slice(key);
            match state {
                None => batch.push_erased(write_key),
                Some(state) => {
                    let Ok(()) = batch.try_push(write_key, |bytes| {
                        bytes.extend_from_slice(state);
                        Ok::<(), Infallible>(())
                    });
                }
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(changes in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..9), prop::option::of(prop::collection::vec(any::<u8>(), 0..9))), 0..20)) {
            let slices = || changes.iter().map(|(key, state)| (key.as_slice(), state.as_deref()));
            let saves: SaveBatch = slices().collect();
            prop_assert!(saves.iter().eq(slices()));
            let mut twice = saves.clone();
            twice.append(&saves);
            prop_assert!(twice.iter().eq(slices().chain(slices())));
            let keys: KeyBatch = slices().map(|(key, _)| key).collect();
            prop_assert!(keys.iter().eq(slices().map(|(key, _)| key)));
        }
    }

    #[test]
    fn a_state_that_cannot_be_written_leaves_nothing_behind() {
        let mut batch = SaveBatch::default();
        let half = |bytes: &mut Vec<u8>| {
            bytes.push(9);
            Err("no")
        };
        assert_eq!(batch.try_push(|bytes| bytes.push(1), half), Err("no"));
        assert_eq!(batch, SaveBatch::default());
    }
}
