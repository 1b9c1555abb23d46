//! Replays the 336,776 flights that left New York in 2013: every flight, aircraft, airport and
//! airline is an actor, and what happens enters through the inlet, one simulated minute a tick.
//!
//! ```text
//! cargo run --release --example flights
//! cargo run --release --example flights -- --actors 3000000 --threads 2 --chart delays.svg
//! ```
//!
//! It prints tables of the year, compares them with the figures computed straight from the file,
//! and draws a chart. `--actors N` repeats the year under new names until N actors fly; then all
//! numbers are exact multiples. The data is described in `examples/data/README.md`.

mod actors;
mod cli;
mod data;
mod direct;
mod events;
mod progress;
mod reader;
mod report;
mod run;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use cli::Args;
use data::Year;
use direct::Figures;
use progress::Progress;
use report::RunStats;
use run::{Plan, Replay};

/// The actors and the file disagree.
#[derive(Debug, thiserror::Error)]
#[error("the actors' figures are not those computed straight from the file; this is a fault of the program")]
struct Unequal;

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(io::stderr).init();
    match show(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If not even this can be written, the exit code must do.
            let _ = writeln!(io::stderr(), "flights: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(args: &Args) -> Result<(), Box<dyn Error>> {
    let year = Year::load()?;
    let plan = Plan { copies: args.copies(run::actors_of(&year)), threads: args.threads() };
    let progress = Progress::new(run::minutes_of(&year), args.quiet);
    let replay = run::replay(&year, plan, |minute| progress.minute_done(minute))?;
    progress.finish();
    if replay.figures != Figures::direct(&year).times(plan.copies) {
        return Err(Unequal.into());
    }
    report::draw_chart(&year, &replay.figures, &args.chart)?;
    let printed = print(args, &year, plan, &replay);
    match printed {
        // The reader of a pipe may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

fn print(args: &Args, year: &Year, plan: Plan, replay: &Replay) -> io::Result<()> {
    let stats = &replay.stats;
    let run =
        RunStats { actors: stats.actors, threads: plan.threads, ticks: stats.ticks, messages: stats.mail.handled, elapsed: replay.elapsed };
    let mut out = io::stdout().lock();
    report::print(&mut out, year, &replay.figures, &replay.runways, &run)?;
    writeln!(out, "The year flew {} time(s); all figures equal those computed straight from the file.", plan.copies)?;
    writeln!(out, "Digest of all states: {:016x}, on any number of threads.", replay.digest)?;
    writeln!(out, "Chart: {}", args.chart.display())?;
    out.flush()
}
