//! Where a chart's case is run: in the pure core, and as an actor in a ticking world.

use std::sync::Arc;

use throng::statechart::{Chart, Configuration, Definition, Model, Session, Status};
use throng::{ActorRef, ChartActor, Charted, Charting, SharedChart, Throng, ThrongOptions};

/// Ticks of the world for one unit of a case's time. An event takes a tick, so a unit must hold more ticks than there
/// are events without time between them.
pub(crate) const UNIT_TICKS: u64 = 1_000;

/// A running instance of a chart.
pub(crate) trait Stage {
    /// The chart's context.
    type Context;

    /// The chart's events.
    type Event;

    /// Sends events at one instant, and waits until they are handled.
    fn send_all(&mut self, events: &[Self::Event]) -> Result<(), String>;

    /// Lets so many units of time pass at once.
    fn advance(&mut self, units: u64) -> Result<(), String>;

    /// The context, to be read and emptied.
    fn context(&mut self) -> &mut Self::Context;

    /// The names of the active states.
    fn states(&mut self) -> Vec<String>;

    /// How far it is.
    fn status(&mut self) -> Status;
}

impl<M> Stage for Session<M>
where
    M: for<'a> Model<Port<'a> = (), Event: Clone>,
{
    type Context = M::Context;
    type Event = M::Event;

    fn send_all(&mut self, events: &[M::Event]) -> Result<(), String> {
        events.iter().try_for_each(|event| self.send(event.clone()).map(drop).map_err(|error| error.to_string()))
    }

    fn advance(&mut self, units: u64) -> Result<(), String> {
        self.advance(units).map(drop).map_err(|error| error.to_string())
    }

    fn context(&mut self) -> &mut M::Context {
        self.context_mut()
    }

    fn states(&mut self) -> Vec<String> {
        names(self.chart(), self.configuration())
    }

    fn status(&mut self) -> Status {
        (*self).configuration().status()
    }
}

/// A chart as an actor, alone in a world.
pub(crate) struct Alone<C: ChartActor> {
    throng: Throng,
    actor: ActorRef<Charted<C>>,
    chart: Arc<Chart<Charting<C>>>,
}

impl<C: ChartActor> Alone<C> {
    pub(crate) fn start(chart: Definition<Charting<C>>, context: C) -> Result<Self, String> {
        let mut throng = Throng::new(ThrongOptions::new().threads(1));
        throng.register_chart(chart).map_err(|error| error.to_string())?;
        let actor = throng.spawn(Charted::new(context));
        let chart = throng.world().resource::<SharedChart<C>>().chart().clone();
        Ok(Self { throng, actor, chart })
    }

    fn tick(&mut self) -> Result<(), String> {
        self.throng.tick();
        if self.throng.is_alive(self.actor) { Ok(()) } else { Err("the actor failed".to_owned()) }
    }
}

impl<C: ChartActor<Event: Clone>> Stage for Alone<C> {
    type Context = C;
    type Event = C::Event;

    fn send_all(&mut self, events: &[C::Event]) -> Result<(), String> {
        self.throng.tell_many(events.iter().map(|event| (self.actor, event.clone().into())));
        self.tick()
    }

    fn advance(&mut self, units: u64) -> Result<(), String> {
        if units == 0 {
            return Ok(());
        }
        self.throng.skip_ticks(units * UNIT_TICKS - 1);
        self.tick()
    }

    fn context(&mut self) -> &mut C {
        let entity = self.throng.entity(self.actor.id()).expect("the actor lives");
        let state = self.throng.world_mut().get_mut::<Charted<C>>(entity).expect("it has its state");
        state.into_inner().context_mut()
    }

    fn states(&mut self) -> Vec<String> {
        let state = self.throng.state(self.actor).expect("the actor lives");
        names(&self.chart, state.configuration())
    }

    fn status(&mut self) -> Status {
        self.throng.state(self.actor).expect("the actor lives").configuration().status()
    }
}

fn names<M: Model>(chart: &Chart<M>, configuration: &Configuration<M>) -> Vec<String> {
    chart.names(configuration.states()).into_iter().map(str::to_owned).collect()
}
