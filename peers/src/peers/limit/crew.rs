//! Threads that work through a pass together and meet at a spinning barrier.

use std::hint;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;

/// Hands the items of a pass to whoever is free, and holds all until it is done.
struct Crew {
    threads: usize,
    next: AtomicUsize,
    resting: AtomicUsize,
    pass: AtomicU32,
}

/// Runs `work(tools, pass, item)` for all passes in order, and for all items of a
/// pass in any order, on `threads` threads, each with its own tools. No item of a
/// pass starts before all items of the pass before it have ended.
pub fn run<T>(threads: usize, passes: u32, items: usize, equip: impl Fn() -> T + Sync, work: impl Fn(&mut T, u32, usize) + Sync) {
    let crew = Crew { threads, next: AtomicUsize::new(0), resting: AtomicUsize::new(0), pass: AtomicU32::new(0) };
    let toil = || {
        let mut tools = equip();
        for pass in 0..passes {
            crew.pass(pass, items, |item| work(&mut tools, pass, item));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(toil);
        }
        toil();
    });
}

impl Crew {
    fn pass(&self, pass: u32, items: usize, mut work: impl FnMut(usize)) {
        loop {
            let item = self.next.fetch_add(1, Ordering::Relaxed);
            if item >= items {
                break;
            }
            work(item);
        }
        self.rest(pass);
    }

    /// The last to come resets the items and lets all go on.
    fn rest(&self, pass: u32) {
        if self.resting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.resting.store(0, Ordering::Relaxed);
            self.next.store(0, Ordering::Relaxed);
            self.pass.store(pass + 1, Ordering::Release);
            return;
        }
        let mut spins = 0_u32;
        while self.pass.load(Ordering::Acquire) == pass {
            spins += 1;
            if spins.is_multiple_of(SPINS_BEFORE_YIELD) {
                thread::yield_now();
            }
            hint::spin_loop();
        }
    }
}

/// A thread that waits long lets others have its core.
const SPINS_BEFORE_YIELD: u32 = 10_000;
