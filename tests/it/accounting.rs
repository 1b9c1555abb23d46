//! G3: sent = handled + dead + queued, for every type, at every tick edge.

use throng::prelude::*;

use crate::determinism::{Bee, Bird, Cat, Model, Rock};
use crate::support::*;

#[test]
fn always_balanced_under_random_load() {
    for seed in 0..2 {
        everywhere(move |options| {
            let mut model = Model::new(options, seed, 300);
            for _ in 0..15 {
                model.tick();
                let throng = &mut model.throng;
                let all = throng.stats().mail;
                assert!(all.is_balanced(), "{all:?}");
                let mut sum = throng::MailStats::default();
                for stats in [throng.stats_of::<Bee>(), throng.stats_of::<Bird>(), throng.stats_of::<Cat>(), throng.stats_of::<Rock>()] {
                    let stats = stats.unwrap();
                    assert!(stats.is_balanced(), "{stats:?}");
                    assert!(stats.failed <= stats.handled);
                    sum.add(&stats);
                }
                assert_eq!(all, sum);
            }
            let throng = &mut model.throng;
            let stats = throng.stats();
            assert!(stats.failures > 0 && stats.restarts > 0 && stats.mail.overflowed > 0);
            assert!(stats.mail.postponed > 0 && stats.mail.dead() > 0);
            throng.shutdown(5_000);
            let mail = throng.stats().mail;
            assert_eq!((mail.queued, mail.is_balanced()), (0, true), "{mail:?}");
            assert_eq!(throng.stats().actors, 0);
        });
    }
}

#[test]
fn a_message_counts_before_and_after_its_tick() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        throng.tell(a, Say::Note(1));
        let mail = throng.stats().mail;
        assert_eq!((mail.sent, mail.queued, mail.handled), (1, 1, 0));
        throng.tick();
        let mail = throng.stats().mail;
        assert_eq!((mail.sent, mail.queued, mail.handled), (1, 0, 1));
    });
}

#[test]
fn a_broadcast_counts_once_for_each_reader() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.broadcast::<Probe<0>>(Say::Note(0));
        let crowd = throng.spawn_many((0..BLOCK + 7).map(|_| Probe::<0>::default()));
        throng.stop_many(crowd.iter().take(5));
        throng.broadcast::<Probe<0>>(Say::Note(1));
        settle_all(&mut throng);
        let mail = throng.stats().mail;
        assert_eq!((mail.sent, mail.handled, mail.dead()), (BLOCK as u64 + 2, BLOCK as u64 + 2, 0));
    });
}
