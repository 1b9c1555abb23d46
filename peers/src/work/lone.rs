//! Actors that talk to no one: the short-lived of `create`, the sleeping of `idle`.

use super::behaviour::{Behaviour, Outbox};
use super::random::digest;

/// Handles one message and stops.
pub struct Mayfly {
    me: u32,
}

impl Mayfly {
    pub fn new(me: u32) -> Self {
        Self { me }
    }
}

impl Behaviour for Mayfly {
    type Msg = u64;
    const MORTAL: bool = true;

    #[inline]
    fn handle<O: Outbox<u64>>(&mut self, message: u64, out: &mut O) {
        out.add(digest(self.me, message));
        out.stop();
    }
}

/// Holds 16 bytes of state and waits.
pub struct Sleeper {
    state: [u64; 2],
}

impl Sleeper {
    pub fn new(me: u32) -> Self {
        Self { state: [u64::from(me), 1] }
    }
}

impl Behaviour for Sleeper {
    type Msg = u64;

    #[inline]
    fn handle<O: Outbox<u64>>(&mut self, message: u64, out: &mut O) {
        self.state[1] = self.state[1].wrapping_add(message);
        out.add(digest(self.state[0] as u32, self.state[1]));
        out.arrive();
    }
}

/// The digests of `actors` mayflies, each sent its index.
pub fn mayflies(actors: u32) -> u64 {
    (0..actors).map(|me| digest(me, u64::from(me))).fold(0, u64::wrapping_add)
}

/// The digest of the last sleeper, woken by a 1 to show that all are there.
pub fn last_sleeper(actors: u32) -> u64 {
    digest(actors - 1, 2)
}
