//! Where a driver waits for its actors.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts arrivals and wakes the driver at the awaited one.
///
/// This is one shared counter, so it costs each awaited message some ten
/// nanoseconds; the libraries measured with it need hundreds.
#[derive(Default)]
pub struct Gate {
    arrived: AtomicU64,
    awaited: AtomicU64,
    checksum: AtomicU64,
    open: Notify,
}

impl Gate {
    /// Says how many arrivals the next [`Gate::wait`] waits for. To be called
    /// before anything is sent that could arrive.
    pub fn expect(&self, awaited: u64) {
        self.arrived.store(0, Ordering::Relaxed);
        self.awaited.store(awaited, Ordering::Release);
    }

    /// Counts one arrival.
    #[inline]
    pub fn arrive(&self) {
        let arrived = self.arrived.fetch_add(1, Ordering::AcqRel) + 1;
        if arrived == self.awaited.load(Ordering::Acquire) {
            self.open.notify_one();
        }
    }

    /// Waits for the last expected arrival.
    pub async fn wait(&self) {
        self.open.notified().await;
    }

    /// Adds to the checksum.
    #[inline]
    pub fn add(&self, digest: u64) {
        self.checksum.fetch_add(digest, Ordering::AcqRel);
    }

    /// The checksum so far.
    pub fn checksum(&self) -> u64 {
        self.checksum.load(Ordering::Acquire)
    }
}
