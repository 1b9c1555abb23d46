//! G5: a reference means one actor for ever, whatever the host does to its entity.

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{AdoptError, DeadReason};

use crate::support::*;

fn fresh(options: ThrongOptions) -> Throng {
    let mut throng = Throng::new(options);
    let config = ActorConfig::<Probe<0>>::new().fresh(|_| Probe::default());
    throng.register_with(config).unwrap();
    throng
}

#[test]
fn a_reference_outlives_restarts_and_keeps_its_mail() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let a = throng.spawn(Probe::<0>::default());
        let entity = throng.entity(a.id());
        throng.tell(a, Say::Note(1));
        throng.tell(a, burst());
        throng.tell(a, Say::Note(2));
        throng.tell(a, fail());
        throng.tell(a, Say::Note(3));
        settle_all(&mut throng);
        assert_eq!(throng.entity(a.id()), entity);
        assert_eq!(numbers(&mut throng, a), [3], "the state is fresh, the mail was kept");
        assert_eq!(throng.stats().restarts, 2);
        assert_eq!(throng.stats().mail.handled, 5);
    });
}

#[test]
fn a_mailbox_can_be_dropped_at_a_restart() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let config = ActorConfig::<Probe<0>>::new().fresh(|_| Probe::default()).drop_mailbox_on_restart();
        throng.register_with(config).unwrap();
        let a = throng.spawn(Probe::<0>::default());
        throng.tell(a, burst());
        (0..4).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.dead_by(DeadReason::Restarted), 4);
        throng.tell(a, Say::Note(9));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, a), [9]);
    });
}

#[test]
fn a_stopped_actors_mail_never_reaches_the_slots_next_holder() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let mut former = Vec::new();
        for turn in 0..20 {
            let a = throng.spawn(Probe::<0>::default());
            assert_eq!((a.id().slot(), a.id().generation()), (0, turn + 1));
            for &old in &former {
                throng.tell(old, Say::Note(666));
                throng.stop(old);
                assert!(!throng.is_alive(old));
            }
            throng.tell(a, Say::Note(turn));
            settle_all(&mut throng);
            assert_eq!(numbers(&mut throng, a), [turn]);
            throng.stop(a);
            former.push(a);
        }
        let dead = throng.stats().mail.dead_by(DeadReason::Stopped);
        assert_eq!(dead, 190);
        assert!(former.iter().all(|&old| throng.state(old).is_none()));
    });
}

/// Mail on its way when the slot changes hands within a tick.
#[test]
fn mail_on_its_way_does_not_reach_the_next_holder() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let (old, boss) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<1>::default()));
        throng.tell(
            boss,
            act(move |_, cx| {
                cx.stop(old);
                cx.tell(old, Say::Note(1));
                cx.tell(
                    cx.me(),
                    act(move |_, cx| {
                        cx.spawn(Probe::<0>::default());
                        cx.tell(old, Say::Note(2));
                        Ok(())
                    }),
                );
                Ok(())
            }),
        );
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.dead_by(DeadReason::Stopped), 2);
        let heir = throng.spawn(Probe::<0>::default());
        assert!(throng.is_alive(heir));
        assert!(numbers(&mut throng, heir).is_empty());
    });
}

/// References of a world that registered its types in another order, with the same message type: no
/// actor of another type is reached.
#[test]
fn a_reference_never_reaches_another_type() {
    #[derive(Component, Default)]
    struct Adder<const N: usize>(u32);
    impl<const N: usize> Actor for Adder<N> {
        type Msg = u32;
        type Params = ();
        fn handle(&mut self, n: u32, _: &Context<'_, Self>) -> Handled {
            self.0 += n;
            Ok(())
        }
    }
    everywhere(|options| {
        let mut throng = Throng::new(options.clone());
        let left = throng.spawn(Adder::<0>(0));
        let mut other = Throng::new(options);
        let right = other.spawn(Adder::<1>(0));
        other.tell(left, 5);
        other.tell(left.recipient::<u32>(), 5);
        settle_all(&mut other);
        assert_eq!(other.state(right).unwrap().0, 0, "delivered to another type");
        let stats = other.stats();
        assert_eq!(stats.mail.dead() + stats.unroutable, 2);
    });
}

#[test]
fn references_of_another_world_are_dead_or_unroutable() {
    everywhere(|options| {
        let mut one = Throng::new(options.clone());
        let strangers = one.spawn_many((0..10).map(|_| Probe::<0>::default()));
        let other_kind = one.spawn(Probe::<1>::default());
        let mut two = Throng::new(options);
        two.tell(strangers.get(0).unwrap(), Say::Note(1));
        assert!(!two.is_alive(other_kind));
        let mine = two.spawn(Probe::<0>::default());
        two.tell(strangers.get(5).unwrap(), Say::Note(1));
        two.tell(other_kind, Say::Note(1));
        two.stop(other_kind);
        two.stop(strangers.get(5).unwrap());
        assert!(two.entity(other_kind.id()).is_none());
        assert!(!two.configure_mailbox(strangers.get(5).unwrap(), MailboxConfig::default()));
        settle_all(&mut two);
        let stats = two.stats();
        assert_eq!(stats.unroutable, 2);
        assert_eq!(stats.mail.dead_by(DeadReason::Unknown), 1);
        assert!(numbers(&mut two, mine).is_empty());
    });
}

#[test]
fn the_host_despawns_an_actor() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let crowd = throng.spawn_many((0..10).map(|_| Probe::<0>::default())).to_vec();
        let entity = throng.entity(crowd[3].id()).unwrap();
        throng.tell(crowd[3], Say::Note(1));
        throng.world_mut().despawn(entity);
        throng.tick();
        assert!(!throng.is_alive(crowd[3]));
        assert_eq!(throng.stats().mail.dead_by(DeadReason::Stopped), 1);
        assert_eq!(throng.stats().actors, 9);
        // The row was taken by another actor, and the slot by a new one.
        let heir = throng.spawn(Probe::<0>::default());
        assert_eq!((heir.id().slot(), heir.id().generation()), (3, 2));
        for (n, &actor) in crowd.iter().enumerate() {
            throng.tell(actor, Say::Note(n as u32));
        }
        throng.tell(heir, Say::Note(99));
        settle_all(&mut throng);
        for (n, &actor) in crowd.iter().enumerate().filter(|&(n, _)| n != 3) {
            assert_eq!(numbers(&mut throng, actor), [n as u32]);
        }
        assert_eq!(numbers(&mut throng, heir), [99]);
    });
}

/// Five messages in a mailbox of budget 1, of which one is handled.
fn with_kept_mail(options: ThrongOptions) -> (Throng, ActorRef<Probe<0>>) {
    let mut throng = Throng::new(options.rounds_max(1));
    let mailbox = MailboxConfig::default().budget(1).unwrap();
    throng.register_with(ActorConfig::<Probe<0>>::new().mailbox(mailbox)).unwrap();
    let a = throng.spawn(Probe::<0>::default());
    (0..5).for_each(|n| throng.tell(a, Say::Note(n)));
    throng.tick();
    assert_eq!(throng.stats().mail.queued, 4);
    (throng, a)
}

#[test]
fn the_host_despawns_an_actor_with_kept_mail() {
    for stopped_too in [false, true] {
        everywhere(move |options| {
            let (mut throng, a) = with_kept_mail(options);
            let entity = throng.entity(a.id()).unwrap();
            throng.world_mut().despawn(entity);
            if stopped_too {
                throng.stop(a);
            }
            settle_all(&mut throng);
            throng.tick();
            assert_eq!(throng.stats().mail.dead_by(DeadReason::Stopped), 4);
            assert_eq!(throng.stats().actors, 0);
        });
    }
}

fn parent_of_three(throng: &mut Throng) -> ActorRef<Probe<0>> {
    let parent = throng.spawn(Probe::<0>::default());
    throng.tell(
        parent,
        act(|_, cx| {
            (0..3).for_each(|_| {
                cx.spawn(Probe::<0>::default());
            });
            Ok(())
        }),
    );
    settle_all(throng);
    parent
}

#[test]
fn the_host_despawns_a_parent() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let parent = parent_of_three(&mut throng);
        let entity = throng.entity(parent.id()).unwrap();
        throng.world_mut().despawn(entity);
        throng.tick();
        assert_eq!(throng.stats().actors, 0, "children stop with their parent");
    });
}

#[test]
fn the_host_despawns_a_child() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let parent = parent_of_three(&mut throng);
        let child = all_of::<Probe<0>>(&mut throng)[2];
        let entity = throng.entity(child.id()).unwrap();
        throng.world_mut().despawn(entity);
        throng.stop(parent);
        throng.tick();
        assert_eq!(throng.stats().actors, 0);
        assert!(throng.stats().mail.is_balanced());
    });
}

/// The factory of a despawned actor is not its slot's next holder's.
#[test]
fn a_factory_goes_with_its_actor() {
    for despawn in [true, false] {
        everywhere(move |options| {
            let mut throng = Throng::new(options);
            let a = throng.spawn_with(|_| Probe::<0>::default());
            if despawn {
                let entity = throng.entity(a.id()).unwrap();
                throng.world_mut().despawn(entity);
            } else {
                throng.stop(a);
            }
            throng.tick();
            let b = throng.spawn(Probe::<0>::default());
            assert_eq!(b.id().slot(), a.id().slot());
            throng.tell(b, burst());
            settle_all(&mut throng);
            assert!(!throng.is_alive(b), "it was spawned without a factory");
        });
    }
}

#[derive(Component)]
struct Badge(#[expect(dead_code, reason = "only its place matters")] u64);

#[derive(Component)]
#[component(storage = "SparseSet")]
struct Mark;

/// Actors that the host moves to other archetypes are found; their rows are only guesses.
#[test]
fn archetype_moves_lose_nothing() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let crowd = throng.spawn_many((0..BLOCK + 100).map(|_| Probe::<0>::default())).to_vec();
        let some: Vec<_> = crowd.iter().copied().step_by(61).collect();
        for step in 0..6 {
            for (at, actor) in some.iter().enumerate() {
                let entity = throng.entity(actor.id()).unwrap();
                let mut entity = throng.world_mut().entity_mut(entity);
                match (at + step) % 4 {
                    0 => drop(entity.insert(Badge(1))),
                    1 => drop(entity.insert(Mark)),
                    2 => drop(entity.remove::<Badge>()),
                    _ => drop(entity.remove::<Mark>()),
                }
            }
            throng.tell_many(crowd.iter().map(|&actor| (actor, Say::Note(step as u32))));
            throng.broadcast::<Probe<0>>(Say::Note(100 + step as u32));
            settle_all(&mut throng);
        }
        let want: Vec<u32> = (0..6).flat_map(|step| [step, 100 + step]).collect();
        for &actor in &crowd {
            assert_eq!(throng.state(actor).unwrap().numbers(), want);
        }
        assert_eq!(throng.stats().mail.dead(), 0);
        // Stops move rows as well.
        throng.stop_many(crowd.iter().copied().step_by(2));
        throng.tell_many(crowd.iter().map(|&actor| (actor, Say::Note(7))));
        settle_all(&mut throng);
        let dead = throng.stats().mail.dead_by(DeadReason::Stopped);
        assert_eq!(dead, (BLOCK + 100).div_ceil(2) as u64);
        for &actor in crowd.iter().skip(1).step_by(2) {
            assert_eq!(throng.state(actor).unwrap().heard.len(), 13);
        }
    });
}

#[test]
fn mail_to_an_entity_without_its_state_is_dead() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let (a, b) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<0>::default()));
        let entity = throng.entity(a.id()).unwrap();
        throng.world_mut().entity_mut(entity).remove::<Probe<0>>();
        throng.tell(a, Say::Note(1));
        throng.tell(b, Say::Note(1));
        throng.broadcast::<Probe<0>>(Say::Note(2));
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.dead_by(DeadReason::NoState), 2);
        assert_eq!(numbers(&mut throng, b), [1, 2]);
        // It works again with a state, and can be stopped without one.
        throng.world_mut().entity_mut(entity).insert(Probe::<0>::default());
        throng.tell(a, Say::Note(3));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, a), [3]);
        throng.world_mut().entity_mut(entity).remove::<Probe<0>>();
        throng.stop(a);
        settle_all(&mut throng);
        assert!(!throng.is_alive(a));
        assert_eq!(throng.stats().actors, 1);
    });
}

#[test]
fn kept_mail_of_an_entity_that_loses_its_state_is_dead() {
    everywhere(|options| {
        let (mut throng, a) = with_kept_mail(options);
        let entity = throng.entity(a.id()).unwrap();
        throng.world_mut().entity_mut(entity).remove::<Probe<0>>();
        settle_all(&mut throng);
        assert_eq!(throng.stats().mail.dead_by(DeadReason::NoState), 4);
    });
}

#[test]
fn the_host_takes_the_mailbox_off() {
    everywhere(|options| {
        let (mut throng, a) = with_kept_mail(options);
        let entity = throng.entity(a.id()).unwrap();
        throng.world_mut().entity_mut(entity).remove::<throng::Mailbox<Probe<0>>>();
        throng.tell(a, Say::Note(9));
        settle_all(&mut throng);
        assert!(!throng.is_alive(a));
        assert_eq!(throng.stats().mail.dead_by(DeadReason::Stopped), 5);
        assert!(throng.world().get_entity(entity).is_ok(), "the entity is the host's");
        // It may become an actor anew.
        let again: ActorRef<Probe<0>> = throng.adopt(entity).unwrap();
        assert_ne!(again, a);
        throng.tell(again, Say::Note(1));
        settle_all(&mut throng);
        assert_eq!(throng.state(again).unwrap().numbers(), [0, 1]);
    });
}

#[test]
fn adopting_has_clear_errors() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let entity = throng.world_mut().spawn(Probe::<0>::default()).id();
        let a = throng.adopt::<Probe<0>>(entity).unwrap();
        assert_eq!(throng.adopt::<Probe<0>>(entity), Err(AdoptError::Already(entity)));
        throng.tell(a, Say::Note(1));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, a), [1]);
        throng.world_mut().despawn(entity);
        assert_eq!(throng.adopt::<Probe<0>>(entity), Err(AdoptError::NoSuchEntity(entity)));
    });
}

/// The lists that spawning returns stay right when slots are used again in any order.
#[test]
fn lists_of_references_over_used_slots() {
    everywhere(|options| {
        let mut throng = fresh(options);
        let first = throng.spawn_many((0..100).map(|_| Probe::<0>::default())).to_vec();
        throng.stop_many([9, 7, 8, 50, 51, 3].map(|at| first[at]));
        throng.tick();
        let second = throng.spawn_many((0..20).map(|mark| Probe::<0> { mark, ..Probe::default() }));
        assert_eq!((second.len(), second.is_empty()), (20, false));
        assert_eq!(second.iter().len(), 20);
        for (mark, actor) in second.iter().enumerate() {
            assert_eq!(second.get(mark), Some(actor));
            assert_eq!(throng.state(actor).unwrap().mark, mark as u32);
        }
        let slots: Vec<_> = second.iter().take(6).map(|actor| actor.id().slot()).collect();
        assert_eq!(slots, [9, 7, 8, 50, 51, 3], "free slots in the order in which they became free");
        assert_eq!(second.get(20), None);
        assert!(throng.spawn_many(std::iter::empty::<Probe<0>>()).is_empty());
    });
}
