//! Runs every measurement in a fresh process, interleaved over the peers.

mod child;
mod parent;

pub use child::child;
pub use parent::{name, parent};

use serde::{Deserialize, Serialize};

use crate::work::Outcome;

/// What a child tells its parent, as one line of JSON.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Told {
    outcome: Outcome,
    peak_rss_bytes: u64,
}
