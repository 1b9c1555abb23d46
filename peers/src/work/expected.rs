//! The checksum every peer must give, worked out without actors.

use super::route::{Broadcast, FanIn, Local, Scatter, Sparse, Zipf};
use super::{Load, ask, big, chameneos, counting, forkjoin, lone, relay, traffic};
use crate::bench::Bench;

/// The checksum of `bench` under a fitted `load`.
pub fn checksum(bench: Bench, load: &Load) -> u64 {
    let &Load { actors, messages, .. } = load;
    let rounds = bench.rounds(load);
    match bench {
        Bench::Pingpong | Bench::Ring => relay::expected(actors, messages),
        Bench::Counting => counting::expected(messages),
        Bench::Fjthroughput => forkjoin::expected(actors, messages),
        Bench::Big => big::expected(actors, messages),
        Bench::Chameneos => chameneos::expected(messages),
        Bench::Ask | Bench::AsyncAsk => ask::expected(messages),
        Bench::Create => lone::mayflies(actors),
        Bench::Idle => lone::last_sleeper(actors),
        Bench::Scatter => traffic::expected(actors, rounds, &Scatter { actors }),
        Bench::Zipf => traffic::expected(actors, rounds, &Zipf::new(actors)),
        Bench::Local => traffic::expected(actors, rounds, &Local { actors }),
        Bench::Sparse => traffic::expected(actors, rounds, &Sparse { actors }),
        Bench::Broadcast => traffic::expected(actors, rounds, &Broadcast { actors }),
        Bench::Fanin => traffic::expected(actors, rounds, &FanIn { actors }),
    }
}
