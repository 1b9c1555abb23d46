//! Counting: one producer floods one counter, then asks for the total.
//!
//! The counter answers when it has been asked and has counted all: xtra's
//! mailbox is a heap and keeps no order, so the question may come early.

use super::behaviour::{Behaviour, Outbox, Scene};

/// Messages a producer sends in one handler before it lets others run.
pub const BURST: u64 = 10_000;

/// Index of the producer.
const PRODUCER: u32 = 0;
/// Index of the counter.
const COUNTER: u32 = 1;

/// What the two say.
#[derive(Clone, Copy)]
pub enum Word {
    /// The producer sends its next burst.
    Produce,
    /// The counter adds this.
    Add(u64),
    /// The counter tells its total.
    Total,
}

/// The two actors.
pub enum Counting {
    /// Has sent `sent` of `all`.
    Producer { sent: u64, all: u64 },
    /// Waits for `left` more additions and, unless `asked`, for the question.
    Counter { total: u64, left: u64, asked: bool },
}

impl Behaviour for Counting {
    type Msg = Word;

    #[inline]
    fn handle<O: Outbox<Word>>(&mut self, word: Word, out: &mut O) {
        match (self, word) {
            (Self::Counter { total, left, asked }, Word::Add(value)) => {
                *total = total.wrapping_add(value);
                *left -= 1;
                if *left == 0 && *asked {
                    answer(*total, out);
                }
            }
            (Self::Counter { total, left, asked }, Word::Total) => {
                *asked = true;
                if *left == 0 {
                    answer(*total, out);
                }
            }
            (Self::Producer { sent, all }, Word::Produce) => produce(sent, *all, out),
            _ => unreachable!("each word has one reader"),
        }
    }
}

fn answer<O: Outbox<Word>>(total: u64, out: &mut O) {
    out.add(total);
    out.arrive();
}

fn produce<O: Outbox<Word>>(sent: &mut u64, all: u64, out: &mut O) {
    let end = all.min(*sent + BURST);
    for value in *sent..end {
        out.send(COUNTER, Word::Add(value ^ 1));
    }
    *sent = end;
    if end == all {
        out.send(COUNTER, Word::Total);
    } else {
        out.send(PRODUCER, Word::Produce);
    }
}

/// One producer, one counter, `messages` additions.
pub fn scene(messages: u64) -> Scene<Counting> {
    Scene {
        size: 2,
        make: Box::new(move |me| match me {
            PRODUCER => Counting::Producer { sent: 0, all: messages },
            _ => Counting::Counter { total: 0, left: messages, asked: false },
        }),
        kicks: vec![(PRODUCER, Word::Produce)],
        awaited: 1,
        audit: None,
    }
}

/// The total of the counter.
pub fn expected(messages: u64) -> u64 {
    (0..messages).fold(0, |sum, value| u64::wrapping_add(sum, value ^ 1))
}
