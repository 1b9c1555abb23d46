//! Pools of interchangeable actors, and choosing one of them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use rand_core::RngCore;

use super::naming::Change;
use super::outbox::Act;
use super::{ActorRef, HasMailbox, Turn};
use crate::digest::Digester;
use crate::registry::{Members, consistent_bucket};

/// A pool of actors of type `A`, made by [`Throng::spawn_pool`](crate::Throng::spawn_pool): one word, `Copy`, may
/// travel in messages.
///
/// Members that fail are restarted like all actors with fresh state; one that stops is replaced when the next
/// tick begins, in its place. Members made by [`Throng::spawn_pool_under`](crate::Throng::spawn_pool_under) are children
/// of a supervisor, which restarts and stops them.
#[doc(alias = "worker pool")]
pub struct Pool<A> {
    pub(crate) index: u32,
    actor: PhantomData<fn() -> A>,
}

impl<A: HasMailbox> Pool<A> {
    pub(crate) fn new(index: u32) -> Self {
        Self { index, actor: PhantomData }
    }

    /// The members as of the tick's beginning, by place.
    pub fn members(self, turn: &Turn<'_>) -> impl Iterator<Item = ActorRef<A>> {
        turn.registry().pools.get(self.index).into_iter().flat_map(|members| &members.ids).map(|&id| ActorRef::from_id(id))
    }

    /// The member for a key: the same one for as long as the pool keeps its size. When it grows or shrinks by one,
    /// only one member's share of keys moves. `None` if the pool is empty. O(log members).
    pub fn for_key(self, turn: &Turn<'_>, key: &impl Hash) -> Option<ActorRef<A>> {
        let members = turn.registry().pools.get(self.index)?;
        let mut digester = Digester::default();
        key.hash(&mut digester);
        (!members.ids.is_empty()).then(|| ActorRef::from_id(members.ids[consistent_bucket(digester.finish(), members.ids.len())]))
    }

    /// Sets how many members there are to be, from the next tick on. Those in the last places are stopped;
    /// their mail becomes dead letters.
    pub fn resize(self, turn: &Turn<'_>, members: usize) {
        turn.outbox().with(|outbox| outbox.act(Act::Change(Change::Resize { pool: self.index, members })));
    }
}

/// How a [`Router`] chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Routing {
    /// One after the other.
    RoundRobin,
    /// By chance, from the world's seed.
    Random,
    /// The one with the least mail: what waited in its mailbox when the tick began, plus what this router sent
    /// since. O(members) a choice.
    LeastMail,
}

/// Chooses members of a pool for one sender, who keeps it in its state.
///
/// # Examples
///
/// ```
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
/// use throng::{Pool, Router, Routing};
///
/// #[derive(Component)]
/// struct Worker(u32);
/// impl Actor for Worker {
///     type Msg = u32;
///     type Params = ();
///     fn handle(&mut self, n: u32, _cx: &Context<'_, Self>) -> Handled {
///         self.0 += n;
///         Ok(())
///     }
/// }
///
/// #[derive(Component)]
/// struct Desk(Router<Worker>);
/// impl Actor for Desk {
///     type Msg = u32;
///     type Params = ();
///     fn handle(&mut self, n: u32, cx: &Context<'_, Self>) -> Handled {
///         if let Some(worker) = self.0.pick(cx) {
///             cx.tell(worker, n);
///         }
///         Ok(())
///     }
/// }
///
/// let mut throng = Throng::default();
/// let pool: Pool<Worker> = throng.spawn_pool(3, |_id| Worker(0));
/// let desk = throng.spawn(Desk(Router::new(pool, Routing::RoundRobin)));
/// throng.tell_many((0..6).map(|_| (desk, 1)));
/// throng.tick();
/// let done: Vec<u32> = throng.pool_members(pool).into_iter().map(|worker| throng.state(worker).unwrap().0).collect();
/// assert_eq!(done, [2, 2, 2]);
/// ```
pub struct Router<A> {
    pool: Pool<A>,
    routing: Routing,
    next: usize,
    /// Messages sent to each place in tick `tick`.
    sent: Vec<u32>,
    tick: u64,
}

impl<A: HasMailbox> Router<A> {
    /// A router that begins with the first member.
    #[must_use]
    pub fn new(pool: Pool<A>, routing: Routing) -> Self {
        Self { pool, routing, next: 0, sent: Vec::new(), tick: 0 }
    }

    /// Chooses a member; `None` if the pool is empty.
    pub fn pick(&mut self, turn: &Turn<'_>) -> Option<ActorRef<A>> {
        let members = turn.registry().pools.get(self.pool.index).filter(|members| !members.ids.is_empty())?;
        let place = match self.routing {
            Routing::RoundRobin => self.next % members.ids.len(),
            Routing::Random => (turn.rng().next_u64() % members.ids.len() as u64) as usize,
            Routing::LeastMail => self.least(members, turn.tick()),
        };
        self.next = place + 1;
        Some(ActorRef::from_id(members.ids[place]))
    }

    fn least(&mut self, members: &Members, tick: u64) -> usize {
        let n = members.ids.len();
        if self.tick != tick {
            self.tick = tick;
            self.sent.clear();
        }
        self.sent.resize(n, 0);
        let load = |&place: &usize| self.sent[place] + members.waiting.get(place).copied().unwrap_or(0);
        // Of equals, the one whose turn it is.
        let place = (0..n).map(|step| (self.next + step) % n).min_by_key(load).expect("invariant: there are members");
        self.sent[place] += 1;
        place
    }
}

impl<A> Clone for Pool<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Pool<A> {}

impl<A> fmt::Debug for Pool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.index).finish()
    }
}

impl<A> Hash for Router<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.pool.index, self.routing, self.next, &self.sent, self.tick).hash(state);
    }
}

impl<A> fmt::Debug for Router<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("pool", &self.pool).field("routing", &self.routing).finish_non_exhaustive()
    }
}
