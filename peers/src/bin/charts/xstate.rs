//! XState's side: a script for node, in `peers/xstate`.

use std::path::PathBuf;
use std::process::Command;

use super::{Bench, Outcome, name};

/// The script, and all that it needs.
pub struct XState {
    script: PathBuf,
}

impl XState {
    /// `None` if there is no node here, or the package is not installed; says so.
    pub fn found() -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("xstate");
        if Command::new("node").arg("--version").output().is_err() {
            eprintln!("no node here: without XState");
            return None;
        }
        if !folder.join("node_modules/xstate").is_dir() {
            eprintln!("no package xstate here: without it; `npm ci` in {} installs it", folder.display());
            return None;
        }
        Some(Self { script: folder.join("charts.mjs") })
    }

    /// One run in a process of its own.
    pub fn run(&self, bench: Bench, events: u64) -> Result<Outcome, String> {
        let mut node = Command::new("node");
        node.env("NODE_ENV", "production").arg(&self.script).arg(name(bench)).arg(events.to_string());
        let output = node.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("unreadable answer: {error}"))
    }
}
