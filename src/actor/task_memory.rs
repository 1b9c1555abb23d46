//! The memory of async blocks that are over, for the next ones.
//!
//! # Model
//!
//! A block's future is boxed, and of its own type; but an actor that answers its messages in blocks makes the same
//! few types again and again. So the memory of a block that is over is kept, with its layout, and given to the next
//! one of that layout.

#![expect(unsafe_code, reason = "a box is taken apart into its memory, and another made of it; for each async block")]

use std::alloc::{Layout, dealloc};
use std::ptr::NonNull;

/// Pieces of memory that are kept: about the layouts that one type of actors has, and few enough to look through.
const KEPT: usize = 16;

/// Memory that a box of this layout was in.
struct Memory {
    at: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it is owned, and nothing is in it.
unsafe impl Send for Memory {}

impl Memory {
    /// Drops what is in a box, and keeps its memory.
    fn of<T: ?Sized>(content: Box<T>) -> Self {
        let layout = Layout::for_value(&*content);
        let content = NonNull::from(Box::leak(content));
        // From here on it is freed also if the drop panics.
        let memory = Self { at: content.cast(), layout };
        // SAFETY: it was owned by the box, and is not used afterwards.
        unsafe { content.drop_in_place() };
        memory
    }

    /// Makes a box of it, if it is of the right layout.
    fn fill<T>(self, content: T) -> Box<T> {
        assert_eq!(self.layout, Layout::new::<T>());
        let at = self.at.cast::<T>();
        std::mem::forget(self);
        // SAFETY: the memory is of this layout and came from a box.
        unsafe {
            at.write(content);
            Box::from_raw(at.as_ptr())
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.layout.size() > 0 {
            // SAFETY: it came from a box of this layout, which allocated it as boxes do.
            unsafe { dealloc(self.at.as_ptr(), self.layout) };
        }
    }
}

/// Memory for boxes to come.
#[derive(Default)]
pub(super) struct Memories(Vec<Memory>);

/// What is taken from [`Memories`] for a box, or given back by one, outside of them: user code may run there.
pub(super) struct Spare(Option<Memory>);

impl Memories {
    /// Memory for a box of `T`, if there is some.
    #[inline]
    pub(super) fn take<T>(&mut self) -> Spare {
        let at = self.0.iter().rposition(|memory| memory.layout == Layout::new::<T>());
        Spare(at.map(|at| self.0.swap_remove(at)))
    }

    #[inline]
    pub(super) fn give(&mut self, spare: Spare) {
        if self.0.len() < KEPT {
            self.0.extend(spare.0);
        }
    }
}

impl Spare {
    /// Drops what is in a box.
    pub(super) fn of<T: ?Sized>(content: Box<T>) -> Self {
        Self(Some(Memory::of(content)))
    }

    /// Puts a value in a box.
    #[inline]
    pub(super) fn fill<T>(self, content: T) -> Box<T> {
        match self.0 {
            Some(memory) => memory.fill(content),
            None => Box::new(content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn memory_is_used_again_by_its_layout() {
        let shared = Arc::new(());
        let mut memories = Memories::default();
        let first = memories.take::<(Arc<()>, u64)>().fill((shared.clone(), 1u64));
        let at = &raw const *first;
        memories.give(Spare::of(first as Box<dyn Send>));
        assert_eq!(Arc::strong_count(&shared), 1, "what was in it is dropped");
        assert!(memories.take::<u8>().0.is_none() && memories.take::<[u64; 3]>().0.is_none());
        let second = memories.take::<(u64, Arc<()>)>().fill((2u64, shared.clone()));
        assert_eq!((&raw const *second).addr(), at.addr());
        assert!(memories.take::<(u64, Arc<()>)>().0.is_none());
        memories.give(Spare::of(second));
        memories.give(Spare::of(Box::new(())));
        let empty = memories.take::<()>().fill(());
        drop(memories);
        assert_eq!((Arc::strong_count(&shared), *empty), (1, ()));
    }

    #[test]
    fn no_more_is_kept_than_is_worth_it() {
        let mut memories = Memories::default();
        (0..3 * KEPT).for_each(|n| memories.give(Spare::of(Box::new(n))));
        assert_eq!(memories.0.len(), KEPT);
    }

    #[test]
    fn a_panic_in_a_drop_loses_nothing_else() {
        struct Bomb(#[expect(dead_code, reason = "dropped after the panic")] Arc<()>);
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("as told");
            }
        }
        let shared = Arc::new(());
        let bomb = Box::new(Bomb(shared.clone()));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Spare::of(bomb))).is_err());
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
