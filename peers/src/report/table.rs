//! The table.

use comfy_table::{CellAlignment, Table, presets};

use super::{Entry, base};
use crate::harness::name;

const HEAD: [&str; 9] = ["bench", "peer", "actors", "messages", "seconds", "M msg/s", "ns/msg", "ratio", "B/actor"];

/// Prints one row for each entry.
pub fn print(entries: &[Entry]) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(HEAD);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for entry in entries {
        table.add_row(row(entry, ratio(entry, entries)));
    }
    println!("{table}");
}

fn row(entry: &Entry, ratio: Option<f64>) -> [String; 9] {
    [
        name(entry.bench),
        name(entry.peer),
        entry.actors.to_string(),
        entry.messages.to_string(),
        format!("{:.3}", entry.seconds),
        number(entry.messages_per_s.map(|rate| rate / 1e6)),
        number(entry.ns_per_message),
        number(ratio),
        number(entry.bytes_per_actor),
    ]
}

fn ratio(entry: &Entry, entries: &[Entry]) -> Option<f64> {
    let base = base(entries, entry.bench)?.merit()?;
    Some(entry.merit()? / base)
}

/// About three digits.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 0.1 => format!("{value:.2}"),
        Some(value) => format!("{value:.4}"),
    }
}
