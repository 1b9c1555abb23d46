//! Topics: who gets what is published.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use thiserror::Error;

use crate::digest::Digester;
use crate::id::{ActorId, Kind};
use crate::mailbox::Audience;

/// Why a topic could not be had. Not fatal.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicError {
    /// The topic carries other messages.
    #[error("the topic `{name}` carries `{carries}`, not `{wanted}`; choose another name or that type")]
    OtherType {
        /// The topic.
        name: Arc<str>,
        /// What it carries.
        carries: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
}

/// The members of one actor type.
pub(crate) struct Branch {
    pub(crate) kind: Kind,
    /// How to publish to them: a function that knows the topic's and the actors' types.
    pub(crate) publish: Arc<dyn Any + Send + Sync>,
    pub(crate) audience: Arc<Audience>,
}

struct Entry {
    name: Arc<str>,
    carries: (TypeId, &'static str),
    /// By kind, ascending.
    branches: Vec<Branch>,
}

/// All topics, by number.
#[derive(Default)]
pub(crate) struct Topics {
    entries: Vec<Entry>,
    by_name: BTreeMap<Arc<str>, u32>,
}

impl Topics {
    /// The number of a topic for messages of type `M`; it is made if there is none of that name.
    pub(crate) fn open<M: 'static>(&mut self, name: &str) -> Result<u32, TopicError> {
        if self.by_name.contains_key(name) {
            return self.find::<M>(name).map(|found| found.expect("invariant: it is there"));
        }
        let (name, index) = (Arc::<str>::from(name), self.entries.len() as u32);
        self.by_name.insert(name.clone(), index);
        self.entries.push(Entry { name, carries: (TypeId::of::<M>(), type_name::<M>()), branches: Vec::new() });
        Ok(index)
    }

    /// The number of a topic for messages of type `M`.
    pub(crate) fn find<M: 'static>(&self, name: &str) -> Result<Option<u32>, TopicError> {
        let Some(&index) = self.by_name.get(name) else { return Ok(None) };
        let Entry { name, carries, .. } = &self.entries[index as usize];
        if carries.0 == TypeId::of::<M>() {
            return Ok(Some(index));
        }
        Err(TopicError::OtherType { name: name.clone(), carries: carries.1, wanted: type_name::<M>() })
    }

    /// The members of a topic by type.
    pub(crate) fn branches(&self, topic: u32) -> &[Branch] {
        self.entries.get(topic as usize).map_or(&[], |entry| &entry.branches)
    }

    /// Adds a member. What is published already is not for it.
    pub(crate) fn join(&mut self, topic: u32, actor: ActorId, publish: Arc<dyn Any + Send + Sync>) {
        let Some(entry) = self.entries.get_mut(topic as usize) else { return };
        let kind = actor.kind();
        let at = entry.branches.binary_search_by_key(&kind, |branch| branch.kind).unwrap_or_else(|at| {
            entry.branches.insert(at, Branch { kind, publish, audience: Arc::default() });
            at
        });
        // A copy of what is shared with mail under way, block by block.
        Arc::make_mut(&mut entry.branches[at].audience).add(actor);
    }

    /// Strikes a member out. What is published already still reaches it.
    pub(crate) fn leave(&mut self, topic: u32, actor: ActorId) {
        let branches = self.entries.get_mut(topic as usize).map(|entry| &mut entry.branches);
        if let Some(branch) = branches.and_then(|branches| branches.iter_mut().find(|branch| branch.kind == actor.kind())) {
            Arc::make_mut(&mut branch.audience).remove(actor);
        }
    }

    pub(crate) fn digest(&self, is_alive: impl Fn(ActorId) -> bool, digester: &mut Digester) {
        for entry in &self.entries {
            entry.name.hash(digester);
            let members = entry.branches.iter().flat_map(|branch| branch.audience.members(branch.kind));
            members.filter(|&member| is_alive(member)).for_each(|member| member.hash(digester));
        }
    }
}
