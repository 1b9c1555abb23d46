//! A chart as a picture for Mermaid, with the active states marked.

use std::fmt::Write;

use super::chart::{Chart, NodeKind};
use super::definition::History;
use super::model::Model;
use super::set::StateSet;

impl<M: Model> Chart<M> {
    /// The chart as a Mermaid `stateDiagram-v2`. States of `active` get the class `active`; pass
    /// [`Configuration::states`](super::Configuration::states), or an empty set.
    ///
    /// Guards and actions are functions, so a transition shows its event and whether it has a condition. Mermaid knows
    /// no history: such states are drawn as states with the mark `(H)`, or `(H*)` for a deep one. It also draws no
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
        for transition in &self.transitions {
            let (source, label) = (self.mark(transition.source.into()), escape(&transition.label));
            let condition = if transition.guard.is_some() { " [if]" } else { "" };
            let targets = self.targets(&transition.targets);
            let targets = if targets.is_empty() { &[transition.source][..] } else { targets };
            for target in targets {
                let _ = writeln!(picture, "    {source} --> {}: {label}{condition}", self.mark((*target).into()));
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
        for (number, child) in node.children.or(node.histories).ascending().enumerate() {
            if node.kind == NodeKind::Parallel && number > 0 && node.children.has(child) {
                let _ = writeln!(picture, "{indent}--");
            }
            self.draw(child, depth, picture);
        }
    }

    fn draw(&self, at: usize, depth: usize, picture: &mut String) {
        let indent = "    ".repeat(depth);
        let node = &self.states[at];
        let mark = match node.kind {
            NodeKind::History(History::Shallow, _) => " (H)",
            NodeKind::History(History::Deep, _) => " (H*)",
            _ => "",
        };
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

/// Without the characters that end a label.
fn escape(text: &str) -> String {
    text.replace('"', "'").replace([':', ';', '\n'], " ")
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
                    red.on(next).go(Light::Green).guard(Guard::is_in(Light::Wait));
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
    s2 --> s3: next [if]
    s3 --> s2: xstate.after.30.Green
    s6 --> s5: *
    class s1 active
    class s2 active
    classDef active stroke-width:4px,font-weight:bold
";
        assert_eq!(chart.to_mermaid(active), expected);
    }
}
