//! A chart as a picture for Mermaid and for Graphviz, with the active states marked.

use std::fmt::Write;

use super::chart::{Chart, NodeKind};
use super::definition::History;
use super::model::Model;
use super::set::StateSet;

impl<M: Model> Chart<M> {
    /// The chart as a Mermaid `stateDiagram-v2`. States of `active` get the class `active`; pass
    /// [`Configuration::states`](super::Configuration::states), or an empty set.
    ///
    /// A transition shows its event, the name of its guard in brackets (`if` where it has none), and behind a slash
    /// the actions that have names ([`Guard::named`](super::Guard::named), [`Actions::named`](super::Actions::named)).
    /// Mermaid knows no history: such states are drawn as states with the mark `(H)`, or `(H*)` for a deep one. It also draws no
    /// transitions between states inside different composite ones, though the text names them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::statechart::{Chart, EventId, EventNames, Model, StateSet};
    /// # struct Door;
    /// # impl Model for Door {
    /// #     type State = &'static str; type Event = EventId; type Context = (); type Port<'a> = (); type Set = u64;
    /// # }
    /// # let mut names = EventNames::default();
    /// # let push = names.id("push");
    /// let chart = Chart::<Door>::define("door", |door| {
    ///     door.initial("open");
    ///     door.state("open", |open| {
    ///         open.on(push).go("closed");
    ///     });
    ///     door.state("closed", |_| {});
    /// })
    /// .event_names(names)
    /// .build()?;
    /// let picture = chart.to_mermaid(0);
    /// assert!(picture.contains("s1 --> s2: push\n"));
    /// # Ok::<(), throng::statechart::ChartError>(())
    /// ```
    #[must_use]
    pub fn to_mermaid(&self, active: M::Set) -> String {
        let mut picture = "stateDiagram-v2\n".to_owned();
        self.draw_children(0, 1, &mut picture);
        for (number, transition) in self.transitions.iter().enumerate() {
            let (source, label) = (self.mark(transition.source.into()), self.transition_words(number));
            let targets = self.targets(&transition.targets);
            let targets = if targets.is_empty() { &[transition.source][..] } else { targets };
            for target in targets {
                let _ = writeln!(picture, "    {source} --> {}: {label}", self.mark((*target).into()));
            }
        }
        for (at, node) in self.states.iter().enumerate() {
            if active.has(at) && at != 0 && !matches!(node.kind, NodeKind::History(..)) {
                let _ = writeln!(picture, "    class s{at} active");
            }
        }
        picture.push_str("    classDef active stroke-width:4px,font-weight:bold\n");
        picture
    }

    /// The chart as a Graphviz digraph: composite states are clusters, and the states of `active` are filled. Run it
    /// through `dot -Tsvg`. What it shows of guards and history is as in [`Chart::to_mermaid`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::statechart::{Chart, EventId, EventNames, Model, StateSet};
    /// # struct Door;
    /// # impl Model for Door {
    /// #     type State = &'static str; type Event = EventId; type Context = (); type Port<'a> = (); type Set = u64;
    /// # }
    /// # let mut names = EventNames::default();
    /// # let push = names.id("push");
    /// # let chart = Chart::<Door>::define("door", |door| {
    /// #     door.initial("open");
    /// #     door.state("open", |open| {
    /// #         open.on(push).go("closed");
    /// #     });
    /// #     door.state("closed", |_| {});
    /// # })
    /// # .event_names(names)
    /// # .build()?;
    /// let picture = chart.to_dot(u64::one(1));
    /// assert!(picture.starts_with("digraph \"door\" {\n"));
    /// assert!(picture.contains("s1 -> s2 [label=\"push\"];\n"));
    /// # Ok::<(), throng::statechart::ChartError>(())
    /// ```
    #[must_use]
    pub fn to_dot(&self, active: M::Set) -> String {
        let mut picture = format!("digraph \"{}\" {{\n    compound=true;\n    node [shape=box, style=rounded];\n", escape(&self.name));
        self.dot_children(0, 1, active, &mut picture);
        if !self.root_is_quiet() {
            let _ = writeln!(picture, "    s0 [label=\"{}\"];", escape(&self.name));
        }
        for (number, transition) in self.transitions.iter().enumerate() {
            let label = self.transition_words(number);
            let targets = self.targets(&transition.targets);
            let targets = if targets.is_empty() { &[transition.source][..] } else { targets };
            for target in targets {
                let (source, target) = (transition.source.into(), usize::from(*target));
                let cuts = self.cut("ltail", source, target) + &self.cut("lhead", target, source);
                let (tail, head) = (self.anchor(source), self.anchor(target));
                let _ = writeln!(picture, "    {tail} -> {head} [label=\"{label}\"{cuts}];");
            }
        }
        picture.push_str("}\n");
        picture
    }

    /// Its event, guard and actions, as UML writes them.
    fn transition_words(&self, number: usize) -> String {
        let transition = &self.transitions[number];
        let mut words = transition.label.to_string();
        if transition.guard.is_some() {
            let _ = write!(words, " [{}]", self.guard_words(number).as_deref().unwrap_or("if"));
        }
        let (actions, _) = self.action_words(&transition.actions);
        if !actions.is_empty() {
            let _ = write!(words, " / {}", actions.join(", "));
        }
        escape(&words)
    }

    fn is_cluster(&self, at: usize) -> bool {
        at != 0 && !self.states[at].children.is_empty()
    }

    /// Graphviz draws edges between nodes only: a point inside stands for a cluster.
    fn anchor(&self, at: usize) -> String {
        if self.is_cluster(at) { format!("p{at}") } else { format!("s{at}") }
    }

    /// Ends an edge at the border of a cluster, unless the other end is inside.
    fn cut(&self, key: &str, at: usize, other: usize) -> String {
        let cuts = self.is_cluster(at) && at != other && !self.is_descendant(other, at);
        if cuts { format!(", {key}=cluster_{at}") } else { String::new() }
    }

    fn dot_children(&self, parent: usize, depth: usize, active: M::Set, picture: &mut String) {
        let indent = "    ".repeat(depth);
        let node = &self.states[parent];
        if let (NodeKind::Compound, &[initial]) = (node.kind, self.targets(&node.defaults)) {
            let _ = writeln!(picture, "{indent}i{parent} [shape=circle, style=filled, fillcolor=black, width=0.1, label=\"\"];");
            let (head, cut) = (self.anchor(initial.into()), self.cut("lhead", initial.into(), parent));
            let _ = writeln!(picture, "{indent}i{parent} -> {head} [arrowsize=0.7{cut}];");
        }
        for child in node.children.or(node.histories).ascending() {
            self.dot_state(child, depth, active, picture);
        }
    }

    fn dot_state(&self, at: usize, depth: usize, active: M::Set, picture: &mut String) {
        let indent = "    ".repeat(depth);
        let node = &self.states[at];
        let (label, mark) = (escape(&node.text), history_mark(node.kind));
        let style = match (active.has(at), node.kind) {
            (true, _) => "\"rounded,filled,bold\"",
            (false, NodeKind::History(..)) => "\"rounded,dotted\"",
            (false, _) => "rounded",
        };
        if node.children.is_empty() {
            let borders = if node.kind == NodeKind::Final { ", peripheries=2" } else { "" };
            let _ = writeln!(picture, "{indent}s{at} [label=\"{label}{mark}\", style={style}{borders}];");
            return;
        }
        let region = self.states[usize::from(node.parent)].kind == NodeKind::Parallel;
        let style = if region && !active.has(at) { "\"rounded,dashed\"" } else { style };
        let _ = writeln!(picture, "{indent}subgraph cluster_{at} {{");
        let _ = writeln!(picture, "{indent}    label=\"{label}\"; style={style}; fillcolor=gray95;");
        let _ = writeln!(picture, "{indent}    p{at} [shape=point, style=invis];");
        self.dot_children(at, depth + 1, active, picture);
        let _ = writeln!(picture, "{indent}}}");
    }

    /// The name of a state in the picture. The root is the picture itself; where it has transitions, a state beside the
    /// others stands for it.
    fn mark(&self, at: usize) -> String {
        if at == 0 { "root".to_owned() } else { format!("s{at}") }
    }

    fn draw_children(&self, parent: usize, depth: usize, picture: &mut String) {
        let indent = "    ".repeat(depth);
        let node = &self.states[parent];
        if parent == 0 && !self.root_is_quiet() {
            let _ = writeln!(picture, "{indent}state \"{}\" as root", escape(&self.name));
        }
        for &initial in self.targets(&node.defaults) {
            if node.kind == NodeKind::Compound {
                let _ = writeln!(picture, "{indent}[*] --> {}", self.mark(initial.into()));
            }
        }
        for child in node.children.or(node.histories).ascending() {
            if node.kind == NodeKind::Parallel && node.children.has(child) && node.children.first() != Some(child) {
                let _ = writeln!(picture, "{indent}--");
            }
            self.draw(child, depth, picture);
        }
    }

    fn draw(&self, at: usize, depth: usize, picture: &mut String) {
        let indent = "    ".repeat(depth);
        let node = &self.states[at];
        let mark = history_mark(node.kind);
        let _ = writeln!(picture, "{indent}state \"{}{mark}\" as s{at}", escape(&node.text));
        if node.kind == NodeKind::Final {
            let _ = writeln!(picture, "{indent}s{at} --> [*]");
        }
        if !node.children.is_empty() {
            let _ = writeln!(picture, "{indent}state s{at} {{");
            self.draw_children(at, depth + 1, picture);
            let _ = writeln!(picture, "{indent}}}");
        }
    }

    /// Whether the root has neither transitions nor is a target.
    fn root_is_quiet(&self) -> bool {
        !self.transitions.iter().any(|transition| transition.source == 0 || self.targets(&transition.targets).contains(&0))
    }
}

fn history_mark(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::History(History::Shallow, _) => " (H)",
        NodeKind::History(History::Deep, _) => " (H*)",
        _ => "",
    }
}

/// Without the characters that end a label.
fn escape(text: &str) -> String {
    text.replace('"', "'").replace([':', ';', '\n', '\\'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::model::{EventId, EventNames};
    use super::super::{Actions, Guard, History};
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Light {
        Cars,
        Red,
        Green,
        People,
        Was,
        Wait,
    }

    struct Junction;

    impl Model for Junction {
        type State = Light;
        type Event = EventId;
        type Context = ();
        type Port<'a> = ();
        type Set = u64;
    }

    #[test]
    fn a_picture_shows_states_regions_transitions_and_what_is_active() {
        let mut names = EventNames::default();
        let [next, stop] = ["next", "stop"].map(|name| names.id(name));
        let chart = Chart::<Junction>::define("junction", |root| {
            root.regions();
            root.on(stop).effect(|(), _, _| {});
            root.state(Light::Cars, |cars| {
                cars.initial(Light::Red);
                cars.state(Light::Red, |red| {
                    red.on(next)
                        .go(Light::Green)
                        .guard(Guard::is_in(Light::Wait))
                        .effect(|(), _, _| {})
                        .named("ring")
                        .effect(|(), _, _| {});
                });
                cars.state(Light::Green, |green| {
                    green.after(30).go(Light::Red);
                });
            });
            root.state(Light::People, |people| {
                people.initial(Light::Wait);
                people.history(Light::Was, History::Deep, []);
                people.state(Light::Wait, |wait| {
                    wait.on_any().go(Light::Was).reenter();
                });
            });
        });
        let chart = chart.event_names(names).build().expect("the chart is sound");
        let active = [0, 1, 2].into_iter().fold(0_u64, StateSet::with);
        let expected = "\
stateDiagram-v2
    state \"junction\" as root
    state \"Cars\" as s1
    state s1 {
        [*] --> s2
        state \"Red\" as s2
        state \"Green\" as s3
    }
    --
    state \"People\" as s4
    state s4 {
        [*] --> s6
        state \"Was (H*)\" as s5
        state \"Wait\" as s6
    }
    root --> root: stop
    s2 --> s3: next [in Wait] / ring
    s3 --> s2: xstate.after.30.Green
    s6 --> s5: *
    class s1 active
    class s2 active
    classDef active stroke-width:4px,font-weight:bold
";
        assert_eq!(chart.to_mermaid(active), expected);
        let expected = "\
digraph \"junction\" {
    compound=true;
    node [shape=box, style=rounded];
    subgraph cluster_1 {
        label=\"Cars\"; style=\"rounded,filled,bold\"; fillcolor=gray95;
        p1 [shape=point, style=invis];
        i1 [shape=circle, style=filled, fillcolor=black, width=0.1, label=\"\"];
        i1 -> s2 [arrowsize=0.7];
        s2 [label=\"Red\", style=\"rounded,filled,bold\"];
        s3 [label=\"Green\", style=rounded];
    }
    subgraph cluster_4 {
        label=\"People\"; style=\"rounded,dashed\"; fillcolor=gray95;
        p4 [shape=point, style=invis];
        i4 [shape=circle, style=filled, fillcolor=black, width=0.1, label=\"\"];
        i4 -> s6 [arrowsize=0.7];
        s5 [label=\"Was (H*)\", style=\"rounded,dotted\"];
        s6 [label=\"Wait\", style=rounded];
    }
    s0 [label=\"junction\"];
    s0 -> s0 [label=\"stop\"];
    s2 -> s3 [label=\"next [in Wait] / ring\"];
    s3 -> s2 [label=\"xstate.after.30.Green\"];
    s6 -> s5 [label=\"*\"];
}
";
        assert_eq!(chart.to_dot(active), expected);
        let expected = "\
parallel chart junction *
    on stop: 1 action
    state Cars *, at first Red
        state Red *
            on next, if in Wait: to Green, ring, 1 more
        state Green
            on xstate.after.30.Green: to Red
    state People, at first Wait
        deep history Was
        state Wait
            on *: to Was, leaving and entering again
";
        assert_eq!(chart.describe(active), expected);
    }
}
