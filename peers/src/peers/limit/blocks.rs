//! Rounds by blocks: mail is sorted by blocks of recipients as it is written.
//!
//! A block is as many actors as fit the second cache with their mail; a chunk is
//! a few blocks and the unit of work. Each chunk writes to its own row of
//! buckets, one bucket for each block, so writing needs no lock; a block reads
//! its column from the first row to the last, so the order of its mail is that
//! of the senders, whoever worked on which chunk and on however many threads.
//!
//! A block is handled and then sends at once, while its actors are in the cache.

use std::cell::UnsafeCell;
use std::time::Instant;

use super::huge::Huge;
use super::segments::{Bucket, Pool, Shelf};
use super::{FIRST_GENERATION, Mail, crew};
use crate::work::Outcome;
use crate::work::route::Route;
use crate::work::traffic::{Node, digest_all};

const BLOCK_LOG2: u32 = 13;
const BLOCK: usize = 1 << BLOCK_LOG2;
const CHUNK_BLOCKS: usize = 8;

/// Buckets by (chunk of the sender, block of the recipient).
struct Grid {
    buckets: Vec<UnsafeCell<Bucket>>,
    blocks: usize,
}

/// All actors, and the mail of the last round and of the next.
struct Field<'a, R> {
    nodes: *mut Node,
    generations: &'a [u32],
    grids: [Grid; 2],
    rounds: u32,
    route: &'a R,
}

// SAFETY: within a pass each chunk is worked on by one thread; it touches its
// own nodes, its own row of one grid and its own columns of the other. Passes
// are separated by the barrier of the crew.
unsafe impl<R: Sync> Sync for Field<'_, R> {}

pub fn run<R: Route>(threads: usize, actors: u32, rounds: u32, route: &R) -> Outcome {
    let size = actors as usize;
    let nodes = Huge::made(size, Node::new);
    let generations = Huge::made(size, |_| FIRST_GENERATION);
    let blocks = size.div_ceil(BLOCK);
    let chunks = blocks.div_ceil(CHUNK_BLOCKS);
    let field = Field {
        nodes: nodes.start(),
        generations: &generations,
        grids: [Grid::new(chunks, blocks), Grid::new(chunks, blocks)],
        rounds,
        route,
    };
    let mail = route.senders() as usize * route.fan() as usize;
    let pool = Pool::new(2 * mail, 2 * chunks * blocks, threads);
    let start = Instant::now();
    crew::run(threads, rounds + 1, chunks, || Shelf::new(&pool), |shelf, pass, chunk| field.work(shelf, pass, chunk));
    let seconds = start.elapsed().as_secs_f64();
    Outcome::timed(seconds, digest_all(nodes.iter().copied()))
}

impl Grid {
    fn new(chunks: usize, blocks: usize) -> Self {
        let empty = |_| UnsafeCell::new(Bucket::EMPTY);
        let buckets = (0..chunks * blocks).map(empty).collect();
        Self { buckets, blocks }
    }
}

impl<R: Route> Field<'_, R> {
    /// In pass `n` a chunk takes the mail of round `n - 1` and sends that of
    /// round `n`.
    fn work(&self, shelf: &mut Shelf<'_>, pass: u32, chunk: usize) {
        let [even, odd] = &self.grids;
        let (to, from) = if pass.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        let first = chunk * CHUNK_BLOCKS;
        for block in first..to.blocks.min(first + CHUNK_BLOCKS) {
            if pass > 0 && R::ONE_RECIPIENT {
                self.deliver_runs(shelf, from, block);
            } else if pass > 0 {
                self.deliver(shelf, from, block);
            }
            if pass < self.rounds {
                self.emit(shelf, to, chunk, block, pass);
            }
        }
    }

    /// Takes the mail of a block in.
    fn deliver(&self, shelf: &mut Shelf<'_>, grid: &Grid, block: usize) {
        for bucket in grid.buckets[block..].iter().step_by(grid.blocks) {
            // SAFETY: the column of a block is touched by one thread in a pass.
            let bucket = unsafe { &mut *bucket.get() };
            bucket.drain(shelf, |mail| {
                let slot = mail.slot as usize;
                if self.generations[slot] == mail.generation {
                    // SAFETY: the slot has just been checked against an array of
                    // the same length, and is of this block.
                    unsafe { (*self.nodes.add(slot)).receive(mail.body) };
                }
            });
        }
    }

    /// The same for mail that is mostly for one actor: mail in a row for it is
    /// checked once and handled with its state in registers.
    fn deliver_runs(&self, shelf: &mut Shelf<'_>, grid: &Grid, block: usize) {
        let mut at = block * BLOCK;
        // SAFETY: here and below, nodes of a block are touched by one thread in a
        // pass, and every `at` is within the array.
        let mut node = unsafe { *self.nodes.add(at) };
        let mut header = (at as u32, self.generations[at]);
        for bucket in grid.buckets[block..].iter().step_by(grid.blocks) {
            // SAFETY: so is the column of a block.
            let bucket = unsafe { &mut *bucket.get() };
            bucket.drain(shelf, |mail| {
                if (mail.slot, mail.generation) != header {
                    let slot = mail.slot as usize;
                    if self.generations[slot] != mail.generation {
                        return;
                    }
                    // SAFETY: the slot has just been checked against an array of
                    // the same length, and is of this block.
                    unsafe {
                        self.nodes.add(at).write(node);
                        node = *self.nodes.add(slot);
                    }
                    (at, header) = (slot, (mail.slot, mail.generation));
                }
                node.receive(mail.body);
            });
        }
        // SAFETY: as above.
        unsafe { self.nodes.add(at).write(node) };
    }

    fn emit(&self, shelf: &mut Shelf<'_>, grid: &Grid, chunk: usize, block: usize, round: u32) {
        let row = &grid.buckets[chunk * grid.blocks..][..grid.blocks];
        let senders = self.route.senders() as usize;
        for me in block * BLOCK..senders.min((block + 1) * BLOCK) {
            // SAFETY: senders are actors, and this one is of this block.
            let node = unsafe { &mut *self.nodes.add(me) };
            node.emit(me as u32, round, self.route, |to, body| {
                // SAFETY: the row of a chunk is touched by one thread in a pass.
                let bucket = unsafe { &mut *row[to as usize >> BLOCK_LOG2].get() };
                bucket.push(Mail::first(to, body), shelf);
            });
        }
    }
}
