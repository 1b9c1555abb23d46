//! A folder of documents, each run by its script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::expected::Expected;
use super::{Fate, run};

/// The documents in a folder and below it that have a script, in the order of their names.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            documents(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "scxml") && path.with_extension("json").exists() {
            found.push(path);
        }
    }
    Ok(())
}

fn run_file(path: &Path) -> Fate {
    let read = fs::read_to_string(path).and_then(|document| Ok((document, fs::read_to_string(path.with_extension("json"))?)));
    let read = read.map_err(|error| error.to_string());
    let parsed = read.and_then(|(document, script)| Ok((document, serde_json::from_str(&script).map_err(|error| error.to_string())?)));
    let folder = path.parent().unwrap_or(path);
    parsed.map_or_else(Fate::Failed, |(document, script)| run(&document, &script, folder))
}

/// What became of the documents of a folder: a line for each that did not pass, and the last line with the counts.
#[derive(Debug)]
pub struct Outcome {
    /// The lines.
    pub lines: Vec<String>,
    /// Whether all is as it should be.
    pub good: bool,
}

/// Runs all documents of a folder. `expected` lists those that are not applicable: then one that is and is not listed, and
/// one that is listed and passes, are failures, too.
///
/// # Errors
///
/// The folder or the list cannot be read.
pub fn run_folder(folder: &Path, expected: Option<&Path>) -> Result<Outcome, String> {
    let say = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut found = Vec::new();
    documents(folder, &mut found).map_err(|error| say(folder, error))?;
    let expected = match expected {
        None => None,
        Some(path) => Some(Expected::read(&fs::read_to_string(path).map_err(|error| say(path, error))?)?),
    };
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut outside) = (0, 0, 0);
    let mut listed = Vec::new();
    for path in found {
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string().replace('\\', "/");
        let reason = expected.as_ref().and_then(|expected| expected.reason(&name));
        listed.extend(reason.map(|_| name.clone()));
        match (run_file(&path), reason) {
            (Fate::Passed, Some(reason)) => {
                failed += 1;
                lines.push(format!("{name}: failed: it passes, though it is listed as not applicable: {reason}"));
            }
            (Fate::Passed, None) => passed += 1,
            (Fate::Failed(_) | Fate::NotApplicable(_), Some(reason)) => {
                outside += 1;
                lines.push(format!("{name}: not applicable: {reason}"));
            }
            (Fate::NotApplicable(reason), None) if expected.is_none() => {
                outside += 1;
                lines.push(format!("{name}: not applicable: {reason}"));
            }
            (Fate::Failed(difference), None) => {
                failed += 1;
                lines.push(format!("{name}: failed: {difference}"));
            }
            (Fate::NotApplicable(reason), None) => {
                failed += 1;
                lines.push(format!("{name}: failed: it is not applicable, and not listed as such: {reason}"));
            }
        }
    }
    for name in expected.iter().flat_map(Expected::names).filter(|name| !listed.iter().any(|listed| listed == *name)) {
        failed += 1;
        lines.push(format!("{name}: failed: it is listed as not applicable, and not there"));
    }
    lines.push(format!("{passed} passed, {failed} failed, {outside} not applicable"));
    Ok(Outcome { lines, good: failed == 0 })
}

/// Runs all documents of a folder, and prints what became of them.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the command line")]
pub fn report(folder: &Path, expected: Option<&Path>) -> ExitCode {
    match run_folder(folder, expected) {
        Ok(outcome) => {
            outcome.lines.iter().for_each(|line| println!("{line}"));
            if outcome.good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
