//! The closed benches: one system that reads, handles and writes.

use std::time::Instant;

use bevy_ecs::prelude::*;

use super::{Directory, Ecs, Mail};
use crate::work::{Behaviour, Outbox, Outcome, Scene};

/// An actor.
#[derive(Component)]
struct Actor<B: Behaviour>(B);

/// What has arrived.
#[derive(Resource, Default)]
struct Tally {
    arrived: u64,
    checksum: u64,
}

pub fn run<B: Behaviour>(ecs: &Ecs, scene: Scene<B>) -> Outcome {
    let mut world = World::new();
    world.init_resource::<Messages<Mail<B::Msg>>>();
    world.init_resource::<Tally>();
    let make = &scene.make;
    let actors = world.spawn_batch((0..scene.size).map(|me| Actor(make(me))).collect::<Vec<_>>());
    let directory = Directory(actors.collect());
    world.insert_resource(directory);
    let mut schedule = ecs.schedule();
    schedule.add_systems(handle::<B>);
    schedule.run(&mut world);

    let start = Instant::now();
    run_until(&mut world, &mut schedule, &scene.kicks, scene.awaited);
    let seconds = start.elapsed().as_secs_f64();
    if let Some(message) = scene.audit {
        let all: Vec<_> = (0..scene.size).map(|to| (to, message)).collect();
        run_until(&mut world, &mut schedule, &all, u64::from(scene.size));
    }
    Outcome::timed(seconds, world.resource::<Tally>().checksum)
}

/// Sends and updates until `awaited` have arrived.
fn run_until<M: Copy + Send + Sync + 'static>(world: &mut World, schedule: &mut Schedule, kicks: &[(u32, M)], awaited: u64) {
    world.resource_mut::<Tally>().arrived = 0;
    for &(to, body) in kicks {
        let to = world.resource::<Directory>().0[to as usize];
        world.write_message(Mail { to, body });
    }
    while world.resource::<Tally>().arrived < awaited {
        schedule.run(world);
    }
}

/// Reads the mail of the last update, writes that of the next.
fn handle<B: Behaviour>(
    mut messages: ResMut<Messages<Mail<B::Msg>>>,
    mut inbox: Local<Vec<Mail<B::Msg>>>,
    mut actors: Query<&mut Actor<B>>,
    mut tally: ResMut<Tally>,
    directory: Res<Directory>,
) {
    inbox.extend(messages.drain());
    for mail in inbox.drain(..) {
        let Ok(mut actor) = actors.get_mut(mail.to) else {
            continue;
        };
        let mut desk = Desk { messages: &mut messages, directory: &directory, tally: &mut tally };
        actor.0.handle(mail.body, &mut desk);
    }
}

/// The outbox of a handler.
struct Desk<'a, M: Send + Sync + 'static> {
    messages: &'a mut Messages<Mail<M>>,
    directory: &'a Directory,
    tally: &'a mut Tally,
}

impl<M: Send + Sync + 'static> Outbox<M> for Desk<'_, M> {
    #[inline]
    fn send(&mut self, to: u32, body: M) {
        let to = self.directory.0[to as usize];
        self.messages.write(Mail { to, body });
    }

    fn add(&mut self, digest: u64) {
        self.tally.checksum = self.tally.checksum.wrapping_add(digest);
    }

    fn arrive(&mut self) {
        self.tally.arrived += 1;
    }

    fn stop(&mut self) {
        unreachable!("actors of the closed benches live on");
    }
}
