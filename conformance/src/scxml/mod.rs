//! SCXML documents with scripts of what becomes of them: the W3C's tests, and SCION's.
//!
//! Each `NAME.scxml` in a folder has a `NAME.json` beside it: `{initialConfiguration: [..], events: [{after, event:
//! {name}, nextConfiguration: [..]}]}`, where configurations are the ids of active leaves. A script that ends in the one
//! state `pass` is a W3C test: it says nothing about the way there, so the chart runs until it is done. What needs more
//! than plain variables and predicates is not applicable.

mod document;
mod expression;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use roxmltree::{Document, ParsingOptions};
use serde_json::Value;
use throng::ChartActor;
use throng::statechart::{EventId, EventNames, Model, Session, StateId, Status};

use crate::stage::{Alone, Stage, UNIT_TICKS};
use document::Scxml;
use expression::Data;

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It did what its script says, both by itself and as an actor.
    Passed,
    /// The first difference.
    Failed(String),
    /// Why it is outside of what is carried out.
    NotApplicable(String),
}

/// Documents whose scripts contradict SCXML's algorithm: a transition of a region to itself has the parallel state as
/// its source's parent, which is no domain, so all regions are left.
const CONTRARY: [&str; 2] = ["more-parallel/test10.scxml", "more-parallel/test10b.scxml"];

/// How long a W3C test may take, in milliseconds.
const MS_MAX: u64 = 20_000;

struct Pure;

impl Model for Pure {
    type State = StateId;
    type Event = EventId;
    type Context = Data;
    type Port<'a> = ();
    type Set = [u64; 4];
}

/// A document's variables, as an actor.
impl ChartActor for Data {
    type State = StateId;
    type Event = EventId;
    type Set = [u64; 4];
    type Params = ();

    const STOPS_WHEN_DONE: bool = false;
}

/// Runs a document by its script.
#[must_use]
pub fn run(document: &str, script: &Value) -> Fate {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let parsed = match Document::parse_with_options(document, options) {
        Ok(parsed) => parsed,
        Err(error) => return Fate::Failed(format!("it is no XML: {error}")),
    };
    let mut names = EventNames::default();
    let read = Scxml::read(&parsed).and_then(|scxml| {
        let script = Script::read(script, &mut names)?;
        let pure = scxml.definition::<Pure>(&mut names, 1)?;
        Ok((pure, scxml.definition(&mut names, UNIT_TICKS)?, script, scxml))
    });
    let (pure, actor, script, scxml) = match read {
        Ok(read) => read,
        Err(reason) => return Fate::NotApplicable(reason),
    };
    let pure = pure.build().map_err(|error| error.to_string());
    let pure = pure.and_then(|chart| Session::start(Arc::new(chart), scxml.data.clone()).map_err(|error| format!("at start: {error}")));
    let played = pure.and_then(|session| script.play(session, &scxml.leaves)).and_then(|()| {
        let actor = Alone::start(actor, scxml.data.clone()).and_then(|actor| script.play(actor, &scxml.leaves));
        actor.map_err(|difference| format!("as an actor: {difference}"))
    });
    played.map_or_else(Fate::Failed, |()| Fate::Passed)
}

/// What happens to a document, and what is expected of it.
struct Script {
    first: Vec<String>,
    events: Vec<(u64, EventId, Vec<String>)>,
}

impl Script {
    fn read(script: &Value, names: &mut EventNames) -> Result<Self, String> {
        let events = script["events"].as_array().ok_or("the script has no list `events`")?;
        let events = events.iter().map(|step| {
            let event = &step["event"];
            if event.get("data").is_some() {
                return Err("an event with data".to_owned());
            }
            let name = event["name"].as_str().ok_or("an event without a name")?;
            Ok((step["after"].as_u64().unwrap_or(0), names.id(name), ids(&step["nextConfiguration"])?))
        });
        Ok(Self { events: events.collect::<Result<_, String>>()?, first: ids(&script["initialConfiguration"])? })
    }

    fn play(&self, mut stage: impl Stage<Context = Data>, leaves: &[String]) -> Result<(), String> {
        let last = self.events.last().map_or(&self.first, |(_, _, last)| last);
        if *last == ["pass"] {
            for _ in 0..MS_MAX {
                if stage.status() == Status::Done {
                    break;
                }
                stage.advance(1)?;
            }
            return check("at the end", last, &mut stage, leaves);
        }
        check("at first", &self.first, &mut stage, leaves)?;
        for (number, (after, event, expected)) in self.events.iter().enumerate() {
            stage.advance(*after)?;
            stage.send_all(&[*event])?;
            check(&format!("after event {}", number + 1), expected, &mut stage, leaves)?;
        }
        Ok(())
    }
}

fn ids(list: &Value) -> Result<Vec<String>, String> {
    let list = list.as_array().ok_or("the script lacks a configuration")?;
    let mut ids: Vec<String> = list.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    ids.sort();
    Ok(ids)
}

fn active(stage: &mut impl Stage<Context = Data>, leaves: &[String]) -> Vec<String> {
    let mut states = stage.states();
    states.retain(|state| leaves.contains(state));
    states.sort();
    states
}

fn check(when: &str, expected: &[String], stage: &mut impl Stage<Context = Data>, leaves: &[String]) -> Result<(), String> {
    let found = active(stage, leaves);
    if found == expected { Ok(()) } else { Err(format!("{when}: {found:?} instead of {expected:?}")) }
}

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
    parsed.map_or_else(Fate::Failed, |(document, script)| run(&document, &script))
}

/// Runs all documents of a folder, prints those that fail or are not applicable, and how many there are.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the command line")]
pub fn report(folder: &Path) -> ExitCode {
    let mut found = Vec::new();
    if let Err(error) = documents(folder, &mut found) {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::from(2);
    }
    let (mut passed, mut failed, mut outside) = (0, 0, 0);
    for path in found {
        let name = path.strip_prefix(folder).unwrap_or(&path).display();
        let contrary = CONTRARY.iter().any(|contrary| path.ends_with(contrary));
        match run_file(&path) {
            Fate::Passed if contrary => {
                failed += 1;
                println!("{name}: failed: it passes, though its script contradicts SCXML's algorithm");
            }
            Fate::Passed => passed += 1,
            Fate::Failed(_) if contrary => {
                outside += 1;
                println!("{name}: not applicable: its script contradicts SCXML's algorithm");
            }
            Fate::Failed(difference) => {
                failed += 1;
                println!("{name}: failed: {difference}");
            }
            Fate::NotApplicable(reason) => {
                outside += 1;
                println!("{name}: not applicable: {reason}");
            }
        }
    }
    println!("{passed} passed, {failed} failed, {outside} not applicable");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
