//! One instance of a chart with all that belongs to it: for tests, and for charts outside of actors.

use std::fmt::{self, Debug};
use std::sync::Arc;

use super::chart::Chart;
use super::configuration::{Configuration, Status};
use super::error::StepError;
use super::model::Model;
use super::step::Outcome;

/// A running instance: chart, configuration, context and a clock that only [`Session::advance`] moves.
///
/// See [`Chart::define`] for an example.
pub struct Session<M: Model> {
    chart: Arc<Chart<M>>,
    configuration: Configuration<M>,
    context: M::Context,
    now: u64,
}

impl<M: for<'a> Model<Port<'a> = ()>> Session<M> {
    /// Starts an instance at tick 0.
    ///
    /// # Errors
    ///
    /// [`StepError`]: the entry actions failed, or find no rest.
    pub fn start(chart: Arc<Chart<M>>, context: M::Context) -> Result<Self, StepError> {
        let mut session = Self { chart, configuration: Configuration::new(), context, now: 0 };
        session.chart.start(&mut session.configuration, &mut session.context, 0, ())?;
        Ok(session)
    }

    /// Sends an event; see [`Chart::send`].
    ///
    /// # Errors
    ///
    /// [`StepError`]: an action failed, or the chart finds no rest.
    pub fn send(&mut self, event: M::Event) -> Result<Outcome, StepError> {
        self.chart.send(&mut self.configuration, &mut self.context, event, self.now, ())
    }

    /// Lets `ticks` pass at once, and then handles what is due; see [`Chart::advance`].
    ///
    /// # Errors
    ///
    /// [`StepError`]: an action failed, or the chart finds no rest.
    pub fn advance(&mut self, ticks: u64) -> Result<Outcome, StepError> {
        self.now = self.now.saturating_add(ticks);
        self.chart.advance(&mut self.configuration, &mut self.context, self.now, ())
    }
}

impl<M: Model> Session<M> {
    /// The active states in document order, without the root.
    #[must_use]
    pub fn active(&self) -> Vec<M::State> {
        use super::set::StateSet;
        self.configuration.states().ascending().filter_map(|at| self.chart.state(at).cloned()).collect()
    }

    /// Whether a state is active.
    #[must_use]
    pub fn is_in(&self, state: &M::State) -> bool {
        use super::set::StateSet;
        self.chart.index_of(state).is_some_and(|at| self.configuration.states().has(at))
    }

    /// Whether an active state has a tag.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        self.chart.has_tag(self.configuration.states(), tag)
    }

    /// How far the instance is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.configuration.status()
    }

    /// The configuration.
    #[must_use]
    pub fn configuration(&self) -> &Configuration<M> {
        &self.configuration
    }

    /// The context.
    #[must_use]
    pub fn context(&self) -> &M::Context {
        &self.context
    }

    /// The context, to be changed from outside.
    pub fn context_mut(&mut self) -> &mut M::Context {
        &mut self.context
    }

    /// The chart.
    #[must_use]
    pub fn chart(&self) -> &Arc<Chart<M>> {
        &self.chart
    }

    /// The tick that the clock shows.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }
}

impl<M: Model> Debug for Session<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("chart", &self.chart.name())
            .field("states", &self.chart.names(self.configuration.states()))
            .field("status", &self.status())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
