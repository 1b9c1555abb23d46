//! Names and topics: who is found, who is reached, and who no longer.

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{NameError, TopicError};

use crate::support::{BLOCK, Probe, Say, act, everywhere, fail, numbers, settle_all};

#[test]
fn a_name_is_seen_from_the_next_round_on_and_released_at_the_end() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (a, b) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<0>::default()));
        throng.tell(
            a,
            act(|probe, cx| {
                cx.register_name("king")?;
                assert_eq!(cx.whereis::<Probe<0>>("king"), None, "not yet");
                probe.mark = 1;
                cx.tell(
                    cx.me(),
                    act(|probe, cx| {
                        assert_eq!(cx.whereis::<Probe<0>>("king"), Some(cx.me()));
                        assert_eq!(cx.whereis::<Probe<1>>("king"), None, "of another type");
                        probe.mark = 2;
                        Ok(())
                    }),
                );
                Ok(())
            }),
        );
        throng.tick();
        assert_eq!(throng.state(a).unwrap().mark, 2);
        assert_eq!(throng.register_name("king", b), Err(NameError::Taken { name: "king".into(), by: a.id() }));
        throng.tell(
            b,
            act(move |probe, cx| {
                assert_eq!(cx.register_name("king"), Err(NameError::Taken { name: "king".into(), by: a.id() }));
                cx.unregister_name("king");
                probe.mark = 3;
                Ok(())
            }),
        );
        throng.tick();
        assert_eq!((throng.state(b).unwrap().mark, throng.whereis("king")), (3, Some(a)), "not b's to give up");
        throng.stop(a);
        assert_eq!(throng.whereis::<Probe<0>>("king"), None);
        assert_eq!(throng.register_name("king", b), Ok(()));
        assert_eq!(throng.unregister_name("king"), Some(b.id()));
        assert!(matches!(throng.register_name("king", a), Err(NameError::NotAlive { .. })));
    });
}

#[test]
fn of_two_that_take_a_name_at_once_the_first_gets_it_and_the_other_fails() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let actors: Vec<_> = (0..3).map(|_| throng.spawn(Probe::<0>::default())).collect();
        for &actor in actors.iter().rev() {
            throng.tell(
                actor,
                act(|_, cx| {
                    cx.register_name("king")?;
                    Ok(())
                }),
            );
        }
        throng.tick();
        assert_eq!(throng.whereis("king"), Some(actors[2]));
        assert_eq!(actors.iter().map(|&actor| throng.is_alive(actor)).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(throng.stats().failures, 2);
    });
}

#[test]
fn a_failing_call_names_and_joins_nothing() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let topic: Topic<Say<0>> = throng.topic("t").unwrap();
        let a = throng.spawn_with(|_| Probe::<0>::default());
        throng.tell(
            a,
            act(move |_, cx| {
                cx.register_name("king")?;
                cx.subscribe(topic);
                cx.publish(topic, Say::Note(1));
                Err(throng::ActorFailure::msg("as told"))
            }),
        );
        throng.tick();
        assert_eq!((throng.whereis::<Probe<0>>("king"), throng.members(topic)), (None, vec![]));
    });
}

#[test]
fn a_topic_reaches_those_who_were_members_when_the_round_began() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let topic: Topic<Say<0>> = throng.topic("t").unwrap();
        let [a, b, late, gone] = std::array::from_fn(|_| throng.spawn(Probe::<0>::default()));
        for actor in [a, b, gone] {
            assert!(throng.subscribe(topic, actor));
            assert!(throng.subscribe(topic, actor), "twice is once");
        }
        throng.tell(
            late,
            act(move |_, cx| {
                cx.subscribe(topic);
                cx.tell(b, Say::Note(1));
                cx.publish(topic, Say::Note(2));
                cx.tell(b, Say::Note(3));
                Ok(())
            }),
        );
        throng.tell(
            b,
            act(move |_, cx| {
                cx.unsubscribe(topic);
                cx.stop(gone);
                Ok(())
            }),
        );
        throng.tick();
        assert_eq!(numbers(&mut throng, b), [1, 2, 3], "in its place, and sent while it was a member");
        assert_eq!((numbers(&mut throng, a), numbers(&mut throng, late)), (vec![2], vec![]));
        assert_eq!(throng.state(b).unwrap().heard[1].from, Some(late.id()));
        assert_eq!(throng.members(topic), [a.id(), late.id()]);
        throng.publish(topic, Say::Note(4));
        throng.tick();
        assert_eq!((numbers(&mut throng, a), numbers(&mut throng, late)), (vec![2, 4], vec![4]));
        assert_eq!(numbers(&mut throng, b).len(), 3);
        settle_all(&mut throng);
        assert!(matches!(throng.topic::<u32>("t"), Err(TopicError::OtherType { .. })));
    });
}

#[test]
fn a_slots_new_holder_is_no_member() {
    let mut throng = Throng::new(ThrongOptions::new().threads(1).rounds_max(1));
    let topic: Topic<Say<0>> = throng.topic("t").unwrap();
    let old = throng.spawn(Probe::<0>::default());
    throng.subscribe(topic, old);
    throng.publish(topic, Say::Note(1));
    throng.stop(old);
    let new = throng.spawn(Probe::<0>::default());
    assert_eq!(old.id().slot(), new.id().slot());
    throng.run_ticks(3);
    assert_eq!((numbers(&mut throng, new), throng.members(topic)), (vec![], vec![]));
}

/// News as two types of reader understand them.
#[derive(Clone, Copy)]
struct News(u64);

#[derive(Component, Hash)]
struct Reader(u64);

enum Read {
    News(News),
    Act(Topic<News>),
}

impl From<News> for Read {
    fn from(news: News) -> Self {
        Self::News(news)
    }
}

impl Actor for Reader {
    type Msg = Read;
    type Params = ();

    fn handle(&mut self, msg: Read, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Read::News(News(n)) => self.0 = self.0.wrapping_mul(31).wrapping_add(n),
            Read::Act(topic) => match self.0 % 5 {
                0 => cx.subscribe(topic),
                1 => cx.unsubscribe(topic),
                2 if self.0.is_multiple_of(311) => cx.publish(topic, News(self.0)),
                3 => {
                    let name = format!("{}", self.0 % 1_000);
                    if cx.register_name(name).is_err() {
                        self.0 += 1;
                    }
                }
                _ if self.0.is_multiple_of(29) => cx.stop_self(),
                _ => self.0 += 3,
            },
        }
        Ok(())
    }
}

#[derive(Component, Hash)]
struct Page(Vec<u64>);

impl Actor for Page {
    type Msg = News;
    type Params = ();

    fn handle(&mut self, News(n): News, _: &Context<'_, Self>) -> Handled {
        self.0.push(n);
        Ok(())
    }
}

#[test]
fn names_and_topics_are_the_same_on_any_number_of_threads() {
    let run = |options: ThrongOptions| {
        let mut throng = Throng::new(options);
        throng.register_with(ActorConfig::<Reader>::new().digest()).unwrap();
        throng.register_with(ActorConfig::<Page>::new().digest()).unwrap();
        let topic = throng.topic("news").unwrap();
        let crowd = throng.spawn_many((0..3 * BLOCK as u64 + 7).map(Reader));
        let page = throng.spawn(Page(Vec::new()));
        throng.subscribe(topic, page);
        let digests: Vec<u64> = (0..12)
            .map(|_| {
                throng.tell_many(crowd.iter().map(|reader| (reader, Read::Act(topic))));
                throng.tick();
                assert!(throng.stats().mail.is_balanced());
                throng.digest()
            })
            .collect();
        assert!(throng.members(topic).len() > 1_000);
        assert!(throng.state(page).unwrap().0.len() > 30);
        digests
    };
    let one = run(ThrongOptions::new().threads(1));
    for options in [ThrongOptions::new().threads(2).share_always(true), ThrongOptions::new().threads(8).share_always(true)] {
        assert_eq!(run(options), one);
    }
}

#[test]
fn a_name_of_who_crashed_is_free_in_the_next_round() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (a, b) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<0>::default()));
        throng.register_name("king", a).unwrap();
        throng.tell(a, fail());
        let heir = act(move |_, cx| {
            assert!(matches!(cx.register_name("king"), Err(NameError::Taken { .. })), "in the round of the crash");
            let again = act(|probe: &mut Probe<0>, cx: &Context<'_, Probe<0>>| {
                probe.mark = 1 + cx.round();
                cx.register_name("king").map_err(Into::into)
            });
            cx.tell(cx.me(), again);
            Ok(())
        });
        throng.tell(b, heir);
        throng.tick();
        assert!(!throng.is_alive(a), "there is no way to make it anew");
        assert_eq!((throng.state(b).unwrap().mark, throng.whereis("king")), (2, Some(b)));
    });
}

#[test]
fn members_that_stop_while_something_is_published_are_left_out() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let members: Vec<_> = (0..5).map(|_| throng.spawn(Probe::<0>::default())).collect();
        let topic = throng.topic::<Say<0>>("news").unwrap();
        for &member in &members {
            assert!(throng.subscribe(topic, member));
        }
        throng.publish(topic, Say::Note(1));
        throng.tell(
            members[0],
            act(move |_, cx| {
                cx.publish(topic, Say::Note(2));
                cx.stop_self();
                Ok(())
            }),
        );
        throng.tell(members[3], fail());
        throng.tick();
        assert_eq!(throng.members(topic), [members[1].id(), members[2].id(), members[4].id()]);
        for member in [1, 2, 4] {
            assert_eq!(throng.state(members[member]).unwrap().numbers(), [1, 2]);
        }
        let mail = throng.stats().mail;
        assert!(mail.is_balanced() && mail.queued == 0, "{mail:?}");
    });
}
