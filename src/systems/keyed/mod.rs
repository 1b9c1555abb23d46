//! Actors that are addressed by key come into the world and leave it.
//!
//! # Model
//!
//! Each type of keyed actors has a [`Catalog`]. It learns in the course of a tick of messages that found nobody, of
//! actors that failed, and of what its store has done; it acts when a round is settled (activations), and when a tick
//! ends (actors that leave, and one batch for the store). All of it happens on one thread, type by type in the order of
//! registration.

mod catalog;
mod config;
mod saving;
mod view;

use std::any::Any;
use std::hash::Hash;

use bevy_ecs::world::World;

pub use config::KeyedConfig;

use super::behaviour::{ActorBehaviour, Behaviour};
use super::engine::Engine;
use crate::actor::{Act, ExitReason, Failure, Keep, Keyed, KeyedActor, Returned, Signal};
use crate::digest::Digester;
use crate::error::RegisterError;
use crate::id::{ActorId, Kind};
use crate::keyed::KeyedStats;
use crate::supervision::Start;
use catalog::Catalog;

/// What the engine keeps about keyed actors.
#[derive(Default)]
pub(crate) struct KeyedTypes {
    /// In the order of registration; empty while one is at work.
    catalogs: Vec<(Kind, Option<Box<dyn AnyCatalog>>)>,
    /// There is work when the round is settled.
    busy: bool,
    /// Failed actors whose states cannot be had.
    given_up: Vec<(ActorId, Failure)>,
    /// Where failures of stores are told.
    pub(super) ports: Vec<u32>,
}

/// A catalog with its type forgotten.
trait AnyCatalog: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn keep(&mut self, engine: &mut Engine, id: ActorId, keep: Keep);
    fn take_in(&mut self, engine: &mut Engine, done: Returned);
    fn enter_all(&mut self, engine: &mut Engine);
    fn bear_all(&mut self, engine: &mut Engine, world: &mut World);
    fn renew(&mut self, engine: &mut Engine, world: &mut World, id: ActorId, failure: &Failure) -> Option<bool>;
    fn begin_tick(&mut self, tick: u64, changes: u32);
    /// Who is to leave the world.
    fn find_leavers(&mut self, engine: &mut Engine, world: &mut World) -> Vec<ActorId>;
    fn ask_store(&mut self, engine: &mut Engine, world: &mut World);
    fn order_all(&mut self, engine: &mut Engine, world: &mut World);
    fn unsaved(&self) -> usize;
    fn waits(&self) -> bool;
    fn close(&mut self, engine: &mut Engine);
    fn digest(&self, engine: &Engine, digester: &mut Digester);
}

impl<A: KeyedActor> AnyCatalog for Catalog<A> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn keep(&mut self, engine: &mut Engine, id: ActorId, keep: Keep) {
        self.keep(engine, id, keep);
    }

    fn take_in(&mut self, engine: &mut Engine, done: Returned) {
        self.take_in(engine, done);
    }

    fn enter_all(&mut self, engine: &mut Engine) {
        self.enter_all(engine);
    }

    fn bear_all(&mut self, engine: &mut Engine, world: &mut World) {
        self.bear_all(engine, world);
    }

    fn renew(&mut self, engine: &mut Engine, world: &mut World, id: ActorId, failure: &Failure) -> Option<bool> {
        self.renew(engine, world, id, failure)
    }

    fn begin_tick(&mut self, tick: u64, changes: u32) {
        if self.wheel.is_empty() {
            self.wheel.advance(tick.saturating_sub(1), |_| None);
        }
        self.clock.begin_tick(tick, changes);
    }

    fn find_leavers(&mut self, engine: &mut Engine, world: &mut World) -> Vec<ActorId> {
        self.find_leavers(engine, world)
    }

    fn ask_store(&mut self, engine: &mut Engine, world: &mut World) {
        self.request_saves(engine, world);
        self.request_loads(engine);
    }

    fn order_all(&mut self, engine: &mut Engine, world: &mut World) {
        self.order_all(engine, world);
    }

    fn unsaved(&self) -> usize {
        self.saves.len()
    }

    fn waits(&self) -> bool {
        self.waits()
    }

    fn close(&mut self, engine: &mut Engine) {
        self.close(engine);
    }

    fn digest(&self, engine: &Engine, digester: &mut Digester) {
        for (id, key) in self.directory(engine).iter() {
            (id, key).hash(digester);
        }
        self.waiting_keys().for_each(|key| key.hash(digester));
        self.saves.ordered().for_each(|id| id.hash(digester));
        self.stats(engine).hash(digester);
    }
}

impl Engine {
    /// Makes a type of keyed actors known.
    pub(crate) fn register_keyed<A: KeyedActor>(&mut self, world: &mut World, mut config: KeyedConfig<A>) -> Result<(), RegisterError> {
        let actor = std::mem::take(&mut config.actor);
        let mailbox = actor.mailbox.clone();
        let behaviour: Box<dyn Behaviour<A>> = Box::new(ActorBehaviour::new(world, actor)?);
        let kind = self.register::<A>(world, mailbox, Some(behaviour))?;
        self.hub.registry.keys.open::<A, A::Key>(kind);
        let catalog = Catalog::new(kind, config, self.hub.tick, world.query());
        self.keyed.catalogs.push((kind, Some(Box::new(catalog))));
        Ok(())
    }

    /// Lets the catalog of a kind work beside the engine; `None` if the kind has none.
    fn with_catalog<R>(&mut self, kind: Kind, work: impl FnOnce(&mut dyn AnyCatalog, &mut Self) -> R) -> Option<R> {
        let at = self.keyed.catalogs.iter().position(|(of, _)| *of == kind)?;
        let mut catalog = self.keyed.catalogs[at].1.take()?;
        let result = work(&mut *catalog, self);
        self.keyed.catalogs[at].1 = Some(catalog);
        Some(result)
    }

    fn each_catalog(&mut self, mut work: impl FnMut(&mut dyn AnyCatalog, &mut Self)) {
        for at in 0..self.keyed.catalogs.len() {
            let kind = self.keyed.catalogs[at].0;
            self.with_catalog(kind, &mut work);
        }
    }

    /// A deed that concerns keyed actors.
    pub(super) fn heed_keyed(&mut self, act: Act) {
        match act {
            Act::Stored(kind, done) => {
                self.keyed.busy = true;
                self.with_catalog(kind, |catalog, engine| catalog.take_in(engine, done));
            }
            Act::Keep(id, keep) => {
                self.with_catalog(id.kind(), |catalog, engine| catalog.keep(engine, id, keep));
            }
            _ => {}
        }
    }

    /// Activates those for whom there is mail. The last thing when a round is settled: see [`catalog`].
    pub(super) fn activate(&mut self, world: &mut World) {
        if self.keyed.catalogs.is_empty() {
            return;
        }
        let has_knocks = !self.hub.knocks.is_empty();
        if std::mem::take(&mut self.keyed.busy) || has_knocks {
            self.hub.knocks.begin_taking();
            self.each_catalog(|catalog, engine| catalog.enter_all(engine));
            self.each_catalog(|catalog, engine| catalog.bear_all(engine, world));
            for (id, failure) in std::mem::take(&mut self.keyed.given_up) {
                self.give_up(world, id, &ExitReason::from(&failure));
            }
            self.work_off(world);
        }
    }

    /// An actor has failed: if it is active under a key, it goes on with its saved state, now or when that is loaded.
    /// `Some(false)` if it has failed too often; `None` if it is not active under a key.
    pub(super) fn renew(&mut self, world: &mut World, id: ActorId, failure: &Failure) -> Option<bool> {
        if self.keyed.catalogs.is_empty() {
            return None;
        }
        self.with_catalog(id.kind(), |catalog, engine| catalog.renew(engine, world, id, failure)).flatten()
    }

    /// A failed actor has begun anew, or has not.
    fn went_on(&mut self, id: ActorId, failure: &Failure, begun: Start) {
        match begun {
            Start::Running => {
                self.stats.restarts += 1;
                self.tell_restart(id, &ExitReason::from(failure));
                if self.runners[id.kind() as usize].has_mail() {
                    self.awake.wake(id.kind());
                }
            }
            Start::Ignored => self.keyed.given_up.push((id, failure.clone())),
            Start::Failed(reason) => self.hub.signals.push(Signal::Failed(id, Failure::from(&reason))),
        }
    }

    /// The rounds of a tick begin.
    pub(super) fn begin_keyed(&mut self, world: &mut World) {
        if self.keyed.catalogs.is_empty() {
            return;
        }
        world.increment_change_tick();
        let (tick, changes) = (self.hub.tick, world.change_tick().get());
        self.each_catalog(|catalog, _| catalog.begin_tick(tick, changes));
    }

    /// The rounds of a tick are over.
    pub(super) fn end_keyed(&mut self, world: &mut World) {
        if self.keyed.catalogs.is_empty() {
            return;
        }
        self.gather_desk();
        for at in 0..self.keyed.catalogs.len() {
            let kind = self.keyed.catalogs[at].0;
            let leavers = self.with_catalog(kind, |catalog, engine| catalog.find_leavers(engine, world)).unwrap_or_default();
            self.stop(world, &leavers, &ExitReason::Normal);
            self.with_catalog(kind, |catalog, engine| catalog.ask_store(engine, world));
        }
    }

    /// Whether mail waits for states.
    pub(crate) fn waits_for_stores(&self) -> bool {
        self.keyed.catalogs.iter().flat_map(|(_, catalog)| catalog).any(|catalog| catalog.waits())
    }

    /// Orders all states to be saved.
    pub(crate) fn save_keyed(&mut self, world: &mut World) {
        self.each_catalog(|catalog, engine| catalog.order_all(engine, world));
    }

    /// States that are ordered to be saved, or being saved.
    pub(crate) fn unsaved(&self) -> usize {
        self.keyed.catalogs.iter().flat_map(|(_, catalog)| catalog).map(|catalog| catalog.unsaved()).sum()
    }

    /// Nobody is activated any more; mail that waits becomes dead letters.
    pub(super) fn close_keyed(&mut self) {
        self.each_catalog(|catalog, engine| catalog.close(engine));
    }

    /// Who is active under a key.
    pub(crate) fn active<A: KeyedActor>(&self, keyed: &Keyed<A>) -> Option<ActorId> {
        self.hub.registry.keys.get::<A, A::Key>()?.find(keyed.key())
    }

    pub(crate) fn keyed_stats<A: KeyedActor>(&mut self) -> Option<KeyedStats> {
        let kind = self.kind_of::<A>()?;
        self.with_catalog(kind, |catalog, engine| Some(catalog.as_any().downcast_mut::<Catalog<A>>()?.stats(engine))).flatten()
    }

    pub(crate) fn tell_store_failures(&mut self, port: u32) {
        self.keyed.ports.push(port);
    }

    pub(super) fn digest_keyed(&mut self, digester: &mut Digester) {
        self.each_catalog(|catalog, engine| catalog.digest(engine, digester));
    }
}
