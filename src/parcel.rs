//! Values of a forgotten type, kept in place if they are small.
//!
//! # Model
//!
//! What `Box<dyn Any + Send>` does, without the allocation for values of up to `WORDS` words. Answers and
//! continuations of asks travel so: most are small, and there is one of each for every ask.

#![expect(unsafe_code, reason = "a value of any type in untyped memory; on the path of every ask")]

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

/// A value of some type that may be sent to other threads.
pub(crate) struct Parcel<const WORDS: usize> {
    content: &'static Content,
    space: [MaybeUninit<u64>; WORDS],
    /// It may own what is not `Sync`.
    owns: PhantomData<Box<dyn Send>>,
}

/// What is known of a parcel's value.
struct Content {
    id: TypeId,
    drop: unsafe fn(NonNull<u8>),
}

/// How values of type `T` are kept in so many words.
struct Packing<T, const WORDS: usize>(PhantomData<T>);

impl<T: 'static, const WORDS: usize> Packing<T, WORDS> {
    const IN_PLACE: bool = size_of::<T>() <= WORDS * size_of::<u64>() && align_of::<T>() <= align_of::<u64>();
    const CONTENT: &'static Content = &Content { id: TypeId::of::<T>(), drop: Self::drop };

    /// # Safety
    ///
    /// `space` is that of a parcel that holds a `T`, which nobody uses afterwards.
    unsafe fn drop(space: NonNull<u8>) {
        // SAFETY: promised by the caller; `Parcel::new` wrote the value in this way.
        unsafe { if Self::IN_PLACE { space.cast::<T>().drop_in_place() } else { space.cast::<Box<T>>().drop_in_place() } }
    }
}

impl<const WORDS: usize> Parcel<WORDS> {
    pub(crate) fn new<T: Send + 'static>(value: T) -> Self {
        const { assert!(WORDS > 0, "a large value takes a word for its pointer") };
        let mut space = [MaybeUninit::uninit(); WORDS];
        let at = space.as_mut_ptr();
        // SAFETY: the space is as long and as aligned as what is written: checked for values in place, and a
        // word for a pointer.
        unsafe { if Packing::<T, WORDS>::IN_PLACE { at.cast::<T>().write(value) } else { at.cast::<Box<T>>().write(Box::new(value)) } }
        Self { content: Packing::<T, WORDS>::CONTENT, space, owns: PhantomData }
    }

    /// Takes the value out; the parcel comes back if its value is of another type.
    #[inline]
    pub(crate) fn open<T: 'static>(self) -> Result<T, Self> {
        if self.content.id != TypeId::of::<T>() {
            return Err(self);
        }
        let parcel = ManuallyDrop::new(self);
        let at = parcel.space.as_ptr();
        // SAFETY: the parcel holds a `T`, which `new` wrote in this way; the parcel is not dropped, so the value
        // is moved out once.
        Ok(unsafe { if Packing::<T, WORDS>::IN_PLACE { at.cast::<T>().read() } else { *at.cast::<Box<T>>().read() } })
    }
}

impl<const WORDS: usize> Drop for Parcel<WORDS> {
    fn drop(&mut self) {
        let space = NonNull::from(&mut self.space).cast();
        // SAFETY: the content describes the value, which is there until now.
        unsafe { (self.content.drop)(space) }
    }
}

impl<const WORDS: usize> fmt::Debug for Parcel<WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parcel(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn values_come_back_large_or_small() {
        assert_eq!(Parcel::<2>::new(7u8).open::<u8>().unwrap(), 7);
        assert_eq!(Parcel::<2>::new([1u64, 2]).open::<[u64; 2]>().unwrap(), [1, 2]);
        assert_eq!(Parcel::<2>::new([1u64, 2, 3]).open::<[u64; 3]>().unwrap(), [1, 2, 3]);
        assert_eq!(Parcel::<1>::new(u128::MAX).open::<u128>().unwrap(), u128::MAX);
        Parcel::<1>::new(()).open::<()>().unwrap();
        assert_eq!(Parcel::<3>::new(String::from("text")).open::<String>().unwrap(), "text");
    }

    #[test]
    fn another_type_is_refused_and_the_value_stays() {
        let parcel = Parcel::<2>::new(7u64).open::<i64>().unwrap_err();
        assert_eq!(parcel.open::<u64>().unwrap(), 7);
    }

    #[test]
    fn values_are_dropped_once() {
        let shared = Arc::new(());
        drop(Parcel::<1>::new(shared.clone()));
        drop(Parcel::<1>::new((shared.clone(), [0u64; 9])));
        assert_eq!(Arc::strong_count(&shared), 1);
        let (kept, _) = Parcel::<1>::new((shared.clone(), [0u64; 9])).open::<(Arc<()>, [u64; 9])>().unwrap();
        assert_eq!(Arc::strong_count(&shared), 2);
        drop(kept);
    }
}
