//! The actor of the benches that go in rounds: it sends, and it sums what it gets.

use super::behaviour::{Behaviour, Outbox};
use super::random::{digest, next, seed};
use super::route::Route;

/// The 16 bytes that are sent.
#[derive(Clone, Copy, Default)]
pub struct Payload {
    pub value: u64,
    pub sender: u64,
}

/// The 16 bytes of state of an actor.
#[derive(Clone, Copy)]
pub struct Node {
    rng: u64,
    sum: u64,
}

impl Node {
    pub fn new(me: u32) -> Self {
        Self { rng: seed(me), sum: 0 }
    }

    /// Sends this actor's messages of `round`.
    #[inline]
    pub fn emit<R: Route>(&mut self, me: u32, round: u32, route: &R, mut send: impl FnMut(u32, Payload)) {
        let value = next(&mut self.rng);
        let payload = Payload { value, sender: u64::from(me) };
        for nth in 0..route.fan() {
            send(route.pick(me, round, nth, value), payload);
        }
    }

    /// Takes one message in.
    #[inline]
    pub fn receive(&mut self, payload: Payload) {
        self.sum = self.sum.wrapping_add(payload.value ^ payload.sender);
    }

    /// What this actor adds to the checksum.
    pub fn digest(&self, me: u32) -> u64 {
        digest(me, self.sum)
    }
}

/// The digests of a whole population.
pub fn digest_all(nodes: impl IntoIterator<Item = Node>) -> u64 {
    (0..).zip(nodes).map(|(me, node)| node.digest(me)).fold(0, u64::wrapping_add)
}

/// What a node hears where actors have no ticks of their own.
#[derive(Clone, Copy)]
pub enum Post {
    /// Only shows that the actor has started.
    Hello,
    /// Send your messages of this round.
    Trigger(u32),
    /// A message that counts.
    Payload(Payload),
    /// Add your digest to the checksum.
    Audit,
}

/// A [`Node`] for peers whose actors only run when they have mail.
pub struct Courier<R: Route> {
    node: Node,
    me: u32,
    route: &'static R,
}

impl<R: Route> Courier<R> {
    pub fn new(me: u32, route: &'static R) -> Self {
        let node = Node::new(me);
        Self { node, me, route }
    }
}

impl<R: Route> Behaviour for Courier<R> {
    type Msg = Post;

    #[inline]
    fn handle<O: Outbox<Post>>(&mut self, post: Post, out: &mut O) {
        match post {
            Post::Hello => out.arrive(),
            Post::Trigger(round) => self.node.emit(self.me, round, self.route, |to, payload| {
                out.send(to, Post::Payload(payload));
            }),
            Post::Payload(payload) => {
                self.node.receive(payload);
                out.arrive();
            }
            Post::Audit => {
                out.add(self.node.digest(self.me));
                out.arrive();
            }
        }
    }
}

/// The digests after all rounds, worked out without any mail.
pub fn expected<R: Route>(actors: u32, rounds: u32, route: &R) -> u64 {
    let mut nodes: Vec<Node> = (0..actors).map(Node::new).collect();
    let mut sums = vec![0_u64; actors as usize];
    for round in 0..rounds {
        for me in 0..route.senders() {
            nodes[me as usize].emit(me, round, route, |to, payload| {
                let sum = &mut sums[to as usize];
                *sum = sum.wrapping_add(payload.value ^ payload.sender);
            });
        }
    }
    (0..).zip(sums).map(|(me, sum)| digest(me, sum)).fold(0, u64::wrapping_add)
}
