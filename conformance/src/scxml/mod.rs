//! SCXML documents with scripts of what becomes of them: the W3C's tests, and SCION's.
//!
//! Each `NAME.scxml` in a folder has a `NAME.json` beside it: `{initialConfiguration: [..], events: [{after, event: {name,
//! data}, nextConfiguration: [..]}]}`, where configurations are the ids of active leaves. A script that ends in the one state
//! `pass` leaves open when the states before it are reached: its events are sent, and the chart runs until it is done.
//!
//! Documents say `ecmascript`, but most use plain expressions only, and those run under the native data model. Others run in
//! ECMAScript, if the feature `ecmascript` is on; without it they run as far as they go: what is an error in any language is
//! an error in the native one.

mod expected;
mod folder;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use throng::ChartActor;
use throng::statechart::{
    DataModel, Definition, Model, ScxmlBindings, ScxmlDocument, ScxmlEvent, ScxmlSession, ScxmlValue, Session, StateId, Status,
};

use crate::stage::{Alone, Stage, UNIT_TICKS};
pub use folder::{Outcome, report, run_folder};

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

/// How long a W3C test may take, in milliseconds.
const MS_MAX: u64 = 20_000;

struct Pure;

impl Model for Pure {
    type State = StateId;
    type Event = ScxmlEvent;
    type Context = Instance;
    type Port<'a> = ();
    type Set = [u64; 4];
}

/// A document's variables, as an actor.
struct Instance(ScxmlSession);

impl ChartActor for Instance {
    type State = StateId;
    type Event = ScxmlEvent;
    type Set = [u64; 4];
    type Params = ();

    const STOPS_WHEN_DONE: bool = false;
}

impl AsRef<ScxmlSession> for Instance {
    fn as_ref(&self) -> &ScxmlSession {
        &self.0
    }
}

impl AsMut<ScxmlSession> for Instance {
    fn as_mut(&mut self) -> &mut ScxmlSession {
        &mut self.0
    }
}

/// Runs a document by its script. Files that it names are read from `folder`.
#[must_use]
pub fn run(text: &str, script: &Value, folder: &Path) -> Fate {
    let document = match ScxmlDocument::parse(text) {
        Ok(document) => document,
        Err(error) => return Fate::Failed(error.to_string()),
    };
    let native = document.clone().data_model(DataModel::Native);
    match define(&native, bindings(folder).children(Instance), UNIT_TICKS) {
        Ok(_) => run_as(&native, script, folder),
        Err(reason) => run_beyond(document, script, folder, reason),
    }
}

/// Runs a document that is more than the native data model reads: what is an error there may be meant as one.
fn run_beyond(document: ScxmlDocument, script: &Value, folder: &Path, reason: String) -> Fate {
    #[cfg(feature = "ecmascript")]
    if let fate @ (Fate::Passed | Fate::NotApplicable(_)) =
        run_as(&document.clone().data_model(DataModel::Ecmascript).lenient(), script, folder)
    {
        return fate;
    }
    match run_as(&document.data_model(DataModel::Native).lenient(), script, folder) {
        Fate::Failed(difference) if cfg!(feature = "ecmascript") => Fate::Failed(difference),
        Fate::Failed(_) => Fate::NotApplicable(reason),
        fate => fate,
    }
}

fn run_as(document: &ScxmlDocument, script: &Value, folder: &Path) -> Fate {
    let actor = match define(document, bindings(folder).children(Instance), UNIT_TICKS) {
        Ok(actor) => actor,
        Err(reason) => return Fate::NotApplicable(reason),
    };
    // The last states are leaves: history states are never active.
    let leaves = Leaves::of(document);
    let played = Script::read(script, document).and_then(|script| {
        // Children are actors: what invokes them runs as an actor only.
        if !document.invokes() {
            let chart = define::<Pure>(document, bindings(folder), 1)?.build().map_err(|error| error.to_string())?;
            let session = Session::start(Arc::new(chart), Instance(document.session())).map_err(|error| format!("at start: {error}"))?;
            script.play(session, &leaves)?;
        }
        let actor = Alone::start(actor, Instance(document.session())).and_then(|actor| script.play(actor, &leaves));
        actor.map_err(|difference| format!("as an actor: {difference}"))
    });
    played.map_or_else(Fate::Failed, |()| Fate::Passed)
}

/// Files that a document names are those of its folder.
fn bindings<M: Model>(folder: &Path) -> ScxmlBindings<M> {
    let folder = folder.to_owned();
    ScxmlBindings::new().sources(move |uri| {
        let path = folder.join(uri.strip_prefix("file:").unwrap_or(uri));
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    })
}

/// The chart, or all that keeps the document from becoming one, in a line.
fn define<M>(document: &ScxmlDocument, bindings: ScxmlBindings<M>, ms_ticks: u64) -> Result<Definition<M>, String>
where
    M: Model<State = StateId, Event = ScxmlEvent, Context = Instance>,
{
    let problems = |error: throng::statechart::ScxmlError| {
        let line = |problem: &throng::statechart::ScxmlProblem| problem.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        error.problems.iter().map(line).collect::<Vec<_>>().join("; ")
    };
    document.define(&bindings, ms_ticks).map_err(problems)
}

/// What happens to a document, and what is expected of it.
struct Script {
    first: Vec<String>,
    events: Vec<(u64, ScxmlEvent, Vec<String>)>,
}

impl Script {
    fn read(script: &Value, document: &ScxmlDocument) -> Result<Self, String> {
        let events = script["events"].as_array().into_iter().flatten().map(|step| {
            let event = &step["event"];
            let name = event["name"].as_str().ok_or("the script has an event without a name")?;
            let mut sent = document.event(name);
            if let Some(data) = event.get("data") {
                sent = sent.with_data(value(data));
            }
            Ok((step["after"].as_u64().unwrap_or(0), sent, ids(&step["nextConfiguration"])?))
        });
        Ok(Self { events: events.collect::<Result<_, String>>()?, first: ids(&script["initialConfiguration"])? })
    }

    fn play(&self, mut stage: impl Stage<Event = ScxmlEvent>, leaves: &Leaves) -> Result<(), String> {
        let last = self.events.last().map_or(&self.first, |(_, _, last)| last);
        let to_pass = *last == ["pass"];
        if !to_pass {
            leaves.check("at first", &self.first, &mut stage)?;
        }
        for (number, (after, event, expected)) in self.events.iter().enumerate() {
            // Timers that are started on the way count from when they are.
            (0..*after).try_for_each(|_| stage.advance(1))?;
            stage.send_all(std::slice::from_ref(event))?;
            if !to_pass {
                leaves.check(&format!("after event {}", number + 1), expected, &mut stage)?;
            }
        }
        if !to_pass {
            return Ok(());
        }
        for _ in 0..MS_MAX {
            if stage.status() == Status::Done {
                break;
            }
            stage.advance(1)?;
        }
        leaves.check("at the end", last, &mut stage)
    }
}

/// The ids of states without children.
struct Leaves(Vec<String>);

impl Leaves {
    fn of(document: &ScxmlDocument) -> Self {
        Self(document.leaves().map(|leaf| leaf.as_str().to_owned()).collect())
    }

    fn check(&self, when: &str, expected: &[String], stage: &mut impl Stage) -> Result<(), String> {
        let mut found = stage.states();
        found.retain(|state| self.0.contains(state));
        found.sort();
        if found == expected { Ok(()) } else { Err(format!("{when}: {found:?} instead of {expected:?}")) }
    }
}

fn ids(list: &Value) -> Result<Vec<String>, String> {
    let list = list.as_array().ok_or("the script lacks a configuration")?;
    let mut ids: Vec<String> = list.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    ids.sort();
    Ok(ids)
}

fn value(json: &Value) -> ScxmlValue {
    match json {
        Value::Null => ScxmlValue::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN).into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(values) => ScxmlValue::List(values.iter().map(value).collect()),
        Value::Object(fields) => ScxmlValue::record(fields.iter().map(|(name, field)| (name.as_str(), value(field)))),
    }
}
