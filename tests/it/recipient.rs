//! References typed by message.

use throng::prelude::*;

use crate::support::*;

impl<const N: usize> From<u32> for Say<N> {
    fn from(n: u32) -> Self {
        Self::Note(n)
    }
}

#[test]
fn different_types_are_told_alike() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let b = throng.spawn(Probe::<1>::default());
        let c = throng.spawn(Probe::<2>::default());
        let all: [Recipient<u32>; 2] = [a.recipient(), b.recipient()];
        assert_eq!((all[0].id(), all[1].id()), (a.id(), b.id()));
        assert!(all[0] < all[1] && all[0] == a.recipient());
        all.iter().for_each(|&to| throng.tell(to, 1));
        throng.tell_many(all.map(|to| (to, 2)));
        throng.inlet().tell(all[0], 3).unwrap();
        throng.tell(
            c,
            act(move |_, cx| {
                cx.tell_all(all, 4);
                cx.forward(all[1], 5);
                Ok(())
            }),
        );
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, a), [1, 2, 3, 4]);
        assert_eq!(numbers(&mut throng, b), [1, 2, 4, 5]);
        let from: Vec<_> = throng.state(b).unwrap().heard.iter().map(|heard| heard.from).collect();
        assert_eq!(from, [None, None, Some(c.id()), None], "a forwarded message keeps its sender");
        throng.stop(a);
        throng.tell(all[0], 6);
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.dead(), 1);
    });
}

/// A panicking conversion fails the caller, and undoes what it sent.
#[test]
fn a_panic_in_a_conversion_fails_the_caller() {
    struct Odd;
    impl From<Odd> for Say<0> {
        fn from(_: Odd) -> Self {
            panic!("as told")
        }
    }
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        let b = throng.spawn(Probe::<0>::default());
        throng.tell(
            b,
            act(move |_, cx| {
                cx.tell(a, Say::Note(1));
                cx.tell(a.recipient::<Odd>(), Odd);
                Ok(())
            }),
        );
        throng.tell(a, Say::Note(2));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, a), [2]);
        assert!(!throng.is_alive(b));
    });
}
