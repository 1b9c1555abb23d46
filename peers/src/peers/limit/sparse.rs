//! Sparse traffic: a thousand messages a round are too few to sort or to share
//! among threads, so they are delivered straight from the outbox.

use std::time::Instant;

use super::{FIRST_GENERATION, Mail};
use crate::work::Outcome;
use crate::work::route::{ACTIVE, Route, Sparse};
use crate::work::traffic::{Node, Payload, digest_all};

pub fn run(actors: u32, rounds: u32) -> Outcome {
    let route = Sparse { actors };
    let mut nodes: Vec<Node> = (0..actors).map(Node::new).collect();
    let generations = vec![FIRST_GENERATION; nodes.len()];
    let mut outbox: Vec<Mail<Payload>> = Vec::with_capacity(ACTIVE as usize);
    let start = Instant::now();
    for round in 0..rounds {
        for me in 0..route.senders() {
            nodes[me as usize].emit(me, round, &route, |to, body| {
                outbox.push(Mail::first(to, body));
            });
        }
        for mail in outbox.drain(..) {
            let slot = mail.slot as usize;
            if generations[slot] == mail.generation {
                nodes[slot].receive(mail.body);
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    Outcome::timed(seconds, digest_all(nodes))
}
