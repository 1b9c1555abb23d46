//! The child: one run of one bench of one peer.

use std::io::Write;
use std::process::ExitCode;

use super::Told;
use crate::cli::Order;
use crate::work::{Load, expected, memory};

/// Runs, checks and tells. Never returns: the actors are not torn down, as that
/// is no part of any bench.
pub fn child(order: &Order) -> ExitCode {
    let load = order.bench.fit(Load { actors: order.actors, messages: order.messages, threads: order.threads });
    let outcome = order.peer.run(order.bench, &load);
    let peak_rss_bytes = memory::peak();
    let wanted = expected::checksum(order.bench, &load);
    if outcome.checksum != wanted {
        eprintln!("checksum {:016x} instead of {wanted:016x}", outcome.checksum);
        std::process::exit(1);
    }
    let told = Told { outcome, peak_rss_bytes };
    let line = serde_json::to_string(&told).expect("plain numbers serialise");
    let mut out = std::io::stdout();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    std::process::exit(i32::from(written.is_err()));
}
