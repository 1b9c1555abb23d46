//! Messages to keys under which nobody was active, until the round is settled.

use std::any::Any;

use super::keyed::KeyedActor;
use crate::id::{ActorId, Kind};

/// A message to a key under which nobody was active.
pub(crate) struct Knock<A: KeyedActor> {
    pub(crate) key: A::Key,
    pub(crate) from: Option<ActorId>,
    pub(crate) msg: A::Msg,
}

/// The knocks of one actor type.
trait AnyKnocks: Any + Send {
    fn is_empty(&self) -> bool;
    fn undo(&mut self);
    /// Takes over those of another list of the same type, behind its own.
    fn append(&mut self, other: &mut dyn Any);
    fn sibling(&self) -> Box<dyn AnyKnocks>;
}

impl<A: KeyedActor> AnyKnocks for Vec<Knock<A>> {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn undo(&mut self) {
        self.pop();
    }

    fn append(&mut self, other: &mut dyn Any) {
        let Some(other) = other.downcast_mut::<Self>() else { return };
        if Self::is_empty(self) { std::mem::swap(self, other) } else { Self::append(self, other) }
    }

    fn sibling(&self) -> Box<dyn AnyKnocks> {
        Box::new(Self::new())
    }
}

/// All knocks, by type: each type's in the order of the calls, in one list that keeps its memory.
#[derive(Default)]
pub(crate) struct Knocks {
    by_kind: Vec<(Kind, Box<dyn AnyKnocks>)>,
    /// Whether there may be any.
    any: bool,
}

impl Knocks {
    pub(crate) fn is_empty(&self) -> bool {
        !self.any
    }

    pub(crate) fn push<A: KeyedActor>(&mut self, kind: Kind, knock: Knock<A>) {
        self.any = true;
        if let Some(knocks) = self.list::<A>(kind) {
            return knocks.push(knock);
        }
        self.by_kind.push((kind, Box::new(vec![knock])));
    }

    /// Takes the last one of a kind back.
    pub(crate) fn undo(&mut self, kind: Kind) {
        self.by_kind.iter_mut().filter(|(of, _)| *of == kind).for_each(|(_, knocks)| knocks.undo());
    }

    /// Takes over all that `other` has.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if !std::mem::take(&mut other.any) {
            return;
        }
        for (kind, theirs) in other.by_kind.iter_mut().filter(|(_, theirs)| !theirs.is_empty()) {
            self.any = true;
            let at = self.by_kind.iter().position(|(of, _)| of == kind).unwrap_or_else(|| {
                self.by_kind.push((*kind, theirs.sibling()));
                self.by_kind.len() - 1
            });
            let theirs: &mut dyn Any = &mut **theirs;
            self.by_kind[at].1.append(theirs);
        }
    }

    /// Says that all are being taken.
    pub(crate) fn begin_taking(&mut self) {
        self.any = false;
    }

    /// Takes those of a kind, for an empty list.
    pub(crate) fn take<A: KeyedActor>(&mut self, kind: Kind, empty: &mut Vec<Knock<A>>) {
        debug_assert!(empty.is_empty());
        if let Some(knocks) = self.list::<A>(kind) {
            std::mem::swap(knocks, empty);
        }
    }

    fn list<A: KeyedActor>(&mut self, kind: Kind) -> Option<&mut Vec<Knock<A>>> {
        let (_, knocks) = self.by_kind.iter_mut().find(|(of, _)| *of == kind)?;
        let knocks: &mut dyn Any = &mut **knocks;
        knocks.downcast_mut()
    }
}
