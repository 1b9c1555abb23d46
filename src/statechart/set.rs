//! Sets of states, as bits in document order.

use std::fmt::Debug;
use std::hash::Hash;

/// A set of states of one chart: state *i* in document order is bit *i*.
///
/// `u64` holds charts of up to 64 states (the root and history states included), `[u64; N]` wider ones.
/// Every operation costs O(words).
pub trait StateSet: Copy + Eq + Hash + Debug + Default + Send + Sync + 'static {
    /// How many states fit.
    const CAPACITY: usize;

    /// The set of the one state `at`, which is below [`StateSet::CAPACITY`].
    #[must_use]
    fn one(at: usize) -> Self;

    /// The states from `start` up to but not including `end`.
    #[must_use]
    fn span(start: usize, end: usize) -> Self;

    /// Whether the state is in the set.
    #[must_use]
    fn has(&self, at: usize) -> bool;

    /// What is in either.
    #[must_use]
    fn or(self, other: Self) -> Self;

    /// What is in both.
    #[must_use]
    fn and(self, other: Self) -> Self;

    /// What is in this set and not in the other.
    #[must_use]
    fn without(self, other: Self) -> Self;

    /// Whether the set is empty.
    #[must_use]
    fn is_empty(&self) -> bool;

    /// The first state in document order.
    #[must_use]
    fn first(&self) -> Option<usize>;

    /// The last state in document order.
    #[must_use]
    fn last(&self) -> Option<usize>;

    /// Whether the two sets share a state.
    #[must_use]
    #[inline]
    fn meets(self, other: Self) -> bool {
        !self.and(other).is_empty()
    }

    /// The set with one more state.
    #[must_use]
    #[inline]
    fn with(self, at: usize) -> Self {
        self.or(Self::one(at))
    }

    /// Its states in document order.
    #[inline]
    fn ascending(self) -> impl Iterator<Item = usize> {
        let mut left = self;
        std::iter::from_fn(move || {
            let at = left.first()?;
            left = left.without(Self::one(at));
            Some(at)
        })
    }

    /// Its states in reverse document order.
    #[inline]
    fn descending(self) -> impl Iterator<Item = usize> {
        let mut left = self;
        std::iter::from_fn(move || {
            let at = left.last()?;
            left = left.without(Self::one(at));
            Some(at)
        })
    }
}

impl StateSet for u64 {
    const CAPACITY: usize = 64;

    #[inline]
    fn one(at: usize) -> Self {
        1 << at
    }

    #[inline]
    fn span(start: usize, end: usize) -> Self {
        let below = |at: usize| if at >= 64 { Self::MAX } else { (1 << at) - 1 };
        below(end) & !below(start)
    }

    #[inline]
    fn has(&self, at: usize) -> bool {
        self >> at & 1 != 0
    }

    #[inline]
    fn or(self, other: Self) -> Self {
        self | other
    }

    #[inline]
    fn and(self, other: Self) -> Self {
        self & other
    }

    #[inline]
    fn without(self, other: Self) -> Self {
        self & !other
    }

    #[inline]
    fn is_empty(&self) -> bool {
        *self == 0
    }

    #[inline]
    fn first(&self) -> Option<usize> {
        (*self != 0).then(|| self.trailing_zeros() as usize)
    }

    #[inline]
    fn last(&self) -> Option<usize> {
        (*self != 0).then(|| 63 - self.leading_zeros() as usize)
    }
}

impl<const N: usize> StateSet for [u64; N]
where
    Self: Default,
{
    const CAPACITY: usize = 64 * N;

    #[inline]
    fn one(at: usize) -> Self {
        let mut set = [0; N];
        set[at / 64] = 1 << (at % 64);
        set
    }

    #[inline]
    fn span(start: usize, end: usize) -> Self {
        std::array::from_fn(|word| {
            let local = |at: usize| at.saturating_sub(word * 64).min(64);
            u64::span(local(start), local(end))
        })
    }

    #[inline]
    fn has(&self, at: usize) -> bool {
        self[at / 64].has(at % 64)
    }

    #[inline]
    fn or(self, other: Self) -> Self {
        std::array::from_fn(|word| self[word] | other[word])
    }

    #[inline]
    fn and(self, other: Self) -> Self {
        std::array::from_fn(|word| self[word] & other[word])
    }

    #[inline]
    fn without(self, other: Self) -> Self {
        std::array::from_fn(|word| self[word] & !other[word])
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.iter().all(|word| *word == 0)
    }

    #[inline]
    fn first(&self) -> Option<usize> {
        let word = self.iter().position(|word| *word != 0)?;
        self[word].first().map(|bit| word * 64 + bit)
    }

    #[inline]
    fn last(&self) -> Option<usize> {
        let word = self.iter().rposition(|word| *word != 0)?;
        self[word].last().map(|bit| word * 64 + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    fn agrees<S: StateSet>(a: &std::collections::BTreeSet<usize>, b: &std::collections::BTreeSet<usize>, span: (usize, usize)) {
        let set = |states: &std::collections::BTreeSet<usize>| states.iter().fold(S::default(), |set, &at| set.with(at));
        let list = |set: S| set.ascending().collect::<Vec<_>>();
        let (x, y) = (set(a), set(b));
        assert_eq!(list(x), a.iter().copied().collect::<Vec<_>>());
        assert_eq!(list(x.or(y)), a.union(b).copied().collect::<Vec<_>>());
        assert_eq!(list(x.and(y)), a.intersection(b).copied().collect::<Vec<_>>());
        assert_eq!(list(x.without(y)), a.difference(b).copied().collect::<Vec<_>>());
        assert_eq!(x.descending().collect::<Vec<_>>(), a.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(list(S::span(span.0, span.1)), (span.0..span.1).collect::<Vec<_>>());
        assert_eq!(x.meets(y), a.intersection(b).next().is_some());
        assert!((0..S::CAPACITY).all(|at| x.has(at) == a.contains(&at)));
    }

    proptest! {
        #[test]
        fn narrow_and_wide_sets_are_sets(a in btree_set(0_usize..64, 0..20), b in btree_set(0_usize..64, 0..20), s in 0_usize..=64, e in 0_usize..=64) {
            agrees::<u64>(&a, &b, (s.min(e), s.max(e)));
        }

        #[test]
        fn wide_sets_are_sets(a in btree_set(0_usize..192, 0..40), b in btree_set(0_usize..192, 0..40), s in 0_usize..=192, e in 0_usize..=192) {
            agrees::<[u64; 3]>(&a, &b, (s.min(e), s.max(e)));
        }
    }
}
