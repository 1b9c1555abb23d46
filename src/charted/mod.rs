//! A chart as an actor: its context and configuration are the state, its events the mail.
//!
//! # Model
//!
//! The type that implements [`ChartActor`] is the context. [`Charted`] is the component: context and configuration
//! side by side, so that an event touches one place. The chart itself is a resource that all share. Actions reach the
//! handler's [`Context`], so what they tell, spawn and stop are deeds of the call and taken back if it fails.
//!
//! All timers of an instance are in its configuration. The engine wakes it when the first is due; a wake for a
//! timer that is gone finds nothing to do.

mod invoke;
mod known;
#[cfg(feature = "serde")]
mod saved;
#[cfg(feature = "scxml")]
mod scxml;

use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy_ecs::component::Component;
use bevy_ecs::resource::Resource;
use bevy_ecs::system::{ReadOnlySystemParam, Res};

#[cfg(feature = "scxml")]
use crate::actor::ExitReason;
use crate::actor::{Actor, Context, Failure, Handled, Notice};
use crate::statechart::{
    Chart, ChartEvent, Configuration, Definition, Ending, EventKind, Model, Outcome, StateDef, StateSet, Status, StepError, Tied,
};

pub use invoke::{Callback, SendBack};

/// An actor whose behaviour is a chart. The implementing type is the chart's context.
///
/// Register its chart with [`Throng::register_chart`](crate::Throng::register_chart), and spawn it as [`Charted::new`]
/// says.
///
/// # Examples
///
/// ```
/// use throng::{ChartActor, Charted, Charting};
/// use throng::prelude::*;
/// use throng::statechart::{Actions, ChartEvent, Definition};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// enum Door { Open, Closed, Locked }
///
/// #[derive(ChartEvent)]
/// enum Hand { Push, Lock(u32), Unlock(u32) }
///
/// struct Keys { code: u32, alarms: u32 }
///
/// impl ChartActor for Keys {
///     type State = Door;
///     type Event = Hand;
///     type Set = u64;
///     type Params = ();
/// }
///
/// fn door() -> Definition<Charting<Keys>> {
///     Charted::<Keys>::define("door", |door| {
///         door.initial(Door::Open);
///         door.state(Door::Open, |open| {
///             open.on(HandKind::Push).go(Door::Closed);
///             open.after(100).go(Door::Closed); // ticks
///         });
///         door.state(Door::Closed, |closed| {
///             closed.on(HandKind::Push).go(Door::Open);
///             closed.on(HandKind::Lock).go(Door::Locked).run(|keys, hand, _| {
///                 if let Some(Hand::Lock(code)) = hand.event() {
///                     keys.code = *code;
///                 }
///             });
///         });
///         door.state(Door::Locked, |locked| {
///             locked.on(HandKind::Unlock).go(Door::Closed).when(
///                 |keys, hand| matches!(hand.event(), Some(Hand::Unlock(code)) if *code == keys.code),
///             );
///             locked.on(HandKind::Unlock).run(|keys, _, _| keys.alarms += 1);
///         });
///     })
/// }
///
/// let mut throng = Throng::default();
/// throng.register_chart(door())?;
/// let door = throng.spawn(Charted::new(Keys { code: 0, alarms: 0 }));
/// for hand in [Hand::Push, Hand::Lock(7), Hand::Unlock(6)] {
///     throng.tell(door, hand.into());
/// }
/// throng.tick();
/// assert_eq!(throng.state(door).unwrap().context().alarms, 1);
/// assert_eq!(throng.active_states(door), [Door::Locked]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ChartActor: Send + Sync + Sized + 'static {
    /// Names of states.
    type State: Clone + Eq + Debug + Send + Sync;

    /// The events, which are its mail.
    type Event: ChartEvent;

    /// Holds the active states: `u64` for up to 64, the root and history states included; `[u64; N]` for more.
    type Set: StateSet;

    /// What actions read from the world; see [`Actor::Params`].
    type Params: ReadOnlySystemParam + 'static;

    /// Whether an instance stops when its chart is done. Otherwise it stays, and handles nothing more.
    const STOPS_WHEN_DONE: bool = true;

    /// Makes an event of what the actor hears of others: those it watches, monitors, or has spawned.
    ///
    /// What an active state invokes is not among them: its end is an event of the chart's own
    /// ([`StateDef::on_invoke_done`], [`StateDef::on_invoke_error`]).
    fn noticed(&self, _notice: &Notice) -> Option<Self::Event> {
        None
    }
}

/// The types of a chart that is an actor. Its actions' [`Step`](crate::statechart::Step) dereferences to the handler's
/// [`Context`].
pub struct Charting<C>(PhantomData<fn(C)>);

impl<C: ChartActor> Model for Charting<C> {
    type State = C::State;
    type Event = C::Event;
    type Context = C;
    type Port<'a> = &'a Context<'a, Charted<C>>;
    type Set = C::Set;
}

impl<C> Debug for Charting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Charting")
    }
}

/// The state of an actor whose behaviour is a chart: its context and its configuration.
#[derive(Component)]
pub struct Charted<C: ChartActor> {
    context: C,
    configuration: Configuration<Charting<C>>,
}

impl<C: ChartActor> Charted<C> {
    /// Starts writing the chart: `write` gets its root. See [`Chart::define`].
    pub fn define(name: &str, write: impl FnOnce(&mut StateDef<Charting<C>>)) -> Definition<Charting<C>> {
        Chart::define(name, write)
    }

    /// The state of an actor to be spawned; its chart starts when the actor does.
    ///
    /// `throng.spawn(Charted::new(context))`, or `throng.spawn_with(|id| Charted::new(context_of(id)))` for one that is
    /// restarted when it fails, in the chart's initial configuration.
    pub fn new(context: C) -> Self {
        Self { context, configuration: Configuration::new() }
    }

    /// Goes on from a configuration, as from a snapshot. Its timers are due at the ticks they say. What its active states
    /// invoke is started anew when the actor starts; one whose configuration does not fit the chart fails to start.
    pub fn resume(context: C, mut configuration: Configuration<Charting<C>>) -> Self {
        // Whatever wake was ordered was ordered for another.
        configuration.awoke();
        Self { context, configuration }
    }

    /// The context.
    pub fn context(&self) -> &C {
        &self.context
    }

    /// The context, to be changed from outside.
    pub fn context_mut(&mut self) -> &mut C {
        &mut self.context
    }

    /// The configuration.
    pub fn configuration(&self) -> &Configuration<Charting<C>> {
        &self.configuration
    }

    /// Something that was invoked has ended. Nothing happens if its state was left meanwhile.
    fn invocation_ended(&mut self, who: Tied, end: Result<Option<C::Event>, String>, cx: &Context<'_, Self>) -> Handled {
        match self.configuration.release(who) {
            Some(invoke) => self.end_invocation(who, invoke, end, cx),
            None => Ok(()),
        }
    }

    fn end_invocation(&mut self, who: Tied, invoke: usize, end: Result<Option<C::Event>, String>, cx: &Context<'_, Self>) -> Handled {
        let own = self.own_chart();
        let chart = own.as_deref().unwrap_or(&cx.params().0.chart);
        let (output, reason) = match end {
            Ok(output) => (output, None),
            Err(reason) => (None, Some(reason)),
        };
        let end = reason.as_deref().map_or(Ok(output), Err);
        let step = chart.end_invocation(&mut self.configuration, &mut self.context, Ending { who: Some(who), invoke, end }, cx.tick(), cx);
        self.after_step(step, cx)?;
        Ok(())
    }

    /// The chart of this instance, if it is not the one that all of its type share: one that was invoked has its own.
    #[inline]
    fn own_chart(&self) -> Option<Arc<Chart<Charting<C>>>> {
        self.configuration.own_chart().cloned()
    }

    /// What follows from a step.
    #[inline]
    fn after_step(&mut self, step: Result<Outcome, StepError>, cx: &Context<'_, Self>) -> Result<Outcome, StepError> {
        let outcome = step?;
        if outcome.changed {
            let stops = C::STOPS_WHEN_DONE || self.configuration.own_chart().is_some();
            if self.configuration.status() == Status::Done && stops {
                cx.stop_self();
            }
            if cx.params().0.chart.has_deferrers() {
                cx.replay_postponed();
            }
        }
        if let Some(tick) = self.configuration.wake_needed() {
            cx.tell_at(tick, cx.me(), ChartMail(Mail::Wake));
        }
        Ok(outcome)
    }
}

impl<C: ChartActor + Hash> Hash for Charted<C>
where
    C::Event: Hash,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.context.hash(state);
        self.configuration.hash(state);
    }
}

/// With the names of states and events, if the type's chart is registered; with their numbers otherwise, and if different
/// charts are registered for the type in different worlds.
impl<C: ChartActor + Debug> Debug for Charted<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chart = self.own_chart().or_else(known::chart_of::<C>);
        let configuration = fmt::from_fn(|f| match &chart {
            Some(chart) => chart.show(&self.configuration).fmt(f),
            None => self.configuration.fmt(f),
        });
        f.debug_struct("Charted").field("context", &self.context).field("configuration", &configuration).finish()
    }
}

/// What a charted actor gets: an event, or the engine's word that a timer is due. Make one with `event.into()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartMail<E>(Mail<E>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mail<E> {
    Event(E),
    Wake,
}

impl<E> From<E> for ChartMail<E> {
    #[inline]
    fn from(event: E) -> Self {
        Self(Mail::Event(event))
    }
}

/// A chart that all its actors share, as a resource.
#[derive(Resource)]
pub struct SharedChart<C: ChartActor> {
    chart: Arc<Chart<Charting<C>>>,
    /// By kind: how often no state took such an event.
    unhandled: Box<[AtomicU64]>,
}

impl<C: ChartActor> SharedChart<C> {
    pub(crate) fn new(chart: Chart<Charting<C>>) -> Self {
        let kinds = <<C::Event as ChartEvent>::Kind as EventKind>::NAMES.len().max(chart.kind_count());
        let chart = Arc::new(chart);
        known::remember(&chart);
        Self { chart, unhandled: (0..kinds).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The chart.
    #[must_use]
    pub fn chart(&self) -> &Arc<Chart<Charting<C>>> {
        &self.chart
    }

    /// How many events of a kind no state took.
    #[must_use]
    pub fn unhandled(&self, kind: <C::Event as ChartEvent>::Kind) -> u64 {
        self.unhandled.get(kind.index()).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Counts an event that no state took; the first of a kind is logged.
    #[cold]
    fn count_unhandled(&self, kind: usize) {
        if self.unhandled.get(kind).is_some_and(|count| count.fetch_add(1, Ordering::Relaxed) == 0) {
            let (chart, event) = (self.chart.name(), self.chart.kind_name(kind));
            tracing::warn!(chart, event, "no state takes this event; further ones are only counted");
        }
    }
}

impl<C: ChartActor> Debug for SharedChart<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedChart").field("chart", &self.chart).finish_non_exhaustive()
    }
}

impl<C: ChartActor> Actor for Charted<C> {
    type Msg = ChartMail<C::Event>;
    type Params = (Res<'static, SharedChart<C>>, C::Params);

    #[inline]
    fn handle(&mut self, ChartMail(mail): Self::Msg, cx: &Context<'_, Self>) -> Handled {
        let shared = &cx.params().0;
        let own = self.own_chart();
        let chart = own.as_deref().unwrap_or(&shared.chart);
        match mail {
            Mail::Event(event) => {
                let kind = event.kind().index();
                if chart.would_defer(&self.configuration, &self.context, &event) {
                    cx.postpone(event.into());
                    return Ok(());
                }
                let step = chart.send(&mut self.configuration, &mut self.context, event, cx.tick(), cx);
                // The counts are by the kinds of the shared chart.
                if !self.after_step(step, cx)?.handled && own.is_none() {
                    shared.count_unhandled(kind);
                }
            }
            Mail::Wake => {
                self.configuration.awoke();
                let step = chart.advance(&mut self.configuration, &mut self.context, cx.tick(), cx);
                self.after_step(step, cx)?;
            }
        }
        Ok(())
    }

    fn notified(&mut self, notice: Notice, cx: &Context<'_, Self>) -> Handled {
        if let Notice::Stopped { actor, reason } = &notice
            && let Some(invoke) = self.configuration.release(Tied::Actor(*actor))
        {
            let end = if reason.is_normal() { Ok(None) } else { Err(reason.to_string()) };
            return self.end_invocation(Tied::Actor(*actor), invoke, end, cx);
        }
        let Some(event) = self.context.noticed(&notice) else { return Ok(()) };
        let own = self.own_chart();
        let chart = own.as_deref().unwrap_or(&cx.params().0.chart);
        let step = chart.send(&mut self.configuration, &mut self.context, event, cx.tick(), cx);
        self.after_step(step, cx)?;
        Ok(())
    }

    #[cfg(feature = "scxml")]
    fn terminate(&mut self, reason: &ExitReason, cx: &Context<'_, Self>) {
        scxml::terminate(self, reason, cx);
    }

    fn restarting(&mut self, _: &Failure, cx: &Context<'_, Self>) {
        // They belong to states that the fresh configuration is not in.
        self.configuration.children().for_each(|child| cx.stop(child));
    }

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        let own = self.own_chart();
        let chart = own.as_deref().unwrap_or(&cx.params().0.chart);
        chart.check(&self.configuration)?;
        // Those of one that is resumed belong to another actor.
        chart.invoke_again(&mut self.configuration, &mut self.context, cx.tick(), cx)?;
        // Does nothing for one that is resumed, whose timers still need a wake.
        let step = chart.start(&mut self.configuration, &mut self.context, cx.tick(), cx);
        self.after_step(step, cx)?;
        Ok(())
    }
}
