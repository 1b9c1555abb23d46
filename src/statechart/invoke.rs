//! What a state invokes: something outside of the chart that lives as long as the state is active.
//!
//! # Model
//!
//! An invocation has a name, and two functions: one starts it when the state has been entered (under SCXML's rules when the
//! macrostep is over), one stops it when the state has been left. What is started is tied to the state ([`Step::tie`]); when it ends by itself, it is untied and
//! the chart gets one of two events of its own: `xstate.done.actor.NAME`, or `xstate.error.actor.NAME`.
//!
//! # Source
//!
//! SCXML, section 6.4 (`<invoke>`); `invoke` of XState v5, where invocations start after the entry actions.

use smallvec::SmallVec;

use super::chart::Chart;
use super::configuration::Configuration;
use super::error::StepError;
use super::label::Named;
use super::model::{Model, Step, Trigger};
use super::set::StateSet;
use super::step::Outcome;
use crate::id::ActorId;

pub(super) type StartFn<M> = dyn Fn(&mut <M as Model>::Context, &Trigger<'_, <M as Model>::Event>, &mut Step<'_, M>) + Send + Sync;
pub(super) type StopFn<M> = dyn Fn(&mut <M as Model>::Context, &mut Step<'_, M>) + Send + Sync;

/// An invocation as it is written.
pub(super) struct InvokeDef<M: Model> {
    pub(super) name: String,
    /// What is invoked, for exports.
    pub(super) source: Named,
    pub(super) start: Box<StartFn<M>>,
    pub(super) stop: Box<StopFn<M>>,
}

/// The end of something that was invoked.
pub(crate) struct Ending<'a, E> {
    /// What it was, if it was tied to a state.
    pub(crate) who: Option<Tied>,
    /// The number of its invocation.
    pub(crate) invoke: usize,
    /// What came out of it, or why it failed.
    pub(crate) end: Result<Option<E>, &'a str>,
}

/// What stands between a chart and those that it invokes, where events of ends are not enough.
pub(super) trait Gate<M: Model>: Send + Sync {
    /// Looks at an event from outside before the chart does. Returns whether the chart is to handle it.
    fn admit(&self, context: &mut M::Context, event: &M::Event, step: &mut Step<'_, M>) -> bool;

    /// The event for the end of something that was invoked: with `None` in good order, otherwise why.
    fn ended(&self, context: &mut M::Context, who: Tied, failure: Option<&str>) -> Option<M::Event>;

    /// The chart is done, and has left its states.
    fn done(&self, context: &mut M::Context, output: Option<&M::Event>, step: &mut Step<'_, M>);
}

/// The events of invocations of one name.
pub(super) struct Invoke {
    pub(super) name: String,
    pub(super) done: u16,
    pub(super) error: u16,
}

/// What an invocation started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tied {
    Actor(ActorId),
    /// A job, by its number among those of this instance.
    Job(u32),
}

/// Something that is tied to an active state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tie {
    pub(super) state: u16,
    /// Which invocation it is of.
    pub(super) invoke: u16,
    pub(super) who: Tied,
}

/// All that is tied to active states.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ties {
    pub(super) list: SmallVec<[Tie; 1]>,
    /// How many jobs were started.
    pub(super) jobs: u32,
}

impl Ties {
    pub(super) fn is_unused(&self) -> bool {
        self.list.is_empty() && self.jobs == 0
    }
}

impl<M: Model> Step<'_, M> {
    /// Ties something to the state that is being entered, for the running invocation.
    pub(crate) fn tie(&mut self, who: Tied) {
        self.ties.list.push(Tie { state: self.at, invoke: self.invoking, who });
    }

    /// Unties what the running invocation tied to the state that is being left.
    pub(crate) fn untie(&mut self) -> Option<Tied> {
        let mine = |tie: &Tie| tie.state == self.at && tie.invoke == self.invoking;
        let place = self.ties.list.iter().position(mine)?;
        Some(self.ties.list.remove(place).who)
    }

    /// A number for a job, which no other job of this instance has.
    pub(crate) fn number_job(&mut self) -> u32 {
        self.ties.jobs = self.ties.jobs.wrapping_add(1);
        self.ties.jobs
    }

    /// What is tied to an active state under a name, if there is something.
    pub(crate) fn tied(&self, name: &str) -> Option<Tied> {
        let invoke = self.chart.invokes.iter().position(|invoke| invoke.name == name)?;
        self.ties.list.iter().find(|tie| usize::from(tie.invoke) == invoke).map(|tie| tie.who)
    }
}

impl<M: Model> Configuration<M> {
    /// The actors that are tied to active states.
    pub(crate) fn children(&self) -> impl Iterator<Item = ActorId> {
        self.more().into_iter().flat_map(|more| &more.ties.list).filter_map(|tie| match tie.who {
            Tied::Actor(actor) => Some(actor),
            Tied::Job(_) => None,
        })
    }

    /// Unties what has ended; gives the number of its invocation. `None` if its state was left meanwhile.
    pub(crate) fn release(&mut self, who: Tied) -> Option<usize> {
        let ties = &mut self.more_mut()?.ties.list;
        let place = ties.iter().position(|tie| tie.who == who)?;
        Some(ties.remove(place).invoke.into())
    }

    /// Unties all.
    pub(crate) fn release_all(&mut self) {
        if let Some(more) = self.more_mut() {
            more.ties.list.clear();
        }
    }
}

impl<M: Model> Chart<M> {
    /// Steps an instance with the news that what it invoked under `name` is done, and with what came out of it.
    ///
    /// For what [`StateDef::invoke_with`](super::StateDef::invoke_with) started. Nothing happens if the chart has no
    /// invocation of this name.
    ///
    /// # Errors
    ///
    /// As [`Chart::send`].
    pub fn invocation_done<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        name: &str,
        output: Option<M::Event>,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<Outcome, StepError> {
        let Some(invoke) = self.invokes.iter().position(|invoke| invoke.name == name) else { return Ok(Outcome::default()) };
        self.end_invocation(configuration, context, Ending { who: None, invoke, end: Ok(output) }, now, port)
    }

    /// Steps an instance with the news that what it invoked under `name` has failed, and why.
    ///
    /// # Errors
    ///
    /// As [`Chart::send`]; and under XState's rules [`StepError::Invoked`], if no state takes it.
    pub fn invocation_failed<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        name: &str,
        reason: &str,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<Outcome, StepError> {
        let Some(invoke) = self.invokes.iter().position(|invoke| invoke.name == name) else { return Ok(Outcome::default()) };
        self.end_invocation(configuration, context, Ending { who: None, invoke, end: Err(reason) }, now, port)
    }

    /// Starts the invocations of all active states anew: of an instance that comes from a snapshot.
    pub(crate) fn invoke_again<'p>(
        &'p self,
        configuration: &mut Configuration<M>,
        context: &mut M::Context,
        now: u64,
        port: M::Port<'p>,
    ) -> Result<(), StepError> {
        configuration.release_all();
        let busy = |at: &usize| !self.states[*at].invokes.is_empty();
        if self.invokes.is_empty() || !configuration.active.has(0) || !configuration.active.ascending().any(|at| busy(&at)) {
            return Ok(());
        }
        self.rerun_invokes(configuration, context, now, port)
    }
}
