//! Statecharts: throng's pure core, XState where `node` and its package are installed, and statig's compiled machine.
//!
//! `chart_flat`: three states in a ring. `chart_parallel`: a parallel root with two regions of depth 3, with guards,
//! assigning, entry and exit actions; each event moves both regions. One instance, one thread, no actors.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its results")]

mod chart;
mod ring;
mod xstate;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use xstate::XState;

/// One bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
enum Bench {
    /// Three states in a ring
    ChartFlat,
    /// Two regions of depth 3 with guards and actions
    ChartParallel,
}

/// Who steps the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Peer {
    /// This crate
    Throng,
    /// XState v5, by node
    Xstate,
    /// The statig crate: a flat machine compiled to a match, as the limit
    Statig,
}

/// Measures statecharts.
#[derive(Parser)]
struct Options {
    /// Benches to run, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    bench: Vec<Bench>,
    /// Peers to run, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "X,Y")]
    peer: Vec<Peer>,
    /// Events for the compiled peers
    #[arg(long, value_name = "N", default_value_t = 20_000_000)]
    events: u64,
    /// Events for XState
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    xstate_events: u64,
    /// Runs of each; the median is reported
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// One line of JSON for each peer and bench instead of a table
    #[arg(long)]
    json: bool,
}

/// What one run gave.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
struct Outcome {
    seconds: f64,
    /// Of the flat chart the number of the active state; of the other its entries, exits and moves.
    counts: [u64; 3],
}

/// The median run of one peer in one bench.
#[derive(Serialize)]
struct Entry {
    peer: Peer,
    bench: Bench,
    events: u64,
    seconds: f64,
    events_per_s: f64,
    ns_per_event: f64,
    counts: [u64; 3],
}

fn main() -> ExitCode {
    let options = Options::parse();
    let benches = if options.bench.is_empty() { Bench::value_variants() } else { &options.bench };
    let peers = if options.peer.is_empty() { Peer::value_variants() } else { &options.peer };
    let xstate = peers.contains(&Peer::Xstate).then(XState::found).flatten();
    if !options.json {
        println!("{:<16} {:<8} {:>10} {:>12} {:>16}", "bench", "peer", "events", "ns an event", "events a s");
    }
    let mut failed = false;
    for &bench in benches {
        let wanted = |peer: &Peer| match peer {
            Peer::Throng => true,
            Peer::Xstate => xstate.is_some(),
            Peer::Statig => bench == Bench::ChartFlat,
        };
        let peers: Vec<Peer> = peers.iter().copied().filter(wanted).collect();
        for entry in measure(bench, &peers, xstate.as_ref(), &options) {
            match entry {
                Ok(entry) if options.json => println!("{}", serde_json::to_string(&entry).expect("plain numbers serialise")),
                Ok(Entry { peer, events, ns_per_event, events_per_s, .. }) => {
                    println!("{:<16} {:<8} {events:>10} {ns_per_event:>12.2} {events_per_s:>16.0}", name(bench), name(peer));
                }
                Err(error) => {
                    eprintln!("error: {}: {error}", name(bench));
                    failed = true;
                }
            }
        }
    }
    ExitCode::from(u8::from(failed))
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().expect("no value is skipped").get_name().to_owned()
}

/// Run 1 of all peers comes before run 2 of any, so that a machine that drifts drifts for all.
fn measure(bench: Bench, peers: &[Peer], xstate: Option<&XState>, options: &Options) -> Vec<Result<Entry, String>> {
    let mut seconds: Vec<Result<Vec<f64>, String>> = peers.iter().map(|_| Ok(Vec::new())).collect();
    let events = |peer| if peer == Peer::Xstate { options.xstate_events } else { options.events };
    for _ in 0..options.runs {
        for (&peer, seconds) in peers.iter().zip(&mut seconds) {
            let Ok(list) = seconds else { continue };
            match run(bench, peer, xstate, events(peer)) {
                Ok(one) => list.push(one),
                Err(error) => *seconds = Err(format!("{}: {error}", name(peer))),
            }
        }
    }
    let entry = |(&peer, seconds): (&Peer, Result<Vec<f64>, String>)| {
        let mut seconds = seconds?;
        seconds.sort_by(f64::total_cmp);
        let (seconds, events) = (seconds[seconds.len() / 2], events(peer));
        let each = seconds / events as f64;
        let counts = expected(bench, events);
        Ok(Entry { peer, bench, events, seconds, events_per_s: 1.0 / each, ns_per_event: each * 1e9, counts })
    };
    peers.iter().zip(seconds).map(entry).collect()
}

/// One run, checked.
fn run(bench: Bench, peer: Peer, xstate: Option<&XState>, events: u64) -> Result<f64, String> {
    let Outcome { seconds, counts } = match (bench, peer) {
        (Bench::ChartFlat, Peer::Throng) => chart::flat(events),
        (Bench::ChartParallel, Peer::Throng) => chart::parallel(events),
        (_, Peer::Xstate) => xstate.ok_or("it is not installed")?.run(bench, events)?,
        (_, Peer::Statig) => ring::run(events),
    };
    let wanted = expected(bench, events);
    if counts == wanted { Ok(seconds) } else { Err(format!("it counted {counts:?} instead of {wanted:?}")) }
}

/// What must be counted, by hand.
fn expected(bench: Bench, events: u64) -> [u64; 3] {
    if bench == Bench::ChartFlat {
        return [events % 3, 0, 0];
    }
    // At the start the two regions and their first states. Then of each region, by event: what is entered and left.
    let mut counts = [4, 0, 0];
    for at in 0..4 {
        let times = events / 4 + u64::from(events % 4 > at);
        let (entries, exits) = [(2, 1), (1, 1), (1, 1), (1, 2)][at as usize];
        for (count, each) in counts.iter_mut().zip([entries, exits, 1]) {
            *count += 2 * each * times;
        }
    }
    counts
}
