//! Random charts, drawn from a tape of numbers: a shorter tape of smaller numbers is a simpler chart.

/// The events that are sent. The first is a prefix of the second.
pub(crate) const EVENTS: [&str; 4] = ["a", "a.b", "c", "d"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Atomic,
    Compound,
    Parallel,
    Final,
    /// Whether it is deep.
    History(bool),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Log(u32),
    Count,
    Raise(usize),
    /// Raises an event after so many ticks.
    Later(usize, u64),
}

/// What happens to a chart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    Send(usize),
    Wait(u64),
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Below(i64),
    Odd,
    In(usize),
    Not(Box<Self>),
    Both(Box<(Self, Self)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descriptor {
    Event(usize),
    /// `a.*`.
    Prefix,
    Any,
    Done,
    /// The state has been active for so many ticks.
    After(u64),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Transition {
    pub(crate) targets: Vec<usize>,
    pub(crate) guard: Option<Test>,
    pub(crate) acts: Vec<Act>,
    pub(crate) reenter: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) parent: usize,
    pub(crate) kind: Kind,
    /// In document order, history states among them.
    pub(crate) children: Vec<usize>,
    pub(crate) initial: usize,
    pub(crate) initial_acts: Vec<Act>,
    pub(crate) entry: Vec<Act>,
    pub(crate) exit: Vec<Act>,
    pub(crate) on: Vec<(Descriptor, Transition)>,
    pub(crate) always: Vec<Transition>,
    /// Of a history state.
    pub(crate) defaults: Vec<usize>,
}

/// A chart, its states numbered in document order, and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) states: Vec<State>,
    pub(crate) inputs: Vec<Input>,
    /// How many words the actions log: 1 to this.
    pub(crate) words: u32,
}

const STATES_MAX: usize = 24;
const DEPTH_MAX: usize = 4;

struct Tape<'a> {
    rest: std::slice::Iter<'a, u16>,
    words: u32,
}

impl Tape<'_> {
    /// A number below `end`; 0 when the tape is at its end.
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.rest.next().copied().unwrap_or(0)) % end
    }

    /// True in `part` of 16 cases.
    fn part(&mut self, part: usize) -> bool {
        self.below(16) >= 16 - part
    }

    fn input(&mut self) -> Input {
        match self.below(EVENTS.len() + 3) {
            event if event < EVENTS.len() => Input::Send(event),
            more => Input::Wait((more - EVENTS.len()) as u64 + 1),
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

impl Plan {
    pub(crate) fn from_tape(tape: &[u16]) -> Self {
        let mut tape = Tape { rest: tape.iter(), words: 0 };
        let mut plan = Self { states: Vec::new(), inputs: Vec::new(), words: 0 };
        let root = if tape.part(3) { Kind::Parallel } else { Kind::Compound };
        plan.grow(&mut tape, 0, root, 0);
        // Drawn before the rest, so that a short tape has inputs.
        plan.inputs = (0..10 + tape.below(12)).map(|_| tape.input()).collect();
        for at in 0..plan.states.len() {
            plan.furnish(&mut tape, at);
        }
        plan.words = tape.words;
        plan
    }

    fn grow(&mut self, tape: &mut Tape<'_>, parent: usize, kind: Kind, depth: usize) -> usize {
        let at = self.states.len();
        let state = State {
            parent,
            kind,
            children: Vec::new(),
            initial: 0,
            initial_acts: Vec::new(),
            entry: Vec::new(),
            exit: Vec::new(),
            on: Vec::new(),
            always: Vec::new(),
            defaults: Vec::new(),
        };
        self.states.push(state);
        if matches!(kind, Kind::Compound | Kind::Parallel) {
            // Final states are no regions, and the first child can be an initial one.
            let first = self.grow_child(tape, at, depth, false);
            self.states[at].initial = first;
            for _ in 0..1 + tape.below(3) {
                self.grow_child(tape, at, depth, kind == Kind::Compound);
            }
            if tape.part(6) {
                let deep = Kind::History(tape.part(8));
                let history = self.grow(tape, at, deep, depth + 1);
                self.states[at].children.push(history);
            }
        }
        at
    }

    fn grow_child(&mut self, tape: &mut Tape<'_>, parent: usize, depth: usize, may_end: bool) -> usize {
        let may_grow = depth + 1 < DEPTH_MAX && self.states.len() + 4 < STATES_MAX;
        let kind = match tape.below(8) {
            5 if may_end => Kind::Final,
            3 | 4 if may_grow => Kind::Parallel,
            6 | 7 if may_grow => Kind::Compound,
            _ => Kind::Atomic,
        };
        let child = self.grow(tape, parent, kind, depth + 1);
        self.states[parent].children.push(child);
        child
    }

    fn furnish(&mut self, tape: &mut Tape<'_>, at: usize) {
        let kind = self.states[at].kind;
        if let Kind::History(_) = kind {
            if tape.part(8) {
                let parent = self.states[at].parent;
                let inside: Vec<usize> =
                    (0..self.states.len()).filter(|&state| self.is_below(state, parent) && self.is_real(state)).collect();
                self.states[at].defaults = vec![tape.pick(&inside)];
            }
            return;
        }
        self.states[at].entry = self.acts(tape, 12);
        self.states[at].exit = self.acts(tape, 8);
        if kind == Kind::Compound {
            self.states[at].initial_acts = self.acts(tape, 5);
        }
        if kind == Kind::Final {
            return;
        }
        for _ in 0..1 + tape.below(4) {
            let descriptor = match tape.below(10) {
                8 => Descriptor::Prefix,
                9 => Descriptor::Any,
                event => Descriptor::Event(event % EVENTS.len()),
            };
            let transition = self.transition(tape, at, 5);
            self.states[at].on.push((descriptor, transition));
        }
        if kind != Kind::Atomic && tape.part(8) {
            let transition = self.transition(tape, at, 2);
            self.states[at].on.push((Descriptor::Done, transition));
        }
        // Delays of one length share a timer.
        for ticks in 0..4 {
            if tape.part(3) {
                let transition = self.transition(tape, at, 4);
                self.states[at].on.push((Descriptor::After(ticks), transition));
            }
        }
        if tape.part(3) {
            let mut transition = self.transition(tape, at, 0);
            transition.guard = Some(self.test(tape, 0));
            self.states[at].always.push(transition);
        }
    }

    fn acts(&self, tape: &mut Tape<'_>, often: usize) -> Vec<Act> {
        let mut acts = Vec::new();
        if tape.part(often) {
            tape.words += 1;
            acts.push(Act::Log(tape.words));
        }
        match tape.below(14) {
            12 | 13 => acts.push(Act::Later(tape.below(EVENTS.len()), tape.below(4) as u64)),
            10 => acts.push(Act::Raise(tape.below(EVENTS.len()))),
            11 => acts.push(Act::Count),
            _ => {}
        }
        acts
    }

    fn transition(&self, tape: &mut Tape<'_>, source: usize, guarded: usize) -> Transition {
        let targets = match tape.below(8) {
            0 => Vec::new(),
            1 => self.apart(tape),
            2 | 3 => vec![tape.pick(&self.states[self.states[source].parent].children)],
            _ => vec![1 + tape.below(self.states.len() - 1)],
        };
        let guard = tape.part(guarded).then(|| self.test(tape, 0));
        Transition { targets, guard, acts: self.acts(tape, 10), reenter: tape.part(5) }
    }

    /// Targets in two regions of one parallel state.
    fn apart(&self, tape: &mut Tape<'_>) -> Vec<usize> {
        let parallels: Vec<usize> = (0..self.states.len()).filter(|&at| self.states[at].kind == Kind::Parallel).collect();
        if parallels.is_empty() {
            return vec![1];
        }
        let regions: Vec<usize> =
            self.states[tape.pick(&parallels)].children.iter().copied().filter(|&child| self.is_real(child)).collect();
        let first = tape.below(regions.len());
        let second = (first + 1 + tape.below(regions.len() - 1)) % regions.len();
        let mut target = |region: usize| {
            let inside: Vec<usize> = (0..self.states.len()).filter(|&state| state == region || self.is_below(state, region)).collect();
            tape.pick(&inside)
        };
        vec![target(regions[first]), target(regions[second])]
    }

    fn test(&self, tape: &mut Tape<'_>, depth: usize) -> Test {
        match tape.below(if depth < 2 { 6 } else { 4 }) {
            0 => Test::Below(tape.below(4) as i64),
            1 => Test::Odd,
            2 | 3 => {
                let real: Vec<usize> = (0..self.states.len()).filter(|&state| self.is_real(state)).collect();
                Test::In(tape.pick(&real))
            }
            4 => Test::Not(Box::new(self.test(tape, depth + 1))),
            _ => Test::Both(Box::new((self.test(tape, depth + 1), self.test(tape, depth + 1)))),
        }
    }

    pub(crate) fn is_real(&self, state: usize) -> bool {
        !matches!(self.states[state].kind, Kind::History(_))
    }

    /// The delays of a state.
    pub(crate) fn delays(&self, state: usize) -> impl Iterator<Item = u64> {
        self.states[state].on.iter().filter_map(|(descriptor, _)| match descriptor {
            Descriptor::After(ticks) => Some(*ticks),
            _ => None,
        })
    }

    /// Whether a state is a proper descendant of another.
    pub(crate) fn is_below(&self, state: usize, of: usize) -> bool {
        let mut at = state;
        while at != 0 {
            at = self.states[at].parent;
            if at == of {
                return true;
            }
        }
        false
    }

    /// The proper ancestors of a state, the nearest first.
    pub(crate) fn above(&self, state: usize) -> Vec<usize> {
        let mut above = Vec::new();
        let mut at = state;
        while at != 0 {
            at = self.states[at].parent;
            above.push(at);
        }
        above
    }

    /// The children of a state that can be active.
    pub(crate) fn regions(&self, state: usize) -> Vec<usize> {
        self.states[state].children.iter().copied().filter(|&child| self.is_real(child)).collect()
    }
}
