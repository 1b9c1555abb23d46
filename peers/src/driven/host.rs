//! A behaviour as it sits inside an actor of a library.

use std::sync::OnceLock;

use super::Runtime;
use super::gate::Gate;
use crate::work::{Behaviour, Outbox};

/// What one population shares. It lives as long as the process.
pub struct Theatre<P: Runtime, B: Behaviour> {
    pub directory: OnceLock<Vec<P::Addr<B>>>,
    pub gate: Gate,
}

impl<P: Runtime, B: Behaviour> Theatre<P, B> {
    /// A theatre without actors, never freed: a process runs one bench.
    pub fn open() -> &'static Self {
        Box::leak(Box::new(Self { directory: OnceLock::new(), gate: Gate::default() }))
    }

    /// Sends to the actor with index `to`.
    #[inline]
    pub fn send(&self, to: u32, message: B::Msg) {
        let directory = self.directory.get().expect("mail starts after the directory");
        P::send(&directory[to as usize], message);
    }
}

/// Whether an actor goes on after a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Continue,
    Stop,
}

/// The state of one library actor.
pub struct Host<P: Runtime, B: Behaviour> {
    behaviour: B,
    theatre: &'static Theatre<P, B>,
}

impl<P: Runtime, B: Behaviour> Host<P, B> {
    pub fn new(behaviour: B, theatre: &'static Theatre<P, B>) -> Self {
        Self { behaviour, theatre }
    }

    /// Handles one message.
    #[inline]
    pub fn handle(&mut self, message: B::Msg) -> Verdict {
        let mut desk = Desk { theatre: self.theatre, verdict: Verdict::Continue };
        self.behaviour.handle(message, &mut desk);
        desk.verdict
    }
}

impl<P: Runtime, B: Behaviour> Drop for Host<P, B> {
    fn drop(&mut self) {
        if B::MORTAL {
            self.theatre.gate.arrive();
        }
    }
}

/// The outbox of a handler: it sends at once.
struct Desk<P: Runtime, B: Behaviour> {
    theatre: &'static Theatre<P, B>,
    verdict: Verdict,
}

impl<P: Runtime, B: Behaviour> Outbox<B::Msg> for Desk<P, B> {
    #[inline]
    fn send(&mut self, to: u32, message: B::Msg) {
        self.theatre.send(to, message);
    }

    #[inline]
    fn add(&mut self, digest: u64) {
        self.theatre.gate.add(digest);
    }

    #[inline]
    fn arrive(&mut self) {
        self.theatre.gate.arrive();
    }

    #[inline]
    fn stop(&mut self) {
        self.verdict = Verdict::Stop;
    }
}
