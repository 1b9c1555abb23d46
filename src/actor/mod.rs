//! What users write: the [`Actor`] trait, its [`Context`], and references to actors.
//!
//! # Model
//!
//! An actor is an entity whose state is a component. It handles one message type. A call of
//! [`Actor::handle`] touches its own state, reads its declared [`Actor::Params`] and writes to its
//! worker's outbox; nothing else. If the call succeeds its messages are sent, if it fails they are
//! taken back, and the actor's supervisor decides.

mod answers;
mod ask;
mod asked;
mod batch;
mod calls;
mod context;
mod crowd;
mod exit;
mod failure;
mod fate;
mod keyed;
mod knocks;
mod naming;
mod nursery;
mod offload;
mod outbox;
mod pinned;
mod pool;
mod refs;
mod returns;
mod stage;
mod task;
mod task_memory;
mod tasks;
mod timer;

use bevy_ecs::component::{Component, Mutable};
use bevy_ecs::system::ReadOnlySystemParam;

pub use ask::{AskError, AskStats, Asking, ReplyTo, Ring};
pub use batch::Batch;
#[doc(hidden)]
pub use calls::carried;
pub use calls::{AskFrom, TellFrom};
pub use context::{Context, Turn};
pub use crowd::ActorRefs;
pub use exit::{ExitReason, MonitorRef, Notice};
pub use failure::{ActorFailure, Failure, FailureKind, Handled, Undelivered};
pub use keyed::{Keyed, KeyedActor, keyed};
pub use naming::Topic;
pub use offload::JobError;
pub use outbox::OutletPort;
pub use pinned::{Pinned, PinnedError};
pub use pool::{Pool, Router, Routing};
pub use refs::{ActorRef, Destination, Recipient};
pub use task::{AskFuture, This};

pub(crate) use answers::Leg;
pub(crate) use ask::{ASK_TICKS_DEFAULT, AskKey, Asker, GoOn, Outward, typed};
pub(crate) use asked::{AskTables, Suspect, Turned, TypeAsks};
pub(crate) use context::{TurnEnv, Wish};
pub(crate) use exit::Order;
pub(crate) use keyed::Keep;
pub(crate) use knocks::{Knock, Knocks};
pub(crate) use naming::{Change, publish, publish_to};
pub(crate) use nursery::{ClaimOrder, Nursery};
#[cfg(feature = "tokio")]
pub(crate) use offload::OutsideFuture;
pub(crate) use offload::{Client, Go, Job, Work};
pub(crate) use outbox::{Act, LaneSlot, Newborn, Outbox, OutboxCell, Signal, Stop};
pub(crate) use pinned::Anywhere;
pub(crate) use returns::{AskEnd, AtWork, Desk, End, Return, Returned, WorldNo, drop_because, works_for};
pub(crate) use timer::{Load, Routed, Timer, TimerSpec};

/// A type whose instances receive mail of one message type.
///
/// Every [`Actor`] is one. Implement it alone for a component whose mail a system of your own reads
/// (see [`Mail`](crate::Mail)).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no mailbox",
    label = "not an actor",
    note = "implement `throng::Actor` for it, or `throng::HasMailbox` if a system of your own reads its mail"
)]
pub trait HasMailbox: Send + Sync + 'static {
    /// The message type.
    type Msg: Send + 'static;
}

impl<A: Actor> HasMailbox for A {
    type Msg = A::Msg;
}

/// What the state of an actor must be: a component, which is `Send` and `Sync`, since any worker thread may run it.
///
/// Every mutable component is one. What is not `Send` goes into a [`Pinned`]; the name says so where rustc shows no other
/// hint.
pub trait SendOrPinned: Component<Mutability = Mutable> {}

impl<T: Component<Mutability = Mutable>> SendOrPinned for T {}

/// Behaviour of an actor; the implementing type is its state, a component of its entity.
///
/// # Examples
///
/// ```
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
///
/// #[derive(Component, Default)]
/// struct Counter(u64);
///
/// impl Actor for Counter {
///     type Msg = u64;
///     type Params = ();
///
///     fn handle(&mut self, add: u64, _cx: &Context<'_, Self>) -> Handled {
///         self.0 += add;
///         Ok(())
///     }
/// }
///
/// let mut throng = Throng::default();
/// let counter = throng.spawn(Counter::default());
/// throng.tell(counter, 3);
/// throng.tell(counter, 4);
/// throng.tick();
/// assert_eq!(throng.state(counter).unwrap().0, 7);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an actor",
    label = "this type does not implement `throng::Actor`",
    note = "an actor is a component (`#[derive(Component)]`) with `impl Actor`, whose `Msg` is one enum",
    note = "any thread may run it: what its state holds and is not `Send` goes into a `throng::Pinned`"
)]
pub trait Actor: SendOrPinned + Sized {
    /// The one type of message that this actor handles; usually an enum.
    type Msg: Send + 'static;

    /// What the handler reads from the world, as read-only system parameters: `()`, `Res<Map>`,
    /// `(Res<Map>, Query<'static, 'static, &'static Position>)`.
    ///
    /// Reach them with [`Context::params`]. They must not read this actor's own state type, and must
    /// not be [`Commands`](bevy_ecs::system::Commands), non-send data or `Local`: each worker has its own
    /// copy of a `Local`, so its value would depend on the number of threads.
    type Params: ReadOnlySystemParam + 'static;

    /// Set it to `true` when [`Actor::handle_batch`] is overridden: then an actor's mail of a round is
    /// grouped and handed over at once, which costs a move of each message. Otherwise mail is handled
    /// straight from the delivery buckets, one message after the other.
    const BATCH: bool = false;

    /// Set it to `true` if every actor of the type is to run its [`tick`](Actor::tick) in every tick. Otherwise only those
    /// do that [say so](Context::set_ticking), and the others cost nothing without mail.
    const TICKS: bool = false;

    /// Set it to `true` if the state holds [`Pinned`] values: then everything of these actors runs on the thread that runs
    /// the tick, one after the other, whatever their number and their mail.
    const PINNED: bool = false;

    /// Handles one message.
    ///
    /// # Errors
    ///
    /// An `Err` (or a panic) fails this actor only: what the call sent is taken back, and its
    /// supervisor restarts or stops it. The message counts as handled and is not delivered again.
    fn handle(&mut self, msg: Self::Msg, cx: &Context<'_, Self>) -> Handled;

    /// Handles all mail of a round at once. Called only when [`Actor::BATCH`] is set.
    ///
    /// Messages that are left in `mail` stay in the mailbox for the next round.
    ///
    /// # Errors
    ///
    /// As [`Actor::handle`]; the whole call is undone, the messages already taken are gone.
    fn handle_batch(&mut self, mail: Batch<'_, Self::Msg>, cx: &Context<'_, Self>) -> Handled {
        for msg in mail {
            self.handle(msg, cx)?;
        }
        Ok(())
    }

    /// Runs once in every tick, before the mail of its first round: of all actors of the type if [`Actor::TICKS`] is
    /// set, else of those that [said so](Context::set_ticking).
    ///
    /// For actors that act of their own accord: it costs a fraction of a message that would tell them to.
    /// A failed, a muted, or a stopping actor is left out. There is no message that could be postponed.
    ///
    /// # Errors
    ///
    /// As [`Actor::handle`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bevy_ecs::component::Component;
    /// use throng::prelude::*;
    ///
    /// #[derive(Component)]
    /// struct Candle(u32);
    ///
    /// impl Actor for Candle {
    ///     type Msg = ();
    ///     type Params = ();
    ///     const TICKS: bool = true;
    ///
    ///     fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
    ///         Ok(())
    ///     }
    ///
    ///     fn tick(&mut self, cx: &Context<'_, Self>) -> Handled {
    ///         self.0 -= 1;
    ///         if self.0 == 0 {
    ///             cx.stop_self();
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut throng = Throng::default();
    /// throng.spawn_many((1..=3).map(Candle));
    /// throng.tick();
    /// assert_eq!(throng.stats().actors, 2);
    /// ```
    fn tick(&mut self, _cx: &Context<'_, Self>) -> Handled {
        Ok(())
    }

    /// Runs before the first message, and again with the fresh state after a restart.
    ///
    /// # Errors
    ///
    /// An `Err` or a panic is a failure like any other.
    fn started(&mut self, _cx: &Context<'_, Self>) -> Handled {
        Ok(())
    }

    /// Runs when the actor is told to stop, before its children stop.
    fn stopping(&mut self, _cx: &Context<'_, Self>) {}

    /// Runs after its children have stopped; the last thing an actor does.
    fn stopped(&mut self, _cx: &Context<'_, Self>) {}

    /// Runs once when an incarnation of the actor ends: when it stops or fails by itself, and when it traps
    /// exits and its supervisor tells it to stop; not when it is killed, nor when a signal ends it because it does not trap
    /// exits. (OTP: `terminate`.) The state may be torn if the actor failed.
    ///
    /// [`Turn::linger`] takes ticks over it; [`Turn::exit`] changes the reason.
    fn terminate(&mut self, _reason: &ExitReason, _cx: &Context<'_, Self>) {}

    /// Hears of others: trapped exit signals, ends of monitored and watched actors. Past user mail.
    ///
    /// # Errors
    ///
    /// An `Err` or a panic is a failure like any other.
    fn notified(&mut self, _notice: Notice, _cx: &Context<'_, Self>) -> Handled {
        Ok(())
    }

    /// Runs on the state that failed, before fresh state takes its place. The state may be torn.
    fn restarting(&mut self, _failure: &Failure, _cx: &Context<'_, Self>) {}

    /// Receives a message that bounced off a full mailbox ([`Overflow::Bounce`](crate::Overflow::Bounce)).
    ///
    /// The default gives it up as a dead letter by handing it back.
    ///
    /// # Errors
    ///
    /// Return the notice to give it up as a dead letter.
    fn undelivered(&mut self, notice: Undelivered, _cx: &Context<'_, Self>) -> Result<(), Undelivered> {
        Err(notice)
    }
}
