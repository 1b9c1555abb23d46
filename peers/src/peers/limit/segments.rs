//! Mail in segments of a page, reused by the thread that read them last.
//!
//! A block is read and its actors write at once, so what they write goes to
//! lines that are still in the cache, and a round needs hardly more memory than
//! its mail.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;

use super::Mail;
use super::huge::Huge;
use crate::work::traffic::Payload;

/// Messages in a segment: with the link they fill a page.
const MAIL: usize = 170;

/// Segments a thread keeps for itself: half a second cache.
const KEPT: usize = 256;

/// A page of mail.
#[repr(C, align(4096))]
struct Segment {
    next: *mut Segment,
    mail: [MaybeUninit<Mail<Payload>>; MAIL],
}

/// The mail from one chunk to one block, in order.
pub struct Bucket {
    head: *mut Segment,
    tail: *mut Segment,
    cursor: *mut Mail<Payload>,
    end: *mut Mail<Payload>,
}

/// All segments: those no one has had, and those that came back.
pub struct Pool {
    all: Huge<Segment>,
    spare: Mutex<Spare>,
}

struct Spare {
    fresh: usize,
    back: Vec<*mut Segment>,
}

/// The segments of one thread.
pub struct Shelf<'a> {
    pool: &'a Pool,
    kept: Vec<*mut Segment>,
}

// SAFETY: the pointers are to segments of `all`, each in one list at a time.
unsafe impl Sync for Pool {}

impl Pool {
    /// Segments for `mail` messages under way in `buckets` buckets that are
    /// handled by `threads` threads.
    pub fn new(mail: usize, buckets: usize, threads: usize) -> Self {
        let segments = mail.div_ceil(MAIL) + buckets + threads * (KEPT + BATCH);
        // SAFETY: a segment's link is written when it is taken, and its mail is
        // read only up to the cursor.
        let all = unsafe { Huge::unwritten(segments) };
        let spare = Mutex::new(Spare { fresh: 0, back: Vec::new() });
        Self { all, spare }
    }
}

/// Segments that go between a shelf and the pool at once.
const BATCH: usize = 16;

impl<'a> Shelf<'a> {
    pub fn new(pool: &'a Pool) -> Self {
        let kept = Vec::with_capacity(KEPT + BATCH);
        Self { pool, kept }
    }

    fn take(&mut self) -> *mut Segment {
        if self.kept.is_empty() {
            self.refill();
        }
        self.kept.pop().expect("a refill brings segments")
    }

    fn give(&mut self, segment: *mut Segment) {
        if self.kept.len() >= KEPT {
            let mut spare = self.pool.spare.lock().expect("no holder panics");
            // The oldest have left the cache first.
            spare.back.extend(self.kept.drain(..BATCH));
        }
        self.kept.push(segment);
    }

    fn refill(&mut self) {
        let mut spare = self.pool.spare.lock().expect("no holder panics");
        let back = spare.back.len().saturating_sub(BATCH);
        self.kept.extend(spare.back.drain(back..));
        let all = &self.pool.all;
        while self.kept.len() < BATCH && spare.fresh < all.len() {
            // SAFETY: `fresh` is within the array.
            self.kept.push(unsafe { all.start().add(spare.fresh) });
            spare.fresh += 1;
        }
    }
}

impl Bucket {
    pub const EMPTY: Self = Self { head: ptr::null_mut(), tail: ptr::null_mut(), cursor: ptr::null_mut(), end: ptr::null_mut() };

    /// Adds a message at the end.
    #[inline]
    pub fn push(&mut self, mail: Mail<Payload>, shelf: &mut Shelf<'_>) {
        if self.cursor == self.end {
            self.grow(shelf);
        }
        // SAFETY: the cursor is before the end of the last segment.
        unsafe {
            self.cursor.write(mail);
            self.cursor = self.cursor.add(1);
        }
    }

    #[cold]
    fn grow(&mut self, shelf: &mut Shelf<'_>) {
        let segment = shelf.take();
        // SAFETY: a segment that was taken is no one else's; the last segment of
        // this bucket is this bucket's.
        unsafe {
            (*segment).next = ptr::null_mut();
            if self.head.is_null() {
                self.head = segment;
            } else {
                (*self.tail).next = segment;
            }
            let mail = &raw mut (*segment).mail;
            self.tail = segment;
            self.cursor = mail.cast();
            self.end = self.cursor.add(MAIL);
        }
    }

    /// Hands over all mail in order, and the segments to the shelf.
    #[inline]
    pub fn drain(&mut self, shelf: &mut Shelf<'_>, mut each: impl FnMut(&Mail<Payload>)) {
        let mut segment = self.head;
        while !segment.is_null() {
            // SAFETY: the segments of the list are this bucket's, all full but
            // the last, which is written up to the cursor.
            unsafe {
                let next = (*segment).next;
                let mut at: *const Mail<Payload> = (&raw const (*segment).mail).cast();
                let end = if next.is_null() { self.cursor } else { at.add(MAIL) };
                while at != end {
                    each(&*at);
                    at = at.add(1);
                }
                shelf.give(segment);
                segment = next;
            }
        }
        *self = Self::EMPTY;
    }
}
