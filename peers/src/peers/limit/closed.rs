//! The closed benches: one array of actors, one ring of mail, one thread.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::{FIRST_GENERATION, Mail};
use crate::work::{Behaviour, Outbox, Outcome, Scene};

pub fn run<B: Behaviour>(scene: Scene<B>) -> Outcome {
    let mut actors: Vec<B> = (0..scene.size).map(&scene.make).collect();
    let generations = vec![FIRST_GENERATION; actors.len()];
    let mut desk = Desk { mail: Ring::new(), arrived: 0, checksum: 0 };
    let start = Instant::now();
    for (to, message) in scene.kicks {
        desk.send(to, message);
    }
    run_until(&mut actors, &generations, &mut desk, scene.awaited);
    let seconds = start.elapsed().as_secs_f64();
    if let Some(message) = scene.audit {
        desk.arrived = 0;
        for to in 0..scene.size {
            desk.send(to, message);
        }
        run_until(&mut actors, &generations, &mut desk, u64::from(scene.size));
    }
    Outcome::timed(seconds, desk.checksum)
}

fn run_until<B: Behaviour>(actors: &mut [B], generations: &[u32], desk: &mut Desk<B::Msg>, awaited: u64) {
    while desk.arrived < awaited {
        let mail = desk.mail.pop();
        let slot = mail.slot as usize;
        if generations[slot] == mail.generation {
            actors[slot].handle(mail.body, desk);
        }
    }
}

/// The outbox of all handlers.
struct Desk<M> {
    mail: Ring<M>,
    arrived: u64,
    checksum: u64,
}

impl<M: Copy> Outbox<M> for Desk<M> {
    #[inline]
    fn send(&mut self, to: u32, message: M) {
        self.mail.push(Mail::first(to, message));
    }

    #[inline]
    fn add(&mut self, digest: u64) {
        self.checksum = self.checksum.wrapping_add(digest);
    }

    #[inline]
    fn arrive(&mut self) {
        self.arrived += 1;
    }

    fn stop(&mut self) {
        unreachable!("actors of the closed benches live on");
    }
}

/// A queue that never grows: no closed bench has more mail under way.
struct Ring<M> {
    cells: Box<[MaybeUninit<Mail<M>>; CELLS]>,
    head: usize,
    tail: usize,
}

/// A power of two above the burst of a producer.
const CELLS: usize = 1 << 14;

impl<M: Copy> Ring<M> {
    fn new() -> Self {
        let cells: Box<[MaybeUninit<Mail<M>>]> = Box::new_uninit_slice(CELLS);
        let Ok(cells) = cells.try_into() else {
            unreachable!("the slice has as many cells");
        };
        Self { cells, head: 0, tail: 0 }
    }

    #[inline]
    fn push(&mut self, mail: Mail<M>) {
        assert!(self.tail - self.head < CELLS, "the ring is full");
        self.cells[self.tail % CELLS].write(mail);
        self.tail += 1;
    }

    #[inline]
    fn pop(&mut self) -> Mail<M> {
        assert!(self.head < self.tail, "the ring is empty");
        let cell = self.cells[self.head % CELLS];
        self.head += 1;
        // SAFETY: cells in `head..tail` (modulo) were written by `push`, and a
        // copy of a `Copy` value leaves nothing to drop.
        unsafe { cell.assume_init() }
    }
}
