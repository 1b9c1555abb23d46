//! A compiled chart: flat tables, shared by all its instances.

use std::fmt::{self, Debug};
use std::ops::Range;

use super::definition::{Action, Definition, DelayFn, GuardTree, History, OutputFn, Semantics, StateDef};
use super::error::{Place, Problem};
use super::invoke::{Gate, Invoke};
use super::label::{Condition, Label};
use super::model::Model;
use super::set::StateSet;

/// A transition's domain: the whole chart, its root included.
pub(super) const OUTSIDE: u16 = u16::MAX;

/// A chart, checked and compiled. It holds no state: a
/// [`Configuration`](super::Configuration) and a context are stepped by it.
///
/// States are numbered in document order, the root being 0.
pub struct Chart<M: Model> {
    pub(super) name: String,
    pub(super) states: Vec<Node<M>>,
    pub(super) transitions: Vec<Transition<M>>,
    /// The kinds of events: the user's, then the chart's own.
    pub(super) kinds: Vec<String>,
    /// For each kind the states that have a transition for it.
    pub(super) handlers: Vec<M::Set>,
    /// For each kind the states that keep it for later.
    pub(super) deferrers: Vec<M::Set>,
    /// Where in `candidates` those of a kind in a state begin, and where they end: the next one begins.
    /// Kind by kind, state by state.
    pub(super) rows: Vec<u32>,
    /// Transitions in the order in which they are tried.
    pub(super) candidates: Vec<u16>,
    pub(super) actions: Vec<Action<M>>,
    /// What the actions are called, in the same order.
    pub(super) labels: Vec<Label>,
    /// What the guards of transitions are called, by transition.
    pub(super) conditions: Vec<Option<Condition>>,
    pub(super) invokes: Vec<Invoke>,
    pub(super) delays: Vec<Delay<M>>,
    pub(super) targets: Vec<u16>,
    pub(super) masks: Masks<M::Set>,
    /// For each tag the states that have it.
    pub(super) tags: Vec<(String, M::Set)>,
    /// How many history states there are.
    pub(super) histories: usize,
    /// Some state keeps events for later.
    pub(super) defers: bool,
    /// Some guard may fail, or a gate looks at events first.
    pub(super) attempts: bool,
    pub(super) gate: Option<Box<dyn Gate<M>>>,
    /// The order of activation can matter.
    pub(super) ordered: bool,
    pub(super) semantics: Semantics,
    pub(super) microsteps_max: u32,
    pub(super) waiting_max: u32,
    pub(super) warnings: Vec<Problem>,
}

/// Sets of states with something in common.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Masks<S> {
    /// Atomic and final states.
    pub(super) leaves: S,
    pub(super) finals: S,
    pub(super) parallels: S,
    pub(super) histories: S,
    /// States with eventless transitions.
    pub(super) always: S,
    /// States that have history children.
    pub(super) owners: S,
    /// States whose exit does something.
    pub(super) exit_work: S,
    /// States whose entry does something.
    pub(super) entry_work: S,
    /// States that invoke something when the macrostep is over.
    pub(super) late_invokers: S,
}

/// What a compiled state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    Atomic,
    Compound,
    Parallel,
    Final,
    /// With its number among history states.
    History(History, u16),
}

/// One state.
pub(super) struct Node<M: Model> {
    /// `None` is the root.
    pub(super) name: Option<M::State>,
    pub(super) text: String,
    /// See [`StateDef`].
    #[cfg_attr(not(feature = "xstate-json"), expect(dead_code, reason = "for the export"))]
    pub(super) key: Option<String>,
    pub(super) kind: NodeKind,
    /// The root is its own parent.
    pub(super) parent: u16,
    /// The state after its last descendant.
    pub(super) end: u16,
    pub(super) ancestors: M::Set,
    /// History states are no children.
    pub(super) children: M::Set,
    /// In `targets`: the initial states, or a history state's defaults.
    pub(super) defaults: Range<u32>,
    /// The actions of being entered by default; of a history state, of leading to its defaults.
    pub(super) initial: Range<u32>,
    pub(super) entry: Range<u32>,
    pub(super) exit: Range<u32>,
    pub(super) delays: Range<u32>,
    /// What starts what it invokes: the last of its entry actions, or apart from them under SCXML's rules. As many of its exit
    /// actions, the last, stop it.
    pub(super) invokes: Range<u32>,
    pub(super) always: Range<u32>,
    /// History children.
    pub(super) histories: M::Set,
    /// The kind of its done event.
    pub(super) done: u16,
    pub(super) output: Option<Box<OutputFn<M>>>,
}

/// One transition.
pub(super) struct Transition<M: Model> {
    /// Its event as written, for messages and pictures.
    pub(super) label: Box<str>,
    pub(super) source: u16,
    pub(super) reenter: bool,
    /// Where it leads depends on history.
    pub(super) dynamic: bool,
    /// It changes the active states, and does nothing else.
    pub(super) plain: bool,
    pub(super) guard: Option<GuardTree<M, u16>>,
    pub(super) targets: Range<u32>,
    pub(super) actions: Range<u32>,
    /// If it is not dynamic: where it leads from any configuration, taken alone.
    pub(super) fixed: Move<M::Set>,
}

/// What a transition does to the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Move<S> {
    pub(super) domain: u16,
    /// What is left, as far as it is active.
    pub(super) exits: S,
    pub(super) enters: S,
    /// Those of the entered whose initial actions run, and history states that lead to their defaults.
    pub(super) initials: S,
}

/// A delay of a state.
pub(super) struct Delay<M: Model> {
    /// As written: ticks, or a name.
    #[cfg_attr(not(feature = "xstate-json"), expect(dead_code, reason = "for the export"))]
    pub(super) key: String,
    pub(super) kind: u16,
    pub(super) ticks: Box<DelayFn<M>>,
}

impl<M: Model> Chart<M> {
    /// Starts writing a chart: `write` gets its root.
    ///
    /// # Examples
    ///
    /// ```
    /// use throng::statechart::{Actions, Chart, ChartEvent, Model, Session};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    /// enum State { Off, On, Dim, Bright }
    /// #[derive(Clone, Debug, ChartEvent)]
    /// enum Event { Press, Turn(i32) }
    ///
    /// struct Lamp;
    /// impl Model for Lamp {
    ///     type State = State;
    ///     type Event = Event;
    ///     type Context = i32; // brightness
    ///     type Port<'a> = ();
    ///     type Set = u64;
    /// }
    ///
    /// let chart = Chart::<Lamp>::define("lamp", |lamp| {
    ///     lamp.initial(State::Off);
    ///     lamp.state(State::Off, |off| {
    ///         off.on(EventKind::Press).go(State::On);
    ///     });
    ///     lamp.state(State::On, |on| {
    ///         on.initial(State::Dim);
    ///         on.entry().run(|brightness, _, _| *brightness = 1);
    ///         on.on(EventKind::Press).go(State::Off);
    ///         on.on(EventKind::Turn).run(|brightness, trigger, _| {
    ///             if let Some(Event::Turn(by)) = trigger.event() {
    ///                 *brightness += by;
    ///             }
    ///         });
    ///         on.after(1_000).go(State::Off);
    ///         on.state(State::Dim, |dim| {
    ///             dim.always().when(|brightness, _| *brightness > 10).go(State::Bright);
    ///         });
    ///         on.state(State::Bright, |_| {});
    ///     });
    /// })
    /// .build()?;
    ///
    /// let mut lamp = Session::start(chart.into(), 0)?;
    /// lamp.send(Event::Press)?;
    /// assert_eq!(lamp.active(), [State::On, State::Dim]);
    /// lamp.send(Event::Turn(10))?;
    /// assert!(lamp.is_in(&State::Bright));
    /// lamp.advance(1_000)?;
    /// assert_eq!(lamp.active(), [State::Off]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn define(name: &str, write: impl FnOnce(&mut StateDef<M>)) -> Definition<M> {
        Definition::new(name, write)
    }

    /// The chart's name, which is that of its root.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the checks found and let pass; see [`Definition::lenient`].
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The number of a state in document order; the root is 0. O(number of states).
    #[must_use]
    pub fn index_of(&self, state: &M::State) -> Option<usize> {
        self.states.iter().position(|node| node.name.as_ref() == Some(state))
    }

    /// The state of a number; `None` for the root and beyond the last.
    #[must_use]
    pub fn state(&self, index: usize) -> Option<&M::State> {
        self.states.get(index)?.name.as_ref()
    }

    /// The names of states in document order, the chart's own name for the root.
    #[must_use]
    pub fn names(&self, states: M::Set) -> Vec<&str> {
        states.ascending().filter_map(|at| self.states.get(at)).map(|node| node.text.as_str()).collect()
    }

    /// Whether one of the states has a tag ([`StateDef::tag`]). O(number of tags).
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
    ///         red.tag("stop");
    ///         red.after(30).go("green");
    ///     });
    ///     light.state("green", |_| {});
    /// })
    /// .build()?;
    /// let mut light = Session::start(chart.into(), ())?;
    /// assert!(light.has_tag("stop"));
    /// light.advance(30)?;
    /// assert!(!light.has_tag("stop"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_tag(&self, states: M::Set, tag: &str) -> bool {
        self.tags.iter().any(|(name, tagged)| name == tag && tagged.meets(states))
    }

    /// The tags of the states, in the order in which the chart first names them.
    #[must_use]
    pub fn tags(&self, states: M::Set) -> Vec<&str> {
        self.tags.iter().filter(|(_, tagged)| tagged.meets(states)).map(|(name, _)| name.as_str()).collect()
    }

    /// The name of an event's kind.
    #[must_use]
    pub fn event_name(&self, event: &M::Event) -> &str {
        use super::model::{ChartEvent, EventKind};
        self.kind_name(event.kind().index())
    }

    /// How many kinds of events there are, the chart's own included.
    pub(crate) fn kind_count(&self) -> usize {
        self.kinds.len()
    }

    /// The name of a kind by its number.
    pub(crate) fn kind_name(&self, kind: usize) -> &str {
        self.kinds.get(kind).map_or("", String::as_str)
    }

    /// Whether any state keeps events for later.
    #[inline]
    pub(crate) fn has_deferrers(&self) -> bool {
        self.defers
    }

    /// The place of a transition, for messages: its number is that among those of its state, eventless ones apart.
    pub(super) fn place(&self, transition: usize) -> String {
        let source = self.transitions[transition].source;
        let always = |at: usize| {
            let always = &self.states[usize::from(source)].always;
            self.candidates[always.start as usize..always.end as usize].contains(&(at as u16))
        };
        let of_its_kind = |at: &usize| self.transitions[*at].source == source && always(*at) == always(transition);
        let number = (0..=transition).filter(of_its_kind).count();
        Place { state: &self.states[usize::from(source)].text, event: &self.transitions[transition].label, number }.to_string()
    }

    /// The candidates of a state for a kind.
    #[inline]
    pub(super) fn candidates(&self, kind: usize, state: usize) -> &[u16] {
        let row = kind * self.states.len() + state;
        &self.candidates[self.rows[row] as usize..self.rows[row + 1] as usize]
    }

    pub(super) fn targets(&self, range: &Range<u32>) -> &[u16] {
        &self.targets[range.start as usize..range.end as usize]
    }

    /// The text of a state, for messages.
    pub(super) fn text(&self, state: u16) -> String {
        self.states[usize::from(state)].text.clone()
    }

    /// The proper descendants of a state, history states included.
    #[inline]
    pub(super) fn descendants(&self, state: usize) -> M::Set {
        M::Set::span(state + 1, self.states[state].end.into())
    }

    pub(super) fn is_descendant(&self, state: usize, of: usize) -> bool {
        self.states[state].ancestors.has(of)
    }
}

impl<M: Model> Debug for Chart<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chart")
            .field("name", &self.name)
            .field("states", &self.states.len())
            .field("transitions", &self.transitions.len())
            .finish_non_exhaustive()
    }
}
