//! Async blocks: an actor that waits in the middle of what it does, and takes no mail meanwhile.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, JobMode, This};

use crate::support::{BLOCK, everywhere};

/// Notes what it does; its mail says what that is.
#[derive(Component, Default, Hash)]
struct Worker {
    log: Vec<u64>,
    /// Whether its `started` begins an async block.
    begins: bool,
}

type Deed = Arc<dyn Fn(&mut Worker, &Context<'_, Worker>) -> Handled + Send + Sync>;

enum Do {
    Note(u64),
    /// Answers with this number and the length of the log.
    Get(u64, ReplyTo<u64>),
    Keep(ReplyTo<u64>),
    Run(Deed),
}

impl Actor for Worker {
    type Msg = Do;
    type Params = ();

    fn handle(&mut self, msg: Do, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Do::Note(n) => self.log.push(n),
            Do::Get(n, reply) => cx.reply(reply, n + self.log.len() as u64),
            Do::Keep(reply) => {
                cx.run_async(move |this| async move {
                    this.sleep(1_000_000).await;
                    reply.send(0);
                    Ok(())
                });
            }
            Do::Run(deed) => deed(self, cx)?,
        }
        Ok(())
    }

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        if self.begins {
            cx.run_async(|this| async move {
                this.with(|worker, _| worker.log.push(1));
                this.sleep(2).await;
                this.with(|worker, _| worker.log.push(2));
                Ok(())
            });
        }
        Ok(())
    }
}

fn run(deed: impl Fn(&mut Worker, &Context<'_, Worker>) -> Handled + Send + Sync + 'static) -> Do {
    Do::Run(Arc::new(deed))
}

/// A message that starts an async block.
fn block<F>(make: impl Fn(This<Worker>) -> F + Clone + Send + Sync + 'static) -> Do
where
    F: Future<Output = Handled> + Send + 'static,
{
    run(move |_, cx| {
        cx.run_async(make.clone());
        Ok(())
    })
}

fn note(this: This<Worker>, n: u64) {
    this.with(|worker, _| worker.log.push(n));
}

struct Scene {
    throng: Throng,
    a: ActorRef<Worker>,
    b: ActorRef<Worker>,
}

impl Scene {
    fn new(options: ThrongOptions) -> Self {
        let mut throng = Throng::new(options);
        let (a, b) = (throng.spawn_with(|_| Worker::default()), throng.spawn_with(|_| Worker::default()));
        Self { throng, a, b }
    }

    fn log(&mut self, actor: ActorRef<Worker>) -> Vec<u64> {
        let stats = self.throng.stats();
        assert!(stats.mail.is_balanced() && stats.asks.is_balanced(), "{stats:?}");
        self.throng.state(actor).unwrap().log.clone()
    }
}

#[test]
fn a_block_awaits_answers_ticks_and_jobs_and_its_mail_waits_in_order() {
    everywhere(|options| {
        let mut scene = Scene::new(options.jobs(JobMode::Inline));
        let (a, b) = (scene.a, scene.b);
        scene.throng.tell(
            a,
            block(move |this| async move {
                note(this, 1);
                let answer = this.ask(b, |reply| Do::Get(40, reply)).await?;
                note(this, answer);
                this.sleep(2).await;
                note(this, this.with(|_, cx| cx.tick()));
                let sum = this.offload(|| (1..=10u64).sum::<u64>()).await?;
                note(this, sum);
                this.with(|_, cx| cx.tell(b, Do::Note(7)));
                Ok(())
            }),
        );
        (100..103).for_each(|n| scene.throng.tell(a, Do::Note(n)));
        scene.throng.tick();
        assert_eq!(scene.log(a), [1, 40], "mail waits");
        scene.throng.tell(a, Do::Note(103));
        scene.throng.run_ticks(2);
        assert_eq!(scene.log(a), [1, 40, 3]);
        scene.throng.run_ticks(2);
        assert_eq!(scene.log(a), [1, 40, 3, 55, 100, 101, 102, 103]);
        assert_eq!(scene.log(b), [7]);
        assert!(scene.throng.is_quiet());
    });
}

#[test]
fn a_reentrant_block_lets_mail_through() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let a = scene.a;
        scene.throng.tell(
            a,
            run(|_, cx| {
                for n in [3, 2] {
                    cx.run_async_reentrant(move |this| async move {
                        this.sleep(n).await;
                        note(this, n);
                        Ok(())
                    });
                }
                Ok(())
            }),
        );
        scene.throng.tell(a, Do::Note(100));
        scene.throng.tick();
        assert_eq!(scene.log(a), [100]);
        scene.throng.run_ticks(3);
        assert_eq!(scene.log(a), [100, 2, 3]);
    });
}

/// Counts how often it was dropped.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_restart_and_a_stop_drop_the_block() {
    everywhere(|options| {
        for stops in [false, true] {
            let mut scene = Scene::new(options.clone());
            let (a, b) = (scene.a, scene.b);
            let dropped = Arc::new(AtomicU32::new(0));
            let held = dropped.clone();
            scene.throng.tell(
                a,
                run(move |_, cx| {
                    let held = Dropped(held.clone());
                    cx.run_async(move |this| async move {
                        this.sleep(5).await;
                        note(this, 1);
                        drop(held);
                        Ok(())
                    });
                    cx.ask(b, |reply| Do::Get(0, reply)).then(move |_, _, cx| {
                        if stops {
                            cx.stop_self();
                            return Ok(());
                        }
                        Err(ActorFailure::msg("as told"))
                    });
                    Ok(())
                }),
            );
            scene.throng.tell(a, Do::Note(9));
            scene.throng.tick();
            assert_eq!(dropped.load(Ordering::Relaxed), 1);
            assert_eq!(scene.throng.is_alive(a), !stops);
            if !stops {
                assert_eq!(scene.log(a), [9], "the kept mail is the new state's");
            }
            scene.throng.run_ticks(9);
            let asks = scene.throng.stats().asks;
            assert_eq!((asks.pending, asks.dropped), (0, 1), "the sleep of a state that is gone");
            assert!(asks.is_balanced());
        }
    });
}

#[test]
fn replies_in_a_dropped_block_tell_why() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let (a, b) = (scene.a, scene.b);
        scene.throng.tell(
            a,
            run(move |_, cx| {
                cx.ask(b, Do::Keep).then(|worker, answer, _| {
                    worker.log.push(u64::from(answer == Err(AskError::Stopped)));
                    Ok(())
                });
                Ok(())
            }),
        );
        scene.throng.tick();
        scene.throng.stop(b);
        scene.throng.tick();
        assert_eq!(scene.log(a), [1]);
    });
}

#[test]
fn a_stretch_that_fails_is_taken_back_and_earlier_ones_stay() {
    everywhere(|options| {
        for panics in [false, true] {
            let mut scene = Scene::new(options.clone());
            let (a, b) = (scene.a, scene.b);
            scene.throng.tell(
                a,
                block(move |this| async move {
                    this.with(|_, cx| cx.tell(b, Do::Note(1)));
                    this.sleep(1).await;
                    this.with(|_, cx| cx.tell(b, Do::Note(2)));
                    assert!(!panics, "as told");
                    Err(ActorFailure::msg("as told"))
                }),
            );
            scene.throng.tell(a, Do::Note(3));
            scene.throng.run_ticks(3);
            assert_eq!(scene.log(b), [1]);
            assert_eq!(scene.log(a), [3], "restarted, with its mail");
            assert_eq!((scene.throng.stats().failures, scene.throng.stats().restarts), (1, 1));
        }
    });
}

#[test]
fn a_call_that_fails_starts_nothing() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let (a, b) = (scene.a, scene.b);
        scene.throng.tell(
            a,
            run(move |_, cx| {
                cx.run_async(move |this| async move {
                    this.with(|_, cx| cx.tell(b, Do::Note(1)));
                    Ok(())
                });
                Err(ActorFailure::msg("as told"))
            }),
        );
        scene.throng.run_ticks(2);
        assert!(scene.log(b).is_empty());
        assert_eq!(scene.throng.stats().restarts, 1);
    });
}

/// Awaits an answer of `to`, and notes which kind of end came.
fn awaits(to: ActorRef<Worker>) -> Do {
    block(move |this| async move {
        let end = this.ask(to, |reply| Do::Get(1_000, reply)).await;
        let code = match end {
            Ok(answer) => answer,
            Err(AskError::Deadlock(ring)) => {
                assert!(ring.actors().contains(&this.me().id()) && ring.to_string().contains(&to.id().to_string()));
                ring.actors().len() as u64
            }
            Err(_) => 99,
        };
        note(this, code);
        Ok(())
    })
}

#[test]
fn actors_that_await_each_other_are_told_of_the_ring() {
    everywhere(|options| {
        for n in [1, 2, 3, 10] {
            let mut throng = Throng::new(options.clone());
            let all = throng.spawn_many((0..n).map(|_| Worker::default())).to_vec();
            let chain = throng.spawn(Worker::default());
            throng.tell(chain, awaits(all[0]));
            for (at, &actor) in all.iter().enumerate() {
                throng.tell(actor, awaits(all[(at + 1) % n]));
            }
            throng.run_ticks(2);
            let logs: Vec<u64> = all.iter().flat_map(|&actor| throng.state(actor).unwrap().log.clone()).collect();
            assert_eq!(logs.len(), n, "all went on: {logs:?}");
            assert_eq!(logs.iter().filter(|&&code| code == n as u64).count(), 1, "one ask was ended: {logs:?}");
            assert!(logs.iter().all(|&code| code == n as u64 || code >= 1_000), "the others were answered: {logs:?}");
            assert!(throng.state(chain).unwrap().log[0] >= 1_000, "who awaits one of a ring is in none");
            assert!(throng.stats().asks.is_balanced() && throng.stats().mail.is_balanced());
        }
    });
}

#[test]
fn a_ring_through_a_question_that_a_block_answers() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let (a, b) = (scene.a, scene.b);
        // `b` answers `a` after it has heard from `a`.
        let asks_back = move |reply: ReplyTo<u64>| {
            let reply = std::sync::Mutex::new(Some(reply));
            run(move |_, cx| {
                let Some(reply) = reply.lock().unwrap().take() else { return Ok(()) };
                cx.run_async(move |this| async move {
                    let end = this.ask(a, |reply| Do::Get(0, reply)).await;
                    reply.send(u64::from(matches!(end, Err(AskError::Deadlock(_)))) + 50);
                    Ok(())
                });
                Ok(())
            })
        };
        scene.throng.tell(
            a,
            block(move |this| async move {
                let code = match this.ask(b, asks_back).await {
                    Ok(answer) => answer,
                    Err(AskError::Deadlock(ring)) => ring.actors().len() as u64,
                    Err(_) => 99,
                };
                note(this, code);
                Ok(())
            }),
        );
        scene.throng.run_ticks(2);
        let log = scene.log(a);
        assert!(log == [2] || log == [51], "{log:?}");
    });
}

#[test]
fn who_can_answer_from_a_continuation_is_in_no_ring() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let (a, b) = (scene.a, scene.b);
        let slow = scene.throng.spawn(Worker::default());
        scene.throng.tell(
            slow,
            block(move |this| async move {
                this.sleep(4).await;
                Ok(())
            }),
        );
        // `b` awaits `a`, which awaits the answer that `b` gives when it has heard from `slow`.
        let asked = move |reply: ReplyTo<u64>| {
            let reply = std::sync::Mutex::new(Some(reply));
            run(move |_, cx| {
                let Some(reply) = reply.lock().unwrap().take() else { return Ok(()) };
                cx.ask(slow, |reply| Do::Get(7, reply)).then(move |_, answer, cx| {
                    cx.reply(reply, answer?);
                    Ok(())
                });
                cx.run_async(move |this| async move {
                    let answer = this.ask(a, |reply| Do::Get(1_000, reply)).await?;
                    note(this, answer);
                    Ok(())
                });
                Ok(())
            })
        };
        scene.throng.tell(
            a,
            block(move |this| async move {
                let answer = this.ask(b, asked).await?;
                note(this, answer);
                Ok(())
            }),
        );
        scene.throng.run_ticks(8);
        assert_eq!((scene.log(a), scene.log(b)), (vec![7], vec![1_001]));
        assert_eq!(scene.throng.stats().failures, 0);
    });
}

#[test]
fn a_question_that_is_handled_in_time_is_no_ring() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let (a, b) = (scene.a, scene.b);
        // `b` awaits `a`, which sleeps first: a wait, and no ring.
        scene.throng.tell(
            a,
            block(move |this| async move {
                this.sleep(4).await;
                note(this, 1);
                Ok(())
            }),
        );
        scene.throng.tell(b, awaits(a));
        scene.throng.run_ticks(6);
        assert_eq!(scene.log(b), [1_001]);
    });
}

#[test]
fn what_nothing_can_wake_fails() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        scene.throng.tell(scene.a, block(|_| pending()));
        // Wakes itself without end.
        let restless = || {
            poll_fn(|polled| {
                polled.waker().wake_by_ref();
                Poll::Pending
            })
        };
        scene.throng.tell(scene.b, block(move |_| restless()));
        scene.throng.run_ticks(2);
        assert_eq!(scene.throng.stats().failures, 2);
        assert!(scene.log(scene.a).is_empty() && scene.log(scene.b).is_empty());
    });
}

#[test]
fn this_works_in_its_own_block_alone() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let (a, b) = (scene.a, scene.b);
        scene.throng.tell(
            a,
            block(|this| async move {
                this.with(|_, _| this.with(|worker, _| worker.log.push(1)));
                Ok(())
            }),
        );
        scene.throng.tell(
            a,
            block(move |this| async move {
                assert!(std::thread::spawn(move || note(this, 2)).join().is_err());
                let other = run(move |_, cx| {
                    cx.run_async(move |_| async move {
                        note(this, 3);
                        Ok(())
                    });
                    Ok(())
                });
                let other = std::sync::Mutex::new(Some(other));
                this.with(|_, cx| cx.tell(b, other.lock().unwrap().take().unwrap()));
                this.sleep(1).await;
                note(this, 4);
                Ok(())
            }),
        );
        scene.throng.run_ticks(3);
        assert_eq!(scene.log(a), [4]);
        assert_eq!(scene.throng.stats().failures, 2, "nested, and in another actor's block");
    });
}

/// Ready with whichever future is ready first; the other is dropped.
async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|polled| match one.as_mut().poll(polled) {
        Poll::Ready(value) => Poll::Ready(value),
        Poll::Pending => other.as_mut().poll(polled),
    })
    .await
}

#[test]
fn waits_are_combined_and_given_up() {
    everywhere(|options| {
        let mut scene = Scene::new(options);
        let (a, b) = (scene.a, scene.b);
        scene.throng.tell(
            a,
            block(move |this| async move {
                let asked = async { this.ask(b, Do::Keep).await.unwrap_or(5) };
                let slept = async {
                    this.sleep(2).await;
                    6
                };
                note(this, first(asked, slept).await);
                this.sleep(3).await;
                note(this, 8);
                Ok(())
            }),
        );
        scene.throng.run_ticks(3);
        assert_eq!(scene.log(a), [6]);
        // The end of the wait that was given up changes nothing.
        scene.throng.stop(b);
        scene.throng.run_ticks(2);
        assert_eq!(scene.log(a), [6]);
        scene.throng.run_ticks(1);
        assert_eq!(scene.log(a), [6, 8]);
    });
}

#[test]
fn hooks_and_blocks_start_blocks() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let actor = throng.spawn(Worker { begins: true, ..Worker::default() });
        throng.tell(actor, Do::Note(9));
        throng.run_ticks(3);
        assert_eq!(throng.state(actor).unwrap().log, [1, 2, 9], "mail waits for it");
        throng.tell(
            actor,
            block(|this| async move {
                this.with(|_, cx| {
                    cx.run_async(|this| async move {
                        note(this, 11);
                        Ok(())
                    });
                });
                note(this, 10);
                Ok(())
            }),
        );
        throng.tick();
        assert_eq!(throng.state(actor).unwrap().log[3..], [10, 11]);
        assert!(throng.stats().asks.is_balanced());
    });
}

/// Many that ask, sleep, fail, and work outside, by a rule of their own numbers.
#[test]
fn a_crowd_of_blocks_is_the_same_on_any_number_of_threads() {
    #[expect(clippy::manual_async_fn, reason = "it starts itself, so its `Send` is to be named")]
    fn step(this: This<Worker>, crowd: Arc<Vec<ActorRef<Worker>>>, me: u64) -> impl Future<Output = Handled> + Send + 'static {
        async move {
            let mut n = me;
            for turn in 0..4u64 {
                n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) ^ turn;
                match n % 8 {
                    0 => this.sleep(n % 5).await,
                    1 => note(this, this.offload(move || n / 3).await?),
                    2 if n.is_multiple_of(64) => return Err(ActorFailure::msg("as told")),
                    3 => {
                        let crowd = crowd.clone();
                        this.with(|_, cx| cx.run_async_reentrant(move |this| step(this, crowd, n)));
                    }
                    _ => {
                        let to = crowd[n as usize % crowd.len()];
                        let end = this.ask(to, |reply| Do::Get(n % 100, reply)).within(1 + n % 3).await;
                        note(this, end.unwrap_or_else(|error| error.to_string().len() as u64));
                    }
                }
            }
            Ok(())
        }
    }
    let run = |options: ThrongOptions| {
        let mut throng = Throng::new(options.jobs(JobMode::Inline));
        throng.register_with(ActorConfig::<Worker>::new().fresh(|_| Worker::default()).digest()).unwrap();
        let all = Arc::new(throng.spawn_many((0..BLOCK + 2_000).map(|_| Worker::default())).to_vec());
        for (at, &actor) in all.iter().enumerate() {
            let crowd = all.clone();
            throng.tell(actor, block(move |this| step(this, crowd.clone(), at as u64)));
            throng.tell(actor, Do::Note(at as u64));
        }
        let digests: Vec<u64> = (0..12)
            .map(|_| {
                throng.tick();
                let stats = throng.stats();
                assert!(stats.mail.is_balanced() && stats.asks.is_balanced(), "{stats:?}");
                throng.digest()
            })
            .collect();
        let stats = throng.stats();
        assert!(stats.asks.answered > 10_000 && stats.asks.unanswered > 1_000 && stats.failures > 50, "{stats:?}");
        digests
    };
    let one = run(ThrongOptions::new().threads(1).share_always(false));
    for options in [
        ThrongOptions::new().threads(1),
        ThrongOptions::new().threads(2).share_always(true),
        ThrongOptions::new().threads(8).share_always(true),
    ] {
        assert_eq!(run(options), one);
    }
}

#[test]
fn a_block_that_waits_costs_no_rounds() {
    let mut scene = Scene::new(ThrongOptions::new().threads(1));
    scene.throng.tell(
        scene.a,
        block(|this| async move {
            this.sleep(1_000).await;
            Ok(())
        }),
    );
    scene.throng.tick();
    let rounds = scene.throng.stats().rounds;
    scene.throng.run_ticks(900);
    assert_eq!(scene.throng.stats().rounds, rounds);
    assert!(scene.throng.is_quiet());
}

#[cfg(feature = "tokio")]
mod outside {
    use std::time::Duration;

    use throng::{JobError, JobMode};

    use super::*;

    fn finish(throng: &mut Throng) {
        for _ in 0..20_000 {
            throng.tick();
            if throng.jobs_in_flight() == 0 && throng.is_quiet() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("futures outside never end");
    }

    fn awaits_outside() -> Do {
        block(|this| async move {
            let slept = this.outside(async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                42
            });
            note(this, slept.await?);
            let panicked = this.outside(async { panic!("as told") as u64 }).await;
            note(this, u64::from(matches!(panicked, Err(JobError::Panicked(text)) if text.contains("as told"))));
            Ok(())
        })
    }

    #[test]
    fn futures_of_tokios_come_in_at_tick_edges() {
        everywhere(|options| {
            let mut scene = Scene::new(options);
            scene.throng.tell(scene.a, awaits_outside());
            scene.throng.tell(scene.a, Do::Note(9));
            finish(&mut scene.throng);
            assert_eq!(scene.log(scene.a), [42, 1, 9]);
        });
    }

    #[test]
    fn a_recorded_run_is_repeated() {
        let run = |options: ThrongOptions| {
            let mut throng = Throng::new(options);
            throng.register_with(ActorConfig::<Worker>::new().digest()).unwrap();
            throng.record_jobs();
            let actors = throng.spawn_many((0..20).map(|_| Worker::default()));
            actors.iter().for_each(|actor| throng.tell(actor, awaits_outside()));
            finish(&mut throng);
            throng
        };
        let mut first = run(ThrongOptions::new().threads(2));
        let log = first.job_log();
        assert_eq!(log.len(), 40);
        let ticks = first.stats().ticks;
        let again = |options: ThrongOptions| {
            let mut throng = run(options.jobs(JobMode::Replay(log.clone())));
            while throng.stats().ticks < ticks {
                throng.tick();
            }
            throng.digest()
        };
        let one = again(ThrongOptions::new().threads(1));
        assert_eq!(one, again(ThrongOptions::new().threads(8).share_always(true)));
        assert_eq!(one, first.digest());
    }

    #[test]
    fn the_hosts_own_tokio_and_its_end() {
        let host = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut scene = Scene::new(ThrongOptions::new().threads(1).tokio(host.handle().clone()));
        scene.throng.tell(scene.a, awaits_outside());
        finish(&mut scene.throng);
        assert_eq!(scene.log(scene.a), [42, 1]);
        scene.throng.tell(
            scene.b,
            block(|this| async move {
                let end = this.outside(pending::<u64>()).await;
                note(this, u64::from(end == Err(JobError::Lost)));
                Ok(())
            }),
        );
        scene.throng.tick();
        host.shutdown_background();
        finish(&mut scene.throng);
        assert_eq!(scene.log(scene.b), [1], "a future that is dropped tells so");
    }
}
