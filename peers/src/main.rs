//! Compares throng with other actor libraries and with a hand-written limit.
//!
//! See `README.md` for what is measured and how to read it.

mod bench;
mod cli;
mod driven;
mod harness;
mod peers;
mod report;
mod work;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.child {
        Some(cli::Hidden::Child(order)) => harness::child(&order),
        None => harness::parent(&cli.options),
    }
}
