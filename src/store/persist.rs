//! States and keys as bytes.

use std::fmt::{self, Display};
use std::hash::Hash;
use std::sync::Arc;

use thiserror::Error;

/// A state that a store can keep: it becomes bytes, and bytes become a state.
///
/// How is up to the type: by hand, as here, or with any format of `serde`'s (`postcard`, `serde_json`) in one line each.
/// Give the bytes a version, since a later program will read them.
///
/// # Examples
///
/// ```
/// use throng::{Persist, PersistError};
///
/// #[derive(Debug, PartialEq)]
/// struct Score { points: u32, level: u8 }
///
/// impl Persist for Score {
///     fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
///         bytes.push(1); // the version
///         bytes.extend(self.points.to_le_bytes());
///         bytes.push(self.level);
///         Ok(())
///     }
///
///     fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
///         match *bytes {
///             [1, a, b, c, d, level] => Ok(Self { points: u32::from_le_bytes([a, b, c, d]), level }),
///             _ => Err(PersistError::new(format!("no score of version 1: {bytes:?}"))),
///         }
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Score { points: 300, level: 2 }.encode(&mut bytes)?;
/// assert_eq!(Score::decode(&bytes)?, Score { points: 300, level: 2 });
/// # Ok::<(), PersistError>(())
/// ```
pub trait Persist: Sized {
    /// Appends the state to `bytes`.
    ///
    /// # Errors
    ///
    /// The state is not saved now: its actor stays in the world, it is reported, and saving is tried again.
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError>;

    /// Makes the state of the bytes that [`Persist::encode`] appended.
    ///
    /// # Errors
    ///
    /// The actor cannot be activated: its mail becomes dead letters, it is reported, and the bytes stay as they are.
    fn decode(bytes: &[u8]) -> Result<Self, PersistError>;
}

/// A state could not be made bytes, or bytes a state.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0}")]
pub struct PersistError(String);

impl PersistError {
    /// Says what is wrong.
    #[must_use]
    pub fn new(why: impl Display) -> Self {
        Self(why.to_string())
    }
}

/// What addresses an actor from tick to tick and from run to run.
///
/// Integers, strings and arrays of bytes are keys. Integers are written big-endian, so a store that is ordered by
/// bytes has unsigned ones in their order.
///
/// # Examples
///
/// ```
/// use throng::ActorKey;
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash)]
/// struct Seat { table: u32, number: u8 }
///
/// impl ActorKey for Seat {
///     fn write(&self, bytes: &mut Vec<u8>) {
///         self.table.write(bytes);
///         self.number.write(bytes);
///     }
/// }
/// ```
pub trait ActorKey: Clone + fmt::Debug + Eq + Hash + Send + Sync + 'static {
    /// Appends the key to `bytes`. Different keys must give different bytes, in every version of the program.
    fn write(&self, bytes: &mut Vec<u8>);
}

macro_rules! integer_keys {
    ($($integer:ty)*) => {
        $(impl ActorKey for $integer {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_be_bytes());
            }
        })*
    };
}
integer_keys!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);

macro_rules! text_keys {
    ($($text:ty)*) => {
        $(impl ActorKey for $text {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(self.as_bytes());
            }
        })*
    };
}
text_keys!(String Arc<str> &'static str);

impl<const N: usize> ActorKey for [u8; N] {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }
}
