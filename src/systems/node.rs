//! A supervisor at work: its plan, and what is kept for each child.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use super::spec::{ChildSpec, StartWith, SupervisorSpec};
use crate::actor::ExitReason;
use crate::digest::Digester;
use crate::id::ActorId;
use crate::supervision::{Ask, ChildRules, Input, Key, Output, Outputs, Planner, Pool, RestartStrategy};
use crate::wheel::TimerKey;

/// Whose child an actor is: its supervisor's slot and its key there. Eight bytes, kept by slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) supervisor: u32,
    pub(crate) key: Key,
}

impl Place {
    /// No supervisor: it is under the root, or its parent.
    pub(crate) const NONE: Self = Self { supervisor: u32::MAX, key: u32::MAX };
    /// Its supervisor is gone before it.
    pub(crate) const ORPHAN: Self = Self { supervisor: u32::MAX, key: 0 };

    pub(crate) fn is_taken(self) -> bool {
        self != Self::NONE
    }
}

/// A child with a name.
#[derive(Debug)]
pub(crate) struct Kid {
    pub(crate) spec: Arc<ChildSpec>,
    /// Its address; kept while a restart in place is planned.
    pub(crate) who: Option<ActorId>,
    pub(crate) deadline: Option<TimerKey>,
    pub(crate) restarts: u64,
    pub(crate) last: Option<ExitReason>,
}

/// A supervisor's plan.
pub(crate) enum Plan {
    Ordered(Planner<Kid>),
    Pool {
        pool: Pool<ActorId>,
        template: Arc<ChildSpec>,
        /// Specs of children that were started with their own.
        own: BTreeMap<Key, Arc<ChildSpec>>,
        deadlines: BTreeMap<Key, TimerKey>,
        restarts: u64,
        last: Option<ExitReason>,
    },
}

/// What was kept for a removed child.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) who: Option<ActorId>,
    pub(crate) reason: Option<ExitReason>,
}

/// A supervisor that lives.
pub(crate) struct Node {
    pub(crate) id: ActorId,
    /// Tells this incarnation's inputs from those of the last.
    pub(crate) incarnation: u32,
    pub(crate) spec: Arc<SupervisorSpec>,
    pub(crate) plan: Plan,
    pub(crate) booting: bool,
    /// For a pool that stops: one for all.
    pub(crate) deadline: Option<TimerKey>,
}

impl Node {
    pub(crate) fn new(id: ActorId, incarnation: u32, spec: Arc<SupervisorSpec>, seed: u64) -> Self {
        let rules = spec.rules(crate::digest::mix(seed, id.to_bits()));
        let plan = match &spec.template {
            Some(template) => Plan::Pool {
                pool: Pool::new(rules, template.rules.clone()),
                template: Arc::new((**template).clone()),
                own: BTreeMap::new(),
                deadlines: BTreeMap::new(),
                restarts: 0,
                last: None,
            },
            None => Plan::Ordered(Planner::new(rules, spec.children.iter().map(|child| (child.rules.clone(), Kid::new(child.clone()))))),
        };
        Self { id, incarnation, spec, plan, booting: true, deadline: None }
    }

    /// Starts the plan.
    pub(crate) fn boot(&mut self, now: u64, out: &mut impl FnMut(Output<Gone>)) {
        match &mut self.plan {
            Plan::Ordered(planner) => drain(|outputs| planner.boot(now, outputs), Gone::of_kid, out),
            Plan::Pool { pool, .. } => drain(|outputs| pool.boot(outputs), Gone::of_id, out),
        }
    }

    /// Feeds the plan of a supervisor with named children.
    pub(crate) fn feed(&mut self, now: u64, input: Input<Kid>, out: &mut impl FnMut(Output<Gone>)) {
        match &mut self.plan {
            Plan::Ordered(planner) => drain(|outputs| planner.feed(now, input, outputs), Gone::of_kid, out),
            Plan::Pool { pool, template, own, .. } => {
                let new = own_spec(&input, template);
                // A child that is to start has its address already.
                let Some(input) = input.map(|kid| kid.who) else { return };
                drain(|outputs| pool.feed(now, input, outputs), Gone::of_id, &mut |output| {
                    match (&output, &new) {
                        (Output::Start(key), Some(spec)) => drop(own.insert(*key, spec.clone())),
                        (Output::Removed(key, _), _) if !own.is_empty() => drop(own.remove(key)),
                        _ => {}
                    }
                    out(output);
                });
            }
        }
    }

    pub(crate) fn is_up(&self, key: Key) -> bool {
        match &self.plan {
            Plan::Ordered(planner) => planner.is_up(key),
            Plan::Pool { pool, .. } => pool.is_up(key),
        }
    }

    /// A child's address.
    pub(crate) fn who(&self, key: Key) -> Option<ActorId> {
        match &self.plan {
            Plan::Ordered(planner) => planner.data(key)?.who,
            Plan::Pool { pool, .. } => pool.data(key).copied(),
        }
    }

    pub(crate) fn set_who(&mut self, key: Key, who: Option<ActorId>) {
        match &mut self.plan {
            Plan::Ordered(planner) => {
                if let Some(kid) = planner.data_mut(key) {
                    kid.who = who;
                }
            }
            Plan::Pool { pool, .. } => {
                if let (Some(data), Some(who)) = (pool.data_mut(key), who) {
                    *data = who;
                }
            }
        }
    }

    /// How a child is made.
    pub(crate) fn spec_of(&self, key: Key) -> Option<Arc<ChildSpec>> {
        match &self.plan {
            Plan::Ordered(planner) => planner.data(key).map(|kid| kid.spec.clone()),
            Plan::Pool { template, own, .. } => {
                let own = if own.is_empty() { None } else { own.get(&key) };
                Some(own.unwrap_or(template).clone())
            }
        }
    }

    /// A child's name, if it has one.
    pub(crate) fn name_of(&self, key: Key) -> Option<Arc<str>> {
        match &self.plan {
            Plan::Ordered(planner) => planner.rules(key).map(|rules: &ChildRules| rules.name.clone()),
            Plan::Pool { .. } => None,
        }
    }

    /// Notes a restart and what it was for.
    pub(crate) fn note_exit(&mut self, key: Key, reason: &ExitReason) {
        match &mut self.plan {
            Plan::Ordered(planner) => {
                if let Some(kid) = planner.data_mut(key) {
                    kid.last = Some(reason.clone());
                }
            }
            Plan::Pool { last, .. } => *last = Some(reason.clone()),
        }
    }

    pub(crate) fn last_exit(&self, key: Key) -> Option<&ExitReason> {
        match &self.plan {
            Plan::Ordered(planner) => planner.data(key)?.last.as_ref(),
            Plan::Pool { last, .. } => last.as_ref(),
        }
    }

    /// Whether a child that starts at a new address has lived before. One of a pool keeps its address.
    pub(crate) fn has_ended(&self, key: Key) -> bool {
        matches!(self.plan, Plan::Ordered(_)) && self.last_exit(key).is_some()
    }

    pub(crate) fn note_restart(&mut self, key: Key) {
        match &mut self.plan {
            Plan::Ordered(planner) => {
                if let Some(kid) = planner.data_mut(key) {
                    kid.restarts += 1;
                }
            }
            Plan::Pool { restarts, .. } => *restarts += 1,
        }
    }

    pub(crate) fn set_deadline(&mut self, key: Key, timer: TimerKey) {
        match &mut self.plan {
            Plan::Ordered(planner) => {
                if let Some(kid) = planner.data_mut(key) {
                    kid.deadline = Some(timer);
                }
            }
            Plan::Pool { deadlines, .. } => {
                deadlines.insert(key, timer);
            }
        }
    }

    pub(crate) fn take_deadline(&mut self, key: Key) -> Option<TimerKey> {
        match &mut self.plan {
            Plan::Ordered(planner) => planner.data_mut(key)?.deadline.take(),
            Plan::Pool { deadlines, .. } if deadlines.is_empty() => None,
            Plan::Pool { deadlines, .. } => deadlines.remove(&key),
        }
    }

    /// Feeds what later decisions depend on.
    pub(crate) fn digest(&self, digester: &mut Digester) {
        (self.id, self.incarnation, self.booting, self.kids()).hash(digester);
        match &self.plan {
            Plan::Ordered(planner) => {
                planner.history().hash(digester);
                planner.iter().for_each(|(key, rules, state, kid)| (key, &rules.name, state, kid.restarts).hash(digester));
            }
            Plan::Pool { pool, restarts, .. } => (pool.history(), restarts).hash(digester),
        }
    }

    /// The addresses of all children, with their keys, in start order.
    pub(crate) fn kids(&self) -> Vec<(Key, ActorId)> {
        match &self.plan {
            Plan::Ordered(planner) => planner.iter().filter_map(|(key, _, _, kid)| Some((key, kid.who?))).collect(),
            Plan::Pool { pool, .. } => pool.iter().map(|(key, &who)| (key, who)).collect(),
        }
    }
}

impl Kid {
    pub(crate) fn new(spec: ChildSpec) -> Self {
        Self { spec: Arc::new(spec), who: None, deadline: None, restarts: 0, last: None }
    }

    /// If it is a supervisor: how it restarts its children.
    pub(crate) fn strategy(&self) -> Option<RestartStrategy> {
        match &self.spec.start {
            StartWith::Supervisor(spec) => Some(spec.strategy),
            StartWith::Worker(_) => None,
        }
    }
}

impl Gone {
    fn of_kid(kid: Kid) -> Self {
        Self { who: kid.who, reason: kid.last }
    }

    fn of_id(who: ActorId) -> Self {
        Self { who: Some(who), reason: None }
    }
}

/// Runs a planner and hands its outputs on, with what was kept for removed children made uniform.
fn drain<S>(run: impl FnOnce(&mut Outputs<S>), gone: impl Fn(S) -> Gone, out: &mut impl FnMut(Output<Gone>)) {
    let mut outputs = Outputs::new();
    run(&mut outputs);
    for output in outputs {
        out(output.map(&gone));
    }
}

/// The spec of a child that a pool is asked to start, if it is not the template.
fn own_spec(input: &Input<Kid>, template: &Arc<ChildSpec>) -> Option<Arc<ChildSpec>> {
    match input {
        Input::Ask(_, Ask::Start(_, kid)) if !Arc::ptr_eq(&kid.spec, template) => Some(kid.spec.clone()),
        _ => None,
    }
}
