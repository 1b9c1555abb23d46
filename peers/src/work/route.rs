//! Who sends to whom in the benches that go in rounds.

use super::random::below;

/// Senders of a round of `sparse`.
pub const ACTIVE: u32 = 1_000;

/// The recipients of one round. The first `senders` actors send.
pub trait Route: Send + Sync + 'static {
    /// Whether all mail is for one actor, for peers that make use of it.
    const ONE_RECIPIENT: bool = false;

    /// Actors that send in a round.
    fn senders(&self) -> u32;

    /// Messages a sender sends in a round.
    fn fan(&self) -> u32 {
        1
    }

    /// The recipient of message `nth` of `sender` in `round`.
    fn pick(&self, sender: u32, round: u32, nth: u32, random: u64) -> u32;
}

/// Everyone to a uniformly random actor.
pub struct Scatter {
    pub actors: u32,
}

impl Route for Scatter {
    fn senders(&self) -> u32 {
        self.actors
    }

    #[inline]
    fn pick(&self, _: u32, _: u32, _: u32, random: u64) -> u32 {
        below(random, self.actors)
    }
}

/// Everyone to an actor at most 64 away.
pub struct Local {
    pub actors: u32,
}

impl Route for Local {
    fn senders(&self) -> u32 {
        self.actors
    }

    #[inline]
    fn pick(&self, sender: u32, _: u32, _: u32, random: u64) -> u32 {
        let shifted = sender + below(random, 129);
        let to = if shifted < 64 { shifted + self.actors - 64 } else { shifted - 64 };
        if to >= self.actors { to - self.actors } else { to }
    }
}

/// A thousand actors to a thousand others, spread over all, moving each round.
pub struct Sparse {
    pub actors: u32,
}

impl Route for Sparse {
    fn senders(&self) -> u32 {
        ACTIVE
    }

    #[inline]
    fn pick(&self, sender: u32, round: u32, _: u32, _: u64) -> u32 {
        let stride = u64::from(self.actors / ACTIVE);
        let offset = u64::from(round).wrapping_mul(7_919);
        ((u64::from(sender) * stride + offset) % u64::from(self.actors)) as u32
    }
}

/// One actor to all.
pub struct Broadcast {
    pub actors: u32,
}

impl Route for Broadcast {
    fn senders(&self) -> u32 {
        1
    }

    fn fan(&self) -> u32 {
        self.actors
    }

    #[inline]
    fn pick(&self, _: u32, _: u32, nth: u32, _: u64) -> u32 {
        nth
    }
}

/// All to one actor.
pub struct FanIn {
    pub actors: u32,
}

impl Route for FanIn {
    const ONE_RECIPIENT: bool = true;

    fn senders(&self) -> u32 {
        self.actors
    }

    #[inline]
    fn pick(&self, _: u32, _: u32, _: u32, _: u64) -> u32 {
        0
    }
}

/// Everyone to an actor drawn by Zipf's law with exponent 1.
///
/// The quantiles of the law are cut into equal segments; a draw takes a segment
/// and then a rank in it, all ranks of a segment alike. The table fits the first
/// cache, so that drawing costs every peer the same. Ranks are spread over the
/// population, so that the popular are no neighbours.
pub struct Zipf {
    actors: u32,
    segments: Box<[Segment; SEGMENTS]>,
}

const SEGMENTS_LOG2: u32 = 11;
const SEGMENTS: usize = 1 << SEGMENTS_LOG2;

#[derive(Clone, Copy)]
struct Segment {
    first: u32,
    ranks: u32,
}

impl Zipf {
    pub fn new(actors: u32) -> Self {
        let all: f64 = (1..=actors).map(|rank| 1.0 / f64::from(rank)).sum();
        let mut segments = Box::new([Segment { first: 0, ranks: 1 }; SEGMENTS]);
        let (mut rank, mut share) = (0, 1.0 / all);
        for (at, segment) in segments.iter_mut().enumerate() {
            let first = rank;
            let end = (at + 1) as f64 / SEGMENTS as f64;
            while share < end && rank + 1 < actors {
                rank += 1;
                share += 1.0 / (f64::from(rank + 1) * all);
            }
            let ranks = (rank - first).max(1);
            *segment = Segment { first, ranks };
        }
        Self { actors, segments }
    }
}

impl Route for Zipf {
    fn senders(&self) -> u32 {
        self.actors
    }

    #[inline]
    fn pick(&self, _: u32, _: u32, _: u32, random: u64) -> u32 {
        let segment = self.segments[(random >> (64 - SEGMENTS_LOG2)) as usize];
        let rank = segment.first + below(random << SEGMENTS_LOG2, segment.ranks);
        let spread = rank.wrapping_mul(0x9e37_79b1);
        below(u64::from(spread) << 32, self.actors)
    }
}
