//! Pools are kept at their size.
//!
//! # Model
//!
//! When a tick begins, members that have stopped are replaced in their places, and pools of another size than
//! wanted grow or shrink at their ends. Costs O(members of all pools) a tick.

use bevy_ecs::world::World;

use super::config::Fresh;
use super::engine::Engine;
use crate::actor::{Actor, ActorRefs, ExitReason, Newborn};
use crate::id::ActorId;
use crate::panics;

/// Spawns so many members.
pub(super) type Grow = Box<dyn Fn(&mut Engine, &mut World, usize) -> Vec<ActorId> + Send>;

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

    /// Opens a pool of a registered type, and spawns its members.
    pub(crate) fn open_pool<A: Actor>(&mut self, world: &mut World, n: usize, make: Fresh<A>) -> u32 {
        let pool = self.hub.registry.pools.open(n);
        let grow = move |engine: &mut Self, world: &mut World, n| {
            engine.spawn_made(world, n, &make).iter().map(crate::actor::ActorRef::id).collect()
        };
        self.pool_makers.push(Box::new(grow));
        self.tend_pool(world, pool as usize);
        pool
    }

    /// Brings all pools to their sizes.
    pub(super) fn tend_pools(&mut self, world: &mut World) {
        for pool in 0..self.pool_makers.len() {
            self.tend_pool(world, pool);
        }
    }

    pub(crate) fn tend_pool(&mut self, world: &mut World, pool: usize) {
        let members = &mut self.hub.registry.pools.entries[pool];
        let mut ids = std::mem::take(&mut members.ids);
        let wanted = members.wanted;
        let surplus = ids.split_off(wanted.min(ids.len()));
        self.stop(world, &surplus, &ExitReason::Shutdown);
        let gone: Vec<usize> = (0..ids.len()).filter(|&place| !self.is_alive(ids[place])).collect();
        let mut fresh = self.grow_pool(world, pool, gone.len() + wanted - ids.len()).into_iter();
        for (place, id) in gone.into_iter().zip(&mut fresh) {
            ids[place] = id;
        }
        ids.extend(fresh);
        let waiting = ids.iter().map(|&id| self.runners[id.kind() as usize].queued(world, id)).collect();
        let members = &mut self.hub.registry.pools.entries[pool];
        (members.ids, members.waiting) = (ids, waiting);
    }

    fn grow_pool(&mut self, world: &mut World, pool: usize, n: usize) -> Vec<ActorId> {
        if n == 0 {
            return Vec::new();
        }
        let nothing: Grow = Box::new(|_, _, _| Vec::new());
        let grow = std::mem::replace(&mut self.pool_makers[pool], nothing);
        let grown = panics::catch(|| grow(self, world, n));
        self.pool_makers[pool] = grow;
        grown.unwrap_or_else(|panic| {
            tracing::error!(pool, panic, "a member of a pool could not be made; it is tried again with the next tick");
            Vec::new()
        })
    }
}
