//! Mail for later: what a handler sets, replaces and cancels.
//!
//! # Model
//!
//! A timer is a message with a due tick. What a call sets lies in its worker's outbox, by the receiver's
//! type, until the pass is over; then it moves to the wheel of that type. A key names a timer among those
//! of its owner; what calls did with keys is kept in one list, in the order of the calls.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use super::{Destination, HasMailbox, OutboxCell, Turn};
use crate::id::{ActorId, Kind};
use crate::registry::Registry;

/// What a timer sends.
pub(crate) enum Load<M> {
    Once(M),
    /// A fresh message each period of so many ticks.
    Every(Box<Interval<M>>),
    /// What the inner load sends, to whomever `route` finds then.
    Routed(Box<Routed<M>>),
}

/// Sends a message to a receiver that is looked up at that time.
pub(crate) type Route<M> = dyn Fn(&Registry, &OutboxCell, Option<ActorId>, M) + Send;

pub(crate) struct Routed<M> {
    pub(crate) route: Box<Route<M>>,
    pub(crate) load: Load<M>,
}

pub(crate) struct Interval<M> {
    pub(crate) period: NonZeroU64,
    pub(crate) make: Box<dyn Fn() -> M + Send>,
}

impl<M: 'static> Load<M> {
    pub(crate) fn every(ticks: u64, make: impl Fn() -> M + Send + 'static) -> Self {
        let period = NonZeroU64::new(ticks).unwrap_or(NonZeroU64::MIN);
        Self::Every(Box::new(Interval { period, make: Box::new(make) }))
    }

    pub(crate) fn convert<N: From<M> + 'static>(self) -> Load<N> {
        match self {
            Self::Once(msg) => Load::Once(msg.into()),
            Self::Every(interval) => Load::every(interval.period.get(), move || (interval.make)().into()),
            Self::Routed(_) => unreachable!("invariant: a route is put on last"),
        }
    }

    pub(super) fn routed(self, route: impl Fn(&Registry, &OutboxCell, Option<ActorId>, M) + Send + 'static) -> Self {
        Self::Routed(Box::new(Routed { route: Box::new(route), load: self }))
    }

    /// Ticks from one message to the next; 0 if there is but one.
    pub(crate) fn period(&self) -> u64 {
        match self {
            Self::Once(_) => 0,
            Self::Every(interval) => interval.period.get(),
            Self::Routed(routed) => routed.load.period(),
        }
    }
}

/// A message with a due tick, on a wheel.
pub(crate) struct Timer<M> {
    pub(crate) to: ActorId,
    /// Who set it, and with whom it ends; `None` for the host's.
    pub(crate) owner: Option<ActorId>,
    pub(crate) load: Load<M>,
}

/// When a timer is due, whose it is and what it is called.
#[derive(Clone, Copy)]
pub(crate) struct TimerSpec {
    pub(crate) due: u64,
    pub(crate) owner: Option<ActorId>,
    pub(crate) key: Option<u64>,
}

/// A timer on its way to the wheel.
pub(crate) struct Setting<M> {
    pub(crate) due: u64,
    pub(crate) timer: Timer<M>,
    /// The place of the deed that names it in [`TimerDeeds::named`].
    pub(crate) name: Option<u32>,
}

/// A call set or cancelled a timer by its key.
#[derive(Clone, Copy)]
pub(crate) struct Named {
    pub(crate) owner: ActorId,
    pub(crate) key: u64,
}

/// Settings for receivers of one type.
trait AnySettings: Any + Send {
    /// Takes the last one back; tells whether it had a key.
    fn undo(&mut self) -> bool;
}

impl<M: Send + 'static> AnySettings for Vec<Setting<M>> {
    fn undo(&mut self) -> bool {
        self.pop().is_some_and(|setting| setting.name.is_some())
    }
}

/// What calls did with timers, in order.
#[derive(Default)]
pub(crate) struct TimerDeeds {
    /// By kind of the receiver.
    settings: Vec<Option<Box<dyn AnySettings>>>,
    /// Kinds that may have settings, each maybe more than once.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) named: Vec<Named>,
}

impl TimerDeeds {
    /// Notes a timer for an actor of type `A`.
    pub(super) fn set<A: HasMailbox>(&mut self, to: ActorId, spec: TimerSpec, load: Load<A::Msg>) {
        let kind = to.kind();
        if self.settings.len() <= kind as usize {
            self.settings.resize_with(kind as usize + 1, || None);
        }
        let settings = self.settings[kind as usize].get_or_insert_with(|| Box::new(Vec::<Setting<A::Msg>>::new()));
        let settings: &mut dyn Any = &mut **settings;
        let settings = settings.downcast_mut::<Vec<Setting<A::Msg>>>().expect("invariant: settings are kept by kind");
        let name = spec.owner.zip(spec.key).map(|(owner, key)| {
            self.named.push(Named { owner, key });
            self.named.len() as u32 - 1
        });
        settings.push(Setting { due: spec.due, timer: Timer { to, owner: spec.owner, load }, name });
        if self.kinds.last() != Some(&kind) {
            self.kinds.push(kind);
        }
    }

    pub(super) fn undo_set(&mut self, kind: Kind) {
        let was_named = self.settings[kind as usize].as_mut().is_some_and(|settings| settings.undo());
        if was_named {
            self.named.pop();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.named.is_empty()
    }

    /// Takes the settings for receivers of type `A`, in order.
    pub(crate) fn take<A: HasMailbox>(&mut self, kind: Kind) -> Vec<Setting<A::Msg>> {
        let Some(Some(settings)) = self.settings.get_mut(kind as usize) else { return Vec::new() };
        let settings: &mut dyn Any = &mut **settings;
        settings.downcast_mut::<Vec<Setting<A::Msg>>>().map(std::mem::take).unwrap_or_default()
    }

    /// Takes the emptied list back for its memory.
    pub(crate) fn give_back<A: HasMailbox>(&mut self, kind: Kind, emptied: Vec<Setting<A::Msg>>) {
        debug_assert!(emptied.is_empty());
        if let Some(Some(settings)) = self.settings.get_mut(kind as usize)
            && let Some(settings) = (&mut **settings as &mut dyn Any).downcast_mut()
        {
            *settings = emptied;
        }
    }
}

impl<M> fmt::Debug for Timer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("to", &self.to).field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// Timers. A timer is mail with a due tick: what falls due at tick *t* is handled in the first round of
/// tick *t*, ordered by due tick and order of setting, in the name of the actor that set it.
///
/// Setting, replacing and cancelling are deeds like telling: a call that fails takes them back. Timers
/// outlive a restart, as the mailbox does (set them by key in `started`, then the old ones are replaced),
/// and end with the actor that set them.
///
/// # Examples
///
/// ```
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
///
/// #[derive(Component, Default)]
/// struct Kettle { boils: bool, whistles: u32 }
/// enum Do { Heat, Boil, Whistle, TakeOff }
/// const WHISTLE: u64 = 1;
///
/// impl Actor for Kettle {
///     type Msg = Do;
///     type Params = ();
///     fn handle(&mut self, msg: Do, cx: &Context<'_, Self>) -> Handled {
///         match msg {
///             Do::Heat => cx.tell_after(3, cx.me(), Do::Boil),
///             Do::Boil => {
///                 self.boils = true;
///                 cx.set_interval(WHISTLE, 2, cx.me(), || Do::Whistle);
///             }
///             Do::Whistle => self.whistles += 1,
///             Do::TakeOff => cx.cancel_timer(WHISTLE),
///         }
///         Ok(())
///     }
/// }
///
/// let mut throng = Throng::default();
/// let kettle = throng.spawn(Kettle::default());
/// throng.tell(kettle, Do::Heat);
/// throng.run_ticks(3);
/// assert!(!throng.state(kettle).unwrap().boils);
/// throng.run_ticks(1 + 2 + 2);
/// assert_eq!(throng.state(kettle).unwrap().whistles, 2);
/// throng.tell(kettle, Do::TakeOff);
/// throng.run_ticks(10);
/// assert_eq!(throng.state(kettle).unwrap().whistles, 2);
/// ```
impl Turn<'_> {
    /// Sends a message in `ticks` ticks; 0 counts as 1. O(1).
    #[doc(alias = "send_after")]
    pub fn tell_after<M>(&self, ticks: u64, to: impl Destination<M>, msg: M) {
        self.tell_at(self.tick().saturating_add(ticks), to, msg);
    }

    /// Sends a message at a tick; one that has begun counts as the next. O(1).
    pub fn tell_at<M>(&self, tick: u64, to: impl Destination<M>, msg: M) {
        let spec = TimerSpec { due: tick, owner: Some(self.id()), key: None };
        to.schedule(self.registry(), self.outbox(), spec, Load::Once(msg));
    }

    /// Sends a message in `ticks` ticks (0 counts as 1), unless the timer is cancelled before, or set again,
    /// which replaces it. Keys are this actor's own. O(1).
    #[doc(alias = "start_timer")]
    pub fn set_timer<M>(&self, key: u64, ticks: u64, to: impl Destination<M>, msg: M) {
        let spec = TimerSpec { due: self.tick().saturating_add(ticks), owner: Some(self.id()), key: Some(key) };
        to.schedule(self.registry(), self.outbox(), spec, Load::Once(msg));
    }

    /// Sends a message made by `make` in `ticks` ticks (0 counts as 1) and again each time as many ticks
    /// later, until the timer is cancelled or replaced, or this actor stops. O(1) each time.
    ///
    /// `make` runs outside of any call. If it panics, this actor fails and the timer ends.
    #[doc(alias = "send_interval")]
    pub fn set_interval<M: 'static>(&self, key: u64, ticks: u64, to: impl Destination<M>, make: impl Fn() -> M + Send + 'static) {
        let spec = TimerSpec { due: self.tick().saturating_add(ticks), owner: Some(self.id()), key: Some(key) };
        to.schedule(self.registry(), self.outbox(), spec, Load::every(ticks, make));
    }

    /// Cancels a timer of this actor's by its key; does nothing if there is none. A message whose tick has
    /// come is on its way, and not taken back.
    pub fn cancel_timer(&self, key: u64) {
        let owner = self.id();
        self.outbox().with(|outbox| outbox.cancel_timer(owner, key));
    }

    /// How many ticks a time takes at the pace of this world, rounded up; see
    /// [`ThrongOptions::tick_period`](crate::ThrongOptions::tick_period).
    #[must_use]
    pub fn ticks_in(&self, time: Duration) -> u64 {
        ticks_in(time, self.tick_period())
    }
}

/// How many periods a time takes, rounded up.
pub(crate) fn ticks_in(time: Duration, period: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(period.as_nanos().max(1));
    u64::try_from(ticks).unwrap_or(u64::MAX)
}
