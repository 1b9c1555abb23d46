//! Mail from other threads.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use crossbeam_channel::{Receiver, Sender};
use thiserror::Error;

#[cfg(feature = "testkit")]
use super::faults::break_batch;
use super::offload::take_results;
use crate::actor::{Destination, Outbox, Stop, Turn, WorldNo};
use crate::id::ActorId;
use crate::systems::{Engine, begin_tick};

/// Why a message was not taken at once. It gives the message back.
#[derive(Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<M> {
    /// The inlet holds as many messages as it may. Not fatal: try again after the next tick, or wait.
    #[error("the inlet is full until the next tick; try again later, wait with `tell`, or give it a greater `inlet_capacity`")]
    Full(M),
    /// The world is gone or was shut down. Fatal for this inlet.
    #[error("the inlet is closed: its world was shut down or dropped")]
    Closed(M),
    /// The world did not take the message in the time given. Not fatal.
    #[error("the inlet stayed full for the time given; does the world still tick?")]
    TimedOut(M),
}

impl<M> TrySendError<M> {
    /// The message.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(msg) | Self::Closed(msg) | Self::TimedOut(msg) => msg,
        }
    }

    fn map<N>(self, change: impl FnOnce(M) -> N) -> TrySendError<N> {
        match self {
            Self::Full(msg) => TrySendError::Full(change(msg)),
            Self::Closed(msg) => TrySendError::Closed(change(msg)),
            Self::TimedOut(msg) => TrySendError::TimedOut(change(msg)),
        }
    }
}

impl<M> fmt::Debug for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
            Self::TimedOut(_) => "TimedOut(..)",
        })
    }
}

/// The world is gone or was shut down; the message comes back. Fatal for the inlet.
#[derive(Error, Clone, Copy, PartialEq, Eq)]
#[error("the inlet is closed: its world was shut down or dropped")]
pub struct SendError<M>(pub M);

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

/// Something that came in.
pub(super) trait Inbound: Send {
    fn post(self: Box<Self>, host: &Turn<'_>);
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

struct Letter<D, M> {
    to: D,
    msg: M,
}

impl<M: Send + 'static, D: Destination<M> + Send + 'static> Inbound for Letter<D, M> {
    fn post(self: Box<Self>, host: &Turn<'_>) {
        self.to.deliver(host.registry(), host.outbox(), None, self.msg);
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

struct Letters<D, M>(Vec<(D, M)>);

impl<M: Send + 'static, D: Destination<M> + Send + 'static> Inbound for Letters<D, M> {
    fn post(self: Box<Self>, host: &Turn<'_>) {
        for (to, msg) in self.0 {
            to.deliver(host.registry(), host.outbox(), None, msg);
        }
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

struct StopOrder(ActorId);

impl Inbound for StopOrder {
    fn post(self: Box<Self>, host: &Turn<'_>) {
        host.outbox().with(|outbox| outbox.stop(Stop { id: self.0, leaves: false }));
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// What the world and its inlets share beside the channel.
#[derive(Default)]
struct Door {
    world: WorldNo,
    closed: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Door {
    fn wake_all(&self) {
        let waiting = self.waiting.lock().map(|mut waiting| std::mem::take(&mut *waiting));
        waiting.unwrap_or_default().into_iter().for_each(Waker::wake);
    }
}

/// A way into the world for other threads. Cheap to clone.
///
/// What is told here enters with the next tick, in the order in which it was told.
///
/// # Examples
///
/// ```
/// # use throng::prelude::*;
/// # #[derive(bevy_ecs::component::Component)] struct Sum(u64);
/// # impl Actor for Sum { type Msg = u64; type Params = ();
/// #   fn handle(&mut self, n: u64, _: &Context<'_, Self>) -> Handled { self.0 += n; Ok(()) } }
/// let mut throng = Throng::default();
/// let sum = throng.spawn(Sum(0));
/// let inlet = throng.inlet();
/// std::thread::spawn(move || inlet.tell(sum, 5)).join().unwrap().unwrap();
/// throng.tick();
/// assert_eq!(throng.state(sum).unwrap().0, 5);
/// ```
#[derive(Clone)]
pub struct Inlet {
    channel: Sender<Box<dyn Inbound>>,
    door: Arc<Door>,
}

impl Inlet {
    /// Tells without waiting.
    ///
    /// # Errors
    ///
    /// Gives the message back when the inlet is full or closed.
    pub fn try_tell<M: Send + 'static>(&self, to: impl Destination<M> + Send + 'static, msg: M) -> Result<(), TrySendError<M>> {
        self.try_post(Letter { to, msg }).map_err(|error| error.map(|letter| letter.msg))
    }

    /// Tells many messages at once, which enter together and count as one in the inlet's capacity.
    ///
    /// # Errors
    ///
    /// Gives all of them back when the inlet is full or closed.
    pub fn try_tell_many<M, D>(&self, letters: Vec<(D, M)>) -> Result<(), TrySendError<Vec<(D, M)>>>
    where
        M: Send + 'static,
        D: Destination<M> + Send + 'static,
    {
        self.try_post(Letters(letters)).map_err(|error| error.map(|letters| letters.0))
    }

    /// Tells, waiting for room. Blocks the thread: not for the one that ticks.
    ///
    /// # Errors
    ///
    /// Gives the message back when the world is gone.
    pub fn tell<M: Send + 'static>(&self, to: impl Destination<M> + Send + 'static, msg: M) -> Result<(), SendError<M>> {
        self.wait_for_room(Letter { to, msg }, None).map_err(|error| SendError(error.into_message().msg))
    }

    /// Tells, waiting for room for some time at most.
    ///
    /// # Errors
    ///
    /// Gives the message back when the time is over or the world is gone.
    pub fn tell_timeout<M: Send + 'static>(
        &self,
        to: impl Destination<M> + Send + 'static,
        msg: M,
        timeout: Duration,
    ) -> Result<(), TrySendError<M>> {
        self.wait_for_room(Letter { to, msg }, Some(timeout)).map_err(|error| error.map(|letter| letter.msg))
    }

    /// Tells, waiting for room without blocking; works with any executor.
    ///
    /// # Errors
    ///
    /// Gives the message back when the world is gone.
    pub async fn tell_async<M: Send + 'static, D: Destination<M> + Send + 'static>(&self, to: D, msg: M) -> Result<(), SendError<M>> {
        let mut letter = Some(Letter { to, msg });
        poll_fn(|context| {
            let Some(unsent) = letter.take() else { return Poll::Ready(Ok(())) };
            // Enrolled before the try, so that room made in between wakes it.
            if let Ok(mut waiting) = self.door.waiting.lock() {
                waiting.push(context.waker().clone());
            }
            match self.try_post(unsent) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(TrySendError::Closed(unsent)) => Poll::Ready(Err(SendError(unsent.msg))),
                Err(error) => {
                    letter = Some(error.into_message());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Stops an actor with the next tick.
    ///
    /// # Errors
    ///
    /// Gives the id back when the inlet is full or closed.
    pub fn try_stop(&self, actor: impl Into<ActorId>) -> Result<(), TrySendError<ActorId>> {
        self.try_post(StopOrder(actor.into())).map_err(|error| error.map(|order| order.0))
    }

    /// Whether the world is gone or was shut down.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.door.closed.load(Ordering::Acquire)
    }

    pub(super) fn world(&self) -> WorldNo {
        self.door.world
    }

    pub(super) fn try_post<I: Inbound + 'static>(&self, inbound: I) -> Result<(), TrySendError<I>> {
        if self.is_closed() {
            return Err(TrySendError::Closed(inbound));
        }
        self.channel.try_send(Box::new(inbound)).map_err(|error| match error {
            crossbeam_channel::TrySendError::Full(back) => TrySendError::Full(same(back)),
            crossbeam_channel::TrySendError::Disconnected(back) => TrySendError::Closed(same(back)),
        })
    }

    fn wait_for_room<I: Inbound + 'static>(&self, inbound: I, timeout: Option<Duration>) -> Result<(), TrySendError<I>> {
        let deadline = timeout.and_then(|timeout| now().checked_add(timeout));
        let mut inbound: Box<dyn Inbound> = Box::new(inbound);
        loop {
            if self.is_closed() {
                return Err(TrySendError::Closed(same(inbound)));
            }
            // Woken now and then, to see whether the world was shut down meanwhile.
            let step = now() + CLOSED_CHECK;
            let until = deadline.map_or(step, |deadline| deadline.min(step));
            inbound = match self.channel.send_deadline(inbound, until) {
                Ok(()) => return Ok(()),
                Err(crossbeam_channel::SendTimeoutError::Disconnected(back)) => return Err(TrySendError::Closed(same(back))),
                Err(crossbeam_channel::SendTimeoutError::Timeout(back)) => back,
            };
            if deadline.is_some_and(|deadline| now() >= deadline) {
                return Err(TrySendError::TimedOut(same(inbound)));
            }
        }
    }
}

/// How often a blocked sender looks whether the world was shut down.
const CLOSED_CHECK: Duration = Duration::from_millis(50);

#[expect(clippy::disallowed_methods, reason = "the border may read the clock")]
fn now() -> Instant {
    Instant::now()
}

/// The same thing that was sent, back in its own type.
fn same<I: Inbound + 'static>(back: Box<dyn Inbound>) -> I {
    *back.into_any().downcast().expect("invariant: a channel gives back what it was given")
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet").field("waiting", &self.channel.len()).field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// The world's end of the inlet.
#[derive(Resource)]
pub(crate) struct InletDrain {
    channel: Receiver<Box<dyn Inbound>>,
    entry: Inlet,
}

impl InletDrain {
    pub(crate) fn new(capacity: usize, world: WorldNo) -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        Self { channel: receiver, entry: Inlet { channel: sender, door: Arc::new(Door { world, ..Door::default() }) } }
    }

    pub(crate) fn inlet(&self) -> Inlet {
        self.entry.clone()
    }

    pub(crate) fn close(&self) {
        self.entry.door.closed.store(true, Ordering::Release);
        self.entry.door.wake_all();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.channel.is_empty()
    }
}

impl Drop for InletDrain {
    fn drop(&mut self) {
        self.close();
    }
}

/// The system of [`ThrongSystems::Inlet`](crate::ThrongSystems::Inlet): starts the tick with one batch.
pub(crate) fn drain_inlet(world: &mut World) {
    Engine::scope(world, |engine, world| {
        begin_tick(engine);
        take_results(engine, world);
        let Some(inlet) = world.get_resource::<InletDrain>() else { return };
        // What arrives while it is drained belongs to the next tick.
        let batch = inlet.channel.try_iter().take(inlet.channel.len());
        #[cfg(feature = "testkit")]
        let batch = break_batch(world, engine.hub.tick, batch.collect());
        let mut batch = batch.into_iter().peekable();
        if batch.peek().is_none() {
            return;
        }
        let (env, outbox) = engine.hub.desk();
        let host = Turn::new(outbox, env, &[], ActorId::new(0, 0, 1));
        for inbound in batch {
            outbox.with(Outbox::begin);
            inbound.post(&host);
        }
        inlet.entry.door.wake_all();
    });
}
