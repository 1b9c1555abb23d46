//! Small deterministic randomness, the same in every peer.

/// Spreads the bits of `x` (the finaliser of splitmix64).
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The first state of the stream of actor `index`; never zero.
pub fn seed(index: u32) -> u64 {
    mix(u64::from(index).wrapping_add(0x9e37_79b9_7f4a_7c15)) | 1
}

/// The next value of a stream (xorshift64).
#[inline]
pub fn next(state: &mut u64) -> u64 {
    let mut x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    x
}

/// Maps a random value to `0..bound` without a division.
#[inline]
pub fn below(random: u64, bound: u32) -> u32 {
    (((random >> 32) * u64::from(bound)) >> 32) as u32
}

/// What one actor adds to the checksum, tied to its index.
pub fn digest(index: u32, sum: u64) -> u64 {
    mix(sum ^ seed(index))
}
