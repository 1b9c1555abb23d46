//! Values for the outside.

use std::any::Any;
use std::marker::PhantomData;

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use crossbeam_channel::{Receiver, Sender};

use super::offload::start_jobs;
use crate::actor::OutletPort;
use crate::mailbox::DeadLetter;
use crate::systems::{Engine, LifeEvent};

/// Sends a value of a type known to the closure; `false` if there was no room or nobody reads any more.
type Send = Box<dyn Fn(Box<dyn Any + std::marker::Send>) -> bool + std::marker::Send + Sync>;

/// All exits of a world.
#[derive(Resource, Default)]
pub(crate) struct Outlets {
    ports: Vec<Send>,
    dead_letters: Vec<Sender<DeadLetter>>,
    life_events: Vec<Sender<LifeEvent>>,
}

impl Outlets {
    /// Makes an exit that holds up to `capacity` values.
    pub(crate) fn open<T: std::marker::Send + 'static>(&mut self, capacity: usize) -> (OutletPort<T>, Receiver<T>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        let index = self.ports.len() as u32;
        self.ports.push(Box::new(move |value| {
            let value = value.downcast::<T>();
            value.is_ok_and(|value| sender.try_send(*value).is_ok())
        }));
        (OutletPort { index, carries: PhantomData }, receiver)
    }

    /// Subscribes to dead letters. They are shared out: each goes to one subscriber that has room.
    pub(crate) fn dead_letters(&mut self, capacity: usize) -> Receiver<DeadLetter> {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        self.dead_letters.push(sender);
        receiver
    }

    /// Subscribes to steps in the lives of actors. Each goes to all subscribers.
    pub(crate) fn life_events(&mut self, capacity: usize) -> Receiver<LifeEvent> {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        self.life_events.push(sender);
        receiver
    }

    /// Tells all subscribers; how many had no room.
    fn send_life(&mut self, event: &LifeEvent) -> u64 {
        let mut dropped = 0;
        self.life_events.retain(|subscriber| match subscriber.try_send(event.clone()) {
            Ok(()) => true,
            Err(crossbeam_channel::TrySendError::Full(_)) => {
                dropped += 1;
                true
            }
            Err(crossbeam_channel::TrySendError::Disconnected(_)) => false,
        });
        dropped
    }

    fn send_dead(&mut self, letter: DeadLetter) -> bool {
        let mut letter = Some(letter);
        self.dead_letters.retain(|subscriber| {
            let Some(unsent) = letter.take() else { return true };
            match subscriber.try_send(unsent) {
                Ok(()) => true,
                Err(crossbeam_channel::TrySendError::Full(unsent)) => {
                    letter = Some(unsent);
                    true
                }
                Err(crossbeam_channel::TrySendError::Disconnected(unsent)) => {
                    letter = Some(unsent);
                    false
                }
            }
        });
        letter.is_none()
    }
}

/// The system of [`ThrongSystems::Outlet`](crate::ThrongSystems::Outlet).
pub(crate) fn fill_outlets(world: &mut World) {
    Engine::scope(world, |engine, world| {
        start_jobs(engine, world);
        for (outward, end) in engine.hub.asks.outward.drain(..) {
            outward.0(end);
        }
        let untold = engine.lives.told.as_ref().is_none_or(Vec::is_empty);
        if engine.emitted.is_empty() && engine.dead_letters.is_empty() && untold {
            return;
        }
        let Some(mut outlets) = world.get_resource_mut::<Outlets>() else { return };
        let mut dropped = 0;
        for (port, value) in engine.emitted.drain(..) {
            let sent = outlets.ports.get(port as usize).is_some_and(|send| send(value));
            dropped += u64::from(!sent);
        }
        for letter in engine.dead_letters.drain(..) {
            dropped += u64::from(!outlets.send_dead(letter));
        }
        for event in engine.lives.told.iter_mut().flat_map(|told| told.drain(..)) {
            dropped += outlets.send_life(&event);
        }
        if outlets.life_events.is_empty() {
            engine.lives.told = None;
        }
        engine.hub.keep_dead = !outlets.dead_letters.is_empty();
        if dropped > 0 {
            tracing::warn!(dropped, "outlets were full or unread; their values are lost");
            engine.stats.outlet_dropped += dropped;
        }
    });
}
