//! How a chart is written down: states inside states, each with its transitions and actions.

use std::fmt::{self, Debug};

use super::chart::Chart;
use super::compile::compile;
use super::error::ChartError;
use super::invoke::{Gate, InvokeDef};
use super::label::{Label, Named};
use super::model::{ActiveStates, ChartEvent, EventKind, EventNames, Model, Step, Trigger};
use super::timers::TimerName;

type RunFn<M> = dyn Fn(&mut <M as Model>::Context, &Trigger<'_, <M as Model>::Event>, &mut Step<'_, M>) + Send + Sync;
type TestFn<M> = dyn Fn(&<M as Model>::Context, &Trigger<'_, <M as Model>::Event>) -> bool + Send + Sync;
type AttemptFn<M> = dyn Fn(&<M as Model>::Context, &Trigger<'_, <M as Model>::Event>, &ActiveStates<'_, M>) -> Result<bool, <M as Model>::Event>
    + Send
    + Sync;
pub(super) type OutputFn<M> = dyn Fn(&<M as Model>::Context, &Trigger<'_, <M as Model>::Event>) -> <M as Model>::Event + Send + Sync;
pub(super) type DelayFn<M> = dyn Fn(&<M as Model>::Context) -> u64 + Send + Sync;

/// An action of a state or a transition.
pub(super) struct Action<M: Model> {
    /// Whether it may change the context.
    pub(super) assigns: bool,
    pub(super) run: Box<RunFn<M>>,
}

/// A condition on a transition: tests of the context and of active states, with `and`, `or`, `not`.
pub struct Guard<M: Model>(pub(super) GuardTree<M, Target<M::State>>);

/// The shape of a guard, with states by `S`.
pub(super) enum GuardTree<M: Model, S> {
    Test(Box<TestFn<M>>),
    Attempt(Box<AttemptFn<M>>),
    In(S),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// What it is called. Gone when the chart is built.
    Labelled(Named, Box<Self>),
}

impl<M: Model, S> GuardTree<M, S> {
    /// Whether an event may come of it.
    pub(super) fn may_fail(&self) -> bool {
        match self {
            Self::Attempt(_) => true,
            Self::Test(_) | Self::In(_) => false,
            Self::All(guards) | Self::Any(guards) => guards.iter().any(Self::may_fail),
            Self::Not(guard) | Self::Labelled(_, guard) => guard.may_fail(),
        }
    }
}

impl<M: Model> Guard<M> {
    /// Holds if the function says so. It must be pure: how often it is called is not defined.
    pub fn test(test: impl Fn(&M::Context, &Trigger<'_, M::Event>) -> bool + Send + Sync + 'static) -> Self {
        Self(GuardTree::Test(Box::new(test)))
    }

    /// As [`Guard::test`], for a function that asks for active states, too, and may fail. Then the guard does not hold, and
    /// the event that it gives instead is raised before those of the actions that follow, as SCXML raises `error.execution`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::statechart::{Chart, ChartEvent, Guard, Model, Session};
    /// # struct Scale;
    /// # impl Model for Scale {
    /// #     type State = &'static str; type Event = Event; type Context = u32; type Port<'a> = (); type Set = u64;
    /// # }
    /// #[derive(ChartEvent)]
    /// enum Event { Weigh, Nonsense }
    ///
    /// let chart = Chart::<Scale>::define("scale", |scale| {
    ///     scale.initial("idle");
    ///     scale.state("idle", |idle| {
    ///         idle.on(EventKind::Weigh).go("heavy").guard(Guard::attempt(|grams, _, _| match grams {
    ///             0 => Err(Event::Nonsense),
    ///             grams => Ok(*grams > 1_000),
    ///         }));
    ///         idle.on(EventKind::Nonsense).go("broken");
    ///     });
    ///     scale.state("heavy", |_| {});
    ///     scale.state("broken", |_| {});
    /// });
    /// let mut scale = Session::start(chart.build()?.into(), 0)?;
    /// scale.send(Event::Weigh)?;
    /// assert_eq!(scale.active(), ["broken"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attempt(
        attempt: impl Fn(&M::Context, &Trigger<'_, M::Event>, &ActiveStates<'_, M>) -> Result<bool, M::Event> + Send + Sync + 'static,
    ) -> Self {
        Self(GuardTree::Attempt(Box::new(attempt)))
    }

    /// Gives the guard a name, by which pictures and exports show it. Without one they show what it is combined of, and
    /// of a function only that there is one.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.labelled(Named { name: name.to_owned(), params: None })
    }

    pub(super) fn labelled(self, label: Named) -> Self {
        Self(GuardTree::Labelled(label, Box::new(self.0)))
    }

    /// Holds while the state is active.
    pub fn is_in(state: M::State) -> Self {
        Self(GuardTree::In(Target::State(state)))
    }

    /// Holds while the root is active: until the chart is done.
    #[must_use]
    pub fn is_in_root() -> Self {
        Self(GuardTree::In(Target::Root))
    }

    /// Holds if all of them hold.
    pub fn all(guards: impl IntoIterator<Item = Self>) -> Self {
        Self(GuardTree::All(guards.into_iter().map(|guard| guard.0).collect()))
    }

    /// Holds if one of them holds.
    pub fn any(guards: impl IntoIterator<Item = Self>) -> Self {
        Self(GuardTree::Any(guards.into_iter().map(|guard| guard.0).collect()))
    }
}

impl<M: Model> std::ops::Not for Guard<M> {
    type Output = Self;

    fn not(self) -> Self {
        Self(GuardTree::Not(Box::new(self.0)))
    }
}

impl<M: Model> Debug for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

type ContextOf<A> = <<A as Actions>::Model as Model>::Context;
type EventOf<A> = <<A as Actions>::Model as Model>::Event;

/// Whatever has actions: entry, exit, a transition, an initial transition. They run in the order written.
pub trait Actions: Sized {
    /// The types of its chart.
    type Model: Model;

    #[doc(hidden)]
    fn actions(&mut self) -> &mut ActionList<Self::Model>;

    /// Adds an action that may change the context.
    fn run(
        &mut self,
        run: impl Fn(&mut ContextOf<Self>, &Trigger<'_, EventOf<Self>>, &mut Step<'_, Self::Model>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.actions().push(true, Box::new(run));
        self
    }

    /// Adds an action that reads the context only. Under XState's rules an eventless transition that
    /// changes no state is taken once if it has only such actions, and again and again otherwise.
    fn effect(
        &mut self,
        run: impl Fn(&ContextOf<Self>, &Trigger<'_, EventOf<Self>>, &mut Step<'_, Self::Model>) + Send + Sync + 'static,
    ) -> &mut Self {
        let run: Box<RunFn<Self::Model>> = Box::new(move |context, trigger, step| run(context, trigger, step));
        self.actions().push(false, run);
        self
    }

    /// Names the action that was added last, for pictures and exports. Without a name they show only that there is one.
    ///
    /// # Panics
    ///
    /// Panics if there is no action yet.
    fn named(&mut self, name: &str) -> &mut Self {
        self.actions().label(Label::Named(Named { name: name.to_owned(), params: None }));
        self
    }

    /// Raises an event: it is handled in the same step.
    fn raise(&mut self, event: EventOf<Self>) -> &mut Self
    where
        EventOf<Self>: Clone,
    {
        let label = Label::Raise { kind: event.kind().index(), delay: None, id: None };
        self.effect(move |_, _, step| step.raise(event.clone())).actions().label(label);
        self
    }

    /// Raises an event `ticks` later, under a name by which it can be cancelled.
    fn raise_named(&mut self, name: impl Into<TimerName>, ticks: u64, event: EventOf<Self>) -> &mut Self
    where
        EventOf<Self>: Clone,
    {
        let name = name.into();
        let id = Some(name.as_str().to_owned());
        let label = Label::Raise { kind: event.kind().index(), delay: Some(ticks.to_string()), id };
        self.effect(move |_, _, step| step.raise_named(name.clone(), ticks, event.clone())).actions().label(label);
        self
    }

    /// Raises an event `ticks` later; it cannot be cancelled.
    fn raise_after(&mut self, ticks: u64, event: EventOf<Self>) -> &mut Self
    where
        EventOf<Self>: Clone,
    {
        let label = Label::Raise { kind: event.kind().index(), delay: Some(ticks.to_string()), id: None };
        self.effect(move |_, _, step| step.raise_after(ticks, event.clone())).actions().label(label);
        self
    }

    /// Cancels the timer of this name.
    fn cancel(&mut self, name: impl Into<TimerName>) -> &mut Self {
        let name = name.into();
        let label = Label::Cancel(name.as_str().to_owned());
        self.effect(move |_, _, step| step.cancel(name.clone())).actions().label(label);
        self
    }
}

/// Actions in order.
pub struct ActionList<M: Model>(pub(super) Vec<(Action<M>, Label)>);

impl<M: Model> ActionList<M> {
    fn push(&mut self, assigns: bool, run: Box<RunFn<M>>) {
        self.0.push((Action { assigns, run }, Label::Unnamed));
    }

    /// Says what the last action is.
    pub(super) fn label(&mut self, label: Label) {
        self.0.last_mut().expect("there is an action to be named").1 = label;
    }
}

impl<M: Model> Default for ActionList<M> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<M: Model> Actions for ActionList<M> {
    type Model = M;

    fn actions(&mut self) -> &mut Self {
        self
    }
}

impl<M: Model> Debug for ActionList<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionList({})", self.0.len())
    }
}

/// Where a transition leads.
#[derive(Clone, Debug)]
pub(super) enum Target<S> {
    Root,
    State(S),
}

/// A transition being written. Without a target it runs its actions and stays; with neither, it forbids its
/// event to ancestors.
pub struct TransitionDef<M: Model> {
    pub(super) targets: Vec<Target<M::State>>,
    pub(super) guards: Vec<GuardTree<M, Target<M::State>>>,
    pub(super) reenter: bool,
    actions: ActionList<M>,
}

impl<M: Model> Default for TransitionDef<M> {
    fn default() -> Self {
        Self { targets: Vec::new(), guards: Vec::new(), reenter: false, actions: ActionList::default() }
    }
}

impl<M: Model> TransitionDef<M> {
    /// Leads to a state. Called again, it adds a target in another region.
    pub fn go(&mut self, state: M::State) -> &mut Self {
        self.targets.push(Target::State(state));
        self
    }

    /// Leads to the root.
    pub fn go_root(&mut self) -> &mut Self {
        self.targets.push(Target::Root);
        self
    }

    /// Leaves and enters the source again, where the targets are the source or below it.
    ///
    /// Under [`Semantics::Scxml`] this is a transition of type `external`.
    pub fn reenter(&mut self) -> &mut Self {
        self.reenter = true;
        self
    }

    /// Only when the function says so; further conditions must hold, too. See [`Guard::test`].
    pub fn when(&mut self, test: impl Fn(&M::Context, &Trigger<'_, M::Event>) -> bool + Send + Sync + 'static) -> &mut Self {
        self.guard(Guard::test(test))
    }

    /// Only when the guard holds; further conditions must hold, too.
    pub fn guard(&mut self, guard: Guard<M>) -> &mut Self {
        self.guards.push(guard.0);
        self
    }

    pub(super) fn take_actions(&mut self) -> ActionList<M> {
        std::mem::take(&mut self.actions)
    }
}

impl<M: Model> Actions for TransitionDef<M> {
    type Model = M;

    fn actions(&mut self) -> &mut ActionList<M> {
        &mut self.actions
    }
}

impl<M: Model> Debug for TransitionDef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransitionDef").field("targets", &self.targets).field("reenter", &self.reenter).finish_non_exhaustive()
    }
}

/// Which events a transition is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Descriptor {
    Kind(usize),
    /// An event by its whole name; also of the chart's own.
    Named(String),
    /// `P.*`, without the `.*`.
    Prefix(String),
    Any,
    /// The own event of the state.
    Done,
    /// The state's delay of this index.
    After(usize),
    /// What is invoked under this name is done.
    InvokeDone(String),
    /// What is invoked under this name has failed.
    InvokeError(String),
}

/// How much a history state remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The active children of its parent.
    Shallow,
    /// The active leaves below its parent.
    Deep,
}

/// What a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Compound if it has children, otherwise atomic.
    Plain,
    Parallel,
    Final,
    History(History),
}

/// A delay of a state.
pub(super) struct DelayDef<M: Model> {
    pub(super) key: String,
    pub(super) ticks: Box<DelayFn<M>>,
}

/// What is entered by default, and the actions of doing so.
type Defaults<M> = (Vec<Target<<M as Model>::State>>, ActionList<M>);

/// A state being written.
pub struct StateDef<M: Model> {
    /// `None` is the root.
    pub(super) name: Option<M::State>,
    pub(super) kind: Kind,
    /// Of a history state: where it leads without a record.
    pub(super) initial: Option<Defaults<M>>,
    pub(super) entry: ActionList<M>,
    pub(super) exit: ActionList<M>,
    pub(super) on: Vec<(Descriptor, TransitionDef<M>)>,
    pub(super) always: Vec<TransitionDef<M>>,
    pub(super) delays: Vec<DelayDef<M>>,
    pub(super) deferred: Vec<Descriptor>,
    pub(super) invokes: Vec<InvokeDef<M>>,
    /// What leads to it from its parent in XState's JSON, if it came from there.
    pub(super) key: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) output: Option<Box<OutputFn<M>>>,
    pub(super) children: Vec<Self>,
}

impl<M: Model> StateDef<M> {
    fn new(name: Option<M::State>, kind: Kind) -> Self {
        Self {
            name,
            kind,
            initial: None,
            entry: ActionList::default(),
            exit: ActionList::default(),
            on: Vec::new(),
            always: Vec::new(),
            delays: Vec::new(),
            deferred: Vec::new(),
            invokes: Vec::new(),
            key: None,
            tags: Vec::new(),
            output: None,
            children: Vec::new(),
        }
    }

    fn child(&mut self, state: M::State, kind: Kind, write: impl FnOnce(&mut Self)) {
        let mut child = Self::new(Some(state), kind);
        write(&mut child);
        self.children.push(child);
    }

    /// Adds a child. With children of its own it needs an [`StateDef::initial`] one.
    pub fn state(&mut self, state: M::State, write: impl FnOnce(&mut Self)) {
        self.child(state, Kind::Plain, write);
    }

    /// Adds a child whose children, its regions, are all active together.
    pub fn parallel(&mut self, state: M::State, write: impl FnOnce(&mut Self)) {
        self.child(state, Kind::Parallel, write);
    }

    /// Adds a child that completes this state.
    #[doc(alias = "final")]
    pub fn end(&mut self, state: M::State, write: impl FnOnce(&mut Self)) {
        self.child(state, Kind::Final, write);
    }

    /// Adds a history state: a transition to it leads to where this state was last. Where it never was,
    /// it leads to the defaults; without them, to the initial child, or to all regions.
    ///
    /// The actions added to the result are those of the default transition: they run when it is taken and this state is
    /// entered by it, after this state's entry and initial actions.
    pub fn history(&mut self, state: M::State, depth: History, defaults: impl IntoIterator<Item = M::State>) -> &mut ActionList<M> {
        self.history_with(state, depth, defaults.into_iter().map(Target::State).collect())
    }

    /// As [`StateDef::history`], with the root as default.
    pub fn history_of_root(&mut self, state: M::State, depth: History) -> &mut ActionList<M> {
        self.history_with(state, depth, vec![Target::Root])
    }

    fn history_with(&mut self, state: M::State, depth: History, defaults: Vec<Target<M::State>>) -> &mut ActionList<M> {
        self.child(state, Kind::History(depth), |_| {});
        let history = self.children.last_mut().expect("invariant: just added");
        &mut history.initial.insert((defaults, ActionList::default())).1
    }

    /// Makes the state's children regions, as [`StateDef::parallel`] does; this is the way for the root.
    pub fn regions(&mut self) {
        self.kind = Kind::Parallel;
    }

    /// Names the state inside that is entered when this state is: usually a child. The states between the two are entered
    /// with it, and the other regions of parallel ones by default. The actions added to the result run after this state's
    /// entry actions and before those of states inside.
    pub fn initial(&mut self, state: M::State) -> &mut ActionList<M> {
        self.initial_all([state])
    }

    /// As [`StateDef::initial`], with several states, which must be in different regions of a parallel one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::statechart::{Chart, EventId, Model, Session};
    /// # struct Radio;
    /// # impl Model for Radio {
    /// #     type State = &'static str; type Event = EventId; type Context = (); type Port<'a> = (); type Set = u64;
    /// # }
    /// let chart = Chart::<Radio>::define("radio", |radio| {
    ///     radio.initial_all(["loud", "fm"]); // and not "quiet"
    ///     radio.parallel("on", |on| {
    ///         on.state("volume", |volume| {
    ///             volume.initial("quiet");
    ///             volume.state("quiet", |_| {});
    ///             volume.state("loud", |_| {});
    ///         });
    ///         on.state("band", |band| {
    ///             band.initial("am");
    ///             band.state("am", |_| {});
    ///             band.state("fm", |_| {});
    ///         });
    ///     });
    /// });
    /// let radio = Session::start(chart.lenient().build()?.into(), ())?;
    /// assert_eq!(radio.active(), ["on", "volume", "loud", "band", "fm"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initial_all(&mut self, states: impl IntoIterator<Item = M::State>) -> &mut ActionList<M> {
        let targets = states.into_iter().map(Target::State).collect();
        &mut self.initial.insert((targets, ActionList::default())).1
    }

    /// Actions of entering.
    pub fn entry(&mut self) -> &mut ActionList<M> {
        &mut self.entry
    }

    /// Actions of leaving.
    pub fn exit(&mut self) -> &mut ActionList<M> {
        &mut self.exit
    }

    /// A transition for events of a kind. Of several for one event, the first whose guard holds is taken.
    pub fn on(&mut self, kind: <M::Event as ChartEvent>::Kind) -> &mut TransitionDef<M> {
        self.transition(Descriptor::Kind(kind.index()))
    }

    /// A transition for all events that have none in this state under their name or a prefix of it; also
    /// for the chart's own events.
    pub fn on_any(&mut self) -> &mut TransitionDef<M> {
        self.transition(Descriptor::Any)
    }

    /// A transition for events whose name is `prefix` or begins with it and a dot. Longer prefixes go first.
    pub fn on_prefix(&mut self, prefix: &str) -> &mut TransitionDef<M> {
        self.transition(Descriptor::Prefix(prefix.to_owned()))
    }

    /// A transition for the event of this name, which may be one of the chart's own, such as
    /// `xstate.done.state.NAME`; `P.*` is a prefix, `*` is any event.
    pub fn on_named(&mut self, descriptor: &str) -> &mut TransitionDef<M> {
        self.transition(match (descriptor, descriptor.strip_suffix(".*")) {
            ("*", _) => Descriptor::Any,
            (_, Some(prefix)) => Descriptor::Prefix(prefix.to_owned()),
            (name, None) => Descriptor::Named(name.to_owned()),
        })
    }

    /// A transition for when this state is complete: a final child of it is active, or all its regions are
    /// complete.
    pub fn on_done(&mut self) -> &mut TransitionDef<M> {
        self.transition(Descriptor::Done)
    }

    /// A transition that needs no event: looked at after every step.
    pub fn always(&mut self) -> &mut TransitionDef<M> {
        self.always.push(TransitionDef::default());
        self.always.last_mut().expect("invariant: just pushed")
    }

    /// A transition for when the state has been active for `ticks`. Several for equal ticks share a timer.
    pub fn after(&mut self, ticks: u64) -> &mut TransitionDef<M> {
        self.after_named(&ticks.to_string(), move |_| ticks)
    }

    /// As [`StateDef::after`], with a delay in ticks that is computed on entry. The name is part of the name
    /// of the event.
    pub fn after_named(&mut self, name: &str, ticks: impl Fn(&M::Context) -> u64 + Send + Sync + 'static) -> &mut TransitionDef<M> {
        let at = self.delays.iter().position(|delay| delay.key == name).unwrap_or_else(|| {
            self.delays.push(DelayDef { key: name.to_owned(), ticks: Box::new(ticks) });
            self.delays.len() - 1
        });
        self.transition(Descriptor::After(at))
    }

    /// Keeps events of a kind for later while this state is active and neither it nor a state below it
    /// takes them: they are handled again when the configuration has changed.
    #[doc(alias = "postpone")]
    pub fn defer(&mut self, kind: <M::Event as ChartEvent>::Kind) {
        self.deferred.push(Descriptor::Kind(kind.index()));
    }

    /// Puts a tag on the state: a word that several states may share, to be asked for with [`Chart::has_tag`]
    /// instead of their names.
    pub fn tag(&mut self, tag: &str) {
        self.tags.push(tag.to_owned());
    }

    /// What a final state gives out: an event's value, made when the state is entered, after its entry actions.
    ///
    /// It comes with the done event of the state's parent ([`Trigger::output`]). Of a final child of the root it is the
    /// output of the whole chart ([`Configuration::output`](super::Configuration::output)).
    pub fn output(&mut self, output: impl Fn(&M::Context, &Trigger<'_, M::Event>) -> M::Event + Send + Sync + 'static) {
        self.output = Some(Box::new(output));
    }

    /// Invokes something outside of the chart while the state is active: `start` runs when the state is entered, after
    /// its entry actions (under SCXML's rules when all that follows from the event is through, if the state is active then),
    /// and `stop` when it is left, after its exit actions.
    ///
    /// Who carries out the effects tells the chart when what was started has ended by itself
    /// ([`Chart::invocation_done`], [`Chart::invocation_failed`]). A chart that is an actor has all this done for it:
    /// see [`StateDef::invoke`]. States may invoke under one name, if they are not active together.
    pub fn invoke_with(
        &mut self,
        name: &str,
        start: impl Fn(&M::Context, &Trigger<'_, M::Event>, &mut Step<'_, M>) + Send + Sync + 'static,
        stop: impl Fn(&mut Step<'_, M>) + Send + Sync + 'static,
    ) {
        self.invoke_as(name, move |context, trigger, step| start(context, trigger, step), move |_, step| stop(step));
    }

    /// As [`StateDef::invoke_with`], with functions that may change the context.
    pub(super) fn invoke_as(
        &mut self,
        name: &str,
        start: impl Fn(&mut M::Context, &Trigger<'_, M::Event>, &mut Step<'_, M>) + Send + Sync + 'static,
        stop: impl Fn(&mut M::Context, &mut Step<'_, M>) + Send + Sync + 'static,
    ) {
        let source = Named { name: name.to_owned(), params: None };
        self.invokes.push(InvokeDef { name: name.to_owned(), source, start: Box::new(start), stop: Box::new(stop) });
    }

    /// A transition for when what this state invokes as `name` is done: by itself, and in good order.
    /// [`Trigger::output`] has what came out of it.
    pub fn on_invoke_done(&mut self, name: &str) -> &mut TransitionDef<M> {
        self.transition(Descriptor::InvokeDone(name.to_owned()))
    }

    /// A transition for when what this state invokes as `name` has failed; [`Trigger::failure`] says why. Under XState's
    /// rules a failure that no state takes fails the step.
    pub fn on_invoke_error(&mut self, name: &str) -> &mut TransitionDef<M> {
        self.transition(Descriptor::InvokeError(name.to_owned()))
    }

    fn transition(&mut self, descriptor: Descriptor) -> &mut TransitionDef<M> {
        self.on.push((descriptor, TransitionDef::default()));
        &mut self.on.last_mut().expect("invariant: just pushed").1
    }
}

impl<M: Model> Debug for StateDef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateDef")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}

/// Whose rules a chart follows, where XState and SCXML differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Semantics {
    /// XState v5.
    #[default]
    XState,
    /// W3C SCXML, Appendix D. The root stays a state that has actions and can be left.
    Scxml,
}

/// A chart being written: its root, and its settings.
pub struct Definition<M: Model> {
    pub(super) name: String,
    pub(super) root: StateDef<M>,
    pub(super) events: Vec<String>,
    pub(super) semantics: Semantics,
    pub(super) lenient: bool,
    pub(super) microsteps_max: u32,
    pub(super) waiting_max: u32,
    pub(super) gate: Option<Box<dyn Gate<M>>>,
}

impl<M: Model> Definition<M> {
    pub(super) fn new(name: &str, write: impl FnOnce(&mut StateDef<M>)) -> Self {
        let mut root = StateDef::new(None, Kind::Plain);
        write(&mut root);
        Self {
            name: name.to_owned(),
            root,
            events: <<M::Event as ChartEvent>::Kind as EventKind>::NAMES.iter().map(|&name| name.to_owned()).collect(),
            semantics: Semantics::default(),
            lenient: false,
            microsteps_max: 1_000,
            waiting_max: 1_024,
            gate: None,
        }
    }

    /// Chooses the rules. Default: XState's.
    #[must_use]
    pub fn semantics(mut self, semantics: Semantics) -> Self {
        self.semantics = semantics;
        self
    }

    /// Names the events, where they are known at run time only.
    #[must_use]
    pub fn event_names(mut self, names: EventNames) -> Self {
        self.events = names.into_vec();
        self
    }

    /// Lets states that cannot be reached, transitions that cannot be taken, and the like pass:
    /// [`Chart::warnings`] tells of them. For charts that are imported.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Sets how many microsteps one event may take, with all that it raises, before the step fails as a
    /// livelock. Default: 1,000.
    #[must_use]
    pub fn microsteps_max(mut self, microsteps: u32) -> Self {
        self.microsteps_max = microsteps;
        self
    }

    /// Sets how many postponed events, and how many timers, an instance may hold. Default: 1,024.
    #[must_use]
    pub fn waiting_max(mut self, waiting: u32) -> Self {
        self.waiting_max = waiting;
        self
    }

    /// Has a gate look at events first.
    #[cfg(feature = "scxml")]
    pub(super) fn gate(mut self, gate: impl Gate<M> + 'static) -> Self {
        self.gate = Some(Box::new(gate));
        self
    }

    /// Checks the chart and compiles it to tables.
    ///
    /// # Errors
    ///
    /// [`ChartError`] lists all that is wrong, each with its place and the remedy.
    pub fn build(self) -> Result<Chart<M>, ChartError> {
        compile(self)
    }
}

impl<M: Model> Debug for Definition<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition").field("name", &self.name).field("root", &self.root).finish_non_exhaustive()
    }
}
