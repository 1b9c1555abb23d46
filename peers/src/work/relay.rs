//! Ping-pong and ring: one token walks a circle of actors.

use super::behaviour::{Behaviour, Outbox, Scene};

/// The walking token.
#[derive(Clone, Copy)]
pub struct Token {
    /// Changed by every actor it passes, so that no hop can be skipped.
    pub value: u64,
    /// Hops still to do.
    pub left: u64,
}

/// One actor of the circle.
pub struct Relay {
    me: u32,
    next: u32,
}

/// What an actor does to the token's value.
#[inline]
pub fn stamp(value: u64, me: u32) -> u64 {
    value.rotate_left(5).wrapping_add(u64::from(me) + 1)
}

impl Behaviour for Relay {
    type Msg = Token;

    #[inline]
    fn handle<O: Outbox<Token>>(&mut self, token: Token, out: &mut O) {
        let value = stamp(token.value, self.me);
        if token.left == 1 {
            out.add(value);
            out.arrive();
            return;
        }
        let left = token.left - 1;
        out.send(self.next, Token { value, left });
    }
}

/// `size` actors in a circle and a token that makes `hops` hops.
pub fn scene(size: u32, hops: u64) -> Scene<Relay> {
    let first = Token { value: 1, left: hops };
    Scene { size, make: Box::new(move |me| Relay { me, next: (me + 1) % size }), kicks: vec![(0, first)], awaited: 1, audit: None }
}

/// The value of the token after all hops.
pub fn expected(size: u32, hops: u64) -> u64 {
    let mut at = 0;
    (0..hops).fold(1, |value, _| {
        let stamped = stamp(value, at);
        at = if at + 1 == size { 0 } else { at + 1 };
        stamped
    })
}
