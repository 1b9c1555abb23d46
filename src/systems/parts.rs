//! Much of a kind, done in parts on all threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPool;

use super::hub::{Hub, Sharing};

/// Items in a part. Fixed, so that how the work is cut does not depend on the number of threads.
pub(super) const PART: usize = 1_024;

/// Parts below which the calling thread does all of them: waking another takes as long.
const SHARE_PARTS: usize = 4;

/// The threads that help with so many items, if any are to.
pub(super) fn helpers(hub: &Hub, items: usize) -> Option<&ThreadPool> {
    let is_shared = match hub.sharing {
        Sharing::Auto => items >= SHARE_PARTS * PART,
        Sharing::Never => false,
        Sharing::Always => items > PART,
    };
    hub.pool.as_ref().filter(|_| is_shared)
}

/// Runs `work` on the items in parts of [`PART`]. The results are in the order of the parts.
pub(super) fn in_parts<T: Sync, R: Send>(helpers: Option<&ThreadPool>, items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let Some(pool) = helpers else { return items.chunks(PART).map(work).collect() };
    let parts: Vec<_> = items.chunks(PART).map(|part| (part, Mutex::new(None))).collect();
    let next = AtomicUsize::new(0);
    let take_parts = || {
        while let Some((part, result)) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = work(part);
            if let Ok(mut result) = result.lock() {
                *result = Some(done);
            }
        }
    };
    pool.in_place_scope(|scope| {
        for _ in 0..pool.current_num_threads().min(parts.len()) {
            scope.spawn(|_| take_parts());
        }
        take_parts();
    });
    let results = parts.into_iter().map(|(_, result)| result.into_inner());
    results.map(|result| result.ok().flatten().expect("invariant: each part is taken once, and a panic in it goes on")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(part: &[usize]) -> (usize, usize) {
        (part[0], part.len())
    }

    #[test]
    fn results_are_in_the_order_of_the_parts() {
        let items: Vec<usize> = (0..10 * PART + 7).collect();
        let alone = in_parts(None, &items, ends);
        assert_eq!((alone.len(), alone[10]), (11, (10 * PART, 7)));
        for threads in [1, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(in_parts(Some(&pool), &items, ends), alone);
        }
        assert!(in_parts(None, &[0; 0], |_| ()).is_empty());
    }
}
