//! Which transitions an event, or no event, enables, and which of them win.
//!
//! # Source
//!
//! XState v5's `transitionNode` and `removeConflictingTransitions`; SCXML's `selectTransitions`.

use std::cell::RefCell;

use smallvec::SmallVec;

use super::chart::{Chart, Move, NodeKind};
use super::definition::{GuardTree, Semantics};
use super::model::{ActiveStates, Model, Trigger};
use super::moves::Entries;
use super::set::StateSet;

/// Transitions that are taken together.
pub(super) type Picks = SmallVec<[u16; 8]>;

/// What selection looks at.
pub(super) struct Sight<'a, M: Model> {
    pub(super) chart: &'a Chart<M>,
    pub(super) context: &'a M::Context,
    pub(super) trigger: &'a Trigger<'a, M::Event>,
    pub(super) active: M::Set,
    /// Where guards that fail leave what they want; `None` where that is not of interest.
    pub(super) faults: Option<&'a Faults<M::Event>>,
}

/// What guards that failed want to be raised, in the order in which they did.
pub(super) type Faults<E> = RefCell<Vec<E>>;

impl<M: Model> Sight<'_, M> {
    /// Adds the transitions for an event. `handlers` are the active states that have any for its kind.
    #[inline]
    pub(super) fn select(&self, kind: usize, handlers: M::Set, picks: &mut Picks) {
        let Some(first) = handlers.first() else { return };
        if handlers == M::Set::one(first) {
            picks.extend(self.enabled(self.chart.candidates(kind, first)));
            return;
        }
        match self.chart.semantics {
            Semantics::XState => self.select_innermost(kind, handlers, picks),
            Semantics::Scxml => self.select_per_leaf(handlers, |state| self.enabled(self.chart.candidates(kind, state)), picks),
        }
    }

    /// A transition hides those of all ancestors of its source. Descendants come after their ancestors, so
    /// going backwards finds them first.
    #[inline]
    fn select_innermost(&self, kind: usize, handlers: M::Set, picks: &mut Picks) {
        let mut hidden = M::Set::default();
        for state in handlers.descending() {
            if hidden.has(state) {
                continue;
            }
            if let Some(pick) = self.enabled(self.chart.candidates(kind, state)) {
                picks.push(pick);
                hidden = hidden.or(self.chart.states[state].ancestors);
            }
        }
        picks.reverse();
    }

    /// From each leaf up to the first state, of those in `handlers`, with an enabled transition.
    fn select_per_leaf(&self, handlers: M::Set, enabled: impl Fn(usize) -> Option<u16>, picks: &mut Picks) {
        for leaf in self.active.and(self.chart.masks.leaves).ascending() {
            self.climb_from(leaf, handlers, &enabled, picks);
        }
    }

    fn climb_from(&self, leaf: usize, handlers: M::Set, enabled: impl Fn(usize) -> Option<u16>, picks: &mut Picks) {
        let path = self.chart.states[leaf].ancestors.with(leaf).and(handlers);
        if let Some(pick) = path.descending().find_map(enabled)
            && !picks.contains(&pick)
        {
            picks.push(pick);
        }
    }

    /// Adds the eventless transitions. `order` holds the active leaves in the order of activation, or nothing if
    /// document order will do.
    pub(super) fn select_always(&self, order: &[u16], picks: &mut Picks) {
        let handlers = self.active.and(self.chart.masks.always);
        let enabled = |state: usize| {
            let always = &self.chart.states[state].always;
            self.enabled(&self.chart.candidates[always.start as usize..always.end as usize])
        };
        if order.is_empty() {
            return self.select_per_leaf(handlers, enabled, picks);
        }
        for &leaf in order {
            self.climb_from(leaf.into(), handlers, enabled, picks);
        }
    }

    #[inline]
    pub(super) fn enabled(&self, candidates: &[u16]) -> Option<u16> {
        candidates.iter().copied().find(|&candidate| match &self.chart.transitions[usize::from(candidate)].guard {
            None => true,
            Some(guard) => self.holds(guard),
        })
    }

    fn holds(&self, guard: &GuardTree<M, u16>) -> bool {
        match guard {
            GuardTree::Test(test) => test(self.context, self.trigger),
            GuardTree::Attempt(attempt) => {
                let states = ActiveStates { chart: self.chart, active: self.active };
                attempt(self.context, self.trigger, &states).unwrap_or_else(|fault| {
                    if let Some(faults) = self.faults {
                        faults.borrow_mut().push(fault);
                    }
                    false
                })
            }
            GuardTree::In(state) => self.active.has(usize::from(*state)),
            GuardTree::All(guards) => guards.iter().all(|guard| self.holds(guard)),
            GuardTree::Any(guards) => guards.iter().any(|guard| self.holds(guard)),
            GuardTree::Not(guard) => !self.holds(guard),
            // None is left in a compiled chart.
            GuardTree::Labelled(_, guard) => self.holds(guard),
        }
    }

    /// Strikes out transitions that would leave what another leaves, too, and unites what the others do.
    #[inline]
    pub(super) fn resolve(&self, picks: &mut Picks, history: &[M::Set]) -> Move<M::Set> {
        self.resolve_apart(picks).unwrap_or_else(|| self.resolve_rivals(picks, history))
    }

    /// What transitions do that go their ways apart from each other; `None` if they might meet, or follow history.
    #[inline]
    fn resolve_apart(&self, picks: &[u16]) -> Option<Move<M::Set>> {
        let mut all = Move::<M::Set>::default();
        for &pick in picks {
            let transition = &self.chart.transitions[usize::from(pick)];
            if transition.dynamic || transition.fixed.exits.meets(all.exits) {
                return None;
            }
            all.exits = all.exits.or(transition.fixed.exits);
            all.enters = all.enters.or(transition.fixed.enters);
            all.initials = all.initials.or(transition.fixed.initials);
        }
        Some(all)
    }

    #[inline(never)]
    fn resolve_rivals(&self, picks: &mut Picks, history: &[M::Set]) -> Move<M::Set> {
        let mut kept = SmallVec::<[Taken<M::Set>; 8]>::new();
        for &pick in picks.iter() {
            let taken = self.taken(pick, history);
            let source = |taken: &Taken<M::Set>| usize::from(self.chart.transitions[usize::from(taken.pick)].source);
            let rivals = |other: &&Taken<M::Set>| other.exits.and(taken.exits).meets(self.active);
            if kept.iter().filter(rivals).all(|rival| self.chart.is_descendant(source(&taken), source(rival))) {
                kept.retain(|other| !other.exits.and(taken.exits).meets(self.active));
                kept.push(taken);
            }
        }
        picks.clear();
        picks.extend(kept.iter().map(|taken| taken.pick));
        let exits = kept.iter().fold(M::Set::default(), |exits, taken| exits.or(taken.exits));
        let record = self.records(exits, history);
        let enter = |kept: &mut dyn Iterator<Item = &Taken<M::Set>>| {
            let mut entries = Entries::new(self.chart, &record);
            kept.for_each(|taken| entries.add_transition(&self.chart.transitions[usize::from(taken.pick)], taken.domain));
            (entries.enters, entries.initials)
        };
        let (mut enters, mut initials) = enter(&mut kept.iter());
        // A transition that follows history back to its own source leaves nothing, so it is no rival of one that leaves
        // all around it. XState takes both, and may come to states that cannot be active together; here the one that
        // leaves decides where to go.
        if !self.chart.is_sound(self.active.without(exits).or(enters)) {
            (enters, initials) = enter(&mut kept.iter().filter(|taken| taken.exits.meets(self.active)));
        }
        Move { domain: kept.first().map_or(0, |taken| taken.domain), exits, enters, initials }
    }

    fn taken(&self, pick: u16, history: &[M::Set]) -> Taken<M::Set> {
        let transition = &self.chart.transitions[usize::from(pick)];
        if !transition.dynamic {
            return Taken { pick, domain: transition.fixed.domain, exits: transition.fixed.exits };
        }
        let domain = Entries::new(self.chart, history).domain(transition);
        Taken { pick, domain, exits: self.chart.exits(transition, domain) }
    }

    /// The history with what is recorded when `exits` are left.
    pub(super) fn records(&self, exits: M::Set, history: &[M::Set]) -> SmallVec<[M::Set; 4]> {
        let mut records = SmallVec::from_slice(history);
        records.resize(self.chart.histories, M::Set::default());
        let left = self.active.and(exits).and(self.chart.masks.owners);
        for owner in left.ascending() {
            for history in self.chart.states[owner].histories.ascending() {
                if let NodeKind::History(depth, number) = self.chart.states[history].kind {
                    records[usize::from(number)] = self.chart.recorded(owner, depth, self.active);
                }
            }
        }
        records
    }
}

/// A transition that is taken, with its domain and what it leaves.
struct Taken<S> {
    pick: u16,
    domain: u16,
    exits: S,
}

impl<M: Model> Chart<M> {
    /// Whether states can be active together: with each its parent, of a compound state one child, of a parallel all.
    pub(super) fn is_sound(&self, active: M::Set) -> bool {
        active.ascending().all(|at| {
            let state = &self.states[at];
            let inner = state.children.and(active);
            active.has(state.parent.into())
                && match state.kind {
                    NodeKind::Parallel => inner == state.children,
                    NodeKind::Compound => inner.first().is_some_and(|first| inner == M::Set::one(first)),
                    _ => true,
                }
        })
    }

    /// What a history state of `owner` remembers of `active`.
    fn recorded(&self, owner: usize, depth: super::definition::History, active: M::Set) -> M::Set {
        match depth {
            super::definition::History::Shallow => active.and(self.states[owner].children),
            super::definition::History::Deep => active.and(self.descendants(owner)).and(self.masks.leaves),
        }
    }
}
