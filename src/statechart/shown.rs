//! A configuration in the words of its chart.

use std::fmt::{self, Debug};

use super::chart::{Chart, NodeKind};
use super::configuration::Configuration;
use super::effects::Queued;
use super::model::Model;
use super::set::StateSet;

impl<M: Model> Chart<M> {
    /// A configuration for `{:?}`, with the names of states and events that this chart has for its numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::statechart::{Chart, EventId, Model, Session};
    /// # struct Light;
    /// # impl Model for Light {
    /// #     type State = &'static str; type Event = EventId; type Context = (); type Port<'a> = (); type Set = u64;
    /// # }
    /// let chart = Chart::<Light>::define("light", |light| {
    ///     light.initial("red");
    ///     light.state("red", |red| {
    ///         red.after(30).go("green");
    ///     });
    ///     light.state("green", |_| {});
    /// })
    /// .build()?;
    /// let light = Session::start(chart.into(), ())?;
    /// let shown = format!("{:?}", light.chart().show(light.configuration()));
    /// assert_eq!(
    ///     shown,
    ///     r#"light { status: Active, states: ["\"red\""], timers: {"xstate.after.30.\"red\"": Some(30)}, postponed: [], history: {} }"#,
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn show<'a>(&'a self, configuration: &'a Configuration<M>) -> Shown<'a, M> {
        Shown { chart: self, configuration }
    }

    /// Whether its configurations read the same in the words of another chart.
    pub(crate) fn speaks_like(&self, other: &Self) -> bool {
        let kinds = |chart: &Self| (0..chart.kind_count()).map(|kind| chart.kind_name(kind).to_owned()).collect::<Vec<_>>();
        let states = |chart: &Self| chart.states.iter().map(|state| state.text.clone()).collect::<Vec<_>>();
        self.name == other.name && states(self) == states(other) && kinds(self) == kinds(other)
    }
}

/// A configuration with its chart, to be printed: see [`Chart::show`].
pub struct Shown<'a, M: Model> {
    chart: &'a Chart<M>,
    configuration: &'a Configuration<M>,
}

impl<M: Model> Debug for Shown<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chart, configuration } = *self;
        f.debug_struct(&chart.name)
            .field("status", &configuration.status())
            .field("states", &chart.names(configuration.states().without(M::Set::one(0))))
            .field("timers", &fmt::from_fn(|f| self.timers(f)))
            .field("postponed", &fmt::from_fn(|f| self.postponed(f)))
            .field("history", &fmt::from_fn(|f| self.history(f)))
            .finish()
    }
}

impl<M: Model> Shown<'_, M> {
    /// Events, with the ticks at which they are due.
    fn timers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timers = self.configuration.memory.iter().flat_map(|memory| memory.timers.kinds());
        f.debug_map().entries(timers.map(|(kind, due)| (self.chart.kind_name(kind), due))).finish()
    }

    fn postponed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.configuration.more().into_iter().flat_map(|more| &more.postponed).map(Queued::kind);
        f.debug_list().entries(events.map(|kind| self.chart.kind_name(kind))).finish()
    }

    /// Those that have a record.
    fn history(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.chart.states.iter().filter_map(|node| match node.kind {
            NodeKind::History(_, number) => Some((&node.text, *self.configuration.history().get(usize::from(number))?)),
            _ => None,
        });
        let recorded = records.filter(|(_, record)| !record.is_empty());
        f.debug_map().entries(recorded.map(|(text, record)| (text, self.chart.names(record)))).finish()
    }
}
