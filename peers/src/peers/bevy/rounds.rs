//! The benches in rounds: a system that receives, then one that sends.

use std::time::Instant;

use bevy_ecs::message::MessageRegistry;
use bevy_ecs::prelude::*;
use bevy_utils::Parallel;

use super::{Directory, Ecs, Mail};
use crate::work::Outcome;
use crate::work::route::Route;
use crate::work::traffic::{Node, Payload, digest_all};

/// An actor.
#[derive(Component)]
struct Member(Node);

/// An actor that sends each round, with its index.
#[derive(Component)]
struct Sender(u32);

/// The route and the round it is in.
#[derive(Resource)]
struct Traffic<R: Route> {
    route: R,
    round: u32,
    rounds: u32,
}

pub fn run<R: Route>(ecs: &Ecs, actors: u32, rounds: u32, route: R) -> Outcome {
    let mut world = World::new();
    MessageRegistry::register_message::<Mail<Payload>>(&mut world);
    populate(&mut world, actors, route.senders());
    world.insert_resource(Traffic { route, round: 0, rounds });
    let mut schedule = ecs.schedule();
    if ecs.threads == 1 {
        schedule.add_systems((rotate, receive, send::<R>, next::<R>).chain());
    } else {
        schedule.add_systems((rotate, receive, send_parallel::<R>, next::<R>).chain());
    }
    let start = Instant::now();
    for _ in 0..=rounds {
        schedule.run(&mut world);
    }
    let seconds = start.elapsed().as_secs_f64();
    let directory = &world.resource::<Directory>().0;
    let member = |&actor| world.get::<Member>(actor).map(|member| member.0);
    let nodes = directory.iter().filter_map(member);
    Outcome::timed(seconds, digest_all(nodes))
}

fn populate(world: &mut World, actors: u32, senders: u32) {
    let sending = world.spawn_batch((0..senders).map(|me| (Member(Node::new(me)), Sender(me))));
    let mut directory: Vec<Entity> = sending.collect();
    let silent = world.spawn_batch((senders..actors).map(|me| Member(Node::new(me))));
    directory.extend(silent);
    world.insert_resource(Directory(directory));
}

/// Drops what was read an update ago, as bevy's own update system does.
fn rotate(mut messages: ResMut<Messages<Mail<Payload>>>) {
    messages.update();
}

fn receive(mut mail: MessageReader<Mail<Payload>>, mut members: Query<&mut Member>) {
    for mail in mail.read() {
        if let Ok(mut member) = members.get_mut(mail.to) {
            member.0.receive(mail.body);
        }
    }
}

fn send<R: Route>(
    mut members: Query<(&Sender, &mut Member)>,
    mut mail: MessageWriter<Mail<Payload>>,
    traffic: Res<Traffic<R>>,
    directory: Res<Directory>,
) {
    if traffic.round == traffic.rounds {
        return;
    }
    for (sender, mut member) in &mut members {
        member.0.emit(sender.0, traffic.round, &traffic.route, |to, body| {
            let to = directory.0[to as usize];
            mail.write(Mail { to, body });
        });
    }
}

fn send_parallel<R: Route>(
    mut members: Query<(&Sender, &mut Member)>,
    mut mail: MessageWriter<Mail<Payload>>,
    mut outboxes: Local<Parallel<Vec<Mail<Payload>>>>,
    traffic: Res<Traffic<R>>,
    directory: Res<Directory>,
) {
    if traffic.round == traffic.rounds {
        return;
    }
    members.par_iter_mut().for_each_init(
        || outboxes.borrow_local_mut(),
        |outbox, (sender, mut member)| {
            member.0.emit(sender.0, traffic.round, &traffic.route, |to, body| {
                let to = directory.0[to as usize];
                outbox.push(Mail { to, body });
            });
        },
    );
    for outbox in outboxes.iter_mut() {
        mail.write_batch(outbox.drain(..));
    }
}

fn next<R: Route>(mut traffic: ResMut<Traffic<R>>) {
    traffic.round += 1;
}
