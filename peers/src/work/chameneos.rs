//! Chameneos: creatures meet in pairs at one mall and change colour.
//!
//! A meeting is four messages: two requests to the mall, the mall's word to the
//! creature that waited, and that creature's word to the other.

use super::behaviour::{Behaviour, Outbox, Scene};
use super::random::mix;

/// One of three colours.
#[derive(Clone, Copy, PartialEq)]
pub enum Colour {
    Blue,
    Red,
    Yellow,
}

impl Colour {
    const ALL: [Self; 3] = [Self::Blue, Self::Red, Self::Yellow];

    /// The colour both have after a meeting.
    fn complement(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        Self::ALL[3 - self as usize - other as usize]
    }
}

/// What is said in the mall.
#[derive(Clone, Copy)]
pub enum Talk {
    /// A creature begins.
    Start,
    /// A creature of this colour is ready, or is met.
    Meet { from: u32, colour: Colour },
    /// The other one has changed to this.
    Change(Colour),
    /// No more meetings.
    Exit,
    /// A creature's last word: how often it has met.
    Met(u64),
}

/// The mall has the index after the last creature.
pub enum Chameneos {
    Mall(Mall),
    Creature(Creature),
}

/// Pairs creatures in order of arrival.
pub struct Mall {
    waiting: Option<u32>,
    left: u64,
    present: u32,
    total: u64,
}

/// Meets until it is told to stop.
pub struct Creature {
    me: u32,
    mall: u32,
    colour: Colour,
    met: u64,
}

impl Mall {
    #[inline]
    fn handle<O: Outbox<Talk>>(&mut self, talk: Talk, out: &mut O) {
        match talk {
            Talk::Meet { from, .. } if self.left == 0 => out.send(from, Talk::Exit),
            Talk::Meet { from, .. } => match self.waiting.take() {
                None => self.waiting = Some(from),
                Some(first) => {
                    self.left -= 1;
                    out.send(first, talk);
                }
            },
            Talk::Met(count) => self.leave(count, out),
            _ => unreachable!("only creatures hear this"),
        }
    }

    fn leave<O: Outbox<Talk>>(&mut self, count: u64, out: &mut O) {
        self.total += count;
        self.present -= 1;
        if self.present == 0 {
            out.add(mix(self.total));
            out.arrive();
        }
    }
}

impl Creature {
    #[inline]
    fn handle<O: Outbox<Talk>>(&mut self, talk: Talk, out: &mut O) {
        match talk {
            Talk::Start => {}
            Talk::Meet { from, colour } => {
                self.colour = self.colour.complement(colour);
                self.met += 1;
                out.send(from, Talk::Change(self.colour));
            }
            Talk::Change(colour) => {
                self.colour = colour;
                self.met += 1;
            }
            Talk::Exit => return out.send(self.mall, Talk::Met(self.met)),
            Talk::Met(_) => unreachable!("only the mall hears this"),
        }
        let (from, colour) = (self.me, self.colour);
        out.send(self.mall, Talk::Meet { from, colour });
    }
}

impl Behaviour for Chameneos {
    type Msg = Talk;

    #[inline]
    fn handle<O: Outbox<Talk>>(&mut self, talk: Talk, out: &mut O) {
        match self {
            Self::Mall(mall) => mall.handle(talk, out),
            Self::Creature(creature) => creature.handle(talk, out),
        }
    }
}

/// `creatures` creatures and a mall; `messages / 4` meetings.
pub fn scene(creatures: u32, messages: u64) -> Scene<Chameneos> {
    let make = move |me| {
        if me == creatures {
            return Chameneos::Mall(Mall { waiting: None, left: messages / 4, present: creatures, total: 0 });
        }
        Chameneos::Creature(Creature { me, mall: creatures, colour: Colour::ALL[me as usize % 3], met: 0 })
    };
    Scene {
        size: creatures + 1,
        make: Box::new(make),
        kicks: (0..creatures).map(|to| (to, Talk::Start)).collect(),
        awaited: 1,
        audit: None,
    }
}

/// Every meeting is counted by two creatures.
pub fn expected(messages: u64) -> u64 {
    mix(2 * (messages / 4))
}
