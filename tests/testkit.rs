//! The test kit, used on actors with known faults, and its own failures.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bevy_ecs::component::Component;
use rand_core::RngCore;
use rand_xoshiro::Xoshiro256PlusPlus;
use throng::prelude::*;
use throng::testkit::{Fault, Faults, Model, Probe, digests, explore, replay_steps, same_on_any_threads};
use throng::{JobError, JobMode};

/// Passes numbers on; answers jobs.
#[derive(Component, Hash, Default)]
struct Relay(u64);

enum Do {
    Pass(u32, Recipient<u32>),
    Job(Recipient<u32>),
    Done(Recipient<u32>, Result<u32, JobError>),
}

impl Actor for Relay {
    type Msg = Do;
    type Params = ();

    fn handle(&mut self, msg: Do, cx: &Context<'_, Self>) -> Handled {
        self.0 += 1;
        match msg {
            Do::Pass(n, to) => cx.tell(to, n),
            Do::Job(to) => cx.offload(|| 5, move |result| Do::Done(to, result)),
            Do::Done(to, result) => cx.tell(to, result.unwrap_or(404)),
        }
        Ok(())
    }
}

/// The text that a body panics with.
fn panic_text(body: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(body)).expect_err("it panics");
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

fn scene() -> (Throng, ActorRef<Relay>, Probe<u32>) {
    let mut throng = Throng::new(ThrongOptions::new().threads(1).jobs(JobMode::Inline));
    let relay = throng.spawn_with(|_| Relay::default());
    let probe = Probe::spawn(&mut throng);
    (throng, relay, probe)
}

#[test]
fn a_probe_takes_what_it_expects_and_tells_what_came_instead() {
    let (mut throng, relay, mut probe) = scene();
    probe.allow(|&n| n == 0).disallow("thirteen", |&n| n == 13);
    for n in [0, 1, 2] {
        throng.tell(relay, Do::Pass(n, probe.actor().recipient()));
    }
    assert_eq!(probe.expect(&mut throng, 1, "two", |&n| n == 2), 2);
    let text = panic_text(|| {
        let _ = probe.expect(&mut throng, 3, "three", |&n| n == 3);
    });
    assert!(text.contains("expected three within 3 ticks; there came\n  in tick 1: 1 from"), "{text}");
    assert_eq!(probe.waiting(&mut throng).len(), 1);
    assert_eq!(probe.expect(&mut throng, 0, "one", |&n| n == 1), 1);
    probe.expect_nothing(&mut throng, 5);
    throng.tell(probe.actor(), 9);
    let text = panic_text(|| probe.expect_nothing(&mut throng, 1));
    assert!(text.contains("expected nothing for 1 ticks; there came\n  in tick 10: 9 from outside"), "{text}");
    throng.tell(probe.actor(), 13);
    let text = panic_text(|| {
        let _ = probe.expect(&mut throng, 1, "one", |&n| n == 1);
    });
    assert!(text.contains("thirteen is disallowed, but came"), "{text}");
}

#[test]
fn faults_happen_at_their_tick() {
    let (mut throng, relay, mut probe) = scene();
    let (inlet, to) = (throng.inlet(), probe.actor().recipient());
    let tell = |n: u32| inlet.try_tell(relay, Do::Pass(n, to)).unwrap();
    let mut faults = Faults::new()
        .at(1, Fault::DropBatch)
        .at(2, Fault::DelayBatch(2))
        .at(3, Fault::ReverseBatch)
        .at(5, Fault::Crash(relay.id()))
        .at(6, Fault::BreakJob(1));
    for tick in 1..=4 {
        tell(10 * tick);
        tell(10 * tick + 1);
        faults.run(&mut throng, 1);
    }
    let got: Vec<(u64, u32)> = probe.waiting(&mut throng).iter().map(|heard| (heard.tick, heard.msg)).collect();
    assert_eq!(got, [(3, 31), (3, 30), (4, 20), (4, 21), (4, 40), (4, 41)]);
    assert_eq!(throng.state(relay).unwrap().0, 6);
    faults.run(&mut throng, 1);
    assert_eq!((throng.state(relay).unwrap().0, throng.stats().restarts), (0, 1));
    throng.tell(relay, Do::Job(to));
    throng.tell(relay, Do::Job(to));
    faults.run(&mut throng, 2);
    probe.expect(&mut throng, 0, "the result", |&n| n == 5);
    probe.expect(&mut throng, 0, "the broken job", |&n| n == 404);
}

/// A counter that goes wrong when it is crashed right after it was told a 7.
struct Fragile {
    throng: Throng,
    relay: ActorRef<Relay>,
    probe: Probe<u32>,
    seven: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Tell(u32),
    Wait,
    Crash,
}

impl Model for Fragile {
    type Step = Step;

    fn new(seed: u64) -> Self {
        let mut throng = Throng::new(ThrongOptions::new().threads(1).seed(seed));
        let relay = throng.spawn_with(|_| Relay::default());
        let probe = Probe::spawn(&mut throng);
        Self { throng, relay, probe, seven: false }
    }

    fn draw(&self, random: &mut Xoshiro256PlusPlus) -> Step {
        match random.next_u64() % 10 {
            0..5 => Step::Tell((random.next_u64() % 10) as u32),
            5..9 => Step::Wait,
            _ => Step::Crash,
        }
    }

    fn apply(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Tell(n) => {
                self.throng.tell(self.relay, Do::Pass(n, self.probe.actor().recipient()));
                self.probe.expect(&mut self.throng, 1, "its number", |&got| got == n);
                self.seven |= n == 7;
            }
            Step::Wait => self.throng.tick(),
            Step::Crash if self.seven => return Err("crashed after a seven".to_owned()),
            Step::Crash => {
                let next = self.throng.stats().ticks + 1;
                Faults::new().at(next, Fault::Crash(self.relay.id())).run(&mut self.throng, 1);
            }
        }
        let mail = self.throng.stats().mail;
        if mail.is_balanced() { Ok(()) } else { Err(format!("{mail:?}")) }
    }
}

#[test]
fn exploring_finds_a_seed_and_the_shortest_trace() {
    let finding = explore::<Fragile>(0..100, 60).expect_err("it goes wrong now and then");
    assert_eq!(finding.trace, [Step::Tell(7), Step::Crash]);
    assert!(finding.found_after > 2);
    assert_eq!(replay_steps::<Fragile>(finding.seed, &finding.trace), Err((1, "crashed after a seven".to_owned())));
    let text = finding.to_string();
    assert!(text.contains(&format!("seed {}", finding.seed)) && text.contains("0: Tell(7)"), "{text}");
    assert_eq!(explore::<Fragile>(0..20, 1), Ok(()));
}

#[test]
fn worlds_are_compared_across_threads() {
    let scenario = |options: ThrongOptions| {
        let mut throng = Throng::new(options);
        throng.register_with(ActorConfig::<Relay>::new().digest()).unwrap();
        let crowd = throng.spawn_many((0..20_000).map(Relay));
        let probe = Probe::<u32>::spawn(&mut throng);
        throng.tell_many(crowd.iter().map(|relay| (relay, Do::Pass(1, probe.actor().recipient()))));
        digests(&mut throng, 3)
    };
    same_on_any_threads(scenario);
    let text = panic_text(|| {
        same_on_any_threads(|options| vec![1, u64::from(format!("{options:?}").contains("threads: 8"))]);
    });
    assert!(text.contains("with 8 threads") && text.contains("first at digest 1 of 2"), "{text}");
}
