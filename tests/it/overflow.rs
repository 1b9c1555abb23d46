//! G7: full mailboxes, whatever their policy, lose nothing silently and never hang.

use throng::prelude::*;
use throng::{ConfigError, DeadReason};

use crate::support::*;

fn with_policy(options: ThrongOptions, capacity: u32, overflow: Overflow) -> Throng {
    let mut throng = Throng::new(options);
    let mailbox = MailboxConfig::new(capacity).unwrap().overflow(overflow);
    let config = ActorConfig::<Probe<0>>::new().mailbox(mailbox).fresh(|_| Probe::default()).restart(RestartIntensity::UNLIMITED);
    throng.register_with(config).unwrap();
    throng.register::<Probe<1>>().unwrap();
    throng
}

const POLICIES: [Overflow; 5] = [Overflow::Backpressure, Overflow::Bounce, Overflow::DropNewest, Overflow::DropOldest, Overflow::Fail];

/// A body for each policy and for capacities 1 and 4.
fn for_each_policy(body: impl Fn(Throng, u32, Overflow) + Send + Sync + Copy + 'static) {
    for capacity in [1, 4] {
        for overflow in POLICIES {
            everywhere(move |options| {
                body(with_policy(options, capacity, overflow), capacity, overflow);
            });
        }
    }
}

/// Tells `n` notes in one call.
fn flood<const N: usize>(to: ActorRef<Probe<0>>, n: u32) -> Say<N> {
    act(move |_, cx| {
        (0..n).for_each(|n| cx.tell(to, Say::Note(n)));
        Ok(())
    })
}

#[test]
fn one_sender_floods() {
    for_each_policy(|mut throng, capacity, overflow| {
        let to = throng.spawn(Probe::<0>::default());
        let from = throng.spawn(Probe::<1>::default());
        throng.tell(from, flood(to, 50));
        settle_all(&mut throng);
        let mail = throng.stats_of::<Probe<0>>().unwrap();
        let got = numbers(&mut throng, to);
        match overflow {
            Overflow::Backpressure => {
                assert!(got.into_iter().eq(0..50));
                assert_eq!(mail.dead(), 0);
            }
            Overflow::Bounce => {
                assert!(got.into_iter().eq(0..capacity));
                assert_eq!(mail.overflowed, u64::from(50 - capacity));
            }
            Overflow::DropNewest => {
                assert!(got.into_iter().eq(0..capacity));
                assert_eq!(mail.dead_by(DeadReason::MailboxFull), u64::from(50 - capacity));
            }
            Overflow::DropOldest => {
                assert!(got.into_iter().eq(50 - capacity..50));
                assert_eq!(mail.dead_by(DeadReason::MailboxFull), u64::from(50 - capacity));
            }
            Overflow::Fail => {
                assert_eq!(throng.stats().failures, 1);
                assert_eq!(throng.stats().restarts, 1);
                assert_eq!(mail.dead_by(DeadReason::MailboxFull), u64::from(50 - capacity));
            }
        }
        // It works on.
        throng.tell(to, Say::Note(99));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, to).last(), Some(&99));
    });
}

#[test]
fn an_actor_floods_itself() {
    for_each_policy(|mut throng, _, overflow| {
        let me = throng.spawn(Probe::<0>::default());
        throng.tell(me, flood(me, 50));
        settle_all(&mut throng);
        if overflow == Overflow::Backpressure {
            assert!(numbers(&mut throng, me).into_iter().eq(0..50));
        }
        throng.tell(me, Say::Note(99));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, me).last(), Some(&99));
    });
}

#[test]
fn the_outside_floods() {
    for_each_policy(|mut throng, capacity, overflow| {
        let to = throng.spawn(Probe::<0>::default());
        (0..50).for_each(|n| throng.tell(to, Say::Note(n)));
        settle_all(&mut throng);
        let mail = throng.stats().mail;
        assert_eq!(mail.sent, 50);
        assert_eq!(mail.handled + mail.dead(), 50);
        if overflow == Overflow::Backpressure {
            let n = 2 * capacity;
            assert!(numbers(&mut throng, to).into_iter().eq(0..n), "as many again are parked");
        }
        throng.tell(to, Say::Note(99));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, to).last(), Some(&99));
    });
}

#[test]
fn a_broadcast_storm() {
    for_each_policy(|mut throng, _, _| {
        let crowd = throng.spawn_many((0..BLOCK + 50).map(|_| Probe::<0>::default()));
        let from = throng.spawn(Probe::<1>::default());
        throng.tell(
            from,
            act(|_, cx| {
                (0..6).for_each(|n| cx.broadcast::<Probe<0>>(Say::Note(n)));
                Ok(())
            }),
        );
        settle_all(&mut throng);
        assert_eq!(throng.stats_of::<Probe<0>>().unwrap().sent, 6 * (BLOCK as u64 + 50));
        let last = crowd.get(BLOCK + 49).unwrap();
        throng.tell(last, Say::Note(99));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, last).last(), Some(&99));
    });
}

/// A ring of full mailboxes in which everybody tells the next one several messages.
#[test]
fn cycles_of_full_mailboxes_move_on() {
    for_each_policy(|mut throng, _, overflow| {
        let ring = throng.spawn_many((0..10).map(|_| Probe::<0>::default())).to_vec();
        for round in 0..3 {
            for (at, &actor) in ring.iter().enumerate() {
                throng.tell(actor, flood(ring[(at + 1) % 10], 9));
                throng.tell(actor, flood(ring[(at + 7) % 10], 9 + round));
            }
            throng.tick();
        }
        settle_all(&mut throng);
        for actor in ring {
            throng.tell(actor, Say::Note(99));
            settle_all(&mut throng);
            assert_eq!(numbers(&mut throng, actor).last(), Some(&99), "{overflow:?}");
        }
    });
}

#[test]
fn bounced_mail_comes_back() {
    everywhere(|options| {
        let mut throng = with_policy(options, 4, Overflow::Bounce);
        let letters = throng.dead_letters(100);
        let (to, from) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<0>::default()));
        throng.tell(from, flood(to, 10));
        settle_all(&mut throng);
        assert_eq!(throng.state(from).unwrap().back, [4, 5, 6, 7, 8, 9]);
        assert_eq!(letters.len(), 0, "it was taken back");
        // One that gives it up: its message type is another one.
        let other = throng.spawn(Probe::<1>::default());
        throng.tell(other, flood(to, 10));
        settle_all(&mut throng);
        let reasons: Vec<_> = letters.try_iter().map(|letter| letter.reason).collect();
        assert_eq!(reasons, [DeadReason::Bounced; 6]);
    });
}

/// Bounced notices pass user mail, also when the sender's own mailbox is full and busy.
#[test]
fn bounced_notices_pass_user_mail() {
    everywhere(|options| {
        let mut throng = with_policy(options, 1, Overflow::Bounce);
        let to = throng.spawn(Probe::<0>::default());
        let from = throng.spawn(Probe::<0>::default());
        let slow = MailboxConfig::new(100).unwrap().budget(1).unwrap();
        assert!(throng.configure_mailbox(from, slow));
        throng.tell(from, flood(to, 3));
        throng.tell(
            from,
            act(|me: &mut Probe<0>, _| {
                me.mark = me.back.len() as u32;
                Ok(())
            }),
        );
        (0..20).for_each(|n| throng.tell(from, Say::Note(n)));
        settle_all(&mut throng);
        let seen = throng.state(from).unwrap().back.len();
        assert_eq!(seen, 2);
        assert_eq!(throng.state(from).unwrap().heard.len(), 20);
    });
}

#[test]
fn a_stopped_receiver_lets_its_muted_senders_go() {
    everywhere(|options| {
        let mut throng = with_policy(options, 1, Overflow::Backpressure);
        let to = throng.spawn(Probe::<0>::default());
        throng.configure_mailbox(to, MailboxConfig::new(1).unwrap().budget(1).unwrap());
        let senders = throng.spawn_many((0..5).map(|_| Probe::<1>::default())).to_vec();
        for &sender in &senders {
            throng.tell(sender, flood(to, 20));
        }
        throng.tell(
            senders[0],
            act(move |_, cx| {
                cx.stop(to);
                Ok(())
            }),
        );
        settle_all(&mut throng);
        for sender in senders {
            throng.tell(sender, Say::Note(1));
            settle_all(&mut throng);
            assert_eq!(numbers(&mut throng, sender), [1]);
        }
    });
}

#[test]
fn a_muted_sender_does_not_run_until_there_is_room() {
    everywhere(|options| {
        let mut throng = with_policy(options.rounds_max(1), 2, Overflow::Backpressure);
        let to = throng.spawn(Probe::<0>::default());
        throng.configure_mailbox(to, MailboxConfig::new(2).unwrap().budget(1).unwrap());
        let sender = throng.spawn(Probe::<1>::default());
        throng.tell(sender, flood(to, 6));
        throng.tick();
        throng.tick();
        throng.tell(sender, Say::Note(1));
        throng.tick();
        assert_eq!(numbers(&mut throng, sender), [0u32; 0], "it is muted");
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, sender), [1]);
        assert!(numbers(&mut throng, to).into_iter().eq(0..6));
    });
}

/// With its mailbox dropped at a restart, parked mail must still come in.
#[test]
fn a_restart_that_drops_mail_lets_parked_mail_in() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let config =
            ActorConfig::<Probe<0>>::new().mailbox(MailboxConfig::new(1).unwrap()).fresh(|_| Probe::default()).drop_mailbox_on_restart();
        throng.register_with(config).unwrap();
        let to = throng.spawn(Probe::<0>::default());
        let from = throng.spawn(Probe::<1>::default());
        throng.tell(
            from,
            act(move |_, cx| {
                cx.tell(to, burst());
                (0..9).for_each(|n| cx.tell(to, Say::Note(n)));
                Ok(())
            }),
        );
        settle_all(&mut throng);
        throng.tell(from, Say::Note(1));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, from), [1], "the sender is muted for ever");
    });
}

/// Overflow is counted the same whether a block's mail came through one lane or through several.
#[test]
fn tells_and_broadcasts_count_together() {
    let overflowed = |options: ThrongOptions| {
        let mut throng = with_policy(options, 4, Overflow::DropNewest);
        let to = throng.spawn(Probe::<0>::default());
        let senders = throng.spawn_many((0..2 * BLOCK).map(|_| Probe::<1>::default()));
        throng.tell(senders.get(0).unwrap(), flood(to, 3));
        throng.tell(
            senders.get(BLOCK + 1).unwrap(),
            act(|_, cx| {
                (0..2).for_each(|n| cx.broadcast::<Probe<0>>(Say::Note(n)));
                Ok(())
            }),
        );
        settle_all(&mut throng);
        throng.stats().mail.overflowed
    };
    everywhere(move |options| assert_eq!(overflowed(options), 1, "5 messages, 4 places"));
}

#[test]
fn a_failing_receiver_with_the_fail_policy_recovers_each_time() {
    everywhere(|options| {
        let mut throng = with_policy(options, 4, Overflow::Fail);
        let to = throng.spawn(Probe::<0>::default());
        let from = throng.spawn(Probe::<1>::default());
        for time in 1..=5 {
            throng.tell(from, flood(to, 12));
            settle_all(&mut throng);
            assert_eq!(throng.stats().restarts, time);
        }
    });
}

#[test]
fn zero_is_refused() {
    assert_eq!(MailboxConfig::<u32>::new(0).unwrap_err(), ConfigError::CapacityZero);
    let budget = MailboxConfig::<u32>::default().budget(0).unwrap_err();
    assert_eq!(budget, ConfigError::BudgetZero);
}

#[test]
fn unbounded_is_never_full() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register_with(ActorConfig::<Probe<0>>::new().mailbox(MailboxConfig::unbounded())).unwrap();
        let a = throng.spawn(Probe::<0>::default());
        (0..50_000).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        assert_eq!(throng.state(a).unwrap().heard.len(), 50_000);
        assert_eq!(throng.stats().mail.overflowed, 0);
    });
}
