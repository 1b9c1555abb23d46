//! References to many actors of one type, in the space of a few.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{ActorRef, HasMailbox};
use crate::id::ActorId;

/// Actors with consecutive slots and the same generation.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The index of its first actor in the list.
    index: usize,
    first: ActorId,
}

/// The references to actors that were spawned together, in order.
///
/// Actors spawned in one go have consecutive ids for the most part, so a list of a million takes a few
/// bytes, is cheap to clone, and finds the `i`-th in O(log runs), which is O(1) where nothing had stopped
/// before.
///
/// # Examples
///
/// ```
/// # use throng::prelude::*;
/// # #[derive(bevy_ecs::component::Component)] struct Bee(u32);
/// # impl Actor for Bee { type Msg = (); type Params = ();
/// #   fn handle(&mut self, _: (), _: &Context<'_, Self>) -> Handled { Ok(()) } }
/// let mut throng = Throng::default();
/// let swarm = throng.spawn_many((0..1_000).map(Bee));
/// let last = swarm.get(999).unwrap();
/// assert_eq!(throng.state(last).unwrap().0, 999);
/// assert_eq!(swarm.iter().count(), 1_000);
/// ```
pub struct ActorRefs<A> {
    runs: Arc<[Run]>,
    len: usize,
    actor: PhantomData<fn() -> A>,
}

impl<A: HasMailbox> ActorRefs<A> {
    pub(crate) fn new(ids: impl IntoIterator<Item = ActorId>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut len = 0;
        for id in ids {
            let follows = runs.last().is_some_and(|run| run.first.plus(len - run.index) == id);
            if !follows {
                runs.push(Run { index: len, first: id });
            }
            len += 1;
        }
        Self { runs: runs.into(), len, actor: PhantomData }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The reference to the actor spawned as number `index`, from 0.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<ActorRef<A>> {
        if index >= self.len {
            return None;
        }
        let run = match &*self.runs {
            [only] => *only,
            _ => self.run_of(index),
        };
        Some(ActorRef::from_id(run.first.plus(index - run.index)))
    }

    #[inline(never)]
    fn run_of(&self, index: usize) -> Run {
        self.runs[self.runs.partition_point(|run| run.index <= index) - 1]
    }

    /// The references in the order of spawning.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ActorRef<A>> + '_ {
        (0..self.len).map(|index| self.get(index).expect("invariant: the index is below the length"))
    }

    /// The references as a vector.
    #[must_use]
    pub fn to_vec(&self) -> Vec<ActorRef<A>> {
        self.iter().collect()
    }
}

impl<A> Clone for ActorRefs<A> {
    fn clone(&self) -> Self {
        Self { runs: self.runs.clone(), len: self.len, actor: PhantomData }
    }
}

impl<A> fmt::Debug for ActorRefs<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorRefs").field("len", &self.len).field("runs", &self.runs.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Any;
    impl HasMailbox for Any {
        type Msg = ();
    }

    proptest! {
        #[test]
        fn gives_back_what_it_was_given(ids in prop::collection::vec((0u32..50, 1u32..3), 0..60)) {
            let ids: Vec<_> = ids.into_iter().map(|(slot, generation)| ActorId::new(4, slot, generation)).collect();
            let refs = ActorRefs::<Any>::new(ids.iter().copied());
            prop_assert_eq!(refs.iter().map(ActorRef::id).collect::<Vec<_>>(), ids);
        }
    }
}
