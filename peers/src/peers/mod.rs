//! The peers: one file each, each with one function `run`.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::bench::{Bench, Pace};
use crate::work::{Load, Outcome};

mod actix;
mod bevy;
mod kameo;
mod limit;
mod ractor;
mod throng;
mod tokio;
mod xtra;

/// One peer, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// This crate
    Throng,
    /// Plain arrays by hand: what the machine can do
    Limit,
    /// Plain bevy `Messages` by hand
    Bevy,
    /// Tokio tasks with unbounded channels
    Tokio,
    /// The actix crate
    Actix,
    /// The xtra crate
    Xtra,
    /// The kameo crate
    Kameo,
    /// The ractor crate
    Ractor,
}

impl Peer {
    /// Runs `bench` once in this process.
    pub fn run(self, bench: Bench, load: &Load) -> Outcome {
        match self {
            Self::Throng => throng::run(bench, load),
            Self::Limit => limit::run(bench, load),
            Self::Bevy => bevy::run(bench, load),
            Self::Tokio => tokio::run(bench, load),
            Self::Actix => actix::run(bench, load),
            Self::Xtra => xtra::run(bench, load),
            Self::Kameo => kameo::run(bench, load),
            Self::Ractor => ractor::run(bench, load),
        }
    }

    /// Whether this peer has the bench: not all have a way to ask.
    pub fn plays(self, bench: Bench) -> bool {
        match bench {
            Bench::Ask | Bench::AsyncAsk => matches!(self, Self::Throng | Self::Actix | Self::Kameo | Self::Ractor),
            _ => true,
        }
    }

    /// The load of a run, from what was asked for and what suits this peer.
    pub fn load(self, bench: Bench, actors: Option<u32>, messages: Option<u64>, threads: usize) -> Load {
        let load = Load {
            actors: actors.unwrap_or_else(|| self.default_actors(bench)),
            messages: messages.unwrap_or_else(|| self.default_messages(bench, threads)),
            threads,
        };
        bench.fit(load)
    }

    /// Kameo and ractor need many kilobytes an actor: a quarter has to do.
    fn default_actors(self, bench: Bench) -> u32 {
        match self {
            Self::Kameo | Self::Ractor if bench.is_crowded() => bench.default_actors() / 4,
            _ => bench.default_actors(),
        }
    }

    fn default_messages(self, bench: Bench, threads: usize) -> u64 {
        let all = bench.default_messages(self.pace());
        match self {
            Self::Kameo | Self::Ractor if bench.is_crowded() => all / 4,
            Self::Actix if threads > 1 && bench.is_one_token() => all / 10,
            Self::Bevy if threads > 1 && bench.is_short_batched() => all / 200,
            _ => all,
        }
    }

    fn pace(self) -> Pace {
        match self {
            Self::Limit => Pace::Hand,
            Self::Throng | Self::Bevy => Pace::Ticked,
            _ => Pace::Driven,
        }
    }
}
