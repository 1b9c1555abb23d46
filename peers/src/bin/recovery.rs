//! Recovery from crashes: throng, and Erlang/OTP where `erl` and `erlc` are installed.
//!
//! `recover`: all children of one simple_one_for_one supervisor crash at once; the time until all are up again.
//! `restart_cycles`: one child crashes, and again as soon as it is up, through a supervisor whose window holds as many
//! restarts before.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its results")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bevy_ecs::component::Component;
use clap::{Parser, ValueEnum};
use throng::prelude::*;
use throng::{ChildSpec, ExitReason, Supervisor};

/// One bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Bench {
    /// Many children crash at once
    Recover,
    /// One child crashes again and again
    RestartCycles,
}

impl Bench {
    fn name(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::RestartCycles => "restart_cycles",
        }
    }
}

/// Measures recovery from crashes.
#[derive(Parser)]
struct Options {
    /// Benches to run, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    bench: Vec<Bench>,
    /// Children that crash in `recover`
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    children: u64,
    /// Children that crash in `recover` on the Erlang side, where the time grows with the square
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    erlang_children: u64,
    /// Crashes in `restart_cycles`
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    crashes: u64,
    /// Restarts in the window when `restart_cycles` begins
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    history: u64,
    /// Runs of each; the median is reported
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: usize,
}

fn main() {
    let options = Options::parse();
    let all = [Bench::Recover, Bench::RestartCycles];
    let benches = if options.bench.is_empty() { &all[..] } else { &options.bench };
    let erlang = Erlang::compiled();
    println!("{:<16} {:<8} {:>10} {:>14} {:>14}", "bench", "peer", "crashes", "ns a crash", "crashes a s");
    for &bench in benches {
        let (ours, theirs) = match bench {
            Bench::Recover => ((options.children, options.children), (options.erlang_children, options.erlang_children)),
            Bench::RestartCycles => ((options.history, options.crashes), (options.history, options.crashes)),
        };
        line(bench, "throng", ours.1, median(options.runs, || Some(throng(bench, ours.0, ours.1))));
        if let Some(erlang) = &erlang {
            line(bench, "erlang", theirs.1, median(options.runs, || erlang.run(bench, theirs.0, theirs.1)));
        }
    }
}

fn line(bench: Bench, peer: &str, crashes: u64, seconds: Option<f64>) {
    let Some(seconds) = seconds else { return eprintln!("{}: {peer} failed", bench.name()) };
    let each = seconds / crashes as f64;
    println!("{:<16} {peer:<8} {crashes:>10} {:>14.0} {:>14.0}", bench.name(), each * 1e9, 1.0 / each);
}

fn median(runs: usize, mut run: impl FnMut() -> Option<f64>) -> Option<f64> {
    let mut seconds = (0..runs.max(1)).map(|_| run()).collect::<Option<Vec<_>>>()?;
    seconds.sort_by(f64::total_cmp);
    Some(seconds[seconds.len() / 2])
}

/// Crashes when it is told to, and tells itself to as long as crashes are left.
#[derive(Component)]
struct Child {
    left: Arc<AtomicU64>,
}

impl Actor for Child {
    type Msg = ();
    type Params = ();

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        if self.left.load(Ordering::Relaxed) > 0 {
            self.left.fetch_sub(1, Ordering::Relaxed);
            cx.tell(cx.me(), ());
        }
        Ok(())
    }

    fn handle(&mut self, (): (), cx: &Context<'_, Self>) -> Handled {
        cx.exit(ExitReason::custom("crash"));
        Ok(())
    }
}

/// Seconds for `crashes`: of as many children at once, or of one child after `before` others.
fn throng(bench: Bench, before: u64, crashes: u64) -> f64 {
    let mut throng = Throng::new(ThrongOptions::new().threads(1).rounds_max(u32::MAX));
    let left = Arc::new(AtomicU64::new(0));
    let made = left.clone();
    let template = ChildSpec::new("child", move |_| Child { left: made.clone() });
    let spec = Supervisor::simple_one_for_one("pool", template).intensity(1_000_000_000, 1_000_000);
    let supervisor = throng.start_tree(spec).expect("it can start");
    let children = if bench == Bench::Recover { before } else { 1 };
    for _ in 0..children {
        throng.start_from_template(supervisor);
    }
    if bench == Bench::RestartCycles {
        left.store(before - 1, Ordering::Relaxed);
        throng.broadcast::<Child>(());
        throng.tick();
        left.store(crashes - 1, Ordering::Relaxed);
    }
    throng.broadcast::<Child>(());
    let restarts = throng.stats().restarts;
    let start = Instant::now();
    throng.tick();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(throng.stats().restarts - restarts, crashes, "every crash was followed by a restart, in this tick");
    seconds
}

/// The Erlang side, compiled.
struct Erlang {
    folder: std::path::PathBuf,
}

impl Erlang {
    /// Compiles the module; `None` if there is no Erlang here.
    fn compiled() -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("erlang/recovery.erl");
        let folder = std::env::temp_dir();
        match Command::new("erlc").arg("-o").arg(&folder).arg(source).status() {
            Ok(status) if status.success() => Some(Self { folder }),
            Ok(status) => {
                eprintln!("erlc failed: {status}");
                None
            }
            Err(_) => {
                eprintln!("no Erlang here: throng alone");
                None
            }
        }
    }

    fn run(&self, bench: Bench, before: u64, crashes: u64) -> Option<f64> {
        let eval = format!("recovery:main([\"{}\", \"{before}\", \"{crashes}\"]).", bench.name());
        let output = Command::new("erl").arg("-noshell").arg("-pa").arg(&self.folder).args(["+P", "2000000", "-eval", &eval]).output();
        let text = String::from_utf8(output.ok()?.stdout).ok()?;
        text.trim().parse::<f64>().ok().map(|micros| micros / 1e6)
    }
}
