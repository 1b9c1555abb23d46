//! The benches in rounds: a tick a round.
//!
//! Who sends does so in its `tick`, which all nodes have or a few. In the same pass a node takes in what was sent to
//! it in the round before.

use std::time::Instant;

use bevy_ecs::prelude::*;
use throng::{Actor, ActorConfig, ActorRefs, Context, Handled, MailboxConfig, Throng, ThrongOptions};

use super::Ticks;
use crate::work::Outcome;
use crate::work::route::Route;
use crate::work::traffic::{Node, Payload, digest_all};

/// An actor; with `ALL`, every one of them sends in every round.
#[derive(Component)]
struct Member<R: Route, const ALL: bool> {
    node: Node,
    route: std::marker::PhantomData<R>,
}

/// Where mail goes.
#[derive(Resource)]
struct Traffic<R: Route, const ALL: bool> {
    route: R,
    /// The ticks in which they send, as rounds from 0.
    rounds: std::ops::Range<u64>,
    all: ActorRefs<Member<R, ALL>>,
}

impl<R: Route, const ALL: bool> Actor for Member<R, ALL> {
    type Msg = Payload;
    type Params = Res<'static, Traffic<R, ALL>>;
    const TICKS: bool = ALL;

    #[inline]
    fn handle(&mut self, payload: Payload, _: &Context<'_, Self>) -> Handled {
        self.node.receive(payload);
        Ok(())
    }

    #[inline]
    fn tick(&mut self, cx: &Context<'_, Self>) -> Handled {
        let rounds = &cx.params().rounds;
        if rounds.contains(&cx.tick()) {
            self.send((cx.tick() - rounds.start) as u32, cx);
        }
        Ok(())
    }
}

impl<R: Route, const ALL: bool> Member<R, ALL> {
    #[inline]
    fn send(&mut self, round: u32, cx: &Context<'_, Self>) {
        let Traffic { route, all, .. } = &**cx.params();
        if route.fan() > 1 {
            // One sender to all: throng has a primitive for that.
            let mut first = None;
            self.node.emit(cx.id().slot(), round, route, |_, payload| first = first.or(Some(payload)));
            if let Some(payload) = first {
                cx.broadcast::<Self>(payload);
            }
            return;
        }
        self.node.emit(cx.id().slot(), round, route, |to, payload| {
            let to = all.get(to as usize).expect("a route stays within the population");
            cx.tell(to, payload);
        });
    }
}

pub fn run<R: Route>(ticks: &Ticks, actors: u32, rounds: u32, route: R) -> Outcome {
    if route.senders() == actors {
        run_with::<R, true>(ticks, actors, rounds, route)
    } else {
        run_with::<R, false>(ticks, actors, rounds, route)
    }
}

fn run_with<R: Route, const ALL: bool>(ticks: &Ticks, actors: u32, rounds: u32, route: R) -> Outcome {
    // One round a tick: what is sent in a round is taken in with what is sent in the next.
    let mut throng = Throng::new(ThrongOptions::new().threads(ticks.threads).rounds_max(1));
    throng.register_with(ActorConfig::<Member<R, ALL>>::new().mailbox(MailboxConfig::unbounded())).expect("registered once");
    let senders = route.senders();
    let all = throng.spawn_many((0..actors).map(|me| Member::<R, ALL> { node: Node::new(me), route: std::marker::PhantomData::<R> }));
    // The first tick is a rehearsal without mail.
    let sending = 2..2 + u64::from(rounds);
    throng.world_mut().insert_resource(Traffic { route, rounds: sending, all: all.clone() });
    throng.tick();
    if !ALL {
        all.iter().take(senders as usize).for_each(|sender| throng.set_ticking(sender, true));
    }

    let start = Instant::now();
    throng.run_ticks(u64::from(rounds));
    while !throng.is_quiet() {
        throng.tick();
    }
    let seconds = start.elapsed().as_secs_f64();
    let stats = throng.stats();
    assert!(stats.mail.is_balanced() && stats.mail.queued == 0, "all mail is accounted for");
    let nodes = all.iter().map(|actor| throng.state(actor).expect("nodes live on").node);
    Outcome::timed(seconds, digest_all(nodes.collect::<Vec<_>>()))
}
