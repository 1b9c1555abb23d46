//! A digest of the world's state: equal states, equal numbers, on any number of threads.
//!
//! # Model
//!
//! [`StateDigest`] feeds a state into a [`Digester`], whose result is fixed: it does not vary with
//! the process, as `std`'s default hasher does. The world's digest goes over all actors in the order of their
//! ids; see [`Throng::digest`](crate::Throng::digest).

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

/// Stirs a word into a number (the finaliser of SplitMix64 over a sum with its golden-ratio step).
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
pub(crate) fn mix(state: u64, word: u64) -> u64 {
    let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hasher whose result is the same in every process.
///
/// # Examples
///
/// ```
/// use std::hash::{Hash, Hasher};
/// use throng::Digester;
///
/// let digest = |value: &str| {
///     let mut digester = Digester::default();
///     value.hash(&mut digester);
///     digester.finish()
/// };
/// assert_eq!(digest("a"), digest("a"));
/// assert_ne!(digest("a"), digest("b"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Digester(u64);

impl Hasher for Digester {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word) ^ ((chunk.len() as u64) << 56));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0, word);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Makes digesters for a map whose keys come from outside: each map begins with a number of its own, drawn when it is made,
/// so that nobody can choose keys that collide. Such a map is looked up and never iterated: no result depends on the number.
#[derive(Clone, Debug)]
pub(crate) struct Secret(Digester);

impl Default for Secret {
    fn default() -> Self {
        Self(Digester(RandomState::new().hash_one(0_u8)))
    }
}

impl BuildHasher for Secret {
    type Hasher = Digester;

    #[inline]
    fn build_hasher(&self) -> Digester {
        self.0.clone()
    }
}

/// A state that a digest can see. Everything that is [`Hash`] is one.
///
/// Implement it for states with floats (feed their bits) or hash maps (feed them sorted).
pub trait StateDigest {
    /// Feeds the state, all of it that later behaviour depends on.
    fn digest(&self, digester: &mut Digester);
}

/// Feeds a value of a type that is known to be a [`StateDigest`].
pub(crate) type DigestOf<T> = fn(&T, &mut Digester);

impl<T: Hash> StateDigest for T {
    fn digest(&self, digester: &mut Digester) {
        self.hash(digester);
    }
}
