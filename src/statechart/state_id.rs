//! Names of states in charts that are read from elsewhere.

use std::fmt::{self, Debug};
use std::sync::Arc;

/// A state of an imported chart, by its id.
///
/// From XState's JSON it is the machine's id and the keys that lead to the state, with dots between, or the state's own
/// `id`; from SCXML the `id`, or the line and column of a state without one, as `(12:5)`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId(Arc<str>);

impl StateId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for StateId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<Arc<str>> for StateId {
    fn from(id: Arc<str>) -> Self {
        Self(id)
    }
}

impl Debug for StateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
