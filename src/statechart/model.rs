//! What a chart works with: its types, what sets it off, and what an action may ask for.

use std::error::Error;
use std::fmt::{self, Debug};
use std::ops::Deref;
#[cfg(feature = "scxml")]
use std::sync::Arc;

use super::chart::Chart;
use super::effects::{Queued, Request, Requests};
use super::invoke::Ties;
use super::set::StateSet;
use super::timers::{TimerId, TimerName, TimerOp};

/// The types of a chart. The implementing type is only their common name.
pub trait Model: Sized + 'static {
    /// Names of states; usually an enum. The root's name is that of the chart.
    type State: Clone + Eq + Debug + Send + Sync;

    /// Events. An enum derives [`ChartEvent`]; [`EventId`] is for events that are known at run time only.
    type Event: ChartEvent;

    /// The extended state: what guards read and actions change.
    type Context;

    /// What actions reach beyond the context: `()`, or a handler's context.
    type Port<'a>: Copy;

    /// Holds the active states: `u64` for up to 64 states, `[u64; N]` for more.
    type Set: StateSet;
}

/// An event with a kind: transitions are chosen by kind, the rest is payload.
pub trait ChartEvent: Send + Sync + 'static {
    /// What the event is, without its payload.
    type Kind: EventKind;

    /// The kind of this event.
    fn kind(&self) -> Self::Kind;
}

/// The kinds of a type of events, numbered from 0.
pub trait EventKind: Copy + Send + Sync + 'static {
    /// The kinds' names, in the order of their numbers. Dots part a name into tokens, which
    /// [`StateDef::on_prefix`](super::StateDef::on_prefix) matches.
    const NAMES: &'static [&'static str];

    /// The number of this kind, below 65,536.
    fn index(self) -> usize;
}

/// An event that is nothing but a name known at run time; see [`EventNames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EventId(u16);

impl ChartEvent for EventId {
    type Kind = Self;

    #[inline]
    fn kind(&self) -> Self {
        *self
    }
}

impl EventKind for EventId {
    const NAMES: &'static [&'static str] = &[];

    #[inline]
    fn index(self) -> usize {
        self.0.into()
    }
}

/// Names of events that are known at run time only, each with its [`EventId`].
///
/// # Examples
///
/// ```
/// use throng::statechart::EventNames;
///
/// let mut names = EventNames::default();
/// let go = names.id("go");
/// assert_eq!(names.id("go"), go);
/// assert_eq!(names.name(go), "go");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EventNames(Vec<String>);

impl EventNames {
    /// The event of this name. O(number of names).
    ///
    /// # Panics
    ///
    /// Panics if there are more than 65,535 names.
    pub fn id(&mut self, name: &str) -> EventId {
        self.find(name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            EventId(u16::try_from(self.0.len() - 1).expect("a chart has at most 65,535 event names"))
        })
    }

    /// The event of this name, if it has one. O(number of names).
    #[must_use]
    pub fn find(&self, name: &str) -> Option<EventId> {
        self.0.iter().position(|known| known == name).and_then(|at| u16::try_from(at).ok()).map(EventId)
    }

    /// The name of an event that these names gave out.
    ///
    /// # Panics
    ///
    /// Panics if it is another's.
    #[must_use]
    pub fn name(&self, event: EventId) -> &str {
        &self.0[event.index()]
    }

    /// Names that are all different, in the order of their numbers: at most 65,536.
    #[cfg(feature = "scxml")]
    pub(super) fn of(names: Vec<String>) -> Self {
        Self(names)
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// What set off the running step.
#[derive(Debug)]
pub enum Trigger<'a, E> {
    /// The chart starts.
    Start,
    /// An event from outside, or one that an action raised.
    Event(&'a E),
    /// An event of the chart's own, by name: a state is done, or a delay is over.
    Own(&'a str),
    /// A state is done: the name of its done event, and what its final child gave out
    /// ([`StateDef::output`](super::StateDef::output)).
    Output(&'a str, &'a E),
    /// What a state invoked has failed: the name of the event, and why.
    Failed(&'a str, &'a str),
}

impl<'a, E> Trigger<'a, E> {
    /// The event with its payload, if it was not one of the chart's own.
    #[must_use]
    pub fn event(&self) -> Option<&'a E> {
        match self {
            Self::Event(event) => Some(event),
            Self::Start | Self::Own(_) | Self::Output(..) | Self::Failed(..) => None,
        }
    }

    /// What came with a done event: the output of the final state that completed the state, or of what a state invoked.
    #[must_use]
    pub fn output(&self) -> Option<&'a E> {
        match self {
            Self::Output(_, output) => Some(output),
            Self::Start | Self::Own(_) | Self::Event(_) | Self::Failed(..) => None,
        }
    }

    /// Why what a state invoked has failed.
    #[must_use]
    pub fn failure(&self) -> Option<&'a str> {
        match self {
            Self::Failed(_, reason) => Some(reason),
            Self::Start | Self::Own(_) | Self::Event(_) | Self::Output(..) => None,
        }
    }
}

/// The states that are active while a guard is asked.
pub struct ActiveStates<'a, M: Model> {
    pub(super) chart: &'a Chart<M>,
    pub(super) active: M::Set,
}

impl<M: Model> ActiveStates<'_, M> {
    /// Whether a state is among them. O(number of states).
    #[must_use]
    pub fn is_in(&self, state: &M::State) -> bool {
        self.chart.index_of(state).is_some_and(|at| self.active.has(at))
    }
}

impl<M: Model> Debug for ActiveStates<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.chart.names(self.active)).finish()
    }
}

/// The running step, as an action sees it. It dereferences to the [`Model::Port`].
///
/// What is asked for here happens when the actions of this event are through, in the order asked for.
pub struct Step<'a, M: Model> {
    pub(super) chart: &'a Chart<M>,
    pub(super) active: M::Set,
    pub(super) requests: Requests<M::Event>,
    pub(super) postpone: bool,
    pub(super) failure: Option<Box<dyn Error + Send + Sync>>,
    /// The state whose entry or exit actions are running.
    pub(super) at: u16,
    /// The invocation that is being started or stopped.
    pub(super) invoking: u16,
    pub(super) ties: Ties,
    pub(super) port: M::Port<'a>,
}

impl<'a, M: Model> Step<'a, M> {
    /// Puts an event at the end of the internal queue: it is handled in this step, before further events
    /// from outside.
    pub fn raise(&mut self, event: M::Event) {
        self.requests.push(Request::Raise(Queued::Event(event)));
    }

    /// Puts an event before all others: it is the next to be handled. Of several, the first comes first.
    #[doc(alias = "next_event")]
    pub fn insert(&mut self, event: M::Event) {
        self.requests.push(Request::Insert(Queued::Event(event)));
    }

    /// Raises an event `ticks` later; 0 is as soon as the internal queue is empty. It cannot be cancelled,
    /// and survives the exit of the state.
    pub fn raise_after(&mut self, ticks: u64, event: M::Event) {
        self.start(TimerId::Unnamed, ticks, event);
    }

    /// As [`Step::raise_after`], under a name by which [`Step::cancel`] finds it. A timer that is pending
    /// under this name is replaced.
    pub fn raise_named(&mut self, name: impl Into<TimerName>, ticks: u64, event: M::Event) {
        self.start(TimerId::Named(name.into()), ticks, event);
    }

    /// Replaces the event of a timer that is pending under this name, which stays due when it was. If
    /// there is none, the event is raised as soon as the internal queue is empty.
    pub fn update_named(&mut self, name: impl Into<TimerName>, event: M::Event) {
        self.update(TimerId::Named(name.into()), event);
    }

    /// Cancels the timer that is pending under this name; nothing happens if there is none.
    pub fn cancel(&mut self, name: impl Into<TimerName>) {
        self.requests.push(Request::Timer(TimerOp::Cancel(TimerId::Named(name.into()))));
    }

    /// As [`Step::raise_named`], without replacing what is pending under this name.
    #[cfg(feature = "scxml")]
    pub(super) fn raise_sent(&mut self, name: Arc<str>, ticks: u64, event: M::Event) {
        self.start(TimerId::Sent(name), ticks, event);
    }

    /// Cancels all that [`Step::raise_sent`] started under this name.
    #[cfg(feature = "scxml")]
    pub(super) fn cancel_sent(&mut self, name: Arc<str>) {
        self.requests.push(Request::Timer(TimerOp::Cancel(TimerId::Sent(name))));
    }

    /// Raises an event `ticks` later, unless the configuration changes before. There is one such timer.
    ///
    /// Set in a transition that changes the configuration, it belongs to the new one.
    pub fn state_timeout(&mut self, ticks: u64, event: M::Event) {
        self.start(TimerId::State, ticks, event);
    }

    /// As [`Step::update_named`], for the state time-out.
    pub fn update_state_timeout(&mut self, event: M::Event) {
        self.update(TimerId::State, event);
    }

    /// Cancels the state time-out.
    pub fn cancel_state_timeout(&mut self) {
        self.requests.push(Request::Timer(TimerOp::Cancel(TimerId::State)));
    }

    /// Raises an event `ticks` later, unless any event is handled before. There is one such timer.
    pub fn event_timeout(&mut self, ticks: u64, event: M::Event) {
        self.start(TimerId::Event, ticks, event);
    }

    /// As [`Step::update_named`], for the event time-out.
    pub fn update_event_timeout(&mut self, event: M::Event) {
        self.update(TimerId::Event, event);
    }

    /// Cancels the event time-out.
    pub fn cancel_event_timeout(&mut self) {
        self.requests.push(Request::Timer(TimerOp::Cancel(TimerId::Event)));
    }

    /// Keeps the event for later: it is handled again, before newer ones, when the configuration has
    /// changed. At start there is no event to keep.
    pub fn postpone(&mut self) {
        self.postpone = true;
    }

    /// Makes the step fail when the running action returns. Nothing more of it runs.
    pub fn fail(&mut self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        self.failure.get_or_insert(error.into());
    }

    /// Whether a state is active now: in exit actions it is until its own are through, in entry
    /// actions as soon as its own begin. O(number of states).
    #[must_use]
    pub fn is_in(&self, state: &M::State) -> bool {
        ActiveStates { chart: self.chart, active: self.active }.is_in(state)
    }

    /// What actions reach beyond the context.
    #[must_use]
    pub fn port(&self) -> M::Port<'a> {
        self.port
    }

    fn start(&mut self, id: TimerId, ticks: u64, event: M::Event) {
        self.requests.push(Request::Timer(TimerOp::Start(id, ticks, Queued::Event(event))));
    }

    fn update(&mut self, id: TimerId, event: M::Event) {
        self.requests.push(Request::Timer(TimerOp::Update(id, Queued::Event(event))));
    }
}

impl<'a, M: Model> Deref for Step<'a, M> {
    type Target = M::Port<'a>;

    fn deref(&self) -> &Self::Target {
        &self.port
    }
}

impl<M: Model> Debug for Step<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("active", &self.chart.names(self.active)).finish_non_exhaustive()
    }
}
