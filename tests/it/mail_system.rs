//! Mail read by systems of the host's, and what handlers read from the world.

use bevy_ecs::prelude::*;
use throng::prelude::*;
use throng::{ActorFailure, RegisterError};

use crate::support::*;

/// A type with a mailbox and no behaviour of its own.
#[derive(Component)]
struct Ship;
impl HasMailbox for Ship {
    type Msg = u32;
}
#[derive(Component)]
struct Rock;
impl HasMailbox for Rock {
    type Msg = u32;
}

/// In the table.
#[derive(Component, Default)]
struct Speed(u32);

/// In a sparse set.
#[derive(Component, Default)]
#[component(storage = "SparseSet")]
struct Fuel(u32);

#[derive(Resource)]
struct Wind(u32);

fn ships(throng: &mut Throng, n: usize) -> Vec<(Entity, ActorRef<Ship>)> {
    (0..n)
        .map(|_| {
            let entity = throng.world_mut().spawn((Ship, Speed(0), Fuel(0))).id();
            (entity, throng.adopt(entity).unwrap())
        })
        .collect()
}

#[test]
fn a_system_reads_mail_with_table_and_sparse_components() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.add_mail_system::<Ship, _>(|wind: Res<Wind>, mut mail: Mail<Ship, (&mut Speed, &mut Fuel)>| {
            mail.par_for_each(|(mut speed, mut fuel), n, _| {
                speed.0 += n * wind.0;
                fuel.0 += 1;
                Ok(())
            });
        });
        throng.world_mut().insert_resource(Wind(2));
        let ships = ships(&mut throng, BLOCK + 20);
        for (at, &(_, ship)) in ships.iter().enumerate() {
            (0..3).for_each(|n| throng.tell(ship, at as u32 + n));
        }
        settle_all(&mut throng);
        for (at, &(entity, _)) in ships.iter().enumerate() {
            let want = 2 * (3 * at as u32 + 3);
            assert_eq!(throng.world().get::<Speed>(entity).unwrap().0, want);
            assert_eq!(throng.world().get::<Fuel>(entity).unwrap().0, 3);
        }
    });
}

#[test]
fn two_types_talk_through_their_systems() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.world_mut().insert_resource(Wind(0));
        throng.add_mail_system::<Rock, _>(|mut mail: Mail<Rock, &mut Speed>| {
            mail.par_for_each(|mut speed, n, _| {
                speed.0 += n;
                Ok(())
            });
        });
        let rock = throng.world_mut().spawn((Rock, Speed(0))).id();
        let to = throng.adopt::<Rock>(rock).unwrap();
        throng.add_mail_system::<Ship, _>(move |mut mail: Mail<Ship, &Speed>| {
            mail.par_for_each(|_, n, turn| {
                turn.tell(to, n + turn.round());
                if n == 5 {
                    turn.stop_self();
                }
                Ok(())
            });
        });
        let ship = ships(&mut throng, 2)[0];
        [1, 5, 9].into_iter().for_each(|n| throng.tell(ship.1, n));
        settle_all(&mut throng);
        assert_eq!(throng.world().get::<Speed>(rock).unwrap().0, 6);
        assert_eq!(throng.stats().mail.dead(), 1);
        assert!(!throng.is_alive(ship.1));
    });
}

#[test]
fn a_failing_closure_fails_its_receiver_only() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let sink = throng.spawn(Probe::<0>::default());
        throng.add_mail_system::<Ship, _>(move |mut mail: Mail<Ship, &mut Speed>| {
            mail.par_for_each(|mut speed, n, turn| {
                turn.tell(sink, Say::Note(n));
                match n {
                    1 => panic!("as told"),
                    2 => Err(ActorFailure::msg("as told")),
                    _ => {
                        speed.0 += n;
                        Ok(())
                    }
                }
            });
        });
        let ships = ships(&mut throng, 4);
        for (n, &(_, ship)) in (1..).zip(&ships) {
            throng.tell(ship, n);
            throng.tell(ship, 10);
        }
        settle_all(&mut throng);
        let mut heard = numbers(&mut throng, sink);
        heard.sort_unstable();
        assert_eq!(heard, [3, 4, 10, 10]);
        let alive: Vec<_> = ships.iter().map(|&(_, ship)| throng.is_alive(ship)).collect();
        assert_eq!(alive, [false, false, true, true]);
        let stats = throng.stats();
        assert_eq!((stats.failures, stats.given_up, stats.mail.dead()), (2, 2, 2));
    });
}

/// A system that cannot run leaves the mail where it is, and spins no rounds.
#[test]
fn a_system_without_its_resource_waits() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.add_mail_system::<Ship, _>(|wind: Res<Wind>, mut mail: Mail<Ship, &mut Speed>| {
            mail.par_for_each(|mut speed, n, _| {
                speed.0 += n * wind.0;
                Ok(())
            });
        });
        throng.world_mut().insert_resource(Wind(1));
        let (entity, ship) = ships(&mut throng, 1)[0];
        throng.configure_mailbox(ship, MailboxConfig::default().budget(1).unwrap());
        let mut slow = 0;
        throng.add_round_systems(move |mut commands: Commands| {
            slow += 1;
            if slow == 2 {
                commands.remove_resource::<Wind>();
            }
        });
        (0..5).for_each(|_| throng.tell(ship, 1));
        throng.tick();
        assert_eq!(throng.stats().mail.queued, 3, "two rounds ran");
        let before = throng.stats().rounds;
        throng.tick();
        assert!(throng.stats().rounds <= before + 2, "it spins");
        throng.tell(ship, 1);
        throng.tick();
        assert!(throng.stats().mail.is_balanced());
        assert_eq!(throng.stats().mail.queued, 4);
        throng.world_mut().insert_resource(Wind(1));
        throng.tick();
        assert_eq!(throng.world().get::<Speed>(entity).unwrap().0, 6);
        assert_eq!(throng.stats().mail.queued, 0);
    });
}

#[test]
fn a_system_that_panics_outside_its_handlers_ends_no_tick() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let friend = throng.spawn(Probe::<0>::default());
        throng.add_mail_system::<Ship, _>(|_mail: Mail<Ship, &Speed>| panic!("as told"));
        let (_, ship) = ships(&mut throng, 1)[0];
        throng.tell(ship, 1);
        throng.tell(friend, Say::Note(1));
        throng.run_ticks(3);
        assert_eq!(numbers(&mut throng, friend), [1]);
        let mail = throng.stats().mail;
        assert_eq!((mail.queued, mail.is_balanced()), (1, true));
    });
}

#[test]
fn an_actors_mail_may_be_read_by_a_system_instead() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        throng.add_mail_system::<Probe<0>, _>(|mut mail: Mail<Probe<0>, &mut Probe<0>>| {
            mail.par_for_each(|mut probe, msg, _| {
                probe.mark += 1;
                if let Say::Note(13) = msg {
                    panic!("as told");
                }
                Ok(())
            });
        });
        (0..3).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        let state = throng.state(a).unwrap();
        assert_eq!((state.mark, state.heard.len()), (3, 0));
        throng.tell(a, Say::Note(13));
        settle_all(&mut throng);
        assert!(!throng.is_alive(a));
    });
}

/// A system that looks for a component that a receiver lacks: dead, not a panic.
#[test]
fn a_receiver_without_the_components_is_dead_mail() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.add_mail_system::<Ship, _>(|mut mail: Mail<Ship, (&mut Speed, &Fuel)>| {
            mail.par_for_each(|(mut speed, _), n, _| {
                speed.0 += n;
                Ok(())
            });
        });
        let all = ships(&mut throng, 3);
        throng.world_mut().entity_mut(all[0].0).remove::<Speed>();
        throng.world_mut().entity_mut(all[1].0).remove::<Fuel>();
        all.iter().for_each(|&(_, ship)| throng.tell(ship, 1));
        settle_all(&mut throng);
        let mail = throng.stats().mail;
        assert_eq!((mail.handled, mail.dead_by(throng::DeadReason::NoState)), (1, 2));
    });
}

/// An actor that reads `P` from the world.
#[derive(Component)]
struct Reader<P> {
    got: u32,
    started: u32,
    params: std::marker::PhantomData<fn(P)>,
}

impl<P> Reader<P> {
    fn new() -> Self {
        Self { got: 0, started: 0, params: std::marker::PhantomData }
    }
}

impl Actor for Reader<Wind> {
    type Msg = u32;
    type Params = (Res<'static, Wind>, Query<'static, 'static, &'static Speed>);
    fn handle(&mut self, n: u32, cx: &Context<'_, Self>) -> Handled {
        let (wind, speeds) = cx.params();
        self.got += n * wind.0 * self.started + speeds.iter().map(|speed| speed.0).sum::<u32>();
        Ok(())
    }
    fn started(&mut self, _: &Context<'_, Self>) -> Handled {
        self.started += 1;
        Ok(())
    }
}

#[test]
fn mail_waits_for_missing_params() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Reader::<Wind>::new());
        throng.tell(a, 1);
        throng.broadcast::<Reader<Wind>>(1);
        assert!(throng.run_until_quiet(3).is_some(), "waiting mail does not count");
        throng.tick();
        assert_eq!(throng.stats().mail.queued, 1, "a broadcast counts when it is read");
        throng.world_mut().insert_resource(Wind(3));
        throng.world_mut().spawn(Speed(100));
        throng.tick();
        let state = throng.state(a).unwrap();
        assert_eq!(state.started, 1, "`started` runs before the first message");
        assert_eq!(state.got, 206);
        assert_eq!(throng.stats().mail.queued, 0);
    });
}

/// Each refused parameter is a type of its own.
macro_rules! refused {
    ($name:ident, $params:ty) => {
        #[derive(Component)]
        struct $name;
        impl Actor for $name {
            type Msg = ();
            type Params = $params;
            fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
                Ok(())
            }
        }
    };
}
refused!(Narcissus, Query<'static, 'static, &'static Narcissus>);
refused!(Voyeur, Query<'static, 'static, EntityRef<'static>>);
refused!(Commander, Commands<'static, 'static>);

#[test]
fn params_that_conflict_are_refused() {
    fn refused<A: Actor>(throng: &mut Throng) {
        let error = throng.register::<A>().map(drop).unwrap_err();
        let RegisterError::Params { actor, why } = &error else { panic!("{error:?}") };
        assert!(actor.contains("mail_system") && !why.is_empty());
        assert!(error.to_string().contains("cannot be used"));
    }
    let mut throng = Throng::default();
    refused::<Narcissus>(&mut throng);
    refused::<Voyeur>(&mut throng);
    refused::<Commander>(&mut throng);
    // The world goes on.
    let a = throng.spawn(Probe::<0>::default());
    throng.tell(a, Say::Note(1));
    settle_all(&mut throng);
    assert_eq!(numbers(&mut throng, a), [1]);
    let twice = throng.register::<Probe<0>>().map(drop).unwrap_err();
    assert!(matches!(twice, RegisterError::Twice { .. }));
}

/// An actor whose state is in a sparse set.
#[derive(Component, Default)]
#[component(storage = "SparseSet")]
struct Sparse(Vec<u32>);

impl Actor for Sparse {
    type Msg = u32;
    type Params = ();
    fn handle(&mut self, n: u32, _: &Context<'_, Self>) -> Handled {
        self.0.push(n);
        assert!(n != 13, "as told");
        Ok(())
    }
}

#[test]
fn states_in_sparse_sets() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let config = ActorConfig::<Sparse>::new().fresh(|_| Sparse::default());
        throng.register_with(config).unwrap();
        let all = throng.spawn_many((0..BLOCK + 30).map(|_| Sparse::default()));
        let (a, b) = (all.get(3).unwrap(), all.get(BLOCK + 3).unwrap());
        for n in [1, 13, 2] {
            throng.tell(a, n);
            throng.tell(b, n);
        }
        settle_all(&mut throng);
        assert_eq!(throng.state(a).unwrap().0, [2]);
        assert_eq!(throng.state(b).unwrap().0, [2]);
        let entity = throng.entity(a.id()).unwrap();
        throng.world_mut().entity_mut(entity).remove::<Sparse>();
        throng.tell(a, 3);
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.dead_by(throng::DeadReason::NoState), 1);
    });
}
