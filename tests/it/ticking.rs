//! `Actor::tick`: every actor of a type, once a tick, without mail.

use bevy_ecs::component::Component;
use bevy_ecs::prelude::{Res, Resource};
use throng::prelude::*;
use throng::{ActorFailure, MailStats};

use crate::support::*;

/// What a clock does in its tick.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Habit {
    Count,
    /// Tells the next clock of the list.
    Tell,
    Panic,
    Err,
    Stop,
    Postpone,
    Spawn,
}

#[derive(Component, Hash)]
struct Clock {
    habit: Habit,
    /// Number in the list.
    me: usize,
    ticks: u64,
    heard: u64,
}

impl Clock {
    fn new(habit: Habit, me: usize) -> Self {
        Self { habit, me, ticks: 0, heard: 0 }
    }
}

#[derive(Resource)]
struct Clocks(Vec<ActorRef<Clock>>);

impl Actor for Clock {
    type Msg = u64;
    type Params = Res<'static, Clocks>;
    const TICKS: bool = true;

    fn handle(&mut self, add: u64, _: &Context<'_, Self>) -> Handled {
        self.heard += add;
        Ok(())
    }

    fn tick(&mut self, cx: &Context<'_, Self>) -> Handled {
        self.ticks += 1;
        assert_eq!((cx.round(), cx.sender()), (0, None));
        let clocks = &cx.params().0;
        let next = clocks.get((self.me * 7919 + 1) % clocks.len().max(1)).copied().unwrap_or(cx.me());
        match self.habit {
            Habit::Count => {}
            Habit::Tell => cx.tell(next, 1),
            Habit::Panic => {
                cx.tell(next, 1000);
                panic!("as told");
            }
            Habit::Err => {
                cx.tell(next, 1000);
                return Err(ActorFailure::msg("as told"));
            }
            Habit::Stop => cx.stop_self(),
            Habit::Postpone => cx.postpone(5),
            Habit::Spawn => {
                self.habit = Habit::Count;
                cx.spawn(Self::new(Habit::Count, self.me));
            }
        }
        Ok(())
    }
}

fn open(options: ThrongOptions, habits: impl Iterator<Item = Habit>) -> (Throng, Vec<ActorRef<Clock>>) {
    let mut throng = Throng::new(options);
    let restart = RestartIntensity::UNLIMITED;
    throng.register_with(ActorConfig::<Clock>::new().fresh(|_| Clock::new(Habit::Count, 0)).restart(restart).digest()).unwrap();
    throng.world_mut().insert_resource(Clocks(Vec::new()));
    let clocks = throng.spawn_many(habits.enumerate().map(|(me, habit)| Clock::new(habit, me))).to_vec();
    throng.world_mut().insert_resource(Clocks(clocks.clone()));
    (throng, clocks)
}

fn mail(throng: &mut Throng) -> MailStats {
    throng.stats().mail
}

#[test]
fn every_actor_is_visited_once_a_tick() {
    everywhere(|options| {
        let (mut throng, clocks) = open(options, (0..2 * BLOCK + 70).map(|_| Habit::Tell));
        for _ in 0..3 {
            throng.tick();
        }
        assert!(clocks.iter().all(|&clock| throng.state(clock).unwrap().ticks == 3));
        // What is told in a tick is heard in its second round.
        let heard: u64 = clocks.iter().map(|&clock| throng.state(clock).unwrap().heard).sum();
        assert_eq!(heard, 3 * clocks.len() as u64);
        let mail = mail(&mut throng);
        assert!(mail.is_balanced());
        assert_eq!((mail.sent, mail.queued), (heard, 0));
    });
}

#[test]
fn a_tick_that_fails_is_taken_back_and_restarts_its_actor() {
    everywhere(|options| {
        for habit in [Habit::Panic, Habit::Err] {
            let (mut throng, clocks) = open(options.clone(), [Habit::Count, habit, Habit::Count].into_iter());
            throng.tick();
            assert_eq!(throng.stats().restarts, 1, "{habit:?}");
            assert_eq!((mail(&mut throng).sent, mail(&mut throng).failed), (0, 1));
            throng.tick();
            let ticks: Vec<u64> = clocks.iter().map(|&clock| throng.state(clock).unwrap().ticks).collect();
            assert_eq!(ticks, [2, 1, 2], "{habit:?}");
        }
    });
}

#[test]
fn an_actor_may_stop_or_spawn_in_its_tick_and_has_nothing_to_postpone() {
    everywhere(|options| {
        let (mut throng, clocks) = open(options, [Habit::Stop, Habit::Postpone, Habit::Spawn].into_iter());
        throng.tick();
        assert!(throng.state(clocks[0]).is_none());
        assert_eq!(throng.stats().actors, 3);
        throng.tick();
        assert_eq!(throng.state(clocks[1]).unwrap().ticks, 2);
        assert_eq!((mail(&mut throng).sent, mail(&mut throng).postponed), (0, 0));
    });
}

#[test]
fn nobody_ticks_without_what_its_params_read() {
    let (mut throng, clocks) = open(ThrongOptions::new(), [Habit::Count].into_iter());
    throng.world_mut().remove_resource::<Clocks>();
    throng.tick();
    throng.world_mut().insert_resource(Clocks(Vec::new()));
    throng.tick();
    assert_eq!(throng.state(clocks[0]).unwrap().ticks, 1);
}

#[test]
fn ticks_are_the_same_on_any_number_of_threads() {
    let run = |options: ThrongOptions| {
        let habits = [Habit::Tell, Habit::Count, Habit::Panic, Habit::Spawn, Habit::Tell, Habit::Stop, Habit::Err];
        let (mut throng, _) = open(options, habits.into_iter().cycle().take(3 * BLOCK + 9));
        (0..3)
            .map(|_| {
                throng.tick();
                throng.digest()
            })
            .collect::<Vec<u64>>()
    };
    let want = run(ThrongOptions::new().threads(1));
    for threads in [2, 8] {
        assert_eq!(run(ThrongOptions::new().threads(threads).share_always(true)), want, "{threads} threads");
    }
}

/// An actor that ticks when it is told to.
#[derive(Component, Hash)]
struct Sleeper {
    ticks: u64,
    heard: u64,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Wake,
    Sleep,
    /// Wakes and fails, so that it goes on sleeping.
    WakeAndFail,
    Stop,
    Heard,
}

impl Actor for Sleeper {
    type Msg = Call;
    type Params = ();

    fn handle(&mut self, call: Call, cx: &Context<'_, Self>) -> Handled {
        match call {
            Call::Wake => cx.set_ticking(true),
            Call::Sleep => cx.set_ticking(false),
            Call::WakeAndFail => {
                cx.set_ticking(true);
                return Err(ActorFailure::msg("as told"));
            }
            Call::Stop => {
                cx.set_ticking(true);
                cx.stop_self();
            }
            Call::Heard => self.heard += 1,
        }
        Ok(())
    }

    fn tick(&mut self, cx: &Context<'_, Self>) -> Handled {
        self.ticks += 1;
        cx.tell(cx.me(), Call::Heard);
        Ok(())
    }
}

fn sleepers(options: ThrongOptions, n: usize) -> (Throng, Vec<ActorRef<Sleeper>>) {
    let mut throng = Throng::new(options);

    throng
        .register_with(ActorConfig::new().fresh(|_| Sleeper { ticks: 0, heard: 0 }).restart(RestartIntensity::UNLIMITED).digest())
        .unwrap();
    let all = throng.spawn_many((0..n).map(|_| Sleeper { ticks: 0, heard: 0 })).to_vec();
    (throng, all)
}

fn ticks_of(throng: &mut Throng, actor: ActorRef<Sleeper>) -> u64 {
    throng.state(actor).unwrap().ticks
}

#[test]
fn only_those_tick_that_said_so() {
    everywhere(|options| {
        let (mut throng, all) = sleepers(options, 2 * BLOCK + 70);
        let (first, second, last) = (all[3], all[BLOCK + 64], all[2 * BLOCK + 69]);
        for actor in [first, last, first] {
            throng.tell(actor, Call::Wake);
        }
        throng.set_ticking(second, true);
        throng.run_ticks(4);
        assert_eq!([first, second, last].map(|actor| ticks_of(&mut throng, actor)), [3, 4, 3]);
        throng.tell(first, Call::Sleep);
        throng.set_ticking(last, false);
        throng.run_ticks(2);
        // It ticks before its mail.
        assert_eq!([first, second, last].map(|actor| ticks_of(&mut throng, actor)), [4, 6, 3]);
        assert_eq!(all.iter().map(|&actor| ticks_of(&mut throng, actor)).sum::<u64>(), 13);
        assert_eq!(all.iter().map(|&actor| throng.state(actor).unwrap().heard).sum::<u64>(), 13);
        assert!(mail(&mut throng).is_balanced());
    });
}

#[test]
fn who_fails_or_stops_ticks_no_more() {
    everywhere(|options| {
        let (mut throng, all) = sleepers(options, 3);
        throng.tell(all[0], Call::WakeAndFail);
        throng.tell(all[1], Call::Stop);
        throng.tell(all[2], Call::Wake);
        throng.run_ticks(2);
        assert_eq!((ticks_of(&mut throng, all[0]), ticks_of(&mut throng, all[2])), (0, 1));
        // A restart ends it, and so does a stop: the next in that slot sleeps.
        throng.tell(all[2], Call::WakeAndFail);
        throng.run_ticks(3);
        assert_eq!(ticks_of(&mut throng, all[2]), 0);
        throng.set_ticking(all[0], true);
        throng.stop(all[0]);
        throng.set_ticking(all[0], true);
        let heirs: Vec<_> = throng.spawn_many((0..3).map(|_| Sleeper { ticks: 0, heard: 0 })).to_vec();
        assert!(heirs.iter().any(|heir| heir.id().slot() == all[0].id().slot()), "a slot is used again");
        throng.run_ticks(2);
        assert!(heirs.iter().all(|&heir| ticks_of(&mut throng, heir) == 0));
    });
}

#[test]
fn sleeping_and_waking_are_the_same_on_any_number_of_threads() {
    let run = |options: ThrongOptions| {
        let (mut throng, all) = sleepers(options, 3 * BLOCK + 9);
        let calls = [Call::Wake, Call::Sleep, Call::Wake, Call::WakeAndFail, Call::Wake, Call::Stop];
        (0..6)
            .map(|round| {
                let told = all.iter().enumerate().filter(|(n, _)| (n * 7 + round) % 11 == 0);
                throng.tell_many(told.map(|(n, &actor)| (actor, calls[(n + round) % calls.len()])));
                throng.tick();
                throng.digest()
            })
            .collect::<Vec<u64>>()
    };
    let want = run(ThrongOptions::new().threads(1));
    for threads in [2, 8] {
        assert_eq!(run(ThrongOptions::new().threads(threads).share_always(true)), want, "{threads} threads");
    }
}
