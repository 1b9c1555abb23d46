//! Runs a file of cases and prints what failed.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

/// What became of one case: the first difference if it failed.
pub type Verdict = Result<(), String>;

/// Runs each line of a text of cases; gives id and difference of those that fail, and how many passed.
pub fn run_lines(text: &str, run: impl Fn(&Value) -> Verdict) -> (usize, Vec<(String, String)>) {
    let mut passed = 0;
    let mut failed = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case = serde_json::from_str::<Value>(line).map_err(|error| error.to_string());
        let id = case.as_ref().ok().and_then(|case| case["id"].as_str()).map_or_else(|| format!("line {}", number + 1), str::to_owned);
        match case.and_then(|case| run(&case)) {
            Ok(()) => passed += 1,
            Err(difference) => failed.push((id, difference)),
        }
    }
    (passed, failed)
}

/// Runs a file of cases, prints those that fail, and how many did.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the command line")]
pub fn report(file: &Path, run: impl Fn(&Value) -> Verdict) -> ExitCode {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return ExitCode::from(2);
        }
    };
    let (passed, failed) = run_lines(&text, run);
    for (id, difference) in &failed {
        println!("{id}: {difference}");
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
