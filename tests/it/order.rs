//! G1: mail from one sender to one receiver arrives in the order sent.

use std::collections::HashMap;

use bevy_ecs::component::Component;
use throng::prelude::*;

use crate::support::*;

/// Senders in three blocks tell a few receivers; every sender's numbers arrive ascending.
fn fifo_with(options: ThrongOptions, mailbox: MailboxConfig<Say<1>>) {
    let mut throng = Throng::new(options);
    throng.register::<Probe<0>>().unwrap();
    throng.register_with(ActorConfig::<Probe<1>>::new().mailbox(mailbox)).unwrap();
    let crowd = throng.spawn_many((0..2 * BLOCK + 100).map(|_| Probe::<0>::default()));
    let readers = throng.spawn_many((0..BLOCK + 5).map(|_| Probe::<1>::default())).to_vec();
    let readers = [readers[0], readers[1], readers[BLOCK + 1]];
    for sender in crowd.iter().step_by(1_000) {
        let job = act(move |me: &mut Probe<0>, cx| {
            for _ in 0..7 {
                for reader in readers {
                    cx.tell(reader, Say::Note(me.mark));
                }
                me.mark += 1;
            }
            Ok(())
        });
        for _ in 0..3 {
            throng.tell(sender, job.clone());
        }
    }
    settle_all(&mut throng);
    let senders = crowd.iter().step_by(1_000).count();
    for reader in readers {
        let heard = &throng.state(reader).unwrap().heard;
        assert_eq!(heard.len(), senders * 21);
        let mut by_sender: HashMap<ActorId, Vec<u32>> = HashMap::new();
        for note in heard {
            by_sender.entry(note.from.unwrap()).or_default().push(note.n);
        }
        assert!(by_sender.values().all(|got| got.iter().copied().eq(0..21)));
    }
}

#[test]
fn straight() {
    everywhere(|options| fifo_with(options, MailboxConfig::default()));
}

#[test]
fn kept_within_a_budget() {
    everywhere(|options| fifo_with(options, MailboxConfig::default().budget(3).unwrap()));
}

#[test]
fn parked_with_muted_senders() {
    everywhere(|options| fifo_with(options, MailboxConfig::new(4).unwrap()));
}

#[test]
fn parked_with_capacity_and_budget_one() {
    everywhere(|options| fifo_with(options, MailboxConfig::new(1).unwrap().budget(1).unwrap()));
}

#[test]
fn equal_priorities_keep_order() {
    everywhere(|options| fifo_with(options, MailboxConfig::default().priority(|_| 7)));
}

#[test]
fn from_outside_in_order() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let a = throng.spawn(Probe::<0>::default());
        (0..900).for_each(|n| throng.tell(a, Say::Note(n)));
        throng.tell_many((900..1000).map(|n| (a, Say::Note(n))));
        settle_all(&mut throng);
        assert!(numbers(&mut throng, a).into_iter().eq(0..1000));
    });
}

#[test]
fn a_broadcast_keeps_its_place_between_tells() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let crowd = throng.spawn_many((0..BLOCK * 2 + 9).map(|_| Probe::<0>::default()));
        let targets: Vec<_> = crowd.iter().step_by(500).collect();
        let sender = crowd.get(17).unwrap();
        let to = targets.clone();
        throng.tell(
            sender,
            act(move |_, cx| {
                for round in 0..5 {
                    cx.tell_all(to.iter().copied(), Say::Note(round * 3));
                    cx.broadcast::<Probe<0>>(Say::Note(round * 3 + 1));
                    cx.tell_all(to.iter().copied(), Say::Note(round * 3 + 2));
                }
                Ok(())
            }),
        );
        settle_all(&mut throng);
        for target in targets {
            assert!(numbers(&mut throng, target).into_iter().eq(0..15));
        }
        let other = crowd.get(1).unwrap();
        assert_eq!(numbers(&mut throng, other), [1, 4, 7, 10, 13]);
    });
}

/// Postpones what it cannot take while it is shut.
#[derive(Component, Default)]
struct Gate {
    open: bool,
    took: Vec<u32>,
}

#[derive(Clone)]
enum GateMsg {
    Pass(u32),
    Open,
    Shut,
}

impl Actor for Gate {
    type Msg = GateMsg;
    type Params = ();
    fn handle(&mut self, msg: GateMsg, cx: &Context<'_, Self>) -> Handled {
        match msg {
            GateMsg::Pass(n) if self.open => self.took.push(n),
            GateMsg::Pass(n) => cx.postpone(GateMsg::Pass(n)),
            GateMsg::Open => {
                self.open = true;
                cx.replay_postponed();
            }
            GateMsg::Shut => self.open = false,
        }
        Ok(())
    }
}

fn gate_with(options: ThrongOptions, mailbox: MailboxConfig<GateMsg>) {
    let mut throng = Throng::new(options);
    throng.register_with(ActorConfig::<Gate>::new().mailbox(mailbox)).unwrap();
    let gate = throng.spawn(Gate::default());
    use GateMsg::{Open, Pass, Shut};
    let script = [Pass(0), Pass(1), Open, Pass(2), Shut, Pass(3), Pass(4), Open, Pass(5)];
    throng.tell_many(script.into_iter().map(|msg| (gate, msg)));
    settle_all(&mut throng);
    assert_eq!(throng.state(gate).unwrap().took, [0, 1, 2, 3, 4, 5]);
    // Over several ticks.
    for msg in [Shut, Pass(6), Pass(7), Pass(8)] {
        throng.tell(gate, msg);
        throng.tick();
    }
    assert_eq!(throng.stats().mail.queued, 3);
    throng.tell(gate, Open);
    throng.tell(gate, Pass(9));
    settle_all(&mut throng);
    assert!(throng.state(gate).unwrap().took.iter().copied().eq(0..10));
}

#[test]
fn postponed_and_replayed() {
    everywhere(|options| gate_with(options, MailboxConfig::default()));
}

#[test]
fn postponed_and_replayed_within_a_budget() {
    for budget in [1, 2, 5] {
        everywhere(move |options| {
            gate_with(options, MailboxConfig::default().budget(budget).unwrap());
        });
    }
}

/// Postponed mail counts against the capacity once, however busy the neighbours are.
#[test]
fn postponed_mail_counts_once() {
    for busy in [0, 400] {
        everywhere(move |options| {
            let mut throng = Throng::new(options);
            let mailbox = MailboxConfig::new(4).unwrap().overflow(Overflow::DropNewest);
            throng.register_with(ActorConfig::<Gate>::new().mailbox(mailbox)).unwrap();
            let gates = throng.spawn_many((0..200).map(|_| Gate::default()));
            let gate = gates.get(0).unwrap();
            throng.tell(gate, GateMsg::Shut);
            (0..3).for_each(|n| throng.tell(gate, GateMsg::Pass(n)));
            for n in 0..busy {
                throng.tell(gates.get(1 + n % 199).unwrap(), GateMsg::Shut);
            }
            throng.tick();
            assert_eq!(throng.stats().mail.overflowed, 0, "4 messages fit into 4 places");
        });
    }
}

/// What is sent in a round is handled in the next, whichever types are awake.
#[test]
fn mail_is_handled_in_the_next_round() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register::<Probe<0>>().unwrap();
        throng.register::<Probe<1>>().unwrap();
        let (a, b) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<1>::default()));
        throng.tell(
            a,
            act(move |_, cx| {
                cx.tell(b, Say::Note(cx.round()));
                Ok(())
            }),
        );
        throng.tell(
            b,
            act(move |_, cx| {
                cx.tell(a, Say::Note(cx.round()));
                Ok(())
            }),
        );
        throng.tick();
        let heard_b = throng.state(b).unwrap().heard.clone();
        let heard_a = throng.state(a).unwrap().heard.clone();
        assert_eq!((heard_a[0].n, heard_a[0].round), (0, 1));
        assert_eq!((heard_b[0].n, heard_b[0].round), (0, 1), "handled in the round it was sent in");
    });
}

#[test]
fn one_round_a_tick_is_one_hop_a_tick() {
    everywhere(|options| {
        let mut throng = Throng::new(options.rounds_max(1));
        throng.register::<Probe<0>>().unwrap();
        throng.register::<Probe<1>>().unwrap();
        let (a, b) = (throng.spawn(Probe::<0>::default()), throng.spawn(Probe::<1>::default()));
        throng.tell(b, Say::Note(0));
        throng.tell(
            a,
            act(move |_, cx| {
                cx.tell(b, Say::Note(1));
                Ok(())
            }),
        );
        throng.tick();
        assert_eq!(numbers(&mut throng, b), [0]);
        throng.tick();
        assert_eq!(numbers(&mut throng, b), [0, 1]);
    });
}

#[test]
fn higher_priority_comes_first() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let mailbox = MailboxConfig::default().priority(|msg| match msg {
            Say::Note(n) => (*n % 3) as u8,
            Say::Do(_) => 0,
        });
        throng.register_with(ActorConfig::<Probe<0>>::new().mailbox(mailbox)).unwrap();
        let a = throng.spawn(Probe::<0>::default());
        (0..9).for_each(|n| throng.tell(a, Say::Note(n)));
        settle_all(&mut throng);
        assert_eq!(numbers(&mut throng, a), [2, 5, 8, 1, 4, 7, 0, 3, 6]);
    });
}
