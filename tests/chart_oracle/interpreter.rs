//! The rules, word for word: XState's, and those of SCXML's Appendix D where they differ.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::plan::{Act, Descriptor, EVENTS, Input, Kind, Plan, Test, Transition};

/// Pending timers beyond which a chart counts as one that multiplies them.
const TIMERS_MAX: usize = 30;

/// Microsteps after which a chart counts as restless.
const MICROSTEPS_MAX: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Sent(usize),
    Done(usize),
    /// A state has been active for so many ticks.
    After(usize, u64),
}

/// An event to come, with the tick at which it is due; `None` is when nothing else is to be done.
type Timer = (Option<u64>, Event);

/// A transition and its source.
type Pick<'p> = (usize, &'p Transition);

/// Where a transition leads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    State(usize),
    /// The whole chart, its root included.
    Outside,
}

pub(crate) struct Interpreter<'p> {
    plan: &'p Plan,
    scxml: bool,
    /// In the order of activation.
    active: Vec<usize>,
    queue: VecDeque<Event>,
    now: u64,
    /// In the order in which they were started.
    timers: Vec<Timer>,
    history: BTreeMap<usize, Vec<usize>>,
    microsteps: usize,
    log: Vec<u32>,
    counted: bool,
    recorded: bool,
    pub(crate) count: i64,
    pub(crate) is_done: bool,
}

impl<'p> Interpreter<'p> {
    pub(crate) fn new(plan: &'p Plan, scxml: bool) -> Self {
        Self {
            plan,
            scxml,
            active: Vec::new(),
            queue: VecDeque::new(),
            now: 0,
            timers: Vec::new(),
            history: BTreeMap::new(),
            microsteps: 0,
            log: Vec::new(),
            counted: false,
            recorded: false,
            count: 0,
            is_done: false,
        }
    }

    /// The active states in document order.
    pub(crate) fn states(&self) -> Vec<usize> {
        let set: BTreeSet<usize> = self.active.iter().copied().collect();
        set.into_iter().collect()
    }

    pub(crate) fn take_log(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.log)
    }

    /// `None` if the chart finds no rest or sets ever more timers, or the rules lead into the impossible.
    pub(crate) fn start(&mut self) -> Option<()> {
        let mut entries = Entries::default();
        entries.enter.insert(0);
        entries.initial.insert(0);
        self.descend(0, &mut entries);
        self.enter(&entries)?;
        self.complete();
        self.settle()
    }

    /// As [`Self::start`], for an event from outside.
    pub(crate) fn step(&mut self, input: Input) -> Option<()> {
        match input {
            Input::Send(event) => self.take(Event::Sent(event)),
            Input::Wait(ticks) => {
                self.now += ticks;
                while let Some(event) = self.due() {
                    self.take(event)?;
                }
                Some(())
            }
        }
    }

    /// Takes the timer that is due first, and of several the one that was started first.
    fn due(&mut self) -> Option<Event> {
        let tick = self.timers.iter().filter_map(|timer| timer.0).min().filter(|tick| *tick <= self.now)?;
        let at = self.timers.iter().position(|timer| timer.0 == Some(tick))?;
        Some(self.timers.remove(at).1)
    }

    fn set_timer(&mut self, ticks: u64, event: Event) {
        self.timers.push(((ticks > 0).then(|| self.now + ticks), event));
    }

    fn take(&mut self, event: Event) -> Option<()> {
        if self.is_done {
            return Some(());
        }
        self.microsteps = 0;
        let picks = self.select(event);
        self.microstep(&picks)?;
        self.settle()
    }

    fn settle(&mut self) -> Option<()> {
        let mut suppressed = false;
        while !self.is_done {
            let picks = if suppressed { Vec::new() } else { self.select_always() };
            if !picks.is_empty() {
                let before = self.states();
                self.microstep(&picks)?;
                let idle = before == self.states() && !self.counted && !self.recorded;
                suppressed = idle && !self.scxml;
                continue;
            }
            let immediate = |timers: &mut Vec<Timer>| Some(timers.remove(timers.iter().position(|timer| timer.0.is_none())?).1);
            let Some(event) = self.queue.pop_front().or_else(|| immediate(&mut self.timers)) else { break };
            let picks = self.select(event);
            self.microstep(&picks)?;
            suppressed = false;
        }
        if self.is_done {
            self.queue.clear();
            self.timers.clear();
        }
        (self.timers.len() <= TIMERS_MAX).then_some(())
    }

    fn is_active(&self, state: usize) -> bool {
        self.active.contains(&state)
    }

    fn holds(&self, test: &Test) -> bool {
        match test {
            Test::Below(limit) => self.count < *limit,
            Test::Odd => self.count % 2 == 1,
            Test::In(state) => self.is_active(*state),
            Test::Not(test) => !self.holds(test),
            Test::Both(tests) => self.holds(&tests.0) && self.holds(&tests.1),
        }
    }

    fn enabled(&self, transition: &Transition) -> bool {
        transition.guard.as_ref().is_none_or(|test| self.holds(test))
    }

    /// How well a descriptor of a state fits an event: 3 for its whole name, less for wildcards, 0 not at all.
    fn fit(&self, state: usize, descriptor: Descriptor, event: Event) -> usize {
        match (descriptor, event) {
            (Descriptor::Any, _) => 1,
            (Descriptor::Done, Event::Done(done)) if done == state => 3,
            (Descriptor::After(delay), Event::After(of, ticks)) if (of, ticks) == (state, delay) => 3,
            (Descriptor::Prefix, Event::Sent(event)) if EVENTS[event].starts_with('a') => 2,
            (Descriptor::Event(name), Event::Sent(event)) if name == event => 3,
            (Descriptor::Event(name), Event::Sent(event)) if self.scxml && EVENTS[event].starts_with(&format!("{}.", EVENTS[name])) => 3,
            _ => 0,
        }
    }

    /// The transition of one state for an event.
    fn own(&self, state: usize, event: Event) -> Option<Pick<'p>> {
        let plan: &'p Plan = self.plan;
        let mut fitting: Vec<(usize, &'p Transition)> = Vec::new();
        for (descriptor, transition) in &plan.states[state].on {
            match self.fit(state, *descriptor, event) {
                0 => {}
                fit => fitting.push((fit, transition)),
            }
        }
        if !self.scxml {
            fitting.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
        }
        fitting.into_iter().map(|(_, transition)| transition).find(|transition| self.enabled(transition)).map(|found| (state, found))
    }

    fn select(&self, event: Event) -> Vec<Pick<'p>> {
        if self.scxml { self.per_leaf(&self.leaves(), |state| self.own(state, event)) } else { self.innermost(0, event) }
    }

    fn innermost(&self, state: usize, event: Event) -> Vec<Pick<'p>> {
        let children = self.plan.regions(state).into_iter().filter(|&child| self.is_active(child));
        let inner: Vec<Pick<'p>> = children.flat_map(|child| self.innermost(child, event)).collect();
        if inner.is_empty() { self.own(state, event).into_iter().collect() } else { inner }
    }

    fn select_always(&self) -> Vec<Pick<'p>> {
        let leaves: Vec<usize> =
            if self.scxml { self.leaves() } else { self.active.iter().copied().filter(|&state| self.is_leaf(state)).collect() };
        let plan: &'p Plan = self.plan;
        self.per_leaf(&leaves, |state| {
            plan.states[state].always.iter().find(|transition| self.enabled(transition)).map(|found| (state, found))
        })
    }

    fn per_leaf(&self, leaves: &[usize], own: impl Fn(usize) -> Option<Pick<'p>>) -> Vec<Pick<'p>> {
        let mut picks: Vec<Pick<'p>> = Vec::new();
        for &leaf in leaves {
            let path = std::iter::once(leaf).chain(self.plan.above(leaf));
            if let Some(pick) = path.into_iter().find_map(&own)
                && !picks.iter().any(|known| std::ptr::eq(known.1, pick.1))
            {
                picks.push(pick);
            }
        }
        picks
    }

    fn is_leaf(&self, state: usize) -> bool {
        matches!(self.plan.states[state].kind, Kind::Atomic | Kind::Final)
    }

    fn leaves(&self) -> Vec<usize> {
        self.states().into_iter().filter(|&state| self.is_leaf(state)).collect()
    }

    fn effective(&self, targets: &[usize]) -> Vec<usize> {
        let mut effective = Vec::new();
        for &target in targets {
            if self.plan.is_real(target) {
                effective.push(target);
            } else if let Some(record) = self.history.get(&target) {
                effective.extend(record);
            } else {
                effective.extend(self.effective(&self.defaults(target)));
            }
        }
        effective
    }

    /// Where a history state without a record leads.
    fn defaults(&self, history: usize) -> Vec<usize> {
        let node = &self.plan.states[history];
        let parent = &self.plan.states[node.parent];
        match (node.defaults.is_empty(), parent.kind) {
            (false, _) => node.defaults.clone(),
            (true, Kind::Compound) => vec![parent.initial],
            (true, _) => vec![node.parent],
        }
    }

    fn domain(&self, (source, transition): Pick<'p>) -> Option<Domain> {
        let effective = self.effective(&transition.targets);
        let first = *effective.first()?;
        let below = |state: usize| self.plan.is_below(state, source);
        let stays = if self.scxml {
            self.plan.states[source].kind == Kind::Compound && effective.iter().all(|&target| below(target))
        } else {
            effective.iter().all(|&target| target == source || below(target))
        };
        if stays && !transition.reenter {
            return Some(Domain::State(source));
        }
        let common = |&ancestor: &usize| {
            (!self.scxml || self.plan.states[ancestor].kind == Kind::Compound)
                && self.plan.is_below(source, ancestor)
                && effective.iter().all(|&target| self.plan.is_below(target, ancestor))
        };
        let nearest = self.plan.above(first).into_iter().find(common);
        Some(nearest.map_or(if transition.reenter { Domain::Outside } else { Domain::State(0) }, Domain::State))
    }

    fn exits(&self, domain: Option<Domain>) -> BTreeSet<usize> {
        let left = |state: &usize| match domain {
            None => false,
            Some(Domain::Outside) => true,
            Some(Domain::State(domain)) => self.plan.is_below(*state, domain),
        };
        self.active.iter().copied().filter(left).collect()
    }

    fn without_conflicts(&self, picks: &[Pick<'p>]) -> Vec<Pick<'p>> {
        let mut kept: Vec<Pick<'p>> = Vec::new();
        for &pick in picks {
            let exits = self.exits(self.domain(pick));
            let rival = |other: &Pick<'p>| !self.exits(self.domain(*other)).is_disjoint(&exits);
            if kept.iter().filter(|other| rival(other)).all(|other| self.plan.is_below(pick.0, other.0)) {
                kept.retain(|other| !rival(other));
                kept.push(pick);
            }
        }
        kept
    }

    fn microstep(&mut self, picks: &[Pick<'p>]) -> Option<()> {
        self.counted = false;
        self.recorded = false;
        if picks.is_empty() {
            return Some(());
        }
        self.microsteps += 1;
        if self.microsteps > MICROSTEPS_MAX {
            return None;
        }
        let before = self.active.clone();
        let picks = self.without_conflicts(picks);
        let domains: Vec<Option<Domain>> = picks.iter().map(|&pick| self.domain(pick)).collect();
        let exits: BTreeSet<usize> = domains.iter().flat_map(|&domain| self.exits(domain)).collect();
        self.record(&exits);
        for &state in exits.iter().rev() {
            self.act(&self.plan.states[state].exit);
            self.timers.retain(|timer| !matches!(timer.1, Event::After(of, _) if of == state));
            self.active.retain(|&active| active != state);
        }
        for (_, transition) in &picks {
            self.act(&transition.acts);
        }
        let mut entries = Entries::default();
        for (&pick, &domain) in picks.iter().zip(&domains) {
            if let Some(domain) = domain {
                self.add_transition(pick, domain, &mut entries);
            }
        }
        self.enter(&entries)?;
        let same = before.iter().collect::<BTreeSet<_>>() == self.active.iter().collect();
        if same && !self.recorded {
            self.active = before;
        }
        self.complete();
        Some(())
    }

    fn record(&mut self, exits: &BTreeSet<usize>) {
        for &state in exits {
            for &history in &self.plan.states[state].children {
                let Kind::History(deep) = self.plan.states[history].kind else { continue };
                let remembered = |&at: &usize| {
                    if deep { self.is_leaf(at) && self.plan.is_below(at, state) } else { self.plan.states[at].parent == state && at != 0 }
                };
                let record = self.states().into_iter().filter(remembered).collect();
                self.history.insert(history, record);
                self.recorded = true;
            }
        }
    }

    fn act(&mut self, acts: &[Act]) {
        for act in acts {
            match *act {
                Act::Log(word) => self.log.push(word),
                Act::Count => self.count += 1,
                Act::Raise(event) => self.queue.push_back(Event::Sent(event)),
                Act::Later(event, ticks) => self.set_timer(ticks, Event::Sent(event)),
            }
            // The log is part of the context.
            self.counted |= matches!(act, Act::Log(_) | Act::Count);
        }
    }

    fn add_transition(&self, (source, transition): Pick<'p>, domain: Domain, entries: &mut Entries) {
        let stays = domain == Domain::State(source) && !transition.reenter;
        for &target in &transition.targets {
            if self.plan.is_real(target) && !(target == source && stays) {
                entries.enter.insert(target);
                entries.initial.insert(target);
            }
            self.descend(target, entries);
        }
        for target in self.effective(&transition.targets) {
            self.climb(target, domain, entries);
            if let Domain::State(domain) = domain
                && self.plan.states[domain].kind == Kind::Parallel
            {
                self.fill(domain, entries);
            }
        }
    }

    fn descend(&self, state: usize, entries: &mut Entries) {
        let node = &self.plan.states[state];
        match node.kind {
            Kind::Atomic | Kind::Final => {}
            Kind::Compound => {
                if self.scxml {
                    entries.initial.insert(state);
                }
                entries.enter.insert(node.initial);
                entries.initial.insert(node.initial);
                self.descend(node.initial, entries);
            }
            Kind::Parallel => {
                for region in self.plan.regions(state) {
                    if !self.leads_into(region, entries) {
                        entries.enter.insert(region);
                        entries.initial.insert(region);
                        self.descend(region, entries);
                    }
                }
            }
            Kind::History(_) => self.remember(state, entries),
        }
    }

    fn remember(&self, history: usize, entries: &mut Entries) {
        let node = &self.plan.states[history];
        let states = self.history.get(&history).cloned().unwrap_or_else(|| {
            if node.defaults.is_empty() && self.plan.states[node.parent].kind == Kind::Compound {
                entries.initial.insert(node.parent);
            }
            self.defaults(history)
        });
        for &state in &states {
            entries.enter.insert(state);
            self.descend(state, entries);
        }
        for &state in &states {
            self.climb(state, Domain::State(node.parent), entries);
        }
    }

    fn climb(&self, state: usize, to: Domain, entries: &mut Entries) {
        for ancestor in self.plan.above(state) {
            if let Domain::State(to) = to
                && !self.plan.is_below(ancestor, to)
            {
                return;
            }
            entries.enter.insert(ancestor);
            if self.plan.states[ancestor].kind == Kind::Parallel {
                self.fill(ancestor, entries);
            }
        }
    }

    fn fill(&self, parallel: usize, entries: &mut Entries) {
        for region in self.plan.regions(parallel) {
            if !self.leads_into(region, entries) {
                entries.enter.insert(region);
                self.descend(region, entries);
            }
        }
    }

    fn leads_into(&self, region: usize, entries: &Entries) -> bool {
        entries.enter.iter().any(|&state| self.plan.is_below(state, region))
    }

    fn enter(&mut self, entries: &Entries) -> Option<()> {
        let mut reported = BTreeSet::new();
        for &state in &entries.enter {
            if self.is_active(state) {
                return None;
            }
            self.active.push(state);
            let node = &self.plan.states[state];
            self.act(&node.entry);
            self.plan.delays(state).for_each(|ticks| self.set_timer(ticks, Event::After(state, ticks)));
            if entries.initial.contains(&state) {
                self.act(&node.initial_acts);
            }
            if node.kind == Kind::Final {
                self.report(node.parent, &mut reported);
            }
        }
        self.is_possible().then_some(())
    }

    fn report(&mut self, parent: usize, reported: &mut BTreeSet<usize>) {
        if parent == 0 {
            self.is_done = true;
            return;
        }
        self.queue.push_back(Event::Done(parent));
        let mut at = parent;
        while at != 0 {
            at = self.plan.states[at].parent;
            if self.plan.states[at].kind != Kind::Parallel || !self.is_complete(at) || !reported.insert(at) {
                return;
            }
            self.queue.push_back(Event::Done(at));
            if at == 0 {
                self.is_done = true;
            }
            if self.scxml {
                return;
            }
        }
    }

    fn is_complete(&self, state: usize) -> bool {
        let children = self.plan.regions(state);
        match self.plan.states[state].kind {
            Kind::Compound => children.iter().any(|&child| self.plan.states[child].kind == Kind::Final && self.is_active(child)),
            Kind::Parallel => children.iter().all(|&child| self.is_complete(child)),
            _ => false,
        }
    }

    fn is_possible(&self) -> bool {
        self.active.iter().all(|&state| {
            let inner = self.plan.regions(state);
            let active = inner.iter().filter(|&&child| self.is_active(child)).count();
            let wanted = match self.plan.states[state].kind {
                Kind::Compound => 1,
                Kind::Parallel => inner.len(),
                _ => 0,
            };
            active == wanted && self.is_active(self.plan.states[state].parent)
        })
    }

    /// At the end all exit actions run; the states stay.
    fn complete(&mut self) {
        if self.is_done {
            for state in self.states().into_iter().rev() {
                self.act(&self.plan.states[state].exit);
            }
        }
    }
}

/// States to be entered, and those of them whose initial actions run.
#[derive(Default)]
struct Entries {
    enter: BTreeSet<usize>,
    initial: BTreeSet<usize>,
}
