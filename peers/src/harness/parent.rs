//! The parent: starts the children, takes medians, reports.

use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::Told;
use crate::bench::Bench;
use crate::cli::Options;
use crate::peers::Peer;
use crate::report::{self, Entry};
use crate::work::Load;

/// Runs all that was asked for; fails if any run failed.
pub fn parent(options: &Options) -> ExitCode {
    let benches = all_if_none(&options.bench);
    let peers = all_if_none(&options.peer);
    let mut entries = Vec::new();
    let mut failed = false;
    for bench in benches {
        let peers: Vec<Peer> = peers.iter().copied().filter(|peer| peer.plays(bench)).collect();
        for entry in measure(bench, &peers, options) {
            match entry {
                Ok(entry) => {
                    if options.json {
                        report::print_json(&entry);
                    }
                    entries.push(entry);
                }
                Err(error) => {
                    failed = true;
                    eprintln!("error: {error}");
                }
            }
        }
    }
    if !options.json {
        report::print_table(&entries);
        failed |= !report::draw_chart(&entries);
    }
    ExitCode::from(u8::from(failed))
}

fn all_if_none<T: ValueEnum + Clone>(asked: &[T]) -> Vec<T> {
    if asked.is_empty() {
        return T::value_variants().to_vec();
    }
    asked.to_vec()
}

/// Measures one bench: run 1 of all peers, then run 2 of all, so that a machine
/// that drifts drifts for all. A peer that has failed is not run again.
fn measure(bench: Bench, peers: &[Peer], options: &Options) -> Vec<Result<Entry, String>> {
    let load = |peer: Peer| peer.load(bench, options.actors, options.messages, options.threads);
    let mut told: Vec<Result<Vec<Told>, String>> = peers.iter().map(|_| Ok(Vec::new())).collect();
    for run in 1..=options.runs {
        for (&peer, told) in peers.iter().zip(&mut told) {
            let Ok(runs) = told else { continue };
            if !options.json {
                eprint!("\r\x1b[K{} {} {run}/{}", name(bench), name(peer), options.runs);
            }
            match run_child(peer, bench, &load(peer)) {
                Ok(one) => runs.push(one),
                Err(error) => *told = Err(format!("{} {}: {error}", name(peer), name(bench))),
            }
        }
    }
    if !options.json {
        eprint!("\r\x1b[K");
    }
    let entry = |(&peer, told): (&Peer, Result<Vec<Told>, String>)| {
        let Told { outcome, peak_rss_bytes } = median(told?);
        Ok(Entry::new(peer, bench, &load(peer), &outcome, peak_rss_bytes))
    };
    peers.iter().zip(told).map(entry).collect()
}

/// The name under which a value is asked for.
pub fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value().expect("no value is skipped");
    value.get_name().to_owned()
}

/// The run in the middle by time; of an even number the slower one.
fn median(mut told: Vec<Told>) -> Told {
    told.sort_by(|a, b| a.outcome.seconds.total_cmp(&b.outcome.seconds));
    told[told.len() / 2]
}

/// No run may take longer.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How often a parent looks after its child.
const LOOK: Duration = Duration::from_millis(5);
/// Lines of a failed child's standard error that are shown.
const LINES_SHOWN: usize = 3;

fn run_child(peer: Peer, bench: Bench, load: &Load) -> Result<Told, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .args(["child", "--peer", &name(peer), "--bench", &name(bench)])
        .args(["--actors", &load.actors.to_string()])
        .args(["--messages", &load.messages.to_string()])
        .args(["--threads", &load.threads.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let out = collect(child.stdout.take());
    let err = collect(child.stderr.take());
    let ended = wait(&mut child);
    let out = out.join().unwrap_or_default();
    let err = err.join().unwrap_or_default();
    ended.map_err(|error| {
        let lines: Vec<_> = err.lines().take(LINES_SHOWN).collect();
        format!("{error}: {}", lines.join("; "))
    })?;
    serde_json::from_str(&out).map_err(|error| format!("unreadable answer: {error}"))
}

/// Reads a pipe to its end on a thread, so that a child never waits for it.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

fn wait(child: &mut Child) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(status.to_string()),
            Ok(None) if start.elapsed() > TIMEOUT => {
                // It may have ended by itself just now; either way it is gone.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no end after {} s", TIMEOUT.as_secs()));
            }
            Ok(None) => thread::sleep(LOOK),
            Err(error) => return Err(error.to_string()),
        }
    }
}
