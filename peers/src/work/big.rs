//! Big: every actor pings random others, one at a time, and waits for the pong.

use super::behaviour::{Behaviour, Outbox, Scene};
use super::random::{below, digest, next, seed};

/// What the actors say to each other.
#[derive(Clone, Copy)]
pub enum Call {
    /// Begin to ping.
    Start,
    /// Answer `from` with a pong.
    Ping { from: u32, value: u64 },
    /// The answer to a ping.
    Pong { value: u64 },
    /// Add your digest to the checksum.
    Audit,
}

/// One of the actors.
pub struct Caller {
    me: u32,
    population: u32,
    rng: u64,
    left: u64,
    sum: u64,
}

impl Caller {
    fn ping<O: Outbox<Call>>(&mut self, out: &mut O) {
        let (to, value) = draw(self.me, self.population, &mut self.rng);
        let from = self.me;
        out.send(to, Call::Ping { from, value });
    }
}

/// The next other actor and the value to send to it.
#[inline]
fn draw(me: u32, population: u32, rng: &mut u64) -> (u32, u64) {
    let value = next(rng);
    let other = below(value, population - 1);
    (other + u32::from(other >= me), value)
}

impl Behaviour for Caller {
    type Msg = Call;

    #[inline]
    fn handle<O: Outbox<Call>>(&mut self, call: Call, out: &mut O) {
        match call {
            Call::Start => self.ping(out),
            Call::Ping { from, value } => {
                self.sum = self.sum.wrapping_add(value);
                out.send(from, Call::Pong { value: value >> 1 });
            }
            Call::Pong { value } => {
                self.sum = self.sum.wrapping_add(value);
                self.left -= 1;
                if self.left == 0 {
                    out.arrive();
                } else {
                    self.ping(out);
                }
            }
            Call::Audit => {
                out.add(digest(self.me, self.sum));
                out.arrive();
            }
        }
    }
}

/// Pings and pongs together make `messages`, a multiple of `2 * actors`.
pub fn scene(actors: u32, messages: u64) -> Scene<Caller> {
    let left = messages / (2 * u64::from(actors));
    Scene {
        size: actors,
        make: Box::new(move |me| Caller { me, population: actors, rng: seed(me), left, sum: 0 }),
        kicks: (0..actors).map(|to| (to, Call::Start)).collect(),
        awaited: u64::from(actors),
        audit: Some(Call::Audit),
    }
}

/// The digests of all actors.
pub fn expected(actors: u32, messages: u64) -> u64 {
    let pings = messages / (2 * u64::from(actors));
    let mut sums = vec![0_u64; actors as usize];
    for me in 0..actors {
        let mut rng = seed(me);
        for _ in 0..pings {
            let (to, value) = draw(me, actors, &mut rng);
            let (to, me) = (to as usize, me as usize);
            sums[to] = sums[to].wrapping_add(value);
            sums[me] = sums[me].wrapping_add(value >> 1);
        }
    }
    (0..).zip(sums).map(|(me, sum)| digest(me, sum)).fold(0, u64::wrapping_add)
}
