//! `create` and `idle`: spawning in a batch, despawning by command.

use std::time::Instant;

use bevy_ecs::prelude::*;

use super::{Ecs, Mail};
use crate::work::lone::{Mayfly, Sleeper};
use crate::work::{Behaviour, Outbox, Outcome, memory};

/// An actor.
#[derive(Component)]
struct Actor<B: Behaviour>(B);

/// The checksum so far.
#[derive(Resource, Default)]
struct Tally(u64);

/// Actors made and forgotten before memory is measured.
const WARM_UP: u32 = 1_000;

pub fn create(ecs: &Ecs, actors: u32) -> Outcome {
    live_once(ecs, WARM_UP);
    let before = memory::resident();
    let (seconds, checksum) = live_once(ecs, actors);
    let bytes = memory::per_actor(before, memory::peak(), actors);
    Outcome { seconds, checksum, bytes_per_actor: Some(bytes) }
}

fn live_once(ecs: &Ecs, actors: u32) -> (f64, u64) {
    let mut world = World::new();
    world.init_resource::<Messages<Mail<u64>>>();
    world.init_resource::<Tally>();
    let mut schedule = ecs.schedule();
    schedule.add_systems(handle::<Mayfly>);
    schedule.run(&mut world);
    let start = Instant::now();
    let spawned: Vec<Entity> = world.spawn_batch((0..actors).map(|me| Actor(Mayfly::new(me)))).collect();
    let mail = (0_u64..).zip(&spawned).map(|(body, &to)| Mail { to, body });
    world.write_message_batch(mail);
    schedule.run(&mut world);
    let seconds = start.elapsed().as_secs_f64();
    let left = spawned.iter().filter(|&&actor| world.get_entity(actor).is_ok());
    assert_eq!(left.count(), 0, "all mayflies are gone");
    (seconds, world.resource::<Tally>().0)
}

pub fn idle(ecs: &Ecs, actors: u32) -> Outcome {
    drop(sleep_all(ecs, WARM_UP));
    let before = memory::resident();
    let (seconds, checksum, world) = sleep_all(ecs, actors);
    let bytes = memory::per_actor(before, memory::resident(), actors);
    drop(world);
    Outcome { seconds, checksum, bytes_per_actor: Some(bytes) }
}

fn sleep_all(ecs: &Ecs, actors: u32) -> (f64, u64, World) {
    let mut world = World::new();
    world.init_resource::<Messages<Mail<u64>>>();
    world.init_resource::<Tally>();
    let mut schedule = ecs.schedule();
    schedule.add_systems(handle::<Sleeper>);
    let start = Instant::now();
    let last = world.spawn_batch((0..actors).map(|me| Actor(Sleeper::new(me)))).last();
    world.write_message_batch(last.map(|to| Mail { to, body: 1_u64 }));
    schedule.run(&mut world);
    let seconds = start.elapsed().as_secs_f64();
    let checksum = world.resource::<Tally>().0;
    (seconds, checksum, world)
}

fn handle<B: Behaviour<Msg = u64>>(
    mut messages: ResMut<Messages<Mail<u64>>>,
    mut actors: Query<&mut Actor<B>>,
    mut tally: ResMut<Tally>,
    mut commands: Commands,
) {
    for mail in messages.drain() {
        let Ok(mut actor) = actors.get_mut(mail.to) else {
            continue;
        };
        let mut desk = Desk { me: mail.to, tally: &mut tally, commands: &mut commands };
        actor.0.handle(mail.body, &mut desk);
    }
}

/// The outbox of a handler.
struct Desk<'a, 'w, 's> {
    me: Entity,
    tally: &'a mut Tally,
    commands: &'a mut Commands<'w, 's>,
}

impl Outbox<u64> for Desk<'_, '_, '_> {
    fn send(&mut self, _: u32, _: u64) {
        unreachable!("lone actors send nothing");
    }

    fn add(&mut self, digest: u64) {
        self.tally.0 = self.tally.0.wrapping_add(digest);
    }

    fn arrive(&mut self) {}

    fn stop(&mut self) {
        self.commands.entity(self.me).despawn();
    }
}
