//! Shortest ways to every state and every transition: tests that a chart writes for itself.
//!
//! # Model
//!
//! A search in breadth over instances: from each one that was found, all given events are tried in order, and waiting
//! for its next timer. Instances with equal configurations (their timers as seen from now) and equal contexts are one.
//! So the first way found to anything is a shortest one, and the result is the same in each run.
//!
//! # Source
//!
//! `getShortestPaths` of XState v5's graph utilities.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, Hash};

use super::chart::Chart;
use super::configuration::Configuration;
use super::error::StepError;
use super::model::Model;
use super::set::StateSet;
use crate::digest::Digester;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathStep<E> {
    /// An event is sent.
    Send(E),
    /// So many ticks pass: until the next timer is due.
    Advance(u64),
}

/// Ways through a chart, by [`Chart::paths`]. Each is a shortest one, from a fresh instance.
#[derive(Clone, Debug)]
pub struct Paths<S, E> {
    states: Vec<(S, Option<Vec<PathStep<E>>>)>,
    transitions: Vec<(String, Option<Vec<PathStep<E>>>)>,
    is_complete: bool,
}

/// An instance that was found, and how it was come by.
struct Found<M: Model> {
    configuration: Configuration<M>,
    context: M::Context,
    /// Index of the one before, and the step from there.
    from: Option<(usize, PathStep<M::Event>)>,
}

impl<M> Chart<M>
where
    M: for<'a> Model<Port<'a> = ()>,
    M::Context: Clone + Eq + Hash,
    M::Event: Clone + Eq + Hash,
{
    /// Searches for shortest paths to every state and every transition, with these events, from at most `instances_max`
    /// instances. Guards and actions run as they do in earnest.
    ///
    /// If contexts grow without end (a counter), so does the search: the bound ends it, and
    /// [`Paths::is_complete`] says so. Costs a step for each instance and event.
    ///
    /// # Errors
    ///
    /// [`StepError`] of the start. A step that fails later leads nowhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use throng::statechart::{Chart, ChartEvent, Model, PathStep};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    /// enum State { Red, Green, Dark }
    /// #[derive(Clone, Debug, PartialEq, Eq, Hash, ChartEvent)]
    /// enum Event { Break, Repair }
    /// struct Light;
    /// impl Model for Light {
    ///     type State = State; type Event = Event; type Context = (); type Port<'a> = (); type Set = u64;
    /// }
    ///
    /// let chart = Chart::<Light>::define("light", |light| {
    ///     light.initial(State::Red);
    ///     light.state(State::Red, |red| drop(red.after(30).go(State::Green)));
    ///     light.state(State::Green, |green| drop(green.on(EventKind::Break).go(State::Dark)));
    ///     light.state(State::Dark, |dark| drop(dark.on(EventKind::Repair).go(State::Red)));
    /// })
    /// .build()?;
    /// let paths = chart.paths((), &[Event::Break, Event::Repair], 1_000)?;
    /// assert_eq!(paths.to(&State::Dark).unwrap(), [PathStep::Advance(30), PathStep::Send(Event::Break)]);
    /// assert_eq!(paths.transitions().map(|(_, path)| path.len()).collect::<Vec<_>>(), [1, 2, 3]);
    /// assert_eq!(paths.missing().count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "getShortestPaths")]
    pub fn paths(&self, context: M::Context, events: &[M::Event], instances_max: usize) -> Result<Paths<M::State, M::Event>, StepError> {
        Search::new(self, context, instances_max)?.run(events)
    }
}

impl<S: PartialEq, E> Paths<S, E> {
    /// A shortest path into a state; empty for one that a fresh instance is in. `None` if none was found.
    #[must_use]
    pub fn to(&self, state: &S) -> Option<&[PathStep<E>]> {
        self.states.iter().find(|(name, _)| name == state)?.1.as_deref()
    }
}

impl<S, E> Paths<S, E> {
    /// The states that were reached, in document order, each with its path.
    pub fn states(&self) -> impl Iterator<Item = (&S, &[PathStep<E>])> {
        self.states.iter().filter_map(|(state, path)| Some((state, path.as_deref()?)))
    }

    /// The transitions that were taken, each with a path whose last step takes it, state by state as written. They are
    /// named as [`ChartError`](super::ChartError) names them.
    pub fn transitions(&self) -> impl Iterator<Item = (&str, &[PathStep<E>])> {
        self.transitions.iter().filter_map(|(place, path)| Some((place.as_str(), path.as_deref()?)))
    }

    /// The transitions that were never taken. If the search [is complete](Self::is_complete), none of these events
    /// brings them about.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.transitions.iter().filter(|(_, path)| path.is_none()).map(|(place, _)| place.as_str())
    }

    /// Whether all that can be reached with these events was searched.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// The instance in which a transition was taken first, and the step that did it; none at the start.
type Taken<E> = (usize, Option<PathStep<E>>);

/// A running search.
struct Search<'c, M: Model> {
    chart: &'c Chart<M>,
    found: Vec<Found<M>>,
    known: HashSet<(Configuration<M>, M::Context), BuildHasherDefault<Digester>>,
    /// By state and by transition: the instance that it was met with first.
    states: Vec<Option<usize>>,
    transitions: Vec<Option<Taken<M::Event>>>,
    instances_max: usize,
    is_complete: bool,
}

impl<'c, M> Search<'c, M>
where
    M: for<'a> Model<Port<'a> = ()>,
    M::Context: Clone + Eq + Hash,
    M::Event: Clone + Eq + Hash,
{
    fn new(chart: &'c Chart<M>, mut context: M::Context, instances_max: usize) -> Result<Self, StepError> {
        let mut search = Self {
            chart,
            found: Vec::new(),
            known: HashSet::default(),
            states: vec![None; chart.states.len()],
            transitions: vec![None; chart.transitions.len()],
            instances_max,
            is_complete: true,
        };
        let mut configuration = Configuration::new();
        configuration.trace();
        chart.start(&mut configuration, &mut context, 0, ())?;
        search.meet(configuration, context, None);
        Ok(search)
    }

    fn run(mut self, events: &[M::Event]) -> Result<Paths<M::State, M::Event>, StepError> {
        let mut next = 0;
        while next < self.found.len() {
            for event in events {
                self.attempt(next, PathStep::Send(event.clone()));
            }
            if let Some(due) = self.found[next].configuration.next_due() {
                self.attempt(next, PathStep::Advance(due));
            }
            next += 1;
        }
        Ok(self.paths())
    }

    /// Steps a copy of an instance. Its clock shows 0.
    fn attempt(&mut self, from: usize, step: PathStep<M::Event>) {
        let (mut configuration, mut context) = (self.found[from].configuration.clone(), self.found[from].context.clone());
        configuration.trace();
        let (now, outcome) = match &step {
            PathStep::Send(event) => (0, self.chart.send(&mut configuration, &mut context, event.clone(), 0, ())),
            PathStep::Advance(ticks) => (*ticks, self.chart.advance(&mut configuration, &mut context, *ticks, ())),
        };
        if outcome.is_ok() {
            configuration.rebase(now);
            self.meet(configuration, context, Some((from, step)));
        }
    }

    fn meet(&mut self, mut configuration: Configuration<M>, context: M::Context, from: Option<(usize, PathStep<M::Event>)>) {
        let taken = configuration.take_trace();
        let before = from.as_ref().map_or(0, |(before, _)| *before);
        for transition in taken {
            let step = from.as_ref().map(|(_, step)| step.clone());
            self.transitions[usize::from(transition)].get_or_insert((before, step));
        }
        if self.known.contains(&(configuration.clone(), context.clone())) {
            return;
        }
        if self.found.len() == self.instances_max {
            self.is_complete = false;
            return;
        }
        for state in configuration.states().ascending() {
            self.states[state].get_or_insert(self.found.len());
        }
        self.known.insert((configuration.clone(), context.clone()));
        self.found.push(Found { configuration, context, from });
    }

    fn path_to(&self, mut at: usize) -> Vec<PathStep<M::Event>> {
        let mut path = VecDeque::new();
        while let Some((before, step)) = &self.found[at].from {
            path.push_front(step.clone());
            at = *before;
        }
        path.into()
    }

    fn paths(&self) -> Paths<M::State, M::Event> {
        let chart = self.chart;
        let states = chart.states.iter().zip(&self.states);
        let transitions = (0..chart.transitions.len()).map(|number| {
            let path = self.transitions[number].as_ref().map(|(before, step)| {
                let mut path = self.path_to(*before);
                path.extend(step.clone());
                path
            });
            (chart.place(number), path)
        });
        Paths {
            states: states.filter_map(|(node, met)| Some((node.name.clone()?, met.map(|at| self.path_to(at))))).collect(),
            transitions: transitions.collect(),
            is_complete: self.is_complete,
        }
    }
}
