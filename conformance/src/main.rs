//! Runs recorded cases of other systems through throng, and says which differ.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use throng_conformance::report::report;
use throng_conformance::{gen_statem, otp, scxml, xstate};

/// Runs recorded cases through throng.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Subcommand)]
enum Suite {
    /// Supervision, links and monitors, recorded from Erlang/OTP.
    Otp {
        /// One case a line, as JSON.
        file: PathBuf,
    },
    /// Statecharts, recorded from XState v5.
    Xstate {
        /// One case a line, as JSON.
        file: PathBuf,
    },
    /// State machines, recorded from OTP's `gen_statem`.
    #[command(name = "gen_statem")]
    GenStatem {
        /// One case a line, as JSON.
        file: PathBuf,
    },
    /// SCXML documents with scripts, as SCION's test framework lays them out.
    Scxml {
        /// Documents, each `NAME.scxml` with a `NAME.json`, in it and below it.
        folder: PathBuf,
        /// Those that are not applicable: one a line, `NAME: REASON`. Others must pass, and these must not.
        #[arg(long)]
        expected: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().suite {
        Suite::Otp { file } => report(&file, otp::run),
        Suite::Xstate { file } => report(&file, xstate::run),
        Suite::GenStatem { file } => report(&file, gen_statem::run),
        Suite::Scxml { folder, expected } => scxml::report(&folder, expected.as_deref()),
    }
}
