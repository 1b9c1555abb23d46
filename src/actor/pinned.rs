//! Values that stay on one thread, in the state of actors that are run there.
//!
//! # Model
//!
//! A state lies in the world's tables like any other, and may be moved in memory by whichever thread has the world. What
//! it holds as [`Pinned`] is looked at and dropped on one thread only, the one on which it was made; and an actor
//! type with [`Actor::PINNED`] is run on no other than the one that runs the tick.
//!
//! # Invariants
//!
//! 1. A reference to the value exists on the home thread only, and the value is dropped there or not at all.
//! 2. Whether a value can be pinned, and reached, does not depend on the number of threads: a handler that might run
//!    anywhere can do neither.

#![expect(unsafe_code, reason = "a value that is not `Send` lies in a component, which must be; see invariant 1")]

use std::any::type_name;
use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::ManuallyDrop;
use std::thread::{self, ThreadId};

use thiserror::Error;

use super::{Actor, Context};

/// Why a pinned value cannot be reached. Fatal for the actor: return it with `?`, and its supervisor decides.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinnedError {
    /// Nothing was put into it.
    #[error("nothing is pinned here yet: put a value in, in `started`")]
    Empty,
    /// It was made on another thread than the one that runs the tick. A restart with fresh state helps.
    #[error("the value is pinned to another thread than the one that runs the tick: make it there, or tick always on one thread")]
    OtherThread,
}

/// A value that need not be `Send`, as part of an actor's state: a handle of a graphics or script library, an
/// [`Rc`](std::rc::Rc).
///
/// It is pinned to the thread on which it was made, which has to be the one that runs the tick; handlers and hooks reach it
/// through their context, if the actor's type has [`Actor::PINNED`] set. In all else such an actor is like any other.
///
/// In other actors it cannot be reached:
///
/// ```compile_fail,E0080
/// # use bevy_ecs::component::Component;
/// # use throng::prelude::*;
/// # use throng::Pinned;
/// #[derive(Component)]
/// struct Anywhere(Pinned<std::rc::Rc<u32>>);
///
/// impl Actor for Anywhere {
///     type Msg = ();
///     type Params = ();
///     fn handle(&mut self, (): (), cx: &Context<'_, Self>) -> Handled {
///         self.0.get(cx)?; // `PINNED` is not set
///         Ok(())
///     }
/// }
///
/// Throng::default().spawn(Anywhere(Pinned::empty()));
/// ```
///
/// If the state is dropped on another thread, the value is not dropped but leaked, which is logged.
///
/// # Examples
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
/// use throng::Pinned;
///
/// type Canvas = Rc<RefCell<Vec<String>>>;
///
/// #[derive(Component)]
/// struct Painter {
///     canvas: Pinned<Canvas>,
/// }
///
/// impl Actor for Painter {
///     type Msg = &'static str;
///     type Params = ();
///     const PINNED: bool = true;
///
///     fn handle(&mut self, shape: &'static str, cx: &Context<'_, Self>) -> Handled {
///         self.canvas.get(cx)?.borrow_mut().push(shape.to_owned());
///         Ok(())
///     }
/// }
///
/// let canvas = Canvas::default();
/// let mut throng = Throng::default();
/// let painter = throng.spawn(Painter { canvas: Pinned::new(canvas.clone()) });
/// throng.tell(painter, "circle");
/// throng.tick();
/// assert_eq!(*canvas.borrow(), ["circle"]);
/// ```
///
/// An actor that is spawned by a handler starts with an empty one:
///
/// ```
/// # use std::rc::Rc;
/// # use bevy_ecs::component::Component;
/// # use throng::prelude::*;
/// # use throng::Pinned;
/// #[derive(Component, Default)]
/// struct Script(Pinned<Rc<str>>);
///
/// impl Actor for Script {
///     # type Msg = ();
///     # type Params = ();
///     const PINNED: bool = true;
///     fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
///         self.0.put(cx, "let x = 1".into());
///         Ok(())
///     }
///     # fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled { Ok(()) }
/// }
/// ```
pub struct Pinned<T: 'static>(Option<Home<T>>);

/// A value and its thread.
struct Home<T> {
    thread: ThreadId,
    value: ManuallyDrop<T>,
}

// SAFETY: the value is reached through `Home::get` and `Home::get_mut` alone, which refuse on all threads but its own,
// and dropped on that thread or not at all. What is left is a thread's id and bytes that are moved.
unsafe impl<T> Send for Home<T> {}
// SAFETY: as above: other threads see that there is a value, and nothing of it.
unsafe impl<T> Sync for Home<T> {}

thread_local! {
    /// What runs on this thread now might as well run on another.
    static ANYWHERE: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, nothing can be pinned to this thread.
pub(crate) struct Anywhere(bool);

impl Anywhere {
    pub(crate) fn begin() -> Self {
        Self(ANYWHERE.replace(true))
    }
}

impl Drop for Anywhere {
    fn drop(&mut self) {
        ANYWHERE.set(self.0);
    }
}

impl<T> Home<T> {
    fn is_here(&self) -> bool {
        self.thread == thread::current().id()
    }

    fn get(&self) -> Option<&T> {
        self.is_here().then(|| &*self.value)
    }

    fn get_mut(&mut self) -> Option<&mut T> {
        self.is_here().then(|| &mut *self.value)
    }
}

impl<T> Drop for Home<T> {
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: dropped once, here, on its own thread.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        } else {
            tracing::warn!(value_type = type_name::<T>(), "a pinned value is leaked: its actor was dropped on another thread");
        }
    }
}

impl<T: 'static> Pinned<T> {
    /// Pins a value to this thread.
    ///
    /// # Panics
    ///
    /// Panics in handlers of actors without [`Actor::PINNED`], which may run on any thread: let the new actor
    /// [put](Self::put) its value in `started`.
    #[must_use]
    pub fn new(value: T) -> Self {
        let anywhere = ANYWHERE.get();
        assert!(
            !anywhere,
            "this handler may run on any thread, so nothing can be pinned here: spawn the actor with `Pinned::empty()`, and `put` the value in its `started`"
        );
        Self(Some(Home { thread: thread::current().id(), value: ManuallyDrop::new(value) }))
    }

    /// A place for a value that will be [put](Self::put) there.
    #[must_use]
    pub const fn empty() -> Self {
        Self(None)
    }

    /// Pins a value to the thread that runs the tick. The one that was here is dropped.
    pub fn put<A: Actor>(&mut self, _cx: &Context<'_, A>, value: T) {
        const { assert!(A::PINNED, "a `Pinned` value is for actors with `const PINNED: bool = true`") };
        *self = Self::new(value);
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// [`PinnedError`] if there is none, or if it is pinned to a thread that does not run this tick.
    pub fn get<A: Actor>(&self, _cx: &Context<'_, A>) -> Result<&T, PinnedError> {
        const { assert!(A::PINNED, "a `Pinned` value is for actors with `const PINNED: bool = true`") };
        self.0.as_ref().ok_or(PinnedError::Empty)?.get().ok_or(PinnedError::OtherThread)
    }

    /// The value, to change it.
    ///
    /// # Errors
    ///
    /// As [`Pinned::get`].
    pub fn get_mut<A: Actor>(&mut self, _cx: &Context<'_, A>) -> Result<&mut T, PinnedError> {
        const { assert!(A::PINNED, "a `Pinned` value is for actors with `const PINNED: bool = true`") };
        self.0.as_mut().ok_or(PinnedError::Empty)?.get_mut().ok_or(PinnedError::OtherThread)
    }

    /// The value, if it is there and pinned to this thread: for the host, between ticks.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.0.as_ref().and_then(Home::get)
    }
}

impl<T: 'static> Default for Pinned<T> {
    /// [`Pinned::empty`].
    fn default() -> Self {
        Self::empty()
    }
}

/// Feeds what [`Pinned::peek`] shows: digests are taken on the thread that runs the tick.
impl<T: Hash + 'static> Hash for Pinned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.peek().hash(state);
    }
}

impl<T: 'static> fmt::Debug for Pinned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Pinned(..)" } else { "Pinned(empty)" })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Anywhere, Pinned};
    use crate::panics;

    #[test]
    fn another_thread_sees_nothing_and_drops_nothing() {
        let counter = Rc::new(());
        let pinned = Pinned::new(counter.clone());
        thread_scope(|| {
            assert!(pinned.peek().is_none());
            drop(pinned);
        });
        assert_eq!(Rc::strong_count(&counter), 2, "leaked, not dropped");
    }

    #[test]
    fn its_own_thread_drops_it() {
        let counter = Rc::new(());
        drop(Pinned::new(counter.clone()));
        assert_eq!(Rc::strong_count(&counter), 1);
    }

    #[test]
    fn nothing_is_pinned_where_anything_might_run() {
        let outer = Anywhere::begin();
        assert!(panics::catch(|| drop(Pinned::new(1))).is_err());
        drop(outer);
        assert_eq!(Pinned::new(1).peek(), Some(&1));
    }

    fn thread_scope(work: impl FnOnce() + Send) {
        std::thread::scope(|scope| scope.spawn(work).join().expect("no panic"));
    }
}
