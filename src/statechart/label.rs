//! What guards and actions are called. They are functions: without a name there is nothing to show of them.

use std::ops::Range;

use super::chart::Chart;
use super::model::Model;

/// The name of a guard or an action, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// As JSON.
    pub(super) params: Option<String>,
}

/// What an action is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Label {
    #[default]
    Unnamed,
    Named(Named),
    /// Raises an event.
    Raise {
        kind: usize,
        delay: Option<String>,
        id: Option<String>,
    },
    /// Cancels the timer of this name.
    Cancel(String),
    /// Belongs to the named action before it.
    Part,
    /// Starts the invocation of this number, of what has this name.
    Invoke(u16, Named),
}

/// What a guard is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Unnamed,
    Named(Named),
    /// A state is active.
    In(u16),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

impl<M: Model> Chart<M> {
    /// What a transition's guard is called; `None` if nothing of it has a name, or there is none.
    pub(super) fn guard_words(&self, transition: usize) -> Option<String> {
        match self.conditions[transition].as_ref()? {
            Condition::Unnamed => None,
            condition => Some(self.condition_words(condition)),
        }
    }

    fn condition_words(&self, condition: &Condition) -> String {
        let joined = |conditions: &[Condition], word: &str| {
            let words: Vec<String> = conditions.iter().map(|condition| self.condition_words(condition)).collect();
            if words.len() == 1 { words.concat() } else { format!("({})", words.join(word)) }
        };
        match condition {
            Condition::Unnamed => "a test".to_owned(),
            Condition::Named(named) => named.name.clone(),
            Condition::In(state) => format!("in {}", self.states[usize::from(*state)].text),
            Condition::All(conditions) => joined(conditions, " and "),
            Condition::Any(conditions) => joined(conditions, " or "),
            Condition::Not(condition) => format!("not {}", self.condition_words(condition)),
        }
    }

    /// What actions are called, in their order, and how many have no name.
    pub(super) fn action_words(&self, actions: &Range<u32>) -> (Vec<String>, usize) {
        let labels = &self.labels[actions.start as usize..actions.end as usize];
        let words = labels.iter().filter_map(|label| match label {
            Label::Unnamed | Label::Part => None,
            Label::Named(named) => Some(named.name.clone()),
            Label::Raise { kind, delay: None, .. } => Some(format!("raise {}", self.kind_name(*kind))),
            Label::Raise { kind, delay: Some(delay), .. } => Some(format!("raise {} after {delay}", self.kind_name(*kind))),
            Label::Cancel(name) => Some(format!("cancel {name}")),
            Label::Invoke(_, source) => Some(format!("invoke {}", source.name)),
        });
        (words.collect(), labels.iter().filter(|label| **label == Label::Unnamed).count())
    }
}
