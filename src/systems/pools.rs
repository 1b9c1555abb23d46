//! Pools are kept at their size.
//!
//! # Model
//!
//! When a tick begins, members that have stopped are replaced in their places, and pools of another size than
//! wanted grow or shrink at their ends. A member that stops notes its place, so that a tick costs O(pools + changes);
//! and O(members) of a pool if mail waits in mailboxes of its type, which routers want to know.
//!
//! Who makes and stops a pool's members is its [`Source`]. Under a supervisor they are its children, and it alone
//! restarts them; the pool asks it for more and for fewer, as anybody could.

use std::any::{TypeId, type_name};

use bevy_ecs::world::World;

use super::config::Fresh;
use super::engine::Engine;
use super::supervise::{ChildKey, ChildRequest};
use crate::actor::{Actor, ActorRefs, ExitReason, Newborn};
use crate::id::ActorId;
use crate::panics;
use crate::supervision::{ChildError, SpecError};

/// Spawns so many members, or fewer if one cannot be made.
type Grow = Box<dyn Fn(&mut Engine, &mut World, usize) -> Vec<ActorId> + Send>;

/// Where a pool's members come from.
pub(super) enum Source {
    Made(Grow),
    /// They are children of a simple_one_for_one supervisor, made from its template.
    Supervisor(ActorId),
}

/// Actors that are spawned at once: a long list of states would take more memory, for good, than the actors.
pub(crate) const SPAWN_BATCH: usize = 8_192;

impl Engine {
    /// Spawns actors that can be restarted. The type is registered.
    pub(crate) fn spawn_made<A: Actor>(&mut self, world: &mut World, n: usize, make: &Fresh<A>) -> ActorRefs<A> {
        let mut left = n;
        self.spawn_in_batches(world, |engine| {
            let ids = engine.reserve::<A>(left.min(SPAWN_BATCH));
            left -= ids.len();
            engine.set_factories(&ids, make);
            ids.into_iter().map(|id| Newborn { id, state: make(id) }).collect()
        })
    }

    /// Spawns actors as [`spawn_made`](Self::spawn_made) does, up to the first whose state cannot be made.
    fn spawn_those_made<A: Actor>(&mut self, world: &mut World, n: usize, make: &Fresh<A>) -> ActorRefs<A> {
        let mut left = n;
        self.spawn_in_batches(world, |engine| {
            let ids = engine.reserve::<A>(left.min(SPAWN_BATCH));
            left -= ids.len();
            let mut births = Vec::with_capacity(ids.len());
            let made = panics::catch(|| {
                for &id in &ids {
                    births.push(Newborn { id, state: make(id) });
                }
            });
            let (born, unborn) = ids.split_at(births.len());
            engine.set_factories(born, make);
            if let Err(panic) = made {
                let actor = type_name::<A>();
                tracing::error!(actor, panic, "a member of a pool could not be made; it is tried again with the next tick");
                engine.give_back::<A>(unborn);
                left = 0;
            }
            births
        })
    }

    /// Opens a pool of a registered type, and spawns its members.
    pub(crate) fn open_pool<A: Actor>(&mut self, world: &mut World, n: usize, make: Fresh<A>) -> u32 {
        let grow = move |engine: &mut Self, world: &mut World, n| {
            engine.spawn_those_made(world, n, &make).iter().map(crate::actor::ActorRef::id).collect()
        };
        self.open_pool_from(world, n, Source::Made(Box::new(grow)))
    }

    /// Opens a pool whose members are children of a supervisor, and starts them.
    pub(crate) fn open_pool_under<A: Actor>(&mut self, world: &mut World, supervisor: ActorId, n: usize) -> Result<u32, ChildError> {
        let (child, kind) = self.template_of(world, supervisor)?;
        if self.hub.kinds.get(&TypeId::of::<A>()) != Some(&kind) {
            let why = format!("a pool of `{}` was asked for, and the template makes others", type_name::<A>());
            return Err(SpecError::ActorType { child, why }.into());
        }
        Ok(self.open_pool_from(world, n, Source::Supervisor(supervisor)))
    }

    fn open_pool_from(&mut self, world: &mut World, n: usize, source: Source) -> u32 {
        let pool = self.hub.registry.pools.open(n);
        self.pool_sources.push(source);
        self.tend_pool(world, pool as usize);
        pool
    }

    /// Brings the pools to their sizes that changed, and counts the mail that waits for members.
    pub(super) fn tend_pools(&mut self, world: &mut World) {
        let mut changed = std::mem::take(&mut self.hub.registry.pools.changed);
        changed.sort_unstable();
        changed.dedup();
        for pool in changed {
            self.tend_pool(world, pool as usize);
        }
        for pool in 0..self.hub.registry.pools.entries.len() {
            self.count_waiting(world, pool);
        }
    }

    pub(crate) fn tend_pool(&mut self, world: &mut World, pool: usize) {
        if let Source::Supervisor(supervisor) = self.pool_sources[pool]
            && !self.is_alive(supervisor)
        {
            return self.hub.registry.pools.close(pool);
        }
        let pools = &mut self.hub.registry.pools;
        let members = &mut pools.entries[pool];
        let wanted = members.wanted;
        let surplus = members.ids.split_off(wanted.min(members.ids.len()));
        surplus.iter().for_each(|&member| pools.strike(member));
        self.shrink_pool(world, pool, &surplus);
        let members = &mut self.hub.registry.pools.entries[pool];
        let mut vacant = std::mem::take(&mut members.vacant);
        vacant.retain(|&place| (place as usize) < members.ids.len());
        vacant.sort_unstable();
        let missing = vacant.len() + wanted - members.ids.len();
        let fresh = self.grow_pool(world, pool, missing);
        let pools = &mut self.hub.registry.pools;
        let mut left = vacant.into_iter();
        for &member in &fresh {
            let members = &mut pools.entries[pool];
            let place = left.next().map_or(members.ids.len(), |place| place as usize);
            if place == members.ids.len() {
                members.ids.push(member);
            } else {
                members.ids[place] = member;
            }
            pools.enter(pool as u32, place, member);
        }
        if fresh.len() < missing {
            // The rest is tried again with the next tick.
            pools.entries[pool].vacant.extend(left);
            pools.changed.push(pool as u32);
        }
    }

    /// O(1) unless mail waits in mailboxes of the members' type.
    fn count_waiting(&mut self, world: &mut World, pool: usize) {
        let members = &mut self.hub.registry.pools.entries[pool];
        members.waiting.clear();
        let Some(first) = members.ids.first() else { return };
        let runner = &self.runners[first.kind() as usize];
        if runner.has_kept() {
            members.waiting.extend(members.ids.iter().map(|&id| runner.queued(world, id)));
        }
    }

    fn grow_pool(&mut self, world: &mut World, pool: usize, n: usize) -> Vec<ActorId> {
        if n == 0 {
            return Vec::new();
        }
        let nothing: Grow = Box::new(|_, _, _| Vec::new());
        let source = std::mem::replace(&mut self.pool_sources[pool], Source::Made(nothing));
        let grown = match &source {
            Source::Made(grow) => grow(self, world, n),
            &Source::Supervisor(supervisor) => self.start_children(world, supervisor, n),
        };
        self.pool_sources[pool] = source;
        grown
    }

    fn start_children(&mut self, world: &mut World, supervisor: ActorId, n: usize) -> Vec<ActorId> {
        let start = |_| match self.request(world, supervisor, ChildRequest::StartFromTemplate).get() {
            Some(&Ok(child)) => child,
            _ => None,
        };
        // Who failed to start is logged. The others would fail, too.
        (0..n).map_while(start).collect()
    }

    fn shrink_pool(&mut self, world: &mut World, pool: usize, surplus: &[ActorId]) {
        match self.pool_sources[pool] {
            Source::Made(_) => self.stop(world, surplus, &ExitReason::Shutdown),
            Source::Supervisor(supervisor) => {
                for &member in surplus {
                    self.request(world, supervisor, ChildRequest::Terminate(ChildKey::Id(member)));
                }
            }
        }
    }
}
