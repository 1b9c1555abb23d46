//! The command line.

use clap::{Args, Parser, Subcommand};

use crate::bench::Bench;
use crate::peers::Peer;

/// Compares throng with other actor libraries and with a hand-written limit.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub child: Option<Hidden>,
    #[command(flatten)]
    pub options: Options,
}

/// What a user may ask for.
#[derive(Args)]
pub struct Options {
    /// Benches to run, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    pub bench: Vec<Bench>,
    /// Peers to run, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "X,Y")]
    pub peer: Vec<Peer>,
    /// Actors in every bench whose number of actors is free
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub actors: Option<u32>,
    /// Messages in every bench, rounded up to whole rounds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: Option<u64>,
    /// Threads that may run actors
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = threads)]
    pub threads: usize,
    /// Runs of each; the median is reported
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// One line of JSON for each peer and bench instead of a table
    #[arg(long)]
    pub json: bool,
}

/// What only this program asks of itself.
#[derive(Subcommand)]
pub enum Hidden {
    /// Runs one bench of one peer in this process
    #[command(hide = true)]
    Child(Order),
}

/// One run in a process of its own.
#[derive(Args, Clone, Copy)]
pub struct Order {
    #[arg(long)]
    pub peer: Peer,
    #[arg(long)]
    pub bench: Bench,
    #[arg(long)]
    pub actors: u32,
    #[arg(long)]
    pub messages: u64,
    #[arg(long)]
    pub threads: usize,
}

const THREADS_MAX: usize = 1024;

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=THREADS_MAX) => Ok(threads),
        _ => Err(format!("a whole number from 1 to {THREADS_MAX}")),
    }
}
