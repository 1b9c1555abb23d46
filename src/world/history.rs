//! When restarts happened.

use std::collections::VecDeque;

/// The restarts in a window: how many at which ticks, oldest first. Restarts of one tick share an entry,
/// so noting one is O(1), amortised, and a mass recovery takes no memory.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct History {
    ticks: VecDeque<(u64, u32)>,
    len: usize,
}

impl History {
    /// Forgets the restarts before tick `oldest`.
    pub(crate) fn forget_before(&mut self, oldest: u64) {
        while let Some(&(tick, restarts)) = self.ticks.front()
            && tick < oldest
        {
            self.ticks.pop_front();
            self.len -= restarts as usize;
        }
    }

    /// Notes a restart at tick `now`.
    pub(crate) fn note(&mut self, now: u64) {
        match self.ticks.back_mut() {
            Some((tick, restarts)) if *tick == now => *restarts += 1,
            _ => self.ticks.push_back((now, 1)),
        }
        self.len += 1;
    }

    /// Restarts in the window.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}
