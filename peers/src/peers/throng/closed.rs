//! The closed benches: kicked once, ticked until no mail is left.

use std::time::Instant;

use bevy_ecs::prelude::*;
use throng::{Actor, ActorConfig, ActorRefs, Context, Handled, MailboxConfig, Throng};

use super::Ticks;
use crate::work::{Behaviour, Outbox, Outcome, Scene};

/// An actor, with what it has seen.
#[derive(Component)]
struct Member<B: Behaviour> {
    behaviour: B,
    checksum: u64,
    arrived: u64,
}

/// All actors, by index.
#[derive(Resource)]
struct Directory<B: Behaviour>(ActorRefs<Member<B>>);

impl<B: Behaviour> Actor for Member<B> {
    type Msg = B::Msg;
    type Params = Res<'static, Directory<B>>;

    #[inline]
    fn handle(&mut self, message: B::Msg, cx: &Context<'_, Self>) -> Handled {
        let Self { behaviour, checksum, arrived } = self;
        behaviour.handle(message, &mut Desk { cx, checksum, arrived });
        Ok(())
    }
}

/// The outbox of a handler.
struct Desk<'a, 'c, B: Behaviour> {
    cx: &'a Context<'c, Member<B>>,
    checksum: &'a mut u64,
    arrived: &'a mut u64,
}

impl<B: Behaviour> Outbox<B::Msg> for Desk<'_, '_, B> {
    #[inline]
    fn send(&mut self, to: u32, message: B::Msg) {
        let to = self.cx.params().0.get(to as usize).expect("the work addresses its own population");
        self.cx.tell(to, message);
    }

    #[inline]
    fn add(&mut self, digest: u64) {
        *self.checksum = self.checksum.wrapping_add(digest);
    }

    #[inline]
    fn arrive(&mut self) {
        *self.arrived += 1;
    }

    fn stop(&mut self) {
        self.cx.stop_self();
    }
}

pub fn run<B: Behaviour>(ticks: &Ticks, scene: Scene<B>) -> Outcome {
    let mut throng = ticks.open();
    throng.register_with(ActorConfig::<Member<B>>::new().mailbox(MailboxConfig::unbounded())).expect("registered once");
    let make = &scene.make;
    let all = throng.spawn_many((0..scene.size).map(|me| Member { behaviour: make(me), checksum: 0, arrived: 0 }));
    throng.world_mut().insert_resource(Directory(all.clone()));
    throng.tick();

    let start = Instant::now();
    let kicks = scene.kicks.iter().map(|&(to, body)| (all.get(to as usize).expect("a kick meets an actor"), body));
    throng.tell_many(kicks);
    while !throng.is_quiet() {
        throng.tick();
    }
    let seconds = start.elapsed().as_secs_f64();
    let (_, arrived) = seen(&mut throng, &all);
    assert_eq!(arrived, scene.awaited, "everything awaited has arrived");
    if let Some(message) = scene.audit {
        throng.tell_many(all.iter().map(|to| (to, message)));
        throng.tick();
    }
    Outcome::timed(seconds, seen(&mut throng, &all).0)
}

/// The sums over all actors: checksum and arrivals.
fn seen<B: Behaviour>(throng: &mut Throng, all: &ActorRefs<Member<B>>) -> (u64, u64) {
    all.iter().fold((0, 0), |(checksum, arrived), actor| {
        let member = throng.state(actor).expect("actors of the closed benches live on");
        (member.checksum.wrapping_add(checksum), member.arrived + arrived)
    })
}
