//! Unique names.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hash};
use std::sync::Arc;

use thiserror::Error;

use crate::digest::Digester;
use crate::id::ActorId;

/// Why an actor did not get a name. Not fatal.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// Another actor has it. It is free again when that one stops or gives it up.
    #[error("the name `{name}` is taken by actor {by}; release it first, or choose another")]
    Taken {
        /// The name.
        name: Arc<str>,
        /// Who has it.
        by: ActorId,
    },
    /// The actor does not live.
    #[error("actor {actor} does not live, so it cannot be called `{name}`")]
    NotAlive {
        /// The name.
        name: Arc<str>,
        /// Who was to have it.
        actor: ActorId,
    },
}

/// Names with their holders: one holder a name, any number of names a holder.
#[derive(Debug, Default)]
pub(crate) struct Names {
    holders: BTreeMap<Arc<str>, ActorId>,
    /// Looked up, never iterated.
    names: HashMap<ActorId, Vec<Arc<str>>, BuildHasherDefault<Digester>>,
}

impl Names {
    /// Who has a name. O(log names).
    pub(crate) fn holder(&self, name: &str) -> Option<ActorId> {
        self.holders.get(name).copied()
    }

    /// Fails if another has the name.
    pub(crate) fn check(&self, name: &Arc<str>, actor: ActorId) -> Result<(), NameError> {
        match self.holder(name) {
            Some(by) if by != actor => Err(NameError::Taken { name: name.clone(), by }),
            _ => Ok(()),
        }
    }

    pub(crate) fn register(&mut self, name: Arc<str>, actor: ActorId) -> Result<(), NameError> {
        self.check(&name, actor)?;
        if self.holders.insert(name.clone(), actor).is_none() {
            self.names.entry(actor).or_default().push(name);
        }
        Ok(())
    }

    /// Takes a name from whoever has it; returns who had.
    pub(crate) fn unregister(&mut self, name: &str) -> Option<ActorId> {
        let holder = self.holders.remove(name)?;
        if let Some(names) = self.names.get_mut(&holder) {
            names.retain(|other| **other != *name);
            if names.is_empty() {
                self.names.remove(&holder);
            }
        }
        Some(holder)
    }

    /// Frees the names of an actor that has stopped.
    pub(crate) fn release(&mut self, actor: ActorId) {
        if self.names.is_empty() {
            return;
        }
        for name in self.names.remove(&actor).unwrap_or_default() {
            self.holders.remove(&name);
        }
    }

    pub(crate) fn digest(&self, digester: &mut Digester) {
        self.holders.hash(digester);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_holder_and_goes_with_it() {
        let (a, b) = (ActorId::new(0, 0, 1), ActorId::new(0, 1, 1));
        let mut names = Names::default();
        assert_eq!(names.register("x".into(), a), Ok(()));
        assert_eq!(names.register("x".into(), a), Ok(()), "again");
        assert_eq!(names.register("y".into(), a), Ok(()));
        assert_eq!(names.register("x".into(), b), Err(NameError::Taken { name: "x".into(), by: a }));
        assert_eq!(names.unregister("x"), Some(a));
        assert_eq!(names.register("x".into(), b), Ok(()));
        names.release(a);
        assert_eq!((names.holder("x"), names.holder("y")), (Some(b), None));
        names.release(b);
        assert!(names.holders.is_empty() && names.names.is_empty());
    }
}
