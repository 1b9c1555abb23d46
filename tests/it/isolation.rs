//! G4: a call that fails is undone, fails its own actor, and nobody else.

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, Batch};

use crate::support::*;

/// How a call fails.
#[derive(Clone, Copy)]
enum How {
    Panic,
    Error,
}

fn give_up(how: How) -> Handled {
    match how {
        How::Panic => panic!("as told"),
        How::Error => Err(ActorFailure::msg("as told")),
    }
}

fn both(body: impl Fn(ThrongOptions, How) + Send + Sync + Copy + 'static) {
    for how in [How::Panic, How::Error] {
        everywhere(move |options| body(options, how));
    }
}

#[test]
fn all_that_a_failing_call_did_is_undone() {
    both(|options, how| {
        let mut throng = Throng::new(options);
        throng.register::<Probe<1>>().unwrap();
        let others = throng.spawn_many((0..2 * BLOCK + 3).map(|_| Probe::<1>::default()));
        let friend = others.get(0).unwrap();
        let far = others.get(2 * BLOCK).unwrap();
        let a = throng.spawn(Probe::<0>::default());
        let (port, values) = throng.outlet::<u32>(10);
        let letters = throng.dead_letters(10);
        throng.tell(
            a,
            act(move |_, cx| {
                cx.tell(friend, Say::Note(1));
                cx.tell(far, Say::Note(1));
                let child = cx.spawn(Probe::<1>::default());
                cx.tell(child, Say::Note(1));
                cx.try_spawn_detached(Probe::<0>::default())?;
                cx.broadcast::<Probe<1>>(Say::Note(1));
                cx.forward(friend, Say::Note(1));
                cx.stop(friend);
                cx.emit(port, 1);
                cx.tell(cx.me(), Say::Note(1));
                cx.postpone(Say::Note(1));
                cx.stop_self();
                give_up(how)
            }),
        );
        settle_all(&mut throng);
        let stats = throng.stats();
        assert_eq!((stats.mail.sent, stats.mail.handled, stats.mail.failed), (1, 1, 1));
        assert_eq!((stats.failures, stats.given_up), (1, 1));
        assert_eq!(stats.actors, 2 * BLOCK + 3);
        assert!(throng.is_alive(friend));
        assert_eq!((values.len(), letters.len(), stats.outlet_dropped), (0, 0, 0));
    });
}

/// The calls before and after the failing one, of the same actor and of others, stand.
#[test]
fn calls_around_a_failing_one_stand() {
    both(|options, how| {
        let mut throng = Throng::new(options);
        let config = ActorConfig::<Probe<0>>::new().fresh(|_| Probe::default()).restart(RestartIntensity::UNLIMITED);
        throng.register_with(config).unwrap();
        let sink = throng.spawn(Probe::<1>::default());
        let crowd = throng.spawn_many((0..BLOCK + 500).map(|_| Probe::<0>::default()));
        let send = |n: u32, fails: bool| {
            act(move |_: &mut Probe<0>, cx| {
                cx.tell(sink, Say::Note(n));
                cx.tell(sink, Say::Note(n));
                if fails { give_up(how) } else { Ok(()) }
            })
        };
        let mut want = 0;
        for (at, actor) in crowd.iter().enumerate().filter(|(at, _)| at % 97 == 0) {
            for n in 0..3 {
                throng.tell(actor, send(n, (at + n as usize).is_multiple_of(3)));
                want += if (at + n as usize).is_multiple_of(3) { 0 } else { 2 };
            }
        }
        settle_all(&mut throng);
        assert_eq!(throng.state(sink).unwrap().heard.len(), want);
        assert_eq!(throng.stats().restarts, throng.stats().failures);
        assert_eq!(throng.stats().actors, crowd.len() + 1);
    });
}

#[test]
fn ids_of_undone_spawns_are_given_out_again() {
    both(|options, how| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        throng.tell(
            a,
            act(move |_, cx| {
                (0..700).for_each(|_| {
                    cx.spawn(Probe::<0>::default());
                });
                give_up(how)
            }),
        );
        settle_all(&mut throng);
        assert_eq!(throng.stats().actors, 0);
        let next = throng.spawn_many((0..701).map(|_| Probe::<0>::default()));
        let highest = next.iter().map(|actor| actor.id().slot()).max();
        assert_eq!(highest, Some(700));
    });
}

/// Takes its mail at once; fails at a number of 100 or more.
#[derive(Component, Default)]
struct Bundle {
    took: Vec<u32>,
}

#[derive(Clone)]
struct Parcel(u32, ActorRef<Probe<1>>, How);

impl Actor for Bundle {
    type Msg = Parcel;
    type Params = ();
    const BATCH: bool = true;
    fn handle(&mut self, Parcel(n, sink, how): Parcel, cx: &Context<'_, Self>) -> Handled {
        cx.tell(sink, Say::Note(n));
        if n >= 100 {
            return give_up(how);
        }
        self.took.push(n);
        Ok(())
    }
    fn handle_batch(&mut self, mail: Batch<'_, Parcel>, cx: &Context<'_, Self>) -> Handled {
        for parcel in mail {
            self.handle(parcel, cx)?;
        }
        Ok(())
    }
}

#[test]
fn a_failing_batch_is_undone_as_a_whole() {
    both(|options, how| {
        let mut throng = Throng::new(options);
        let config = ActorConfig::<Bundle>::new().fresh(|_| Bundle::default());
        throng.register_with(config).unwrap();
        let sink = throng.spawn(Probe::<1>::default());
        let pair = throng.spawn_many((0..BLOCK + 2).map(|_| Bundle::default()));
        let (bad, good) = (pair.get(0).unwrap(), pair.get(1).unwrap());
        let far = pair.get(BLOCK + 1).unwrap();
        for n in [1, 2, 100, 3, 4] {
            throng.tell(bad, Parcel(n, sink, how));
            throng.tell(good, Parcel(n % 100 + 10, sink, how));
            throng.tell(far, Parcel(n % 100 + 20, sink, how));
        }
        settle_all(&mut throng);
        // Of the first batch nothing was sent; 3 and 4 were not taken and come after the restart.
        let mut heard = numbers(&mut throng, sink);
        heard.sort_unstable();
        assert_eq!(heard, [3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24]);
        assert_eq!(throng.state(bad).unwrap().took, [3, 4]);
        let mail = throng.stats_of::<Bundle>().unwrap();
        assert_eq!((mail.handled, mail.failed), (15, 1));
    });
}

/// A message whose clone or drop panics, as told.
struct Nasty {
    clone_panics: bool,
    drop_panics: bool,
    job: Option<ActorRef<Probe<1>>>,
}

impl Clone for Nasty {
    fn clone(&self) -> Self {
        assert!(!self.clone_panics, "as told");
        Self { ..*self }
    }
}

impl Drop for Nasty {
    fn drop(&mut self) {
        if self.drop_panics && !std::thread::panicking() {
            panic!("as told");
        }
    }
}

#[derive(Component, Default)]
struct Careful(u32);

impl Actor for Careful {
    type Msg = Nasty;
    type Params = ();
    fn handle(&mut self, mut msg: Nasty, cx: &Context<'_, Self>) -> Handled {
        msg.drop_panics = false;
        self.0 += 1;
        if let Some(sink) = msg.job {
            cx.tell(sink, Say::Note(self.0));
        }
        Ok(())
    }
}

const PLAIN: Nasty = Nasty { clone_panics: false, drop_panics: false, job: None };

#[test]
fn a_panic_in_a_broadcast_clone_hurts_no_earlier_call() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let sink = throng.spawn(Probe::<1>::default());
        let bystander = throng.spawn(Probe::<0>::default());
        let good = throng.spawn(Careful(0));
        throng.tell(bystander, Say::Note(1));
        throng.tell(good, Nasty { job: Some(sink), ..PLAIN });
        throng.broadcast::<Careful>(Nasty { clone_panics: true, ..PLAIN });
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, sink), [1], "the earlier call stands");
        assert!(throng.is_alive(bystander));
        assert!(throng.stats().mail.is_balanced());
    });
}

#[test]
fn a_panic_in_the_drop_of_a_dead_letter_hurts_nobody() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let sink = throng.spawn(Probe::<1>::default());
        let (good, gone) = (throng.spawn(Careful(0)), throng.spawn(Careful(0)));
        throng.stop(gone);
        for _ in 0..20 {
            throng.tell(good, Nasty { job: Some(sink), ..PLAIN });
            throng.tell(gone, Nasty { drop_panics: true, ..PLAIN });
        }
        settle_all(&mut throng);
        assert_eq!(throng.state(sink).unwrap().heard.len(), 20);
        assert_eq!(throng.state(good).map(|good| good.0), Some(20));
        let stats = throng.stats();
        assert_eq!((stats.failures, stats.mail.dead()), (0, 20));
    });
}

#[test]
fn a_panic_in_the_drop_of_kept_mail_hurts_nobody() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let config = ActorConfig::<Careful>::new().mailbox(MailboxConfig::default().budget(1).unwrap());
        throng.register_with(config).unwrap();
        let friend = throng.spawn(Probe::<1>::default());
        let gone = throng.spawn(Careful(0));
        for _ in 0..5 {
            throng.tell(gone, Nasty { drop_panics: true, ..PLAIN });
        }
        throng.tell(
            friend,
            act(move |_, cx| {
                cx.stop(gone);
                Ok(())
            }),
        );
        throng.tell(friend, Say::Note(1));
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.dead(), 4);
        assert_eq!(numbers(&mut throng, friend), [1]);
    });
}

/// A failing call takes back messages and a child whose drops panic.
#[test]
fn a_panic_in_the_drop_of_what_is_undone_hurts_nobody() {
    both(|options, how| {
        let mut throng = Throng::new(options);
        let target = throng.spawn(Careful(0));
        let a = throng.spawn(Probe::<0>::default());
        let friend = throng.spawn(Probe::<0>::default());
        throng.tell(
            a,
            act(move |_, cx| {
                for _ in 0..3 {
                    cx.tell(target, Nasty { drop_panics: true, ..PLAIN });
                    cx.tell(friend, Say::Note(2));
                }
                give_up(how)
            }),
        );
        throng.tell(friend, Say::Note(1));
        settle_all(&mut throng);
        let stats = throng.stats();
        assert_eq!((stats.failures, stats.actors, stats.mail.sent), (1, 2, 2));
        assert_eq!(numbers(&mut throng, friend), [1]);
        throng.tell(friend, Say::Note(3));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, friend), [1, 3]);
    });
}

#[test]
fn a_panicking_priority_function_does_not_end_the_tick() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let mailbox = MailboxConfig::default().priority(|msg: &Say<0>| match msg {
            Say::Note(n) if *n == 13 => panic!("as told"),
            _ => 0,
        });
        throng.register_with(ActorConfig::<Probe<0>>::new().mailbox(mailbox)).unwrap();
        let crowd = throng.spawn_many((0..BLOCK + 9).map(|_| Probe::<0>::default()));
        let (a, b) = (crowd.get(0).unwrap(), crowd.get(BLOCK + 1).unwrap());
        for n in [1, 13, 2] {
            throng.tell(a, Say::Note(n));
        }
        throng.tell(b, Say::Note(1));
        throng.tell(b, Say::Note(2));
        settle(&mut throng);
        assert_eq!(numbers(&mut throng, b), [1, 2]);
        throng.tell(b, Say::Note(3));
        settle(&mut throng);
        assert_eq!(numbers(&mut throng, b), [1, 2, 3]);
    });
}
