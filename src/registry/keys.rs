//! Which actors are active under which keys.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::digest::Secret;
use crate::id::{ActorId, Kind};
use crate::types::TypeMap;

/// The active actors of one type by key.
///
/// # Invariants
///
/// 1. `active` and `keys` say the same.
#[derive(Debug)]
pub(crate) struct Directory<K> {
    kind: Kind,
    /// Looked up, never iterated.
    active: HashMap<K, ActorId, Secret>,
    /// By slot.
    keys: Vec<Option<(ActorId, K)>>,
    /// Who was struck out because it stopped, with its key, until the next [`Directory::take_stopped`].
    stopped: Vec<(ActorId, K)>,
}

impl<K: Clone + Eq + Hash> Directory<K> {
    fn new(kind: Kind) -> Self {
        Self { kind, active: HashMap::default(), keys: Vec::new(), stopped: Vec::new() }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn len(&self) -> usize {
        self.active.len()
    }

    /// Who is active under a key.
    #[inline]
    pub(crate) fn find(&self, key: &K) -> Option<ActorId> {
        self.active.get(key).copied()
    }

    /// The key under which an actor is active.
    pub(crate) fn key_of(&self, id: ActorId) -> Option<&K> {
        let entry = self.keys.get(id.slot() as usize)?.as_ref();
        entry.filter(|entry| entry.0 == id).map(|entry| &entry.1)
    }

    /// Who is active under a key; if nobody is, enters the actor that `newcomer` gives, if it gives one. With it comes
    /// whether it was entered.
    pub(crate) fn find_or_enter(&mut self, key: &K, newcomer: impl FnOnce() -> Option<ActorId>) -> Option<(ActorId, bool)> {
        match self.active.entry(key.clone()) {
            Entry::Occupied(active) => Some((*active.get(), false)),
            Entry::Vacant(vacant) => {
                let id = *vacant.insert(newcomer()?);
                let slot = id.slot() as usize;
                if slot >= self.keys.len() {
                    self.keys.resize(slot + 1, None);
                }
                debug_assert!(self.keys[slot].is_none(), "an actor has one key");
                self.keys[slot] = Some((id, key.clone()));
                Some((id, true))
            }
        }
    }

    /// Strikes an actor out; returns its key.
    pub(crate) fn remove(&mut self, id: ActorId) -> Option<K> {
        let (_, key) = self.keys.get_mut(id.slot() as usize)?.take_if(|entry| entry.0 == id)?;
        self.active.remove(&key);
        Some(key)
    }

    /// Who was struck out because it stopped since the last time.
    pub(crate) fn take_stopped(&mut self) -> Vec<(ActorId, K)> {
        std::mem::take(&mut self.stopped)
    }

    /// The active actors with their keys, in the order of slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ActorId, &K)> {
        self.keys.iter().flatten().map(|(id, key)| (*id, key))
    }
}

trait AnyDirectory: Any + Send + Sync {
    fn release(&mut self, id: ActorId);
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> AnyDirectory for Directory<K> {
    fn release(&mut self, id: ActorId) {
        if let Some(key) = self.remove(id) {
            self.stopped.push((id, key));
        }
    }
}

/// The directories of all types that are addressed by key.
#[derive(Default)]
pub(crate) struct Directories {
    by_type: TypeMap<usize>,
    entries: Vec<(Kind, Box<dyn AnyDirectory>)>,
}

impl Directories {
    /// Opens the directory of a type.
    pub(crate) fn open<A: 'static, K: Clone + Eq + Hash + Send + Sync + 'static>(&mut self, kind: Kind) {
        self.by_type.insert(TypeId::of::<A>(), self.entries.len());
        self.entries.push((kind, Box::new(Directory::<K>::new(kind))));
    }

    /// The directory of type `A`, whose keys are of type `K`.
    #[inline]
    pub(crate) fn get<A: 'static, K: 'static>(&self) -> Option<&Directory<K>> {
        let directory: &dyn Any = &*self.entries[*self.by_type.get(&TypeId::of::<A>())?].1;
        directory.downcast_ref()
    }

    pub(crate) fn get_mut<A: 'static, K: 'static>(&mut self) -> Option<&mut Directory<K>> {
        let directory: &mut dyn Any = &mut *self.entries[*self.by_type.get(&TypeId::of::<A>())?].1;
        directory.downcast_mut()
    }

    /// Strikes out an actor that has stopped.
    pub(crate) fn release(&mut self, id: ActorId) {
        if let Some((_, directory)) = self.entries.iter_mut().find(|(kind, _)| *kind == id.kind()) {
            directory.release(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_its_actor_and_back() {
        struct Lamp;
        let (a, b) = (ActorId::new(3, 0, 1), ActorId::new(3, 0, 2));
        let mut directories = Directories::default();
        directories.open::<Lamp, u32>(3);
        let lamps = directories.get_mut::<Lamp, u32>().unwrap();
        assert_eq!(lamps.find_or_enter(&7, || None), None);
        assert_eq!(lamps.find_or_enter(&7, || Some(a)), Some((a, true)));
        assert_eq!(lamps.find_or_enter(&7, || Some(b)), Some((a, false)));
        assert_eq!((lamps.find(&7), lamps.key_of(a), lamps.key_of(b)), (Some(a), Some(&7), None));
        assert_eq!(lamps.remove(b), None);
        directories.release(a);
        let lamps = directories.get_mut::<Lamp, u32>().unwrap();
        assert_eq!((lamps.find(&7), lamps.len()), (None, 0));
        assert_eq!(lamps.take_stopped(), [(a, 7)]);
        lamps.find_or_enter(&7, || Some(b));
        assert_eq!(lamps.iter().collect::<Vec<_>>(), [(b, &7)]);
        assert!(directories.get::<u8, u32>().is_none());
    }
}
