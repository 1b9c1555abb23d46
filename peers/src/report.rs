//! What a user sees: lines of JSON, or a table and a chart.

mod chart;
mod table;

pub use chart::draw as draw_chart;
pub use table::print as print_table;

use serde::Serialize;

use crate::bench::Bench;
use crate::peers::Peer;
use crate::work::{Load, Outcome};

/// The median run of one peer in one bench.
#[derive(Serialize)]
pub struct Entry {
    pub peer: Peer,
    pub bench: Bench,
    pub actors: u32,
    pub messages: u64,
    pub threads: usize,
    pub seconds: f64,
    pub messages_per_s: Option<f64>,
    pub ns_per_message: Option<f64>,
    pub peak_rss_bytes: u64,
    pub bytes_per_actor: Option<f64>,
    pub checksum: String,
}

impl Entry {
    pub fn new(peer: Peer, bench: Bench, load: &Load, outcome: &Outcome, peak: u64) -> Self {
        let seconds = outcome.seconds;
        let messages = (load.messages > 0).then_some(load.messages as f64);
        Self {
            peer,
            bench,
            actors: load.actors,
            messages: load.messages,
            threads: load.threads,
            seconds,
            messages_per_s: messages.map(|messages| messages / seconds),
            ns_per_message: messages.map(|messages| seconds * 1e9 / messages),
            peak_rss_bytes: peak,
            bytes_per_actor: outcome.bytes_per_actor,
            checksum: format!("{:016x}", outcome.checksum),
        }
    }

    /// How good this is, more being better: messages a second, or where there
    /// are none, actors a byte.
    fn merit(&self) -> Option<f64> {
        self.messages_per_s.or(self.bytes_per_actor.map(|bytes| 1.0 / bytes))
    }
}

/// Prints one line of JSON.
pub fn print_json(entry: &Entry) {
    let line = serde_json::to_string(entry).expect("plain numbers serialise");
    println!("{line}");
}

/// The entry others are compared with: throng if it ran, else the first peer.
fn base(entries: &[Entry], bench: Bench) -> Option<&Entry> {
    let mut same = entries.iter().filter(|entry| entry.bench == bench);
    let throng = same.clone().find(|entry| crate::harness::name(entry.peer) == "throng");
    throng.or_else(|| same.next())
}
