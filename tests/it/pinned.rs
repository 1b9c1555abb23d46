//! Actors whose state is pinned to the thread that runs the tick: like others in all else.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, ActorRefs, ChildSpec, Failure, Pinned, Supervisor, service};

use crate::support::{BLOCK, all_of, everywhere, settle, settle_all};

/// Counts its drops where only this thread looks.
#[derive(Default)]
struct Ink {
    drops: Rc<Cell<u32>>,
    drawn: RefCell<Vec<u32>>,
}

impl Ink {
    fn counting(drops: &Rc<Cell<u32>>) -> Painter {
        Painter(Pinned::new(Rc::new(Self { drops: drops.clone(), drawn: RefCell::default() })))
    }
}

impl Drop for Ink {
    fn drop(&mut self) {
        self.drops.set(self.drops.get() + 1);
    }
}

#[derive(Component, Default)]
struct Painter(Pinned<Rc<Ink>>);

enum Paint {
    Draw(u32),
    Drawn(ReplyTo<Vec<u32>>),
    Burst,
    /// Makes a child that pins a value in `started`.
    Apprentice,
    /// Asks another for what it has drawn, and draws it again.
    Copy(ActorRef<Painter>),
}

impl Actor for Painter {
    type Msg = Paint;
    type Params = ();
    const PINNED: bool = true;

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        if self.0.peek().is_none() {
            self.0.put(cx, Rc::default());
        }
        Ok(())
    }

    fn handle(&mut self, paint: Paint, cx: &Context<'_, Self>) -> Handled {
        let ink = self.0.get(cx)?;
        match paint {
            Paint::Draw(n) => ink.drawn.borrow_mut().push(n),
            Paint::Drawn(reply) => cx.reply(reply, ink.drawn.borrow().clone()),
            Paint::Burst => panic!("as told"),
            Paint::Apprentice => {
                let child = cx.spawn(Self::default());
                cx.tell(child, Paint::Draw(1));
            }
            Paint::Copy(other) => cx.ask(other, Paint::Drawn).then(|painter, drawn, cx| {
                painter.0.get(cx)?.drawn.borrow_mut().extend(drawn?);
                Ok(())
            }),
        }
        Ok(())
    }

    fn restarting(&mut self, _: &Failure, cx: &Context<'_, Self>) {
        self.0.get(cx).expect("hooks run on the tick's thread, too").drawn.borrow_mut().clear();
    }

    fn stopped(&mut self, cx: &Context<'_, Self>) {
        self.0.get(cx).expect("hooks run on the tick's thread, too").drawn.borrow_mut().clear();
    }
}

fn drawn(throng: &mut Throng, painter: ActorRef<Painter>) -> Vec<u32> {
    throng.state(painter).and_then(|painter| painter.0.peek()).map(|ink| ink.drawn.borrow().clone()).expect("it lives")
}

#[test]
fn much_mail_is_handled_on_the_ticking_thread() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let painters = throng.spawn_many((0..2 * BLOCK + 5).map(|_| Painter(Pinned::new(Rc::default()))));
        for n in 0..3 {
            throng.tell_many(painters.iter().map(|painter| (painter, Paint::Draw(n))));
        }
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.failed, 0);
        for painter in painters.iter() {
            assert_eq!(drawn(&mut throng, painter), [0, 1, 2]);
        }
    });
}

#[test]
fn it_asks_is_asked_and_spawns() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (a, b) = (throng.spawn(Painter::default()), throng.spawn(Painter::default()));
        throng.tell(a, Paint::Draw(4));
        throng.tell(b, Paint::Copy(a));
        throng.tell(b, Paint::Apprentice);
        settle_all(&mut throng);
        assert_eq!(drawn(&mut throng, b), [4]);
        assert_eq!((throng.stats().actors, throng.stats().mail.failed), (3, 0));
    });
}

#[test]
fn a_failure_restarts_it_with_fresh_state_and_drops_the_old() {
    everywhere(|options| {
        let drops = Rc::new(Cell::new(0));
        let mut throng = Throng::new(options);
        throng.register_with(ActorConfig::<Painter>::new().fresh(|_| Painter::default())).unwrap();
        let painter = throng.spawn(Ink::counting(&drops));
        throng.tell(painter, Paint::Draw(1));
        throng.tell(painter, Paint::Burst);
        throng.tell(painter, Paint::Draw(2));
        settle_all(&mut throng);
        assert_eq!(drops.get(), 1);
        assert_eq!(drawn(&mut throng, painter), [2], "the mail behind the failure is kept");
        assert_eq!((throng.stats().restarts, throng.stats().mail.failed), (1, 1));
    });
}

#[test]
fn a_stop_drops_it_and_its_mail_is_dead() {
    everywhere(|options| {
        let drops = Rc::new(Cell::new(0));
        let mut throng = Throng::new(options);
        let painter = throng.spawn(Ink::counting(&drops));
        throng.stop(painter);
        assert_eq!(drops.get(), 1);
        throng.tell(painter, Paint::Draw(1));
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.dead(), 1);
    });
}

#[test]
fn a_supervisor_restarts_it() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register::<Painter>().unwrap();
        let tree =
            Supervisor::one_for_one("studio").intensity(3, 100).child(ChildSpec::new("painter", |_| Painter(Pinned::new(Rc::default()))));
        throng.start_tree(tree).unwrap();
        throng.tick();
        for _ in 0..2 {
            let painter = all_of::<Painter>(&mut throng)[0];
            throng.tell(painter, Paint::Burst);
            settle(&mut throng);
        }
        let painter = all_of::<Painter>(&mut throng)[0];
        throng.tell(painter, Paint::Draw(6));
        settle_all(&mut throng);
        assert_eq!(drawn(&mut throng, painter), [6]);
        assert_eq!(throng.stats().restarts, 2);
    });
}

#[derive(Component)]
struct Patron;

impl Actor for Patron {
    type Msg = bool;
    type Params = ();

    fn handle(&mut self, pins: bool, cx: &Context<'_, Self>) -> Handled {
        let canvas = if pins { Pinned::new(Rc::default()) } else { Pinned::empty() };
        cx.spawn(Painter(canvas));
        Ok(())
    }
}

#[test]
fn a_handler_that_may_run_anywhere_cannot_pin() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register::<Painter>().unwrap();
        let patrons = throng.spawn_many((0..BLOCK + 1).map(|_| Patron));
        throng.tell_many([0, BLOCK].map(|at| (patrons.get(at).unwrap(), true)));
        throng.tell_many([1, BLOCK - 1].map(|at| (patrons.get(at).unwrap(), false)));
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.failed, 2, "at any number of threads");
        assert_eq!(throng.stats_of::<Painter>().map(|stats| stats.failed), Some(0));
        assert_eq!(all_of::<Painter>(&mut throng).len(), 2);
    });
}

#[test]
fn on_another_thread_it_fails_and_a_restart_pins_it_there() {
    let mut throng = Throng::default();
    throng.register_with(ActorConfig::<Painter>::new().fresh(|_| Painter::default())).unwrap();
    let painter = throng.spawn(Painter::default());
    throng.tell(painter, Paint::Draw(1));
    throng.tick();
    let moved = thread::spawn(move || {
        throng.tell(painter, Paint::Draw(2));
        settle_all(&mut throng);
        assert_eq!((throng.stats().mail.failed, throng.stats().restarts), (1, 1));
        throng.tell(painter, Paint::Draw(3));
        settle_all(&mut throng);
        drawn(&mut throng, painter)
    });
    assert_eq!(moved.join().unwrap(), [3]);
}

/// A service of actors with pinned state.
#[service]
trait Tally: Actor {
    fn add(&mut self, cx: &Context<'_, Self>, n: u64) -> Handled;
    fn sum(&self, cx: &Context<'_, Self>) -> Result<u64, ActorFailure>;
}

#[derive(Component, Hash)]
struct Abacus(Pinned<Rc<u64>>);

impl Tally for Abacus {
    fn add(&mut self, cx: &Context<'_, Self>, n: u64) -> Handled {
        let sum = Rc::make_mut(self.0.get_mut(cx)?);
        *sum = sum.wrapping_mul(31).wrapping_add(n);
        if *sum % 7 == 0 {
            return Err(ActorFailure::msg("a bead fell off"));
        }
        Ok(())
    }

    fn sum(&self, cx: &Context<'_, Self>) -> Result<u64, ActorFailure> {
        Ok(**self.0.get(cx)?)
    }
}

impl Actor for Abacus {
    type Msg = TallyMsg;
    type Params = ();
    const PINNED: bool = true;

    fn handle(&mut self, msg: TallyMsg, cx: &Context<'_, Self>) -> Handled {
        msg.dispatch(self, cx)
    }
}

/// Adds to abaci, from any thread, what others have.
#[derive(Component)]
struct Merchant(ActorRefs<Abacus>);

impl Actor for Merchant {
    type Msg = u64;
    type Params = ();

    fn handle(&mut self, n: u64, cx: &Context<'_, Self>) -> Handled {
        let at = |n: u64| self.0.get(n as usize % self.0.len()).expect("in range");
        let to = at(n * 7);
        at(n).sum(cx).then(move |_, sum, cx| {
            to.add(cx, sum.unwrap_or(1));
            Ok(())
        });
        Ok(())
    }
}

#[test]
fn digests_are_equal_at_any_number_of_threads() {
    let digests = |options: ThrongOptions| {
        let mut throng = Throng::new(options.seed(7));
        throng.register_with(ActorConfig::<Abacus>::new().fresh(|id| Abacus(Pinned::new(Rc::new(id.to_bits())))).digest()).unwrap();
        let abaci = throng.spawn_many_with(BLOCK + 100, |id| Abacus(Pinned::new(Rc::new(id.to_bits()))));
        let merchants = throng.spawn_many((0..BLOCK + 50).map(|_| Merchant(abaci.clone())));
        let run = (0..6).map(|tick| {
            throng.tell_many(merchants.iter().enumerate().map(|(at, merchant)| (merchant, at as u64 * 13 + tick)));
            throng.tick();
            throng.digest()
        });
        let run: Vec<u64> = run.collect();
        assert!(throng.stats().restarts > 100, "{:?}", throng.stats());
        run
    };
    let alone = digests(ThrongOptions::new().threads(1));
    assert_eq!(alone, digests(ThrongOptions::new().threads(2).share_always(true)));
    assert_eq!(alone, digests(ThrongOptions::new().threads(8).share_always(true)));
    assert_eq!(alone, digests(ThrongOptions::new().threads(8)));
}
