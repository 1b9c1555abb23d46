//! What is done again and again takes no memory after the first times.
//!
//! Goal: asks, their ends, async blocks and timers are counted in allocations, not in time. Method: this program's
//! allocator counts, and a throng of one thread does all on the thread of its test; ticks that only repeat what earlier ticks did must leave the count where it is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bevy_ecs::component::Component;
use throng::prelude::*;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: all is passed on to the system's allocator.
#[expect(unsafe_code, reason = "an allocator that counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: promised by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Component, Default)]
struct Party {
    answers: u64,
}

type Pal = ActorRef<Party>;

enum Talk {
    Question(u64, ReplyTo<u64>),
    /// Ask so often, one question after the other.
    Ask(Pal, u64),
    /// The same in async blocks.
    Await(Pal, u64),
    /// Await an answer, then rest for a tick, so often in one block.
    Rest(Pal, u64),
    /// Set a timer so many ticks ahead.
    Ring(u64),
}

fn ask(pal: Pal, left: u64, cx: &Context<'_, Party>) {
    if left > 0 {
        cx.ask(pal, move |reply| Talk::Question(left, reply)).then(move |party, answer, cx| {
            party.answers += answer?;
            ask(pal, left - 1, cx);
            Ok(())
        });
    }
}

impl Actor for Party {
    type Msg = Talk;
    type Params = ();

    fn handle(&mut self, msg: Talk, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Talk::Question(n, reply) => cx.reply(reply, n),
            Talk::Ask(pal, left) => ask(pal, left, cx),
            Talk::Await(pal, left) => cx.run_async(move |this| async move {
                let answer = this.ask(pal, move |reply| Talk::Question(left, reply)).await?;
                this.with(|party: &mut Self, cx| {
                    party.answers += answer;
                    if left > 1 {
                        cx.tell(cx.me(), Talk::Await(pal, left - 1));
                    }
                });
                Ok(())
            }),
            Talk::Rest(pal, left) => cx.run_async(move |this| async move {
                for n in 0..left {
                    let answer = this.ask(pal, move |reply| Talk::Question(n + 1, reply)).await?;
                    this.with(|party, _| party.answers += answer);
                    this.sleep(1).await;
                }
                Ok(())
            }),
            Talk::Ring(ticks) if ticks > 0 => cx.tell_after(ticks, cx.me(), Talk::Ring(0)),
            Talk::Ring(_) => self.answers += 1,
        }
        Ok(())
    }
}

/// Allocations of three runs of so many ticks that do the same for the pairs of a throng as runs before did.
fn allocations(pairs: usize, ticks: u64, start: impl Fn(Pal) -> Talk) -> u64 {
    let mut throng = Throng::new(ThrongOptions::new().threads(1));
    let all = throng.spawn_many((0..2 * pairs).map(|_| Party::default())).to_vec();
    let mut run = || {
        throng.tell_many(all.chunks(2).map(|pair| (pair[0], start(pair[1]))));
        throng.run_ticks(ticks);
    };
    // A wheel's second level comes round after 4,096 ticks, and its slots keep their memory.
    let warm_up = if ticks > 1 { 4_096 / ticks + 1 } else { 10 };
    (0..warm_up).for_each(|_| run());
    let before = ALLOCATIONS.get();
    (0..3).for_each(|_| run());
    let allocated = ALLOCATIONS.get() - before;
    let stats = throng.stats();
    assert!(stats.asks.is_balanced() && stats.mail.is_balanced() && stats.timers == 0, "{stats:?}");
    assert!(all.iter().any(|&party| throng.state(party).unwrap().answers > 0));
    allocated
}

/// What a run costs its host is the same whether it does a thing once or often.
fn the_same(pairs: usize, ticks: u64, once: impl Fn(Pal) -> Talk, often: impl Fn(Pal) -> Talk) {
    let (once, often) = (allocations(pairs, ticks, once), allocations(pairs, ticks, often));
    assert_eq!(once, often);
    assert!(often < 30, "{often} allocations in three runs");
}

#[test]
fn asks_take_no_memory() {
    // Relayed within a pass.
    the_same(1, 1, |pal| Talk::Ask(pal, 1), |pal| Talk::Ask(pal, 500));
    // In rounds of many blocks, which make a list of them each.
    let rounds = 3 * 2 * 5;
    let allocated = allocations(9_000, 1, |pal| Talk::Ask(pal, 5));
    assert!(allocated <= 2 * rounds, "{allocated} for 135,000 asks");
}

#[test]
fn async_blocks_take_no_memory() {
    the_same(1, 1, |pal| Talk::Await(pal, 1), |pal| Talk::Await(pal, 500));
}

#[test]
fn asks_that_outlive_their_tick_take_no_memory() {
    the_same(1, 9, |pal| Talk::Rest(pal, 1), |pal| Talk::Rest(pal, 8));
}

#[test]
fn timers_take_no_memory() {
    assert_eq!(allocations(1, 10, |_| Talk::Ring(9)), allocations(200, 10, |_| Talk::Ring(9)));
}
