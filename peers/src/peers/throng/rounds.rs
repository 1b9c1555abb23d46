//! The benches in rounds: a tick a round.
//!
//! A trigger goes to all senders at once (a broadcast where all send) and in
//! the same pass a node takes in what was sent to it in the round before.

use std::time::Instant;

use bevy_ecs::prelude::*;
use throng::{Actor, ActorConfig, ActorRefs, Context, Handled, MailboxConfig, Throng, ThrongOptions};

use super::Ticks;
use crate::work::Outcome;
use crate::work::route::Route;
use crate::work::traffic::{Node, Payload, digest_all};

/// An actor.
#[derive(Component)]
struct Member<R: Route> {
    node: Node,
    route: std::marker::PhantomData<R>,
}

/// What it hears: 16 bytes, the payload with its tag.
#[derive(Clone, Copy)]
enum Post {
    Trigger(u32),
    Payload { value: u64, sender: u32 },
}

const _: () = assert!(size_of::<Post>() == size_of::<Payload>());

/// Where mail goes.
#[derive(Resource)]
struct Traffic<R: Route> {
    route: R,
    all: ActorRefs<Member<R>>,
}

impl<R: Route> Actor for Member<R> {
    type Msg = Post;
    type Params = Res<'static, Traffic<R>>;

    #[inline]
    fn handle(&mut self, post: Post, cx: &Context<'_, Self>) -> Handled {
        match post {
            Post::Payload { value, sender } => self.node.receive(Payload { value, sender: u64::from(sender) }),
            Post::Trigger(round) => {
                let Traffic { route, all } = &**cx.params();
                if route.fan() > 1 {
                    // One sender to all: throng has a primitive for that.
                    let mut first = None;
                    self.node.emit(cx.id().slot(), round, route, |_, payload| first = first.or(Some(payload)));
                    if let Some(Payload { value, sender }) = first {
                        cx.broadcast::<Self>(Post::Payload { value, sender: sender as u32 });
                    }
                    return Ok(());
                }
                self.node.emit(cx.id().slot(), round, route, |to, payload| {
                    let to = all.get(to as usize).expect("a route stays within the population");
                    let Payload { value, sender } = payload;
                    cx.tell(to, Post::Payload { value, sender: sender as u32 });
                });
            }
        }
        Ok(())
    }
}

pub fn run<R: Route>(ticks: &Ticks, actors: u32, rounds: u32, route: R) -> Outcome {
    // One round a tick: what is sent in a round is taken in with the trigger of the next.
    let mut throng = Throng::new(ThrongOptions::new().threads(ticks.threads).rounds_max(1));
    throng.register_with(ActorConfig::<Member<R>>::new().mailbox(MailboxConfig::unbounded())).expect("registered once");
    let senders = route.senders();
    let all = throng.spawn_many((0..actors).map(|me| Member { node: Node::new(me), route: std::marker::PhantomData::<R> }));
    throng.world_mut().insert_resource(Traffic { route, all: all.clone() });
    throng.tick();

    let start = Instant::now();
    for round in 0..rounds {
        if senders == actors {
            throng.broadcast::<Member<R>>(Post::Trigger(round));
        } else {
            throng.tell_many(all.iter().take(senders as usize).map(|to| (to, Post::Trigger(round))));
        }
        throng.tick();
    }
    while !throng.is_quiet() {
        throng.tick();
    }
    let seconds = start.elapsed().as_secs_f64();
    let stats = throng.stats();
    assert!(stats.mail.is_balanced() && stats.mail.queued == 0, "all mail is accounted for");
    let nodes = all.iter().map(|actor| throng.state(actor).expect("nodes live on").node);
    Outcome::timed(seconds, digest_all(nodes.collect::<Vec<_>>()))
}
