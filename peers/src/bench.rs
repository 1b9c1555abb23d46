//! The benches: their names, sizes and defaults.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::work::Load;
use crate::work::route::ACTIVE;

/// One bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bench {
    /// Two actors, one message back and forth
    Pingpong,
    /// A hundred actors in a circle, one token
    Ring,
    /// One producer floods one counter
    Counting,
    /// One driver deals jobs to sixty workers
    Fjthroughput,
    /// Actors are made, handle one message and stop
    Create,
    /// Actors ping random others and wait for the pong
    Big,
    /// Creatures meet in pairs at one mall
    Chameneos,
    /// One actor asks another, one question after the other
    Ask,
    /// A message starts an asynchronous handler that awaits one answer, again and again
    #[value(name = "async_ask")]
    #[serde(rename = "async_ask")]
    AsyncAsk,
    /// Rounds: everyone to a random actor
    Scatter,
    /// Rounds: everyone to an actor drawn by Zipf's law
    Zipf,
    /// Rounds: everyone to a near neighbour
    Local,
    /// Rounds: a thousand messages among very many idle actors
    Sparse,
    /// Rounds: one actor to all
    Broadcast,
    /// Rounds: all to one actor
    Fanin,
    /// Actors that do nothing: their memory
    Idle,
}

/// How fast a peer is in the large, which sets the default number of messages.
#[derive(Clone, Copy)]
pub enum Pace {
    /// Written by hand for one bench.
    Hand,
    /// Works in ticks over batches.
    Ticked,
    /// Runs an actor for each message.
    Driven,
}

const MILLION: u64 = 1_000_000;

impl Bench {
    /// Actors if none are asked for.
    pub fn default_actors(self) -> u32 {
        match self {
            Self::Pingpong | Self::Counting | Self::Ask | Self::AsyncAsk => 2,
            Self::Ring | Self::Chameneos => 100,
            Self::Fjthroughput => 60,
            Self::Big => 120,
            _ => 1_000_000,
        }
    }

    /// Messages for about a second at `pace`, if none are asked for.
    pub fn default_messages(self, pace: Pace) -> u64 {
        let [hand, ticked, driven] = match self {
            Self::Pingpong | Self::Ring => [400, 10, 1],
            Self::Ask | Self::AsyncAsk => [1, 5, 1],
            Self::Counting | Self::Fjthroughput => [400, 100, 10],
            Self::Big | Self::Chameneos => [200, 50, 4],
            Self::Scatter | Self::Zipf => [100, 30, 2],
            Self::Local => [100, 50, 2],
            Self::Sparse => [20, 5, 1],
            Self::Broadcast | Self::Fanin => [400, 100, 3],
            Self::Create | Self::Idle => [1, 1, 1],
        };
        match pace {
            Pace::Hand => hand * MILLION,
            Pace::Ticked => ticked * MILLION,
            Pace::Driven => driven * MILLION,
        }
    }

    /// Whether a million actors are its point.
    pub fn is_crowded(self) -> bool {
        self.default_actors() == 1_000_000
    }

    /// Whether one message at a time is under way.
    pub fn is_one_token(self) -> bool {
        matches!(self, Self::Pingpong | Self::Ring)
    }

    /// Whether only a few messages are ever under way, so that a tick costs
    /// more than its mail.
    pub fn is_short_batched(self) -> bool {
        self.is_one_token() || matches!(self, Self::Big | Self::Chameneos)
    }

    /// Fits a load to what the bench can do: whole rounds, whole meetings.
    pub fn fit(self, mut load: Load) -> Load {
        load.actors = match self {
            Self::Pingpong | Self::Counting | Self::Ask | Self::AsyncAsk => 2,
            Self::Ring | Self::Big | Self::Chameneos => load.actors.max(2),
            _ if self.goes_in_rounds() => load.actors.max(ACTIVE),
            _ => load.actors.max(1),
        };
        load.messages = match self {
            Self::Create => u64::from(load.actors),
            Self::Idle => 0,
            _ => load.messages.max(1).next_multiple_of(self.unit(&load)),
        };
        load
    }

    /// Rounds of a fitted load; 0 where there are none.
    pub fn rounds(self, load: &Load) -> u32 {
        if !self.goes_in_rounds() {
            return 0;
        }
        u32::try_from(load.messages / self.unit(load)).unwrap_or(u32::MAX)
    }

    fn goes_in_rounds(self) -> bool {
        use Bench::{Broadcast, Fanin, Local, Scatter, Sparse, Zipf};
        matches!(self, Scatter | Zipf | Local | Sparse | Broadcast | Fanin)
    }

    /// Messages come in multiples of this.
    fn unit(self, load: &Load) -> u64 {
        let actors = u64::from(load.actors);
        match self {
            Self::Pingpong | Self::Ring | Self::Counting | Self::Ask | Self::AsyncAsk => 1,
            Self::Create | Self::Idle => 1,
            Self::Chameneos => 4,
            Self::Big => 2 * actors,
            Self::Sparse => u64::from(ACTIVE),
            Self::Fjthroughput => actors,
            Self::Scatter | Self::Zipf | Self::Local | Self::Broadcast | Self::Fanin => actors,
        }
    }
}
