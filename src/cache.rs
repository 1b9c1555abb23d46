//! Hints to the processor's cache.

#![expect(unsafe_code, reason = "the prefetch instruction")]

const LINE_BYTES: usize = 64;

/// Asks for a cache line, where the machine has an instruction for that.
#[inline(always)]
pub(crate) fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; it reads nothing and never faults, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Asks for all lines of a slice.
pub(crate) fn prefetch_slice<T>(slice: &[T]) {
    let start: *const u8 = slice.as_ptr().cast();
    for at in (0..size_of_val(slice)).step_by(LINE_BYTES) {
        prefetch(start.wrapping_add(at));
    }
}
