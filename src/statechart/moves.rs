//! Where a transition leads: its effective targets, its domain, and the states that are entered.
//!
//! # Source
//!
//! `computeEntrySet`, `getEffectiveTargetStates` and `getTransitionDomain` of SCXML's Appendix D, as XState v5
//! changes them.

use smallvec::SmallVec;

use super::chart::{Chart, Move, NodeKind, OUTSIDE, Transition};
use super::definition::Semantics;
use super::model::Model;
use super::set::StateSet;

/// The states of a transition's targets, history resolved.
type Effective = SmallVec<[u16; 8]>;

/// A set of states to enter that grows.
pub(super) struct Entries<'a, M: Model> {
    chart: &'a Chart<M>,
    /// For each history state what was active; empty sets and missing ones are no records.
    history: &'a [M::Set],
    pub(super) enters: M::Set,
    pub(super) initials: M::Set,
    /// History was asked for.
    pub(super) consulted: bool,
}

impl<'a, M: Model> Entries<'a, M> {
    pub(super) fn new(chart: &'a Chart<M>, history: &'a [M::Set]) -> Self {
        Self { chart, history, enters: M::Set::default(), initials: M::Set::default(), consulted: false }
    }

    /// Adds the whole chart, entered from nothing.
    pub(super) fn add_root(&mut self) {
        self.add_initial(0);
        self.descend(0);
    }

    /// Adds what a transition with this domain enters.
    pub(super) fn add_transition(&mut self, transition: &Transition<M>, domain: u16) {
        let chart = self.chart;
        let targets = chart.targets(&transition.targets);
        let stays = transition.source == domain && !transition.reenter;
        for &target in targets {
            if !(chart.masks.histories.has(target.into()) || target == transition.source && stays) {
                self.add_initial(target.into());
            }
            self.descend(target.into());
        }
        let mut effective = Effective::new();
        self.effective(targets, &mut effective);
        for target in effective {
            self.climb(target.into(), domain);
            if domain != OUTSIDE && chart.masks.parallels.has(domain.into()) {
                self.fill_regions(domain.into());
            }
        }
    }

    /// What is left by a transition, and its domain.
    pub(super) fn domain(&mut self, transition: &Transition<M>) -> u16 {
        let mut effective = Effective::new();
        self.effective(self.chart.targets(&transition.targets), &mut effective);
        let Some(&first) = effective.first() else { return transition.source };
        let chart = self.chart;
        let source = usize::from(transition.source);
        let below = |state: u16, of: usize| chart.is_descendant(state.into(), of);
        let keeps_source = !transition.reenter
            && match chart.semantics {
                Semantics::XState => effective.iter().all(|&target| target == transition.source || below(target, source)),
                Semantics::Scxml => {
                    chart.states[source].kind == NodeKind::Compound && effective.iter().all(|&target| below(target, source))
                }
            };
        if keeps_source {
            return transition.source;
        }
        let may_be_domain = |state: usize| chart.semantics == Semantics::XState || !chart.masks.parallels.has(state);
        let common = |ancestor: &usize| below(transition.source, *ancestor) && effective.iter().all(|&target| below(target, *ancestor));
        match chart.states[usize::from(first)].ancestors.descending().filter(|&ancestor| may_be_domain(ancestor)).find(common) {
            Some(ancestor) => ancestor as u16,
            None if transition.reenter => OUTSIDE,
            None => 0,
        }
    }

    fn record(&mut self, number: u16) -> M::Set {
        self.consulted = true;
        self.history.get(usize::from(number)).copied().unwrap_or_default()
    }

    fn effective(&mut self, targets: &[u16], found: &mut Effective) {
        for &target in targets {
            let NodeKind::History(_, number) = self.chart.states[usize::from(target)].kind else {
                found.push(target);
                continue;
            };
            let record = self.record(number);
            if record.is_empty() {
                let defaults = self.defaults(target.into());
                self.effective(&defaults, found);
            } else {
                found.extend(record.ascending().map(|state| state as u16));
            }
        }
    }

    /// Where a history state without a record leads.
    fn defaults(&self, history: usize) -> Effective {
        let node = &self.chart.states[history];
        let parent = &self.chart.states[usize::from(node.parent)];
        if !node.defaults.is_empty() {
            Effective::from_slice(self.chart.targets(&node.defaults))
        } else if parent.kind == NodeKind::Compound {
            Effective::from_slice(self.chart.targets(&parent.defaults))
        } else {
            Effective::from_slice(&[node.parent])
        }
    }

    fn add_initial(&mut self, state: usize) {
        self.enters = self.enters.with(state);
        self.initials = self.initials.with(state);
    }

    fn descend(&mut self, state: usize) {
        let chart = self.chart;
        let node = &chart.states[state];
        match node.kind {
            NodeKind::Atomic | NodeKind::Final => {}
            NodeKind::Compound => {
                if chart.semantics == Semantics::Scxml {
                    self.initials = self.initials.with(state);
                }
                let initial = chart.targets(&node.defaults);
                for &child in initial {
                    if !chart.masks.histories.has(child.into()) {
                        self.add_initial(child.into());
                    }
                    self.descend(child.into());
                }
                initial.iter().for_each(|&child| self.climb(child.into(), state as u16));
            }
            NodeKind::Parallel => {
                for region in node.children.ascending() {
                    if !self.enters.meets(chart.descendants(region)) {
                        self.add_initial(region);
                        self.descend(region);
                    }
                }
            }
            NodeKind::History(_, number) => self.remember(state, number),
        }
    }

    /// Descends a history state.
    fn remember(&mut self, history: usize, number: u16) {
        let node = &self.chart.states[history];
        let record = self.record(number);
        let states: Effective = if record.is_empty() {
            self.initials = self.initials.with(history);
            if node.defaults.is_empty() && self.chart.states[usize::from(node.parent)].kind == NodeKind::Compound {
                self.initials = self.initials.with(node.parent.into());
            }
            self.defaults(history)
        } else {
            record.ascending().map(|state| state as u16).collect()
        };
        for &state in &states {
            if !self.chart.masks.histories.has(state.into()) {
                self.enters = self.enters.with(state.into());
            }
            self.descend(state.into());
        }
        states.iter().for_each(|&state| self.climb(state.into(), node.parent));
    }

    /// Adds the ancestors of a state below `bound`, and what they need.
    fn climb(&mut self, state: usize, bound: u16) {
        let mut at = state;
        while at != 0 {
            at = self.chart.states[at].parent.into();
            if bound != OUTSIDE && !self.chart.is_descendant(at, bound.into()) {
                return;
            }
            self.enters = self.enters.with(at);
            if self.chart.masks.parallels.has(at) {
                self.fill_regions(at);
            }
        }
    }

    /// Adds those regions of a parallel state into which nothing leads yet.
    fn fill_regions(&mut self, parallel: usize) {
        for region in self.chart.states[parallel].children.ascending() {
            if !self.enters.meets(self.chart.descendants(region)) {
                self.enters = self.enters.with(region);
                self.descend(region);
            }
        }
    }
}

impl<M: Model> Chart<M> {
    /// What a domain leaves, as far as it is active.
    pub(super) fn exits(&self, transition: &Transition<M>, domain: u16) -> M::Set {
        match domain {
            _ if transition.targets.is_empty() => M::Set::default(),
            OUTSIDE => M::Set::span(0, self.states.len()),
            domain => self.descendants(domain.into()),
        }
    }

    /// What a transition does from any configuration, taken alone, and whether history has a say in it.
    pub(super) fn fixed_move(&self, transition: &Transition<M>) -> (Move<M::Set>, bool) {
        let mut entries = Entries::new(self, &[]);
        let domain = entries.domain(transition);
        entries.add_transition(transition, domain);
        let Entries { enters, initials, consulted, .. } = entries;
        (Move { domain, exits: self.exits(transition, domain), enters, initials }, consulted)
    }
}
