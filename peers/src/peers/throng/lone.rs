//! `create` and `idle`.

use std::time::Instant;

use bevy_ecs::prelude::*;
use throng::{Actor, ActorConfig, Context, Handled, MailboxConfig, Throng};

use super::Ticks;
use crate::work::lone::{Mayfly, Sleeper};
use crate::work::{Behaviour, Outbox, Outcome, memory};

/// An actor.
#[derive(Component)]
struct Lone<B: Behaviour>(B);

/// The sum of the digests; actors add to it without order.
#[derive(Resource, Default)]
struct Tally(std::sync::atomic::AtomicU64);

impl<B: Behaviour<Msg = u64>> Actor for Lone<B> {
    type Msg = u64;
    type Params = Res<'static, Tally>;

    #[inline]
    fn handle(&mut self, message: u64, cx: &Context<'_, Self>) -> Handled {
        self.0.handle(message, &mut Desk { cx });
        Ok(())
    }
}

/// The outbox of a handler.
struct Desk<'a, 'c, B: Behaviour<Msg = u64>> {
    cx: &'a Context<'c, Lone<B>>,
}

impl<B: Behaviour<Msg = u64>> Outbox<u64> for Desk<'_, '_, B> {
    fn send(&mut self, _: u32, _: u64) {
        unreachable!("lone actors send nothing");
    }

    #[inline]
    fn add(&mut self, digest: u64) {
        self.cx.params().0.fetch_add(digest, std::sync::atomic::Ordering::Relaxed);
    }

    fn arrive(&mut self) {}

    #[inline]
    fn stop(&mut self) {
        self.cx.stop_self();
    }
}

/// Actors made and forgotten before memory is measured.
const WARM_UP: u32 = 1_000;

pub fn create(ticks: &Ticks, actors: u32) -> Outcome {
    live_once(ticks, WARM_UP);
    let before = memory::resident();
    let (seconds, checksum) = live_once(ticks, actors);
    let bytes = memory::per_actor(before, memory::peak(), actors);
    Outcome { seconds, checksum, bytes_per_actor: Some(bytes) }
}

fn open<B: Behaviour<Msg = u64>>(ticks: &Ticks) -> Throng {
    let mut throng = ticks.open();
    throng.world_mut().init_resource::<Tally>();
    throng.register_with(ActorConfig::<Lone<B>>::new().mailbox(MailboxConfig::unbounded())).expect("registered once");
    throng
}

fn sum(throng: &Throng) -> u64 {
    throng.world().resource::<Tally>().0.load(std::sync::atomic::Ordering::Relaxed)
}

fn live_once(ticks: &Ticks, actors: u32) -> (f64, u64) {
    let mut throng = open::<Mayfly>(ticks);
    let start = Instant::now();
    let all = throng.spawn_many((0..actors).map(|me| Lone(Mayfly::new(me))));
    throng.tell_many(all.iter().zip(0..));
    throng.tick();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(throng.stats().actors, 0, "all mayflies are gone");
    (seconds, sum(&throng))
}

pub fn idle(ticks: &Ticks, actors: u32) -> Outcome {
    drop(sleep_all(ticks, WARM_UP));
    let before = memory::resident();
    let (seconds, checksum, throng) = sleep_all(ticks, actors);
    let bytes = memory::per_actor(before, memory::resident(), actors);
    drop(throng);
    Outcome { seconds, checksum, bytes_per_actor: Some(bytes) }
}

fn sleep_all(ticks: &Ticks, actors: u32) -> (f64, u64, Throng) {
    let mut throng = open::<Sleeper>(ticks);
    let start = Instant::now();
    let all = throng.spawn_many((0..actors).map(|me| Lone(Sleeper::new(me))));
    if let Some(last) = actors.checked_sub(1).and_then(|last| all.get(last as usize)) {
        throng.tell(last, 1);
    }
    throng.tick();
    let seconds = start.elapsed().as_secs_f64();
    let checksum = sum(&throng);
    (seconds, checksum, throng)
}
