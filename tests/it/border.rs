//! The border: inlets, outlets, dead letters, paces and shutting down.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use throng::prelude::*;
use throng::{DeadReason, SendError, TrySendError};

use crate::support::*;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = TaskContext::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_full_inlet_gives_the_message_back() {
    everywhere(|options| {
        let mut throng = Throng::new(options.inlet_capacity(3));
        let a = throng.spawn(Probe::<0>::default());
        let inlet = throng.inlet();
        for n in 0..3 {
            inlet.try_tell(a, Say::Note(n)).unwrap();
        }
        let error = inlet.try_tell(a, Say::Note(3)).unwrap_err();
        assert!(matches!(error, TrySendError::Full(_)));
        assert!(matches!(error.into_message(), Say::Note(3)));
        let many = inlet.try_tell_many(vec![(a, Say::Note(4)), (a, Say::Note(5))]);
        assert_eq!(many.unwrap_err().into_message().len(), 2);
        assert!(matches!(inlet.try_stop(a), Err(TrySendError::Full(id)) if id == a.id()));
        let late = inlet.tell_timeout(a, Say::Note(6), Duration::from_millis(5));
        assert!(matches!(late, Err(TrySendError::TimedOut(Say::Note(6)))));
        assert!(!throng.is_quiet());
        throng.tick();
        assert_eq!(numbers(&mut throng, a), [0, 1, 2]);
        inlet.try_tell_many(vec![(a, Say::Note(4)), (a, Say::Note(5))]).unwrap();
        inlet.tell(a, Say::Note(6)).unwrap();
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, a), [0, 1, 2, 4, 5, 6]);
        inlet.try_stop(a).unwrap();
        settle_all(&mut throng);
        assert!(!throng.is_alive(a));
    });
}

#[test]
fn an_inlet_is_closed_after_shutdown() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let inlet = throng.inlet();
        inlet.try_tell(a, Say::Note(1)).unwrap();
        assert!(!inlet.is_closed());
        assert!(throng.shutdown(5));
        assert_eq!(throng.stats().mail.handled, 1, "what was in it was taken in");
        assert!(inlet.is_closed());
        let refused = inlet.try_tell(a, Say::Note(2));
        assert!(matches!(refused, Err(TrySendError::Closed(Say::Note(2)))));
        assert!(matches!(inlet.tell(a, Say::Note(3)), Err(SendError(Say::Note(3)))));
        assert!(block_on(inlet.tell_async(a, Say::Note(4))).is_err());
        let late = inlet.tell_timeout(a, Say::Note(5), Duration::from_secs(9));
        assert!(matches!(late, Err(TrySendError::Closed(_))));
    });
}

/// Senders that wait for room are told when the world goes.
#[test]
fn waiting_senders_are_released() {
    for dropped in [false, true] {
        everywhere(move |options| {
            let mut throng = Throng::new(options.inlet_capacity(1));
            let a = throng.spawn(Probe::<0>::default());
            let inlet = throng.inlet();
            inlet.try_tell(a, Say::Note(0)).unwrap();
            let (one, two) = (inlet.clone(), inlet.clone());
            let blocked = thread::spawn(move || one.tell(a, Say::Note(1)).is_err());
            let pending = thread::spawn(move || block_on(two.tell_async(a, Say::Note(2))).is_err());
            thread::sleep(Duration::from_millis(20));
            if dropped {
                drop(throng);
            } else {
                // The one that waits may come in while the inlet is drained.
                throng.shutdown(1);
            }
            let (blocked, pending) = (blocked.join().unwrap(), pending.join().unwrap());
            assert!(!dropped || (blocked && pending));
            assert!(inlet.is_closed());
        });
    }
}

#[test]
fn several_threads_tell_while_it_ticks() {
    everywhere(|options| {
        let mut throng = Throng::new(options.inlet_capacity(16));
        let actors = throng.spawn_many((0..3).map(|_| Probe::<0>::default())).to_vec();
        let senders: Vec<_> = (0..6)
            .map(|number: u32| {
                let inlet = throng.inlet();
                let to = actors[number as usize % 3];
                thread::spawn(move || {
                    for n in 0..300 {
                        let msg = Say::Note(number * 1_000 + n);
                        match number % 3 {
                            0 => inlet.tell(to, msg).unwrap(),
                            1 => block_on(inlet.tell_async(to, msg)).unwrap(),
                            _ => inlet.tell_timeout(to, msg, Duration::from_secs(30)).unwrap(),
                        }
                    }
                })
            })
            .collect();
        while !senders.iter().all(thread::JoinHandle::is_finished) {
            throng.tick();
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        settle_all(&mut throng);
        for (at, &actor) in actors.iter().enumerate() {
            let heard = numbers(&mut throng, actor);
            assert_eq!(heard.len(), 600);
            for number in [at as u32, at as u32 + 3] {
                let mine = heard.iter().filter(|&&n| n / 1_000 == number);
                assert!(mine.copied().eq(number * 1_000..number * 1_000 + 300));
            }
        }
        assert_eq!(throng.stats().mail.dead(), 0);
    });
}

#[test]
fn a_full_or_unread_outlet_counts_what_it_drops() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let (port, values) = throng.outlet::<u32>(4);
        let job = act(move |_: &mut Probe<0>, cx| {
            (0..6).for_each(|n| cx.emit(port, n));
            Ok(())
        });
        throng.tell(a, job.clone());
        throng.tick();
        assert_eq!(values.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(throng.stats().outlet_dropped, 2);
        drop(values);
        throng.tell(a, job);
        throng.tick();
        assert_eq!(throng.stats().outlet_dropped, 8);
        // A port of another world, with another type.
        let mut other = Throng::default();
        let (_keep, _readings) = other.outlet::<u8>(4);
        let (strange, _) = other.outlet::<u8>(4);
        throng.tell(
            a,
            act(move |_, cx| {
                cx.emit(strange, 1);
                Ok(())
            }),
        );
        throng.tick();
        assert_eq!(throng.stats().outlet_dropped, 9);
    });
}

#[test]
fn dead_letters_can_be_subscribed_to() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (a, b) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<0>::default()));
        throng.stop(a);
        throng.tell(a, Say::Note(0));
        throng.tick();
        let letters = throng.dead_letters(3);
        throng.tell(a, Say::Note(1));
        throng.tell(
            b,
            act(move |_, cx| {
                (2..6).for_each(|n| cx.tell(a, Say::Note(n)));
                Ok(())
            }),
        );
        throng.tick();
        let got: Vec<_> = letters.try_iter().collect();
        assert_eq!(got.len(), 3);
        assert_eq!(throng.stats().outlet_dropped, 2, "its capacity is 3");
        assert_eq!(throng.stats().mail.dead(), 6);
        for (n, letter) in (1..).zip(got) {
            assert_eq!((letter.to, letter.reason, letter.tick), (a.id(), DeadReason::Stopped, 2));
            assert_eq!(letter.from, (n > 1).then(|| b.id()));
            assert!(letter.message_type.contains("Say"));
            let Ok(msg) = letter.message.downcast::<Say<0>>() else { panic!("another type") };
            assert!(matches!(*msg, Say::Note(got) if got == n));
        }
        drop(letters);
        throng.tell(a, Say::Note(7));
        throng.tick();
        throng.tell(a, Say::Note(8));
        throng.tick();
        assert_eq!(throng.stats().mail.dead(), 8);
    });
}

#[test]
fn a_pace_counts_ticks_and_overruns() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let mut left = 5;
        let report = throng.run(Pace::Every(Duration::from_millis(2)), |_| {
            left -= 1;
            left > 0
        });
        assert_eq!(report.ticks, 5);
        assert!(report.overruns <= 5);
        assert_eq!(throng.stats().ticks, 5);
        // A tick that takes longer than its period is an overrun.
        let slow = throng.spawn(Probe::<0>::default());
        let report = throng.run(Pace::Every(Duration::from_millis(1)), |throng| {
            throng.tell(
                slow,
                act(|_, _| {
                    thread::sleep(Duration::from_millis(3));
                    Ok(())
                }),
            );
            throng.stats().ticks < 10
        });
        assert_eq!(report.ticks, 5);
        assert!(report.overruns >= 1 && report.overrun_max > Duration::ZERO);
        let report = throng.run(Pace::AsFastAsPossible, |throng| throng.stats().ticks < 20);
        assert_eq!((report.ticks, report.overruns), (10, 0));
    });
}

#[test]
fn run_until_quiet_counts_its_ticks() {
    everywhere(|options| {
        let mut throng = Throng::new(options.rounds_max(1));
        let a = throng.spawn(Probe::<0>::default());
        assert_eq!(throng.run_until_quiet(0), Some(0));
        fn count(left: u32) -> Say<0> {
            act(move |_, cx| {
                if left > 0 {
                    cx.tell(cx.me(), count(left - 1));
                }
                Ok(())
            })
        }
        throng.tell(a, count(9));
        assert_eq!(throng.run_until_quiet(4), None);
        assert_eq!(throng.run_until_quiet(100), Some(6));
        throng.inlet().try_tell(a, Say::Note(1)).unwrap();
        assert!(!throng.is_quiet());
        assert_eq!(throng.run_until_quiet(100), Some(1));
    });
}

#[test]
fn a_shutdown_with_endless_mail_ends() {
    everywhere(|options| {
        let mut throng = Throng::new(options.rounds_max(10));
        let a = throng.spawn(Probe::<0>::default());
        fn again() -> Say<0> {
            act(|_, cx| {
                cx.tell(cx.me(), again());
                Ok(())
            })
        }
        throng.tell(a, again());
        assert!(!throng.shutdown(3));
        let stats = throng.stats();
        assert_eq!((stats.actors, stats.mail.queued, stats.mail.dead()), (0, 0, 1));
        assert!(stats.mail.is_balanced());
    });
}

/// A world may be dropped with mail under way, in a thread of its own.
#[test]
fn a_world_is_dropped_with_all_it_holds() {
    static DROPPED: AtomicBool = AtomicBool::new(false);
    struct Flag;
    impl Drop for Flag {
        fn drop(&mut self) {
            DROPPED.store(true, Ordering::Relaxed);
        }
    }
    everywhere(|options| {
        DROPPED.store(false, Ordering::Relaxed);
        let flag = Arc::new(Flag);
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let held = flag.clone();
        throng.tell(
            a,
            act(move |_, _| {
                let _held = &held;
                Ok(())
            }),
        );
        drop(flag);
        thread::spawn(move || drop(throng)).join().unwrap();
        assert!(DROPPED.load(Ordering::Relaxed));
    });
}
