//! Arrays on huge pages.
//!
//! Mail goes to a hundred places at once and recipients lie anywhere, so small
//! pages cost more in address translation than the mail itself.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;

const HUGE_PAGE: usize = 2 << 20;

/// An array of plain values whose length is fixed.
pub struct Huge<T> {
    start: NonNull<T>,
    len: usize,
}

impl<T> Huge<T> {
    /// Room for `len` values, of which none is written yet.
    ///
    /// # Safety
    ///
    /// No value may be read before it is written.
    pub unsafe fn unwritten(len: usize) -> Self {
        let layout = Self::layout(len);
        // SAFETY: the layout is not empty, as it is padded to a huge page.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        // SAFETY: the range is the allocation, whole pages of it. This is advice:
        // if it is not taken the pages are small ones.
        unsafe { libc::madvise(start.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
        let start = start.cast();
        Self { start, len }
    }

    /// The values of `make` for all indices.
    pub fn made(len: usize, make: impl Fn(u32) -> T) -> Self {
        // SAFETY: all values are written right below.
        let made = unsafe { Self::unwritten(len) };
        for (at, index) in (0..len).zip(0..) {
            // SAFETY: `at` is within the array.
            unsafe { made.start.add(at).write(make(index)) };
        }
        made
    }

    /// The first value.
    pub fn start(&self) -> *mut T {
        self.start.as_ptr()
    }

    fn layout(len: usize) -> Layout {
        const { assert!(!std::mem::needs_drop::<T>() && size_of::<T>() > 0) };
        let bytes = len.max(1) * size_of::<T>();
        let layout = Layout::from_size_align(bytes.next_multiple_of(HUGE_PAGE), HUGE_PAGE);
        layout.expect("the array fits the address space")
    }
}

impl<T> Deref for Huge<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: whoever made an array unwritten promised not to read early.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Huge<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T> Drop for Huge<T> {
    fn drop(&mut self) {
        // SAFETY: allocated in `unwritten` with the same layout.
        unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.len)) };
    }
}
