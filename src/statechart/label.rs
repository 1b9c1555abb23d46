//! What guards and actions are called. They are functions: without a name there is nothing to show of them.

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
