//! A chart in words: an outline of its states with what each does.

use std::fmt::{self, Write};
use std::ops::Range;

use super::chart::{Chart, Node, NodeKind, Transition};
use super::definition::History;
use super::model::Model;
use super::set::StateSet;

impl<M: Model> Chart<M> {
    /// The chart as an outline: a line for each state, with those of `active` marked by `*`, and below it its
    /// transitions in the order written. Pass [`Configuration::states`](super::Configuration::states), or an empty set.
    ///
    /// Guards and actions are functions: those that have names ([`Guard::named`](super::Guard::named),
    /// [`Actions::named`](super::Actions::named), and all of charts that were read) are shown by them; of others it says
    /// whether there are some, and how many.
    ///
    /// # Examples
    ///
    /// ```
    /// # use throng::statechart::{Actions, Chart, EventId, EventNames, Guard, Model};
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
    ///         open.on(push).guard(Guard::test(|pushes, _| *pushes < 3).named("it still springs")).go("closed");
    ///         open.on(push).run(|pushes, _, _| *pushes = 0).named("repair");
    ///     });
    ///     door.end("closed", |_| {});
    /// })
    /// .event_names(names)
    /// .build()?;
    /// assert_eq!(chart.describe(0), "\
    /// chart door, at first \"open\"
    ///     state \"open\", tagged passable
    ///         on push, if it still springs: to \"closed\"
    ///         on push: repair
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
            let actions = self.actions_in_words(actions);
            if !actions.is_empty() {
                write!(text, ", on {what} {actions}")?;
            }
        }
        if node.output.is_some() {
            text.push_str(", with output");
        }
        text.push('\n');
        for (number, transition) in self.transitions.iter().enumerate().filter(|(_, transition)| usize::from(transition.source) == at) {
            self.describe_transition(number, transition, depth + 1, text)?;
        }
        node.children.or(node.histories).ascending().try_for_each(|child| self.describe_state(child, depth + 1, active, text))
    }

    fn describe_transition(&self, number: usize, transition: &Transition<M>, depth: usize, text: &mut String) -> fmt::Result {
        let targets = self.targets(&transition.targets);
        write!(text, "{}on {}", "    ".repeat(depth), transition.label)?;
        match self.guard_words(number) {
            Some(guard) => write!(text, ", if {guard}")?,
            None if transition.guard.is_some() => text.push_str(", if its guard holds"),
            None => {}
        }
        text.push(':');
        let actions = self.actions_in_words(&transition.actions);
        match (targets, actions.is_empty()) {
            ([], true) => text.push_str(" nothing, and none above hears of it"),
            ([], false) => write!(text, " {actions}")?,
            (targets, quiet) => {
                let names: Vec<&str> = targets.iter().map(|&target| self.states[usize::from(target)].text.as_str()).collect();
                write!(text, " to {}", names.join(" and "))?;
                if transition.reenter {
                    text.push_str(", leaving and entering again");
                }
                if !quiet {
                    write!(text, ", {actions}")?;
                }
            }
        }
        text.push('\n');
        Ok(())
    }

    /// The names of actions, and the number of those without.
    fn actions_in_words(&self, actions: &Range<u32>) -> String {
        let (mut words, unnamed) = self.action_words(actions);
        match (words.len(), unnamed) {
            (_, 0) => {}
            (0, 1) => words.push("1 action".to_owned()),
            (0, count) => words.push(format!("{count} actions")),
            (_, count) => words.push(format!("{count} more")),
        }
        words.join(", ")
    }

    fn list(&self, what: &str, states: &[u16], text: &mut String) -> fmt::Result {
        for (number, &state) in states.iter().enumerate() {
            let lead = if number == 0 { format!(", {what} ") } else { " and ".to_owned() };
            write!(text, "{lead}{}", self.states[usize::from(state)].text)?;
        }
        Ok(())
    }
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
