//! Actors that take their mail of a round at once.

use bevy_ecs::component::Component;
use throng::Batch;
use throng::prelude::*;

use crate::support::*;

/// Takes at most `takes` messages a call; postpones odd numbers until told 0.
#[derive(Component, Default)]
struct Basket {
    takes: usize,
    calls: Vec<Vec<u32>>,
    senders: Vec<Option<ActorId>>,
    picky: bool,
}

impl Actor for Basket {
    type Msg = u32;
    type Params = ();
    const BATCH: bool = true;
    fn handle(&mut self, _: u32, _: &Context<'_, Self>) -> Handled {
        unreachable!("mail comes in batches")
    }
    fn handle_batch(&mut self, mail: Batch<'_, u32>, cx: &Context<'_, Self>) -> Handled {
        assert!(mail.size_hint().1.is_some_and(|most| most > 0));
        let mut call = Vec::new();
        for n in mail.take(self.takes) {
            if n == 0 {
                self.picky = false;
                cx.replay_postponed();
            } else if self.picky && n % 2 == 1 {
                cx.postpone(n);
            } else {
                call.push(n);
                self.senders.push(cx.sender());
            }
        }
        self.calls.push(call);
        Ok(())
    }
}

#[test]
fn a_round_is_a_batch() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let all = throng.spawn_many((0..BLOCK + 10).map(|_| Basket { takes: usize::MAX, ..Basket::default() }));
        let (a, b) = (all.get(0).unwrap(), all.get(BLOCK + 9).unwrap());
        for n in 1..50 {
            throng.tell(a, n);
            throng.tell(b, n);
        }
        throng.broadcast::<Basket>(50);
        settle_all(&mut throng);
        for actor in [a, b] {
            let calls = &throng.state(actor).unwrap().calls;
            assert_eq!(calls.len(), 1);
            assert!(calls[0].iter().copied().eq(1..51));
        }
        assert_eq!(throng.stats().mail.handled, 2 * 49 + BLOCK as u64 + 10);
    });
}

#[test]
fn what_is_not_taken_waits() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Basket { takes: 3, ..Basket::default() });
        (1..=8).for_each(|n| throng.tell(a, n));
        settle_all(&mut throng);
        let calls = &throng.state(a).unwrap().calls;
        assert_eq!(*calls, [vec![1, 2, 3], vec![4, 5, 6], vec![7, 8]]);
    });
}

#[test]
fn a_budget_limits_a_batch() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let mailbox = MailboxConfig::default().budget(2).unwrap();
        throng.register_with(ActorConfig::<Basket>::new().mailbox(mailbox)).unwrap();
        let a = throng.spawn(Basket { takes: 100, ..Basket::default() });
        (1..=5).for_each(|n| throng.tell(a, n));
        settle_all(&mut throng);
        let calls = &throng.state(a).unwrap().calls;
        assert_eq!(*calls, [vec![1, 2], vec![3, 4], vec![5]]);
    });
}

#[test]
fn one_that_takes_nothing_is_bounded() {
    everywhere(|options| {
        let mut throng = Throng::new(options.rounds_max(20));
        let a = throng.spawn(Basket::default());
        throng.tell(a, 1);
        throng.tick();
        assert!(throng.stats().rounds <= 20);
        assert_eq!(throng.stats().mail.queued, 1);
    });
}

/// All that a batch postpones is there again after a replay, in order.
#[test]
fn a_batch_postpones_many() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Basket { takes: 100, picky: true, ..Basket::default() });
        (1..=6).for_each(|n| throng.tell(a, n));
        settle(&mut throng);
        let mail = throng.stats().mail;
        assert_eq!((mail.queued, mail.handled, mail.postponed), (3, 3, 3));
        throng.tell(a, 0);
        settle_all(&mut throng);
        let took: Vec<u32> = throng.state(a).unwrap().calls.concat();
        assert_eq!(took, [2, 4, 6, 1, 3, 5]);
    });
}

#[test]
fn the_sender_of_each_message_is_known() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Basket { takes: 100, ..Basket::default() });
        let from = throng.spawn_many((0..3).map(|_| Probe::<0>::default()));
        for (n, sender) in (1..).zip(from.iter()) {
            throng.tell(
                sender,
                act(move |_, cx| {
                    cx.tell(a, n);
                    Ok(())
                }),
            );
        }
        settle_all(&mut throng);
        let want: Vec<_> = from.iter().map(|sender| Some(sender.id())).collect();
        assert_eq!(throng.state(a).unwrap().senders, want);
    });
}
