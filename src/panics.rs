//! Panics in handlers: caught, described, and quiet.
//!
//! # Model
//!
//! The default panic hook prints every panic. Ten thousand panics in a tick would be ten thousand lines
//! and, with backtraces, minutes. So throng puts a hook before the program's own that, on a thread which
//! runs a handler, only notes the text and the place; the failure carries them on.
//!
//! Under `panic = "abort"` nothing is caught and the program ends with the first panic.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic happened; empty if that is not known.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Puts the hook in place, once for the process.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| if QUIET.get() { note(info) } else { others(info) }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    PLACE.with_borrow_mut(|place| {
        place.clear();
        if let Some(at) = info.location() {
            let _ = write!(place, ", at {}:{}:{}", at.file(), at.line(), at.column());
        }
    });
}

/// Runs handlers: panics on this thread are noted, not printed.
pub(crate) fn quietly<R>(run: impl FnOnce() -> R) -> R {
    let _restore = Restore(QUIET.replace(true));
    run()
}

struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        QUIET.set(self.0);
    }
}

/// The text and the place of a caught panic.
pub(crate) fn describe(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast_ref::<&'static str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().map_or("panicked with a value that is no text", String::as_str),
    };
    let described = PLACE.with_borrow_mut(|place| {
        let described = [text, place].concat();
        place.clear();
        described
    });
    // A payload may panic when it is dropped; that tells nothing more.
    let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
    described
}

/// Drops what may panic when it is dropped; tells if it did.
pub(crate) fn drop_quietly<T>(value: T) -> Option<String> {
    catch(|| drop(value)).err()
}

/// Runs what may panic; `Err` describes the panic.
pub(crate) fn catch<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    quietly(|| catch_unwind(AssertUnwindSafe(run))).map_err(describe)
}
