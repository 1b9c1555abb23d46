//! Who spawned whom: children stop with their parent, the youngest first.
//!
//! # Model
//!
//! Siblings are a doubly linked list threaded through a map, so that any child leaves in O(1) however
//! many it has. Actors spawned from outside have no entry at all.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::digest::Digester;
use crate::id::ActorId;

#[derive(Clone, Copy, Debug, Default)]
struct Links {
    parent: Option<ActorId>,
    older: Option<ActorId>,
    younger: Option<ActorId>,
    youngest_child: Option<ActorId>,
}

/// Parents and children. Looked up by id, never iterated.
#[derive(Debug, Default)]
pub(crate) struct Family {
    links: HashMap<ActorId, Links, BuildHasherDefault<Digester>>,
}

impl Family {
    /// Enters a child as its parent's youngest.
    pub(crate) fn add(&mut self, parent: ActorId, child: ActorId) {
        let family = self.links.entry(parent).or_default();
        let older = family.youngest_child.replace(child);
        self.links.entry(child).and_modify(|l| (l.parent, l.older) = (Some(parent), older)).or_insert(Links {
            parent: Some(parent),
            older,
            ..Links::default()
        });
        if let Some(links) = older.and_then(|older| self.links.get_mut(&older)) {
            links.younger = Some(child);
        }
    }

    /// Strikes out an actor, whose children must have gone before.
    pub(crate) fn remove(&mut self, actor: ActorId) {
        if self.links.is_empty() {
            return;
        }
        let Some(links) = self.links.remove(&actor) else { return };
        debug_assert!(links.youngest_child.is_none(), "children go first");
        if let Some(older) = links.older.and_then(|id| self.links.get_mut(&id)) {
            older.younger = links.younger;
        }
        match links.younger.and_then(|id| self.links.get_mut(&id)) {
            Some(younger) => younger.older = links.older,
            None => {
                if let Some(parent) = links.parent.and_then(|id| self.links.get_mut(&id)) {
                    parent.youngest_child = links.older;
                }
            }
        }
    }

    pub(crate) fn youngest_child(&self, actor: ActorId) -> Option<ActorId> {
        self.links.get(&actor)?.youngest_child
    }

    pub(crate) fn parent(&self, actor: ActorId) -> Option<ActorId> {
        self.links.get(&actor)?.parent
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_youngest_comes_first_and_any_may_leave() {
        let id = |slot| ActorId::new(0, slot, 1);
        let mut family = Family::default();
        for child in 1..=4 {
            family.add(id(0), id(child));
        }
        family.remove(id(2));
        family.remove(id(4));
        let mut order = Vec::new();
        while let Some(child) = family.youngest_child(id(0)) {
            order.push(child.slot());
            family.remove(child);
        }
        assert_eq!(order, [3, 1]);
        family.remove(id(0));
        assert!(family.is_empty());
    }
}
