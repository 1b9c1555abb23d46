//! A chart in words: an outline of its states with what each does.

use std::fmt::{self, Write};

use super::chart::{Chart, Node, NodeKind, Transition};
use super::definition::History;
use super::model::Model;
use super::set::StateSet;

impl<M: Model> Chart<M> {
    /// The chart as an outline: a line for each state, with those of `active` marked by `*`, and below it its
    /// transitions in the order written. Pass [`Configuration::states`](super::Configuration::states), or an empty set.
    ///
    /// Guards and actions are functions: it says whether there are some, and how many.
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::statechart::{Chart, EventId, EventNames, Model, StateSet};
    /// # struct Door;
    /// # impl Model for Door {
    /// #     type State = &'static str; type Event = EventId; type Context = u32; type Port<'a> = (); type Set = u64;
    /// # }
    /// # let mut names = EventNames::default();
    /// # let push = names.id("push");
    /// let chart = Chart::<Door>::define("door", |door| {
    ///     door.initial("open");
    ///     door.state("open", |open| {
    ///         open.tag("passable");
    ///         open.on(push).when(|pushes, _| *pushes < 3).go("closed");
    ///     });
    ///     door.end("closed", |_| {});
    /// })
    /// .event_names(names)
    /// .build()?;
    /// assert_eq!(chart.describe(0), "\
    /// chart door, at first \"open\"
    ///     state \"open\", tagged passable
    ///         on push, if its guard holds: to \"closed\"
    ///     final state \"closed\"
    /// ");
    /// # Ok::<(), throng::statechart::ChartError>(())
    /// ```
    #[must_use]
    pub fn describe(&self, active: M::Set) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.describe_state(0, 0, active, &mut text);
        text
    }

    fn describe_state(&self, at: usize, depth: usize, active: M::Set, text: &mut String) -> fmt::Result {
        let node = &self.states[at];
        write!(text, "{}{} {}", "    ".repeat(depth), kind(at, node), node.text)?;
        if active.has(at) {
            text.push_str(" *");
        }
        let leads = if matches!(node.kind, NodeKind::History(..)) { "by default" } else { "at first" };
        self.list(leads, self.targets(&node.defaults), text)?;
        let tags = self.tags(M::Set::one(at));
        if !tags.is_empty() {
            write!(text, ", tagged {}", tags.join(" "))?;
        }
        for (what, actions) in [("entry", &node.entry), ("exit", &node.exit)] {
            if !actions.is_empty() {
                write!(text, ", {} on {what}", count(actions.len()))?;
            }
        }
        if node.output.is_some() {
            text.push_str(", with output");
        }
        text.push('\n');
        for transition in self.transitions.iter().filter(|transition| usize::from(transition.source) == at) {
            self.describe_transition(transition, depth + 1, text)?;
        }
        node.children.or(node.histories).ascending().try_for_each(|child| self.describe_state(child, depth + 1, active, text))
    }

    fn describe_transition(&self, transition: &Transition<M>, depth: usize, text: &mut String) -> fmt::Result {
        let targets = self.targets(&transition.targets);
        write!(text, "{}on {}", "    ".repeat(depth), transition.label)?;
        if transition.guard.is_some() {
            text.push_str(", if its guard holds");
        }
        text.push(':');
        match (targets, transition.actions.len()) {
            ([], 0) => text.push_str(" nothing, and none above hears of it"),
            ([], actions) => write!(text, " {}", count(actions))?,
            (targets, actions) => {
                let names: Vec<&str> = targets.iter().map(|&target| self.states[usize::from(target)].text.as_str()).collect();
                write!(text, " to {}", names.join(" and "))?;
                if transition.reenter {
                    text.push_str(", leaving and entering again");
                }
                if actions > 0 {
                    write!(text, ", {}", count(actions))?;
                }
            }
        }
        text.push('\n');
        Ok(())
    }

    fn list(&self, what: &str, states: &[u16], text: &mut String) -> fmt::Result {
        for (number, &state) in states.iter().enumerate() {
            let lead = if number == 0 { format!(", {what} ") } else { " and ".to_owned() };
            write!(text, "{lead}{}", self.states[usize::from(state)].text)?;
        }
        Ok(())
    }
}

fn count(actions: usize) -> String {
    if actions == 1 { "1 action".to_owned() } else { format!("{actions} actions") }
}

fn kind<M: Model>(at: usize, node: &Node<M>) -> &'static str {
    match node.kind {
        NodeKind::Parallel if at == 0 => "parallel chart",
        _ if at == 0 => "chart",
        NodeKind::Atomic | NodeKind::Compound => "state",
        NodeKind::Parallel => "parallel state",
        NodeKind::Final => "final state",
        NodeKind::History(History::Shallow, _) => "shallow history",
        NodeKind::History(History::Deep, _) => "deep history",
    }
}
