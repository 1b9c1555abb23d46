//! Actors that are addressed by key, from outside.

use std::borrow::BorrowMut;
use std::time::Duration;

use bevy_ecs::world::World;
use crossbeam_channel::Receiver;

use super::Throng;
use crate::actor::{ActorRef, Keyed, KeyedActor};
use crate::border::Jobs;
use crate::error::RegisterError;
use crate::keyed::{KeyedStats, StoreFailure};
use crate::systems::{Engine, KeyedConfig};

/// How long to wait for a store before the next tick is run all the same.
const STORE_WAIT: Duration = Duration::from_secs(10);

/// Ticks that saving takes: one to ask for it, one to hear of it.
const SAVE_TICKS: u64 = 2;

/// Actors that are addressed by key; see [`KeyedActor`].
impl<W: BorrowMut<World>> Throng<W> {
    /// Makes a type of actors known that are addressed by key, with settings.
    ///
    /// # Errors
    ///
    /// As [`Throng::register`].
    pub fn register_keyed<A: KeyedActor>(&mut self, config: KeyedConfig<A>) -> Result<&mut Self, RegisterError> {
        self.engine(|engine, world| engine.register_keyed(world, config))?;
        Ok(self)
    }

    /// Who is active under a key. Nobody is activated by it. The reference ends when the actor leaves the world: give the
    /// key to those who are to write later.
    #[must_use]
    pub fn active<A: KeyedActor>(&mut self, keyed: &Keyed<A>) -> Option<ActorRef<A>> {
        self.engine(|engine, _| engine.active(keyed)).map(ActorRef::from_id)
    }

    /// Counts of a type's activations, loads and saves; `None` if it is not registered as keyed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bevy_ecs::component::Component;
    /// # use throng::prelude::*;
    /// # use throng::{KeyedActor, KeyedConfig, keyed};
    /// # #[derive(Component)]
    /// # struct Lamp(bool);
    /// # impl Actor for Lamp { type Msg = bool; type Params = ();
    /// #   fn handle(&mut self, on: bool, _: &Context<'_, Self>) -> Handled { self.0 = on; Ok(()) } }
    /// # impl KeyedActor for Lamp { type Key = u32; fn activate(_: &u32) -> Self { Lamp(false) } }
    /// let mut throng = Throng::default();
    /// throng.register_keyed(KeyedConfig::<Lamp>::new().idle_ticks(10))?;
    /// throng.tell_many((0..5).map(|n| (keyed::<Lamp>(n), true)));
    /// throng.tick();
    /// assert_eq!(throng.keyed_stats::<Lamp>().unwrap().active, 5);
    /// throng.run_ticks(10);
    /// let stats = throng.keyed_stats::<Lamp>().unwrap();
    /// assert_eq!((stats.active, stats.activated, stats.passivated), (0, 5, 5));
    /// # Ok::<(), throng::RegisterError>(())
    /// ```
    #[must_use]
    pub fn keyed_stats<A: KeyedActor>(&mut self) -> Option<KeyedStats> {
        self.engine(|engine, _| engine.keyed_stats::<A>())
    }

    /// Subscribes to what stores of keyed actors could not do, from now on; up to `capacity` wait to be read.
    pub fn store_failures(&mut self, capacity: usize) -> Receiver<StoreFailure> {
        let (port, failures) = self.outlet(capacity);
        self.engine(|engine, _| engine.tell_store_failures(port.index));
        failures
    }

    /// If all that is left to do waits for stores, waits for one of them.
    pub(super) fn wait_for_stores(&mut self) {
        if self.engine(|engine, _| engine.is_quiet() && engine.waits_for_stores()) {
            self.world().resource::<Jobs>().get().wait_for_store(STORE_WAIT);
        }
    }

    /// Saves the states of all keyed actors, within so many ticks; returns how many could not be saved.
    pub(super) fn save_states(&mut self, ticks_max: u64) -> usize {
        self.engine(Engine::save_keyed);
        for _ in 0..ticks_max.max(SAVE_TICKS) {
            if self.engine(|engine, _| engine.unsaved()) == 0 {
                return 0;
            }
            self.tick();
            self.world().resource::<Jobs>().get().wait_for_store(STORE_WAIT);
        }
        self.engine(|engine, _| engine.unsaved())
    }
}
