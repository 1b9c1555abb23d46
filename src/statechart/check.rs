//! What is looked for before a chart is let run.

use std::ops::Range;

use super::chart::{Chart, Node, NodeKind};
use super::definition::{Definition, Descriptor, Kind, Semantics, StateDef, Target};
use super::error::{Place, Problem};
use super::model::Model;
use super::moves::Entries;
use super::set::StateSet;

/// Checks what is written, state by state.
pub(super) fn definition<M: Model>(definition: &Definition<M>, problems: &mut Vec<Problem>) {
    let mut names = Vec::new();
    state(&definition.root, &definition.name, &mut names, problems);
}

fn state<'d, M: Model>(state: &'d StateDef<M>, text: &str, names: &mut Vec<&'d M::State>, problems: &mut Vec<Problem>) {
    if let Some(name) = &state.name {
        if names.contains(&name) {
            problems.push(Problem::SameName { state: text.to_owned() });
        }
        names.push(name);
    }
    shape(state, text, problems);
    for child in &state.children {
        let text = child.name.as_ref().map(|name| format!("{name:?}")).unwrap_or_default();
        self::state(child, &text, names, problems);
    }
}

fn shape<M: Model>(state: &StateDef<M>, text: &str, problems: &mut Vec<Problem>) {
    let text = || text.to_owned();
    let real = |child: &&StateDef<M>| !matches!(child.kind, Kind::History(_));
    let has_real = state.children.iter().any(|child| real(&child));
    match state.kind {
        Kind::Plain if state.children.is_empty() && state.initial.is_some() => {
            problems.push(Problem::InitialUnused { state: text(), kind: "without children" });
        }
        Kind::Plain if !has_real => {}
        Kind::Plain => initial(state, &text(), problems),
        Kind::Parallel => {
            if state.initial.is_some() {
                problems.push(Problem::InitialUnused { state: text(), kind: "parallel" });
            }
            if state.children.is_empty() {
                problems.push(Problem::NoRegion { state: text() });
            }
        }
        Kind::Final | Kind::History(_) => {
            let kind = if state.kind == Kind::Final { "final" } else { "a history state" };
            if state.initial.is_some() && state.kind == Kind::Final {
                problems.push(Problem::InitialUnused { state: text(), kind });
            }
            if !state.children.is_empty() {
                problems.push(Problem::ChildrenNotAllowed { state: text(), kind });
            }
        }
    }
    if state.output.is_some() && state.kind != Kind::Final {
        problems.push(Problem::OutputUnused { state: text() });
    }
    let acts = !state.on.is_empty() || !state.always.is_empty() || !state.entry.0.is_empty() || !state.exit.0.is_empty();
    if !has_real {
        for child in &state.children {
            problems.push(Problem::HistoryAlone { state: child.name.as_ref().map(|name| format!("{name:?}")).unwrap_or_default() });
        }
    }
    for (number, invoke) in state.invokes.iter().enumerate() {
        if state.invokes[..number].iter().any(|earlier| earlier.name == invoke.name) {
            problems.push(Problem::SameInvocation { state: text(), name: invoke.name.clone() });
        }
    }
    if matches!(state.kind, Kind::History(_)) && acts {
        problems.push(Problem::HistoryActs { state: text() });
    }
}

fn initial<M: Model>(state: &StateDef<M>, text: &str, problems: &mut Vec<Problem>) {
    let text = || text.to_owned();
    let targets = state.initial.as_ref().map_or(&[][..], |(targets, _)| targets);
    if targets.is_empty() {
        problems.push(Problem::NoInitial { state: text() });
    }
    for target in targets {
        match target {
            Target::Root => problems.push(Problem::InitialOutside { state: text(), initial: "the root".to_owned() }),
            Target::State(name) if !holds(state, name) => {
                problems.push(Problem::InitialOutside { state: text(), initial: format!("{name:?}") });
            }
            Target::State(_) => {}
        }
    }
}

/// Whether a state of this name is inside.
fn holds<M: Model>(state: &StateDef<M>, name: &M::State) -> bool {
    state.children.iter().any(|child| child.name.as_ref() == Some(name) || holds(child, name))
}

/// Checks that descending ends: only history defaults can lead back up.
pub(super) fn histories<M: Model>(chart: &Chart<M>, problems: &mut Vec<Problem>) {
    let mut finished = vec![false; chart.states.len()];
    for state in chart.masks.histories.ascending() {
        if descends_to_itself(chart, state, &mut vec![], &mut finished) {
            problems.push(Problem::HistoryCircle { state: chart.states[state].text.clone() });
            return;
        }
    }
}

fn descends_to_itself<M: Model>(chart: &Chart<M>, state: usize, path: &mut Vec<usize>, finished: &mut [bool]) -> bool {
    if path.contains(&state) {
        return true;
    }
    if finished[state] {
        return false;
    }
    path.push(state);
    let node = &chart.states[state];
    let parent = &chart.states[usize::from(node.parent)];
    let next: Vec<usize> = match node.kind {
        NodeKind::Atomic | NodeKind::Final => Vec::new(),
        NodeKind::Compound => entered(chart, &node.defaults, state),
        NodeKind::Parallel => node.children.ascending().collect(),
        NodeKind::History(..) if !node.defaults.is_empty() => entered(chart, &node.defaults, node.parent.into()),
        NodeKind::History(..) if parent.kind == NodeKind::Compound => entered(chart, &parent.defaults, node.parent.into()),
        NodeKind::History(..) => vec![node.parent.into()],
    };
    let circle = next.into_iter().any(|next| descends_to_itself(chart, next, path, finished));
    path.pop();
    finished[state] = true;
    circle
}

/// Default targets inside `bound`, and the regions beside them that are entered with them.
fn entered<M: Model>(chart: &Chart<M>, defaults: &Range<u32>, bound: usize) -> Vec<usize> {
    let targets = chart.targets(defaults);
    let paths = targets.iter().fold(M::Set::default(), |paths, &target| paths.or(path(chart, target)));
    let between = paths.and(chart.descendants(bound)).and(chart.masks.parallels);
    let regions = between.ascending().flat_map(|parallel| chart.states[parallel].children.without(paths).ascending());
    targets.iter().map(|&target| target.into()).chain(regions).collect()
}

/// A state and its ancestors.
fn path<M: Model>(chart: &Chart<M>, state: u16) -> M::Set {
    chart.states[usize::from(state)].ancestors.with(state.into())
}

/// Checks the tables: targets that exclude each other, and what can never happen.
pub(super) fn chart<M: Model>(chart: &Chart<M>, written: &[Vec<(Descriptor, u16)>], problems: &mut Vec<Problem>) {
    for (state, written) in written.iter().enumerate() {
        for (number, (_, transition)) in written.iter().enumerate() {
            targets(chart, *transition, || place(chart, state, *transition, number + 1), problems);
        }
        never_taken(chart, state, written, problems);
        invocations(chart, state, written, problems);
    }
    for node in &chart.states {
        initials(chart, node, problems);
        let always = &chart.candidates[node.always.start as usize..node.always.end as usize];
        for (number, &transition) in always.iter().enumerate() {
            let place = || Place { state: &node.text, event: "always", number: number + 1 }.to_string();
            targets(chart, transition, place, problems);
            if always[..number].iter().any(|&earlier| chart.transitions[usize::from(earlier)].guard.is_none()) {
                problems.push(Problem::NeverTaken { place: place() });
            }
        }
    }
    let reached = reachable(chart);
    for state in M::Set::span(0, chart.states.len()).without(reached).ascending() {
        problems.push(Problem::Unreachable { state: chart.states[state].text.clone() });
    }
}

/// Transitions for invocations that no state makes.
fn invocations<M: Model>(chart: &Chart<M>, state: usize, written: &[(Descriptor, u16)], problems: &mut Vec<Problem>) {
    for (number, (descriptor, transition)) in written.iter().enumerate() {
        let (Descriptor::InvokeDone(name) | Descriptor::InvokeError(name)) = descriptor else { continue };
        if !chart.invokes.iter().any(|invoke| invoke.name == *name) {
            let place = place(chart, state, *transition, number + 1);
            problems.push(Problem::UnknownInvocation { place, name: name.clone() });
        }
    }
}

fn place<M: Model>(chart: &Chart<M>, state: usize, transition: u16, number: usize) -> String {
    let event = &chart.transitions[usize::from(transition)].label;
    Place { state: &chart.states[state].text, event, number }.to_string()
}

/// Targets must be in different regions of a parallel state.
fn targets<M: Model>(chart: &Chart<M>, transition: u16, place: impl Fn() -> String, problems: &mut Vec<Problem>) {
    for (one, other) in pairs(chart, &chart.transitions[usize::from(transition)].targets) {
        let meeting = meeting(chart, one, other);
        let nested = meeting == usize::from(one) || meeting == usize::from(other);
        if !chart.masks.parallels.has(meeting) && !nested {
            problems.push(Problem::TargetsConflict { place: place(), one: chart.text(one), other: chart.text(other) });
        }
    }
}

/// So must initial states, and none of them inside another, which has an initial state of its own.
fn initials<M: Model>(chart: &Chart<M>, node: &Node<M>, problems: &mut Vec<Problem>) {
    if node.kind != NodeKind::Compound {
        return;
    }
    for (one, other) in pairs(chart, &node.defaults) {
        let meeting = meeting(chart, one, other);
        if !chart.masks.parallels.has(meeting) || meeting == usize::from(one) || meeting == usize::from(other) {
            problems.push(Problem::InitialConflict { state: node.text.clone(), one: chart.text(one), other: chart.text(other) });
        }
    }
}

fn pairs<M: Model>(chart: &Chart<M>, targets: &Range<u32>) -> impl Iterator<Item = (u16, u16)> {
    let targets = chart.targets(targets);
    targets.iter().enumerate().flat_map(|(number, &one)| targets[number + 1..].iter().map(move |&other| (one, other)))
}

/// The state in which the ways from the root to two states part.
fn meeting<M: Model>(chart: &Chart<M>, one: u16, other: u16) -> usize {
    path(chart, one).and(path(chart, other)).last().unwrap_or(0)
}

/// Transitions of a state that stand behind one for the same events without a condition.
fn never_taken<M: Model>(chart: &Chart<M>, state: usize, written: &[(Descriptor, u16)], problems: &mut Vec<Problem>) {
    for (number, (descriptor, transition)) in written.iter().enumerate() {
        let earlier = written[..number]
            .iter()
            .filter(|(earlier, _)| earlier == descriptor || chart.semantics == Semantics::Scxml && *earlier == Descriptor::Any);
        if earlier.into_iter().any(|(_, earlier)| chart.transitions[usize::from(*earlier)].guard.is_none()) {
            problems.push(Problem::NeverTaken { place: place(chart, state, *transition, number + 1) });
        }
    }
}

/// The states that some run may enter, with history states that some transition leads to.
fn reachable<M: Model>(chart: &Chart<M>) -> M::Set {
    let mut entries = Entries::new(chart, &[]);
    entries.add_root();
    let mut reached = entries.enters;
    for node in &chart.states {
        reached = reached.or(chart
            .targets(&node.defaults)
            .iter()
            .fold(M::Set::default(), |set, &state| if chart.masks.histories.has(state.into()) { set.with(state.into()) } else { set }));
    }
    loop {
        let before = reached;
        for transition in chart.transitions.iter().filter(|transition| before.has(transition.source.into())) {
            reached = reached.or(transition.fixed.enters);
            for &target in chart.targets(&transition.targets) {
                reached = reached.with(target.into());
            }
        }
        if reached == before {
            return reached;
        }
    }
}
