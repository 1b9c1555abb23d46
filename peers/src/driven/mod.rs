//! What the message-driven libraries share: all of them run on tokio, and all
//! run an actor when it has mail.
//!
//! A library is a [`Runtime`]: it spawns a [`Host`] as one of its actors and
//! sends to it. The drivers here do the rest, so that every library does the
//! same work and is waited for in the same way. All of it is generic, so each
//! library gets its own compiled copy with the handler inlined.

mod drivers;
mod gate;
mod host;

use std::future::Future;

pub use drivers::Driven;
pub use host::{Host, Verdict};

use crate::work::ask::Style;
use crate::work::{Behaviour, Load, Outcome};

/// One actor library.
pub trait Runtime: Send + Sync + Sized + 'static {
    /// How the library addresses an actor.
    type Addr<B: Behaviour>: Send + Sync + 'static;

    /// Runs `drive` to its end on at most `threads` threads.
    fn enter<T, F>(threads: usize, drive: impl FnOnce(Self) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static;

    /// Starts an actor.
    fn spawn<B: Behaviour>(&self, host: Host<Self, B>) -> impl Future<Output = Self::Addr<B>> + Send;

    /// Lets one actor ask another; only of libraries that have a way to ask.
    fn asks(load: &Load, style: Style) -> Outcome;

    /// Sends without waiting, in the cheapest way the library offers.
    fn send<B: Behaviour>(to: &Self::Addr<B>, message: B::Msg);
}

/// Runs `future` on a tokio runtime with exactly `threads` threads at work.
///
/// With more than one the future is a task too, so that the thread that waits
/// for it does no work of its own.
pub fn on_tokio<T, F>(threads: usize, future: F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    if threads == 1 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        return runtime.expect("a tokio runtime starts").block_on(future);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_time().build().expect("a tokio runtime starts");
    let task = runtime.spawn(future);
    runtime.block_on(task).expect("the driver does not panic")
}
