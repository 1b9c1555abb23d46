//! Asking: every ask ends once, with an answer or with why there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context as PollContext, Poll, Wake, Waker};
use std::time::Duration;

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, Overflow};

use crate::support::{BLOCK, Hook, Probe, everywhere};

/// Answers, or does something else with a reply.
#[derive(Component, Default)]
struct Oracle {
    kept: Vec<ReplyTo<u32>>,
}

enum Query {
    Double(u32, ReplyTo<u32>),
    Keep(ReplyTo<u32>),
    Drop(ReplyTo<u32>),
    AnswerAndFail(ReplyTo<u32>),
    StopWith(ReplyTo<u32>),
    /// Answers all that is kept.
    Release(u32),
    Nothing,
}

impl Actor for Oracle {
    type Msg = Query;
    type Params = ();

    fn handle(&mut self, msg: Query, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Query::Double(n, reply) => cx.reply(reply, 2 * n),
            Query::Keep(reply) => self.kept.push(reply),
            Query::Drop(reply) => drop(reply),
            Query::AnswerAndFail(reply) => {
                cx.reply(reply, 1);
                return Err(ActorFailure::msg("as told"));
            }
            Query::StopWith(reply) => {
                self.kept.push(reply);
                cx.stop_self();
            }
            Query::Release(n) => self.kept.drain(..).for_each(|reply| cx.reply(reply, n)),
            Query::Nothing => {}
        }
        Ok(())
    }
}

type Answer = Result<u32, AskError>;
type Made = fn(ReplyTo<u32>) -> Query;

/// Asks, and notes what comes.
#[derive(Component, Default)]
struct Asker {
    /// Tick, round, answer, who answered.
    got: Vec<(u64, u32, Answer, bool)>,
    waits: bool,
}

enum Do {
    Ask(ActorRef<Oracle>, u64, Made),
    /// Asks, and fails.
    AskAndFail(ActorRef<Oracle>),
    /// Asks, and fails when the answer comes.
    FailLater(ActorRef<Oracle>, bool),
    /// Asks this asker and waits, postponing all else.
    AskSelf(ActorRef<Asker>, u64),
    Reply(ReplyTo<u32>),
}

impl Actor for Asker {
    type Msg = Do;
    type Params = ();

    fn handle(&mut self, msg: Do, cx: &Context<'_, Self>) -> Handled {
        if self.waits {
            cx.postpone(msg);
            return Ok(());
        }
        match msg {
            Do::Ask(to, ticks, make) => cx.ask(to, make).within(ticks).then(|asker, answer, cx| {
                asker.got.push((cx.tick(), cx.round(), answer, cx.sender().is_some()));
                Ok(())
            }),
            Do::AskAndFail(to) => {
                cx.ask(to, |reply| Query::Double(1, reply)).then(|_, _, _| unreachable!("the call failed"));
                return Err(ActorFailure::msg("as told"));
            }
            Do::FailLater(to, panics) => cx.ask(to, |reply| Query::Double(1, reply)).then(move |_, _, cx| {
                cx.tell(to, Query::Release(7));
                assert!(!panics, "as told");
                Err(ActorFailure::msg("as told"))
            }),
            Do::AskSelf(to, ticks) => {
                self.waits = true;
                cx.ask(to, Do::Reply).within(ticks).then(|asker, answer, cx| {
                    asker.waits = false;
                    asker.got.push((cx.tick(), cx.round(), answer, cx.sender().is_some()));
                    cx.replay_postponed();
                    Ok(())
                });
            }
            Do::Reply(reply) => cx.reply(reply, 3),
        }
        Ok(())
    }
}

struct Scene {
    throng: Throng,
    asker: ActorRef<Asker>,
    oracle: ActorRef<Oracle>,
}

impl Scene {
    fn new(options: ThrongOptions) -> Self {
        let mut throng = Throng::new(options);
        let (oracle, asker) = (throng.spawn_with(|_| Oracle::default()), throng.spawn_with(|_| Asker::default()));
        Self { throng, asker, oracle }
    }

    fn ask(&mut self, ticks: u64, make: Made) {
        let oracle = self.oracle;
        self.throng.tell(self.asker, Do::Ask(oracle, ticks, make));
        self.throng.tick();
    }

    fn answers(&mut self) -> Vec<Answer> {
        let stats = self.throng.stats();
        assert!(stats.asks.is_balanced() && stats.mail.is_balanced(), "{stats:?}");
        self.throng.state(self.asker).unwrap().got.iter().map(|got| got.2.clone()).collect()
    }
}

#[test]
fn an_answer_comes_in_the_round_after_it_was_given() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        scene.ask(5, |reply| Query::Double(21, reply));
        let got = scene.throng.state(scene.asker).unwrap().got.clone();
        assert_eq!(got, [(1, 2, Ok(42), true)], "asked in round 0, answered in round 1");
        assert_eq!(scene.answers(), [Ok(42)]);
        scene.throng.run_ticks(10);
        assert_eq!(scene.answers(), [Ok(42)], "no time-out after the answer");
    });
}

#[test]
fn no_answer_tells_why() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        scene.ask(9, Query::Drop);
        assert_eq!(scene.answers(), [Err(AskError::NoReply)], "at once");
        scene.ask(9, Query::AnswerAndFail);
        assert_eq!(scene.answers()[1..], [Err(AskError::NoReply)], "the answer was taken back");
        assert!(scene.throng.is_alive(scene.oracle), "restarted");
        scene.ask(9, Query::StopWith);
        assert_eq!(scene.answers()[2..], [Err(AskError::Stopped)], "dropped with the state");
        scene.ask(9, |reply| Query::Double(1, reply));
        assert_eq!(scene.answers()[3..], [Err(AskError::Stopped)], "the message was a dead letter");
    });
}

#[test]
fn a_full_mailbox_tells_that_it_was_not_delivered() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let tight = MailboxConfig::new(1).unwrap().overflow(Overflow::DropNewest);
        throng.register_with(ActorConfig::<Oracle>::new().mailbox(tight)).unwrap();
        let (oracle, asker) = (throng.spawn(Oracle::default()), throng.spawn(Asker::default()));
        throng.tell(asker, Do::Ask(oracle, 9, |reply| Query::Double(1, reply)));
        throng.tell(asker, Do::Ask(oracle, 9, |reply| Query::Double(2, reply)));
        throng.tick();
        let answers: Vec<_> = throng.state(asker).unwrap().got.iter().map(|got| got.2.clone()).collect();
        assert!(answers.contains(&Ok(2)) && answers.contains(&Err(AskError::Undelivered)), "{answers:?}");
    });
}

#[test]
fn a_time_out_comes_at_its_tick_and_a_late_answer_is_ignored() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        scene.ask(3, Query::Keep);
        scene.ask(0, Query::Keep);
        assert!(scene.throng.is_quiet(), "a pending ask is no mail");
        scene.throng.run_ticks(4);
        let got: Vec<_> = scene.throng.state(scene.asker).unwrap().got.iter().map(|got| (got.0, got.2.clone())).collect();
        assert_eq!(got, [(3, Err(AskError::TimedOut)), (4, Err(AskError::TimedOut))]);
        scene.throng.tell(scene.oracle, Query::Release(5));
        scene.throng.tick();
        assert_eq!(scene.answers().len(), 2);
        assert_eq!(scene.throng.stats().asks.late, 2);
    });
}

#[test]
fn asking_oneself_is_answered_or_times_out() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let me = scene.asker;
        scene.throng.tell(me, Do::AskSelf(me, 3));
        scene.throng.run_ticks(6);
        // Its own question was postponed while it waited, and answered after the time-out: too late.
        assert_eq!(scene.answers(), [Err(AskError::TimedOut)]);
        assert_eq!(scene.throng.stats().asks.late, 1);
        // Two that ask each other.
        let (a, b) = (scene.throng.spawn(Asker::default()), scene.throng.spawn(Asker::default()));
        scene.throng.tell(a, Do::AskSelf(b, 4));
        scene.throng.tell(b, Do::AskSelf(a, 7));
        scene.throng.run_ticks(10);
        let got =
            |throng: &mut Throng, actor| throng.state::<Asker>(actor).unwrap().got.iter().map(|got| got.2.clone()).collect::<Vec<_>>();
        assert_eq!(got(&mut scene.throng, a), [Err(AskError::TimedOut)]);
        assert_eq!(got(&mut scene.throng, b), [Ok(3)], "answered when the other went on");
    });
}

#[test]
fn a_failing_call_asks_nothing_and_a_failing_continuation_fails_its_actor() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let oracle = scene.oracle;
        scene.throng.tell(scene.asker, Do::AskAndFail(oracle));
        scene.throng.tick();
        assert_eq!((scene.throng.stats().asks.asked, scene.throng.stats().restarts), (0, 1));
        scene.ask(9, Query::Keep);
        for panics in [false, true] {
            scene.throng.tell(scene.asker, Do::FailLater(oracle, panics));
            scene.throng.tick();
        }
        assert_eq!(scene.throng.stats().restarts, 3);
        let kept = scene.throng.state(oracle).unwrap().kept.len();
        assert_eq!(kept, 1, "what the continuation told was taken back");
        // The answer to the state before the failure is not the new state's.
        scene.throng.tell(oracle, Query::Release(1));
        scene.throng.tick();
        assert_eq!(scene.answers(), []);
        let asks = scene.throng.stats().asks;
        assert_eq!((asks.answered, asks.dropped, asks.pending), (2, 1, 0));
    });
}

#[test]
fn an_asker_that_stopped_is_not_called() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        scene.ask(5, Query::Keep);
        scene.ask(2, Query::Keep);
        scene.throng.stop(scene.asker);
        scene.throng.tell(scene.oracle, Query::Release(1));
        scene.throng.run_ticks(9);
        let asks = scene.throng.stats().asks;
        assert_eq!((asks.dropped, asks.pending), (2, 0));
        assert!(asks.is_balanced());
    });
}

#[test]
fn replies_travel_between_threads() {
    let mut scene = Scene::new(ThrongOptions::new().threads(2));
    scene.ask(100, Query::Keep);
    scene.ask(100, Query::Keep);
    let mut kept = std::mem::take(&mut scene.throng.world_mut().query::<&mut Oracle>().single_mut(scene.throng.world_mut()).unwrap().kept);
    let (dropped, answered) = (kept.pop().unwrap(), kept.pop().unwrap());
    std::thread::spawn(move || {
        answered.send(8);
        drop(dropped);
    })
    .join()
    .unwrap();
    assert!(!scene.throng.is_quiet());
    scene.throng.tick();
    assert_eq!(scene.answers(), [Ok(8), Err(AskError::NoReply)]);
}

#[test]
fn others_ask_from_outside() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let (inlet, oracle) = (scene.throng.inlet(), scene.oracle);
        let second = Duration::from_secs(30);
        let answered = inlet.ask(oracle, |reply| Query::Double(4, reply));
        let dropped = inlet.ask(oracle, Query::Drop);
        let late = inlet.ask_within(2, oracle, Query::Keep);
        let panics = inlet.ask(oracle, |_: ReplyTo<u32>| panic!("no message"));
        let asking = std::thread::spawn(move || (answered.wait(second), dropped.wait(second), late.wait(second), panics.wait(second)));
        scene.throng.run_ticks(4);
        assert_eq!(asking.join().unwrap(), (Ok(8), Err(AskError::NoReply), Err(AskError::TimedOut), Err(AskError::NoReply)));
        assert_eq!(inlet.ask(oracle, Query::Keep).wait(Duration::ZERO), Err(AskError::TimedOut), "nobody ticked");
        let open = inlet.ask(oracle, Query::Keep);
        scene.throng.tick();
        drop(scene);
        assert_eq!(open.wait(second), Err(AskError::Closed));
        assert_eq!(inlet.ask(oracle, Query::Keep).wait(second), Err(AskError::Closed));
    });
}

#[test]
fn a_full_inlet_tells_so() {
    let mut throng = Throng::new(ThrongOptions::new().threads(1).inlet_capacity(1));
    let oracle = throng.spawn(Oracle::default());
    let inlet = throng.inlet();
    inlet.try_tell(oracle, Query::Nothing).unwrap();
    assert_eq!(inlet.ask(oracle, Query::Keep).wait(Duration::ZERO), Err(AskError::InletFull));
}

/// Counts how often a future is woken.
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reply_is_a_future() {
    let mut scene = Scene::new(ThrongOptions::new().threads(1));
    let mut reply = Box::pin(scene.throng.inlet().ask(scene.oracle, |reply| Query::Double(4, reply)));
    let woken = Arc::new(Woken(AtomicU32::new(0)));
    let waker = Waker::from(woken.clone());
    let mut context = PollContext::from_waker(&waker);
    assert!(reply.as_mut().poll(&mut context).is_pending());
    scene.throng.tick();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(reply.as_mut().poll(&mut context), Poll::Ready(Ok(8)));
}

/// Waits, blocking, for an answer of its own world.
#[derive(Component)]
struct Impatient(Option<Answer>);

impl Actor for Impatient {
    type Msg = (throng::Inlet, ActorRef<Oracle>);
    type Params = ();

    fn handle(&mut self, (inlet, oracle): Self::Msg, _: &Context<'_, Self>) -> Handled {
        self.0 = Some(inlet.ask(oracle, |reply| Query::Double(1, reply)).wait(Duration::from_secs(60)));
        Ok(())
    }
}

#[test]
fn a_handler_that_blocks_for_its_own_world_is_told_of_the_cycle() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let impatient = scene.throng.spawn(Impatient(None));
        scene.throng.tell(impatient, (scene.throng.inlet(), scene.oracle));
        scene.throng.tick();
        assert_eq!(scene.throng.state(impatient).unwrap().0, Some(Err(AskError::Cycle)));
        assert!(AskError::Cycle.to_string().contains("cycle"));
    });
}

/// Asks others by a rule of its own number, and keeps, drops or answers what it is asked.
#[derive(Component, Hash, Default)]
struct Peer {
    heard: u64,
    crowd: u32,
    replies: Kept,
}

#[derive(Default)]
struct Kept(Vec<ReplyTo<u64>>);

impl std::hash::Hash for Kept {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.len().hash(state);
    }
}

enum Talk {
    Go(Arc<throng::ActorRefs<Peer>>, u32),
    Ask(u64, ReplyTo<u64>),
}

impl Actor for Peer {
    type Msg = Talk;
    type Params = ();

    fn handle(&mut self, msg: Talk, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Talk::Go(crowd, hops) => {
                let n = self.heard;
                let to = crowd.get((n as usize).wrapping_mul(31) % crowd.len()).expect("in the crowd");
                let go_on = move |peer: &mut Self, answer: Result<u64, AskError>, cx: &Context<'_, Self>| {
                    let answer = answer.unwrap_or_else(|error| error.to_string().len() as u64 + 1_000);
                    peer.heard = peer.heard.wrapping_mul(7).wrapping_add(answer ^ cx.tick());
                    if hops > 0 {
                        cx.tell(cx.me(), Talk::Go(crowd, hops - 1));
                    }
                    Ok(())
                };
                cx.ask(to, |reply| Talk::Ask(n, reply)).within(1 + n % 3).then(go_on);
            }
            Talk::Ask(n, reply) => {
                self.heard = self.heard.wrapping_mul(5).wrapping_add(n);
                match self.heard % 6 {
                    0 => drop(reply),
                    1 => self.replies.0.push(reply),
                    2 => {
                        cx.reply(reply, n);
                        return Err(ActorFailure::msg("now and then"));
                    }
                    3 => reply.send(n + 2),
                    4 => cx.stop_self(),
                    _ => cx.reply(reply, self.heard),
                }
            }
        }
        Ok(())
    }
}

#[test]
fn asks_are_the_same_on_any_number_of_threads() {
    let run = |options: ThrongOptions| {
        let mut throng = Throng::new(options);
        let fresh = |id: ActorId| Peer { heard: u64::from(id.slot()), ..Peer::default() };
        throng.register_with(ActorConfig::<Peer>::new().fresh(fresh).digest()).unwrap();
        let n = 3 * BLOCK as u32;
        let crowd = Arc::new(throng.spawn_many((0..n).map(|at| Peer { heard: u64::from(at), crowd: n, ..Peer::default() })));
        for actor in crowd.iter() {
            throng.tell(actor, Talk::Go(crowd.clone(), 4));
        }
        let digests: Vec<u64> = (0..12)
            .map(|_| {
                throng.tick();
                let stats = throng.stats();
                assert!(stats.mail.is_balanced() && stats.asks.is_balanced(), "{stats:?}");
                throng.digest()
            })
            .collect();
        let asks = throng.stats().asks;
        assert!(asks.answered > 10_000 && asks.unanswered > 10_000 && asks.dropped > 100, "{asks:?}");
        digests
    };
    let one = run(ThrongOptions::new().threads(1));
    for options in [ThrongOptions::new().threads(2).share_always(true), ThrongOptions::new().threads(8).share_always(true)] {
        assert_eq!(run(options), one);
    }
}

#[test]
fn hooks_ask_and_an_end_that_nobody_lives_for_is_dropped() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let oracle = throng.spawn(Oracle::default());
        let asker = throng.spawn(Probe::<0>::hooked(move |hook, _, cx| {
            if matches!(hook, Hook::Started | Hook::Stopping | Hook::Stopped) {
                cx.ask(oracle, |reply| Query::Double(2, reply)).then(|probe, answer, _| {
                    probe.mark += answer?;
                    Ok(())
                });
            }
            Ok(())
        }));
        throng.run_ticks(2);
        assert_eq!(throng.state(asker).unwrap().mark, 4);
        throng.stop(asker);
        throng.run_ticks(2);
        let stats = throng.stats();
        assert!(stats.asks.is_balanced() && stats.mail.is_balanced() && stats.asks.pending == 0, "{stats:?}");
    });
}

#[test]
fn an_answer_to_who_was_restarted_since_is_dropped() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        scene.ask(1_000, Query::Keep);
        scene.throng.tell(scene.asker, Do::AskAndFail(scene.oracle));
        scene.throng.tick();
        scene.throng.tell(scene.oracle, Query::Release(1));
        scene.throng.run_ticks(3);
        assert_eq!(scene.answers(), []);
        let asks = scene.throng.stats().asks;
        assert_eq!((asks.dropped, asks.pending), (1, 0), "{asks:?}");
    });
}
