//! What a charted actor invokes while a state is active: children, callbacks, jobs.
//!
//! # Model
//!
//! Each is started when its state has been entered and stopped when it is left, by whatever way: also when the chart is
//! done and when the actor fails or stops. When one ends by itself, the chart gets an event of its own
//! ([`StateDef::on_invoke_done`], [`StateDef::on_invoke_error`]).

use std::fmt::{self, Debug};

use bevy_ecs::component::Component;

use super::{ChartActor, Charted, Charting};
use crate::actor::{Actor, ActorRef, Context, Handled, Turn};
use crate::statechart::{StateDef, Step, Tied};

impl<C: ChartActor> StateDef<Charting<C>> {
    /// Spawns a child when the state is entered, and stops it when the state is left, when the chart is done, and
    /// when the actor fails or stops.
    ///
    /// `make` gets a reference to the charted actor: by it the child reports what it did, as an event. When it has stopped
    /// for a normal reason, the chart gets the event of [`StateDef::on_invoke_done`], otherwise that of
    /// [`StateDef::on_invoke_error`]. Actions reach the child with [`Step::invoked`]. A child that is a chart itself is a
    /// [`Charted`].
    ///
    /// # Panics
    ///
    /// Entering the state panics, which fails the actor, if `A` is not registered.
    ///
    /// # Examples
    ///
    /// ```
    /// use bevy_ecs::component::Component;
    /// use throng::{ActorFailure, ChartActor, Charted};
    /// use throng::prelude::*;
    /// use throng::statechart::ChartEvent;
    ///
    /// #[derive(Component)]
    /// struct Pump;
    /// impl Actor for Pump {
    ///     type Msg = bool; // whether the tank is full
    ///     type Params = ();
    ///     fn handle(&mut self, is_full: bool, cx: &Context<'_, Self>) -> Handled {
    ///         if is_full { cx.stop_self(); Ok(()) } else { Err(ActorFailure::msg("it leaks")) }
    ///     }
    /// }
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    /// enum State { Empty, Filling, Full, Broken }
    /// #[derive(ChartEvent)]
    /// enum Event { Fill }
    /// struct Tank;
    /// impl ChartActor for Tank {
    ///     type State = State; type Event = Event; type Set = u64; type Params = ();
    /// }
    ///
    /// let chart = Charted::<Tank>::define("tank", |tank| {
    ///     tank.initial(State::Empty);
    ///     tank.state(State::Empty, |empty| drop(empty.on(EventKind::Fill).go(State::Filling)));
    ///     tank.state(State::Filling, |filling| {
    ///         filling.invoke("pump", |_, _| Pump);
    ///         filling.on_invoke_done("pump").go(State::Full);
    ///         filling.on_invoke_error("pump").go(State::Broken);
    ///     });
    ///     tank.state(State::Full, |_| {});
    ///     tank.state(State::Broken, |_| {});
    /// });
    /// let mut throng = Throng::default();
    /// throng.register::<Pump>()?.register_chart(chart)?;
    /// let tank = throng.spawn(Charted::new(Tank));
    /// throng.tell(tank, Event::Fill.into());
    /// throng.tick();
    /// throng.broadcast::<Pump>(true);
    /// throng.tick();
    /// assert_eq!(throng.active_states(tank), [State::Full]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn invoke<A: Actor>(&mut self, name: &str, make: impl Fn(&C, ActorRef<Charted<C>>) -> A + Send + Sync + 'static) {
        let start = move |context: &C, step: &mut Step<'_, Charting<C>>| {
            let child = step.spawn(make(context, step.me()));
            step.tie(Tied::Actor(child.id()));
        };
        self.invoke_with(name, move |context, _, step| start(context, step), stop);
    }

    /// Invokes a function that hears and tells: a [`Callback`] that lives while the state is active.
    ///
    /// `make` makes the function when the state is entered. It is called once with `None`, and then for each event that is
    /// told to it ([`Step::invoked`]); by its [`SendBack`] it tells events to the charted actor. What it holds is dropped
    /// when the state is left: there it lets go of what it took. An `Err` or a panic ends it as
    /// [`StateDef::on_invoke_error`] says, [`SendBack::finish`] as [`StateDef::on_invoke_done`].
    ///
    /// # Panics
    ///
    /// Entering the state panics, which fails the actor, if `Callback<C>` is not registered.
    #[doc(alias = "fromCallback")]
    pub fn invoke_callback<F>(&mut self, name: &str, make: impl Fn(&C) -> F + Send + Sync + 'static)
    where
        F: FnMut(Option<C::Event>, SendBack<'_, C>) -> Handled + Send + Sync + 'static,
    {
        self.invoke(name, move |context, chart| Callback { run: Box::new(make(context)), chart });
    }

    /// Invokes a job on a thread outside the tick ([`Context::offload`]).
    ///
    /// `prepare` makes the job when the state is entered, and `then` makes an event's value of its result, which comes
    /// with [`StateDef::on_invoke_done`] as the [`Trigger::output`](crate::statechart::Trigger::output). A job that
    /// panics, or finds no room, comes as [`StateDef::on_invoke_error`]. If the state is left first, the job still runs to
    /// its end, and nothing is heard of it. After [`Charted::resume`] it is run again.
    #[doc(alias = "fromPromise")]
    pub fn invoke_job<R, J>(
        &mut self,
        name: &str,
        prepare: impl Fn(&C) -> J + Send + Sync + 'static,
        then: impl Fn(R) -> C::Event + Clone + Send + Sync + 'static,
    ) where
        R: Send + 'static,
        J: FnOnce() -> R + Send + 'static,
    {
        let start = move |context: &C, step: &mut Step<'_, Charting<C>>| {
            let number = step.number_job();
            let then = then.clone();
            step.port().offload_for(prepare(context), move |charted: &mut Charted<C>, result, cx| {
                let end = result.map(then).map_err(|error| error.to_string());
                charted.invocation_ended(Tied::Job(number), end.map(Some), cx)
            });
            step.tie(Tied::Job(number));
        };
        self.invoke_with(name, move |context, _, step| start(context, step), stop);
    }
}

/// Ends what the running invocation started. A job goes on, and is heard no more.
fn stop<C: ChartActor>(step: &mut Step<'_, Charting<C>>) {
    if let Some(Tied::Actor(child)) = step.untie() {
        step.stop(child);
    }
}

impl<C: ChartActor> Step<'_, Charting<C>> {
    /// The child that an active state invokes under this name, if it lives and is an `A`.
    #[must_use]
    pub fn invoked<A: Actor>(&self, name: &str) -> Option<ActorRef<A>> {
        match self.tied(name)? {
            Tied::Actor(child) if self.port().kind_of::<A>() == Some(child.kind()) => Some(ActorRef::from_id(child)),
            _ => None,
        }
    }
}

type CallbackFn<C> = dyn FnMut(Option<<C as ChartActor>::Event>, SendBack<'_, C>) -> Handled + Send + Sync;

/// An actor that is one function, invoked by a chart: see [`StateDef::invoke_callback`]. Register it as every other actor.
#[derive(Component)]
pub struct Callback<C: ChartActor> {
    run: Box<CallbackFn<C>>,
    chart: ActorRef<Charted<C>>,
}

impl<C: ChartActor> Actor for Callback<C> {
    type Msg = C::Event;
    type Params = ();

    fn handle(&mut self, event: C::Event, cx: &Context<'_, Self>) -> Handled {
        (self.run)(Some(event), SendBack { turn: cx, chart: self.chart })
    }

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        (self.run)(None, SendBack { turn: cx, chart: self.chart })
    }
}

impl<C: ChartActor> Debug for Callback<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("chart", &self.chart).finish_non_exhaustive()
    }
}

/// The way from a [`Callback`] to the charted actor that invoked it.
#[derive(Clone, Copy, Debug)]
pub struct SendBack<'a, C: ChartActor> {
    turn: &'a Turn<'a>,
    chart: ActorRef<Charted<C>>,
}

impl<'a, C: ChartActor> SendBack<'a, C> {
    /// Tells the charted actor an event.
    pub fn send(&self, event: C::Event) {
        self.turn.tell(self.chart, event.into());
    }

    /// Ends the callback in good order.
    pub fn finish(&self) {
        self.turn.stop_self();
    }

    /// The charted actor: to be told events from elsewhere, as through an [`Inlet`](crate::Inlet).
    #[must_use]
    pub fn chart(&self) -> ActorRef<Charted<C>> {
        self.chart
    }

    /// The turn of the callback, for all else that a handler can do.
    #[must_use]
    pub fn turn(&self) -> &'a Turn<'a> {
        self.turn
    }
}
