//! When a store that failed is asked again.

/// Failures in a row, and what they mean.
///
/// The next attempt waits, twice as long after each failure, and takes half as much. A change that a store can never
/// take is so found out by itself, and the others go past it.
#[derive(Debug)]
pub(crate) struct Patience {
    failures: u32,
    not_before: u64,
    batch: usize,
}

/// States in a batch at most: a batch is in memory as a whole.
const BATCH_MAX: usize = 1 << 17;

impl Default for Patience {
    fn default() -> Self {
        Self { failures: 0, not_before: 0, batch: BATCH_MAX }
    }
}

impl Patience {
    /// Whether the store may be asked at a tick.
    pub(crate) fn allows(&self, tick: u64) -> bool {
        tick >= self.not_before
    }

    /// How much it may be asked for at once.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// How much a store that answers at once may be asked for: nothing waits in memory for it.
    pub(crate) fn batch_at_once(&self) -> usize {
        if self.batch == BATCH_MAX { usize::MAX } else { self.batch }
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self { failures: 0, not_before: 0, batch: (self.batch * 2).min(BATCH_MAX) };
    }

    /// An attempt with so many failed; returns when the next may be made. `wait` gives the ticks after the n-th failure in
    /// a row.
    pub(crate) fn failed(&mut self, tick: u64, asked: usize, wait: impl FnOnce(u32) -> u64) -> u64 {
        self.failures += 1;
        self.batch = (asked / 2).max(1);
        self.not_before = tick.saturating_add(wait(self.failures).max(1));
        self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_and_asks_for_less() {
        let mut patience = Patience::default();
        let (mut tick, mut asked) = (10, 100);
        for n in 1..=8 {
            assert!(patience.allows(tick) && patience.batch() >= asked);
            let next = patience.failed(tick, asked, |n| u64::from(n) * 3);
            assert_eq!((next, patience.failures()), (tick + u64::from(n) * 3, n));
            assert!(!patience.allows(next - 1));
            (tick, asked) = (next, patience.batch());
        }
        assert_eq!(asked, 1);
        patience.succeeded();
        assert!(patience.allows(0) && patience.batch() == 2 && patience.failures() == 0);
    }
}
