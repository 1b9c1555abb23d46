//! The drivers: they spawn, kick, wait and measure.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::Runtime;
use super::host::{Host, Theatre};
use crate::work::ask::Style;
use crate::work::lone::{Mayfly, Sleeper};
use crate::work::route::Route;
use crate::work::traffic::{Courier, Post};
use crate::work::{Behaviour, Load, Outcome, Scene, Stage, memory};

/// A message-driven library as a stage.
pub struct Driven<P> {
    threads: usize,
    library: PhantomData<P>,
}

impl<P: Runtime> Driven<P> {
    pub fn new(threads: usize) -> Self {
        Self { threads, library: PhantomData }
    }
}

impl<P: Runtime> Stage for Driven<P> {
    fn closed<B: Behaviour>(&self, scene: Scene<B>) -> Outcome {
        P::enter(self.threads, |runtime: P| closed(runtime, scene))
    }

    fn rounds<R: Route>(&self, actors: u32, rounds: u32, route: R) -> Outcome {
        let route = Box::leak(Box::new(route));
        P::enter(self.threads, |runtime: P| traffic(runtime, actors, rounds, route))
    }

    fn create(&self, actors: u32) -> Outcome {
        P::enter(self.threads, move |runtime: P| create(runtime, actors))
    }

    fn asks(&self, load: &Load, style: Style) -> Outcome {
        P::asks(load, style)
    }

    fn idle(&self, actors: u32) -> Outcome {
        P::enter(self.threads, move |runtime: P| idle(runtime, actors))
    }
}

/// Spawns a population and opens its directory.
async fn cast<P: Runtime, B: Behaviour>(runtime: &P, size: u32, make: impl Fn(u32) -> B + Send) -> &'static Theatre<P, B> {
    let theatre = Theatre::open();
    let mut directory = Vec::with_capacity(size as usize);
    for me in 0..size {
        directory.push(runtime.spawn(Host::new(make(me), theatre)).await);
    }
    let opened = theatre.directory.set(directory);
    assert!(opened.is_ok(), "a directory is opened once");
    theatre
}

async fn closed<P: Runtime, B: Behaviour>(runtime: P, scene: Scene<B>) -> Outcome {
    let theatre = cast(&runtime, scene.size, scene.make).await;
    tokio::time::sleep(SETTLE).await;
    theatre.gate.expect(scene.awaited);
    let start = Instant::now();
    for (to, message) in scene.kicks {
        theatre.send(to, message);
    }
    theatre.gate.wait().await;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(message) = scene.audit {
        ask_all(theatre, scene.size, message).await;
    }
    Outcome::timed(seconds, theatre.gate.checksum())
}

async fn traffic<P: Runtime, R: Route>(runtime: P, actors: u32, rounds: u32, route: &'static R) -> Outcome {
    let theatre = cast(&runtime, actors, |me| Courier::new(me, route)).await;
    ask_all(theatre, actors, Post::Hello).await;
    let start = Instant::now();
    for round in 0..rounds {
        theatre.gate.expect(u64::from(route.senders()) * u64::from(route.fan()));
        for sender in 0..route.senders() {
            theatre.send(sender, Post::Trigger(round));
        }
        theatre.gate.wait().await;
    }
    let seconds = start.elapsed().as_secs_f64();
    ask_all(theatre, actors, Post::Audit).await;
    Outcome::timed(seconds, theatre.gate.checksum())
}

/// Sends to every actor and waits until all have arrived.
async fn ask_all<P: Runtime, B: Behaviour>(theatre: &Theatre<P, B>, size: u32, message: B::Msg) {
    theatre.gate.expect(u64::from(size));
    for to in 0..size {
        theatre.send(to, message);
    }
    theatre.gate.wait().await;
}

/// Actors made and forgotten before memory is measured, so that pools and
/// arenas of the library are not charged to the actors.
const WARM_UP: u32 = 1_000;

async fn create<P: Runtime>(runtime: P, actors: u32) -> Outcome {
    live_once(&runtime, WARM_UP).await;
    let before = memory::resident();
    let (seconds, checksum) = live_once(&runtime, actors).await;
    let bytes = memory::per_actor(before, memory::peak(), actors);
    Outcome { seconds, checksum, bytes_per_actor: Some(bytes) }
}

async fn live_once<P: Runtime>(runtime: &P, actors: u32) -> (f64, u64) {
    let start = Instant::now();
    let theatre = cast(runtime, actors, Mayfly::new).await;
    theatre.gate.expect(u64::from(actors));
    for to in 0..actors {
        theatre.send(to, u64::from(to));
    }
    theatre.gate.wait().await;
    (start.elapsed().as_secs_f64(), theatre.gate.checksum())
}

async fn idle<P: Runtime>(runtime: P, actors: u32) -> Outcome {
    sleep_all(&runtime, WARM_UP).await;
    let before = memory::resident();
    let (seconds, checksum) = sleep_all(&runtime, actors).await;
    let bytes = memory::per_actor(before, memory::resident(), actors);
    Outcome { seconds, checksum, bytes_per_actor: Some(bytes) }
}

/// Time enough for the last actors to have started.
const SETTLE: Duration = Duration::from_millis(300);

async fn sleep_all<P: Runtime>(runtime: &P, actors: u32) -> (f64, u64) {
    let start = Instant::now();
    let theatre = cast(runtime, actors, Sleeper::new).await;
    theatre.gate.expect(1);
    theatre.send(actors - 1, 1);
    theatre.gate.wait().await;
    let seconds = start.elapsed().as_secs_f64();
    tokio::time::sleep(SETTLE).await;
    (seconds, theatre.gate.checksum())
}
