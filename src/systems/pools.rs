//! Pools are kept at their size.
//!
//! # Model
//!
//! When a tick begins, members that have stopped are replaced in their places, and pools of another size than
//! wanted grow or shrink at their ends. A member that stops notes its place, so that a tick costs O(pools + changes);
//! and O(members) of a pool if mail waits in mailboxes of its type, which routers want to know.

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
        let pools = &mut self.hub.registry.pools;
        let members = &mut pools.entries[pool];
        let wanted = members.wanted;
        let surplus = members.ids.split_off(wanted.min(members.ids.len()));
        surplus.iter().for_each(|&member| pools.strike(member));
        self.stop(world, &surplus, &ExitReason::Shutdown);
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
        let grow = std::mem::replace(&mut self.pool_makers[pool], nothing);
        let grown = panics::catch(|| grow(self, world, n));
        self.pool_makers[pool] = grow;
        grown.unwrap_or_else(|panic| {
            tracing::error!(pool, panic, "a member of a pool could not be made; it is tried again with the next tick");
            Vec::new()
        })
    }
}
