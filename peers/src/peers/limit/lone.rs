//! `create` and `idle`: slots in arrays, and a free list of slots.

use std::time::Instant;

use super::{FIRST_GENERATION, Mail};
use crate::work::lone::{Mayfly, Sleeper};
use crate::work::{Behaviour, Outbox, Outcome, memory};

/// Actors made and forgotten before memory is measured.
const WARM_UP: u32 = 1_000;

/// Slots that come and go.
struct Arena<B> {
    actors: Vec<B>,
    generations: Vec<u32>,
    free: Vec<u32>,
}

/// The outbox of the handler that runs.
#[derive(Default)]
struct Desk {
    checksum: u64,
    stopped: bool,
}

pub fn create(actors: u32) -> Outcome {
    live_once(WARM_UP);
    let before = memory::resident();
    let (seconds, checksum) = live_once(actors);
    let bytes = memory::per_actor(before, memory::peak(), actors);
    Outcome { seconds, checksum, bytes_per_actor: Some(bytes) }
}

fn live_once(actors: u32) -> (f64, u64) {
    let start = Instant::now();
    let mut arena = Arena::with(actors, Mayfly::new);
    let outbox: Vec<_> = (0..actors).map(|to| Mail::first(to, u64::from(to))).collect();
    let mut desk = Desk::default();
    for mail in outbox {
        arena.deliver(mail, &mut desk);
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(arena.free.len(), actors as usize, "all mayflies are gone");
    (seconds, desk.checksum)
}

pub fn idle(actors: u32) -> Outcome {
    drop(sleep_all(WARM_UP));
    let before = memory::resident();
    let (seconds, checksum, arena) = sleep_all(actors);
    let bytes = memory::per_actor(before, memory::resident(), actors);
    drop(arena);
    Outcome { seconds, checksum, bytes_per_actor: Some(bytes) }
}

fn sleep_all(actors: u32) -> (f64, u64, Arena<Sleeper>) {
    let start = Instant::now();
    let mut arena = Arena::with(actors, Sleeper::new);
    let mut desk = Desk::default();
    arena.deliver(Mail::first(actors - 1, 1), &mut desk);
    (start.elapsed().as_secs_f64(), desk.checksum, arena)
}

impl<B: Behaviour> Arena<B> {
    fn with(actors: u32, make: impl Fn(u32) -> B) -> Self {
        Self { actors: (0..actors).map(make).collect(), generations: vec![FIRST_GENERATION; actors as usize], free: Vec::new() }
    }

    #[inline]
    fn deliver(&mut self, mail: Mail<B::Msg>, desk: &mut Desk) {
        let slot = mail.slot as usize;
        if self.generations[slot] != mail.generation {
            return;
        }
        self.actors[slot].handle(mail.body, desk);
        if desk.stopped {
            desk.stopped = false;
            self.generations[slot] += 1;
            self.free.push(mail.slot);
        }
    }
}

impl<M> Outbox<M> for Desk {
    fn send(&mut self, _: u32, _: M) {
        unreachable!("lone actors send nothing");
    }

    #[inline]
    fn add(&mut self, digest: u64) {
        self.checksum = self.checksum.wrapping_add(digest);
    }

    fn arrive(&mut self) {}

    #[inline]
    fn stop(&mut self) {
        self.stopped = true;
    }
}
