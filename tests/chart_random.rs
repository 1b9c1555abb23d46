//! Random charts: configurations stay sound, and all ways to step agree.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use throng::statechart::{Actions, Chart, EventId, EventNames, History, Model, Semantics, Session, StateDef, StateSet};

/// What a state of a random chart is. Children of the root come first, then theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    Parallel,
    Final,
    History(bool),
}

#[derive(Clone, Debug)]
struct Plan {
    /// Parent and shape of state *i* + 1; parents come before their children.
    states: Vec<(usize, Shape)>,
    /// Source, event (3 is none), target (0 is the root; the last is none), and whether it reenters.
    transitions: Vec<(usize, u8, usize, bool)>,
    /// For each state which one inside it is entered by default: its initial one, or where its history leads at first.
    defaults: Vec<prop::sample::Index>,
    events: Vec<u8>,
}

const EVENTS: [&str; 3] = ["a", "a.b", "c"];

fn plans() -> impl Strategy<Value = Plan> {
    let shape = prop_oneof![
        6 => Just(Shape::Plain),
        2 => Just(Shape::Parallel),
        1 => Just(Shape::Final),
        1 => any::<bool>().prop_map(Shape::History),
    ];
    let states = prop::collection::vec((any::<prop::sample::Index>(), shape), 2..14);
    let number = any::<prop::sample::Index>();
    let event = prop_oneof![12 => 0_u8..3, 1 => Just(3)];
    let target = (any::<prop::sample::Index>(), prop::bool::weighted(0.2));
    let transitions = prop::collection::vec((number, event, target, any::<bool>()), 4..24);
    let defaults = prop::collection::vec(any::<prop::sample::Index>(), 15);
    (states, transitions, defaults, prop::collection::vec(0_u8..3, 1..20)).prop_map(|(states, transitions, defaults, events)| {
        let mut sound: Vec<(usize, Shape)> = Vec::new();
        for (parent, shape) in states {
            // The root, or a state that may have children.
            let parents: Vec<usize> =
                (0..=sound.len()).filter(|&at| at == 0 || matches!(sound[at - 1].1, Shape::Plain | Shape::Parallel)).collect();
            // A chart whose first state is final is done when it starts.
            let shape = if sound.is_empty() { Shape::Plain } else { shape };
            sound.push((parents[parent.index(parents.len())], shape));
        }
        let count = sound.len() + 1;
        let real = |at: usize| at == 0 || matches!(sound[at - 1].1, Shape::Plain | Shape::Parallel);
        let histories: Vec<usize> = (1..count).filter(|&at| matches!(sound[at - 1].1, Shape::History(_))).collect();
        let target = |target: prop::sample::Index, to_history| match histories.as_slice() {
            [_, ..] if to_history => *target.get(&histories),
            _ => target.index(count + 1),
        };
        let transitions = transitions
            .into_iter()
            .map(|(source, event, (to, history), reenter)| (source.index(count), event, target(to, history), reenter));
        let transitions = transitions.filter(|(source, ..)| real(*source)).collect();
        Plan { states: sound, transitions, defaults, events }
    })
}

struct Random<S>(std::marker::PhantomData<S>);

impl<S: StateSet> Model for Random<S> {
    type State = usize;
    type Event = EventId;
    type Context = u64;
    type Port<'a> = ();
    type Set = S;
}

impl Plan {
    fn children(&self, of: usize) -> impl Iterator<Item = usize> {
        (1..=self.states.len()).filter(move |&at| self.states[at - 1].0 == of)
    }

    fn shape(&self, at: usize) -> Shape {
        if at == 0 { Shape::Plain } else { self.states[at - 1].1 }
    }

    /// Children that can be active.
    fn real_children(&self, of: usize) -> Vec<usize> {
        self.children(of).filter(|&child| !matches!(self.shape(child), Shape::History(_))).collect()
    }

    /// The states inside one that can be active.
    fn inside(&self, of: usize) -> Vec<usize> {
        let children = self.real_children(of);
        children.into_iter().flat_map(|child| std::iter::once(child).chain(self.inside(child))).collect()
    }

    /// What is entered by default: a state at any depth; and where it is in a region, also one of another region.
    fn defaults(&self, of: usize, by: usize) -> Vec<usize> {
        let pick = |from: &[usize], by: usize| self.defaults[by].get(from).to_owned();
        let first = pick(&self.inside(of), by);
        let mut region = first;
        while region != of && !(self.shape(self.states[region - 1].0) == Shape::Parallel && self.states[region - 1].0 != of) {
            region = self.states[region - 1].0;
        }
        let others = if region == of { Vec::new() } else { self.real_children(self.states[region - 1].0) };
        let other = others.into_iter().find(|&other| other != region);
        let second = other.map(|other| pick(&[vec![other], self.inside(other)].concat(), first));
        std::iter::once(first).chain(second).collect()
    }

    /// `busy` gives each state and transition an action that changes nothing, so that none is taken the short way.
    fn write<S: StateSet>(&self, at: usize, busy: bool, state: &mut StateDef<Random<S>>) {
        if busy {
            state.entry().effect(|_, _, _| {});
            state.exit().effect(|_, _, _| {});
        }
        let real = self.real_children(at);
        if self.shape(at) == Shape::Plain && !real.is_empty() {
            let initial = state.initial_all(self.defaults(at, at));
            // Those of even number stay free of actions, for the short way.
            if at % 2 == 1 {
                initial.run(|count, _, _| *count += 1);
            }
        }
        for &(_, event, target, reenter) in self.transitions.iter().filter(|(source, ..)| *source == at) {
            let transition = match event {
                3 => state.always(),
                event => state.on_named(EVENTS[usize::from(event)]),
            };
            match target {
                0 => drop_ref(transition.go_root()),
                target if target > self.states.len() => {}
                target => drop_ref(transition.go(target)),
            }
            if reenter {
                transition.reenter();
            }
            if busy {
                transition.effect(|_, _, _| {});
            }
        }
        for child in self.children(at) {
            match self.shape(child) {
                Shape::Final => state.end(child, |state| self.write(child, busy, state)),
                Shape::History(deep) => {
                    let depth = if deep { History::Deep } else { History::Shallow };
                    let parent = self.shape(at);
                    let defaults = if parent == Shape::Plain && !real.is_empty() { self.defaults(at, child) } else { Vec::new() };
                    state.history(child, depth, defaults).run(|count, _, _| *count += 1_000);
                }
                // A parallel state needs a region, a compound one a child that can be active.
                Shape::Parallel if !self.real_children(child).is_empty() => state.parallel(child, |state| self.write(child, busy, state)),
                Shape::Plain | Shape::Parallel if self.real_children(child).is_empty() => {
                    let bare = Self {
                        states: self
                            .states
                            .iter()
                            .map(|&(parent, shape)| (if parent == child { usize::MAX } else { parent }, shape))
                            .collect(),
                        ..self.clone()
                    };
                    state.state(child, |state| bare.write(child, busy, state));
                }
                _ => state.state(child, |state| self.write(child, busy, state)),
            }
        }
    }

    fn start<S: StateSet>(&self, busy: bool, semantics: Semantics) -> Option<(Session<Random<S>>, [EventId; 3])> {
        let mut names = EventNames::default();
        let events = EVENTS.map(|name| names.id(name));
        let definition = Chart::<Random<S>>::define("random", |root| self.write(0, busy, root));
        // Charts that name history states which are left out above are not of interest.
        let chart = definition.event_names(names).semantics(semantics).lenient().microsteps_max(100).build().ok()?;
        let session = Session::start(Arc::new(chart), 0).ok()?;
        Some((session, events))
    }

    /// With each state its parent; of a compound state one child, of a parallel one all.
    fn assert_sound(&self, active: &[usize]) {
        let is_active = |at: usize| at == 0 || active.contains(&at);
        for at in 0..=self.states.len() {
            let real = self.real_children(at);
            let count = real.iter().filter(|&&child| is_active(child)).count();
            let expected = match (is_active(at), self.shape(at)) {
                (false, _) => 0,
                (true, Shape::Plain) => real.len().min(1),
                (true, _) => real.len(),
            };
            assert_eq!(count, expected, "children of {at} in {active:?} of {self:?}");
        }
    }
}

fn drop_ref<T>(_: &mut T) {}

/// The states after an event, and what was counted; or the error of a step.
type Moment = Result<(Vec<usize>, u64), String>;

/// What comes of each event, until a step fails.
fn play<S: StateSet>(plan: &Plan, busy: bool, semantics: Semantics) -> Option<Vec<Moment>> {
    let (mut session, events) = plan.start::<S>(busy, semantics)?;
    let mut played = vec![Ok((session.active(), *session.context()))];
    for event in &plan.events {
        if let Err(error) = session.send(events[usize::from(*event)]) {
            played.push(Err(error.to_string()));
            break;
        }
        played.push(Ok((session.active(), *session.context())));
    }
    Some(played)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn configurations_stay_sound_and_all_ways_agree(plan in plans()) {
        for semantics in [Semantics::XState, Semantics::Scxml] {
            let Some(played) = play::<u64>(&plan, false, semantics) else { continue };
            for (active, _) in played.iter().flatten() {
                plan.assert_sound(active);
            }
            // What is at first is as the root says, unless an eventless transition leads away from it.
            if let Some(Ok((active, _))) = played.first() && plan.transitions.iter().all(|(_, event, ..)| *event != 3) {
                let wanted = plan.defaults(0, 0);
                prop_assert!(wanted.iter().all(|state| active.contains(state)), "{:?} holds {:?}", active, wanted);
            }
            let busy = play::<u64>(&plan, true, semantics);
            prop_assert_eq!(Some(&played), busy.as_ref(), "the short way");
            let wide = play::<[u64; 3]>(&plan, false, semantics);
            prop_assert_eq!(Some(&played), wide.as_ref(), "wide sets");
        }
    }
}

/// The strategy must give charts that do something.
#[test]
fn random_charts_are_worth_while() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut moved, mut deep, mut several, mut history) = (0, 0, 0, 0);
    for _ in 0..300 {
        let plan = plans().new_tree(&mut runner).expect("there are plans").current();
        let played = play::<u64>(&plan, false, Semantics::XState).unwrap_or_default();
        moved += usize::from(played.windows(2).any(|pair| pair[0] != pair[1]));
        let defaults = plan.defaults(0, 0);
        deep += usize::from(!plan.children(0).any(|child| child == defaults[0]));
        let compound = |at: &usize| plan.shape(*at) == Shape::Plain && !plan.real_children(*at).is_empty();
        several += usize::from((0..=plan.states.len()).filter(compound).any(|at| plan.defaults(at, at).len() > 1));
        history += usize::from(played.iter().flatten().any(|(_, count)| *count >= 1_000));
    }
    assert!(moved > 100, "{moved} of 300 change their states");
    assert!(deep > 50 && several > 10, "{deep} of 300 start below the root's children, {several} in several regions");
    assert!(history > 5, "{history} of 300 take a history's default");
}
