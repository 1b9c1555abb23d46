//! Memory of this process, read from /proc.

use std::fs;

/// Bytes now resident.
pub fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    let pages: Option<u64> = pages.and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}

/// The most bytes ever resident.
pub fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: Option<u64> = kib.and_then(|kib| kib.parse().ok());
    kib.unwrap_or(0) * 1024
}

/// Growth from `before` to `after`, shared among the actors.
pub fn per_actor(before: u64, after: u64, actors: u32) -> f64 {
    after.saturating_sub(before) as f64 / f64::from(actors)
}

const PAGE_BYTES: u64 = 4096;
