//! The command line.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use clap::Parser;

/// More would not fit the memory of any machine this runs on.
const ACTORS_MAX: u64 = 100_000_000;
const THREADS_MAX: u64 = 1_024;

/// Replays the 336,776 flights that left New York in 2013 with an actor for each flight, aircraft,
/// airport and airline.
#[derive(Debug, Parser)]
#[command(name = "flights")]
pub(crate) struct Args {
    /// Repeat the year under new names until N actors fly; a year takes 340,942.
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
        value_parser = clap::value_parser!(u64).range(1..=ACTORS_MAX))]
    actors: u64,

    /// Threads that handle messages; all processors unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
    threads: Option<u64>,

    /// Where the chart goes, as SVG.
    #[arg(long, value_name = "PATH", default_value = "flights.svg", value_parser = chart_path)]
    pub chart: PathBuf,

    /// Show no progress.
    #[arg(long)]
    pub quiet: bool,
}

impl Args {
    /// How often a year with `year` actors must fly.
    pub(crate) fn copies(&self, year: usize) -> usize {
        let actors = usize::try_from(self.actors).unwrap_or(usize::MAX);
        actors.div_ceil(year.max(1)).max(1)
    }

    pub(crate) fn threads(&self) -> usize {
        let given = self.threads.and_then(|threads| usize::try_from(threads).ok());
        given.unwrap_or_else(|| available_parallelism().map_or(1, NonZeroUsize::get))
    }
}

/// Finds out before the run, rather than after it, that the chart cannot be written.
fn chart_path(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if text.is_empty() || path.is_dir() {
        return Err("this is not a file".to_owned());
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => Err(format!("there is no directory {}", parent.display())),
        _ => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Args, String> {
        Args::try_parse_from([&["flights"], words].concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn years_are_rounded_up() {
        let copies = |words: &[&str]| parse(words).map(|args| args.copies(340_942));
        assert_eq!(copies(&[]), Ok(1));
        assert_eq!(copies(&["--actors", "340942"]), Ok(1));
        assert_eq!(copies(&["--actors", "340943"]), Ok(2));
        assert_eq!(copies(&["--actors", "3000000"]), Ok(9));
    }

    #[test]
    fn bad_arguments_are_explained() {
        let error = |words: &[&str]| parse(words).expect_err("invariant: these are bad");
        assert!(error(&["--actors", "0"]).contains("1..=100000000"));
        assert!(error(&["--threads", "none"]).contains("invalid digit"));
        assert!(error(&["--chart", "/nowhere/chart.svg"]).contains("there is no directory /nowhere"));
        assert!(error(&["--chart", "/"]).contains("not a file"));
        assert!(error(&["--speed"]).contains("--speed"));
    }
}
