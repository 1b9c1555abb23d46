//! One actor asks another, one question after the other.
//!
//! Not a [`Behaviour`](super::Behaviour): how an actor asks is what differs between libraries, so each writes it
//! in the way its documentation shows.

use super::random::digest;

/// How the asker goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The cheapest way to ask many questions.
    Ask,
    /// A message starts an asynchronous handler, which awaits one answer and tells its actor to go on.
    Handler,
}

/// The answer to question `n`.
#[inline]
pub fn answer(n: u64) -> u64 {
    digest(1, n)
}

/// The sum of all answers.
pub fn expected(asks: u64) -> u64 {
    (0..asks).map(answer).fold(0, u64::wrapping_add)
}
