//! A document as a whole, ready to be run: what it declares, and the chart that is made of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::chart::Chart;
use super::super::definition::{Definition, Semantics};
use super::super::model::{EventNames, Model};
use super::super::set::StateSet;
use super::super::state_id::StateId;
use super::bindings::ScxmlBindings;
use super::content::{COMMUNICATION, EXECUTION, Shared};
use super::event::{OTHER, ScxmlEvent};
use super::expression::DataModel;
use super::invoke::Door;
use super::problem::{ScxmlError, ScxmlProblem};
use super::reader::Reader;
use super::session::ScxmlSession;
use super::writer::{Writer, plain};
use super::xml::{self, Element, Lines};

/// What the user chose for a document, and all that it invokes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {
    pub(super) data_model: Option<DataModel>,
    pub(super) lenient: bool,
}

/// What a document and all that it invokes are read with.
pub(super) struct Frame<M: Model> {
    pub(super) bindings: ScxmlBindings<M>,
    pub(super) ms_ticks: u64,
    pub(super) settings: Settings,
}

impl<M: Model> Clone for Frame<M> {
    fn clone(&self) -> Self {
        Self { bindings: self.bindings.clone(), ..*self }
    }
}

/// Where a document's text comes from.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) lines: &'a Lines<'a>,
    /// The sources that are being read: what one of them invokes by its own name is read when it is invoked.
    pub(super) sources: &'a [String],
}

/// What a document declares.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) name: Arc<str>,
    /// All variables.
    declared: Arc<[Arc<str>]>,
    /// Variables of the document as a whole: who invokes it may give them their values.
    pub(super) parameters: Arc<[Arc<str>]>,
    pub(super) states: Arc<[StateId]>,
    pub(super) leaves: Arc<[StateId]>,
    pub(super) names: Arc<EventNames>,
    /// Some state invokes something.
    pub(super) invokes: bool,
}

/// How many variables a document may declare, and how many names of events it may know: both are looked for one by one.
const VARIABLES_MAX: usize = 4_096;
const NAMES_MAX: usize = 10_000;

impl Outline {
    /// What a document declares.
    ///
    /// # Errors
    ///
    /// It declares too much.
    pub(super) fn of(root: Element<'_>, lines: &Lines<'_>) -> Result<Self, ScxmlProblem> {
        let own = xml::own(root);
        let states = |wanted: fn(Element<'_>) -> bool| own.iter().filter(move |e| wanted(**e)).map(|state| StateId::from(lines.id(*state)));
        let (declared, names) = (variables(&own), names(&own));
        for (what, count, most) in [("variables", declared.len(), VARIABLES_MAX), ("names of events", names.len(), NAMES_MAX)] {
            if count > most {
                let what = format!("the document has {count} {what}, which are more than {most}: split it");
                return Err(ScxmlProblem::Wrong { line: lines.line(root), what });
            }
        }
        Ok(Self {
            name: root.attribute("name").unwrap_or("scxml").into(),
            declared,
            parameters: xml::named(root, "datamodel")
                .flat_map(|model| xml::named(model, "data"))
                .filter_map(|data| data.attribute("id"))
                .map(Into::into)
                .collect(),
            states: states(xml::is_state).collect(),
            leaves: states(xml::is_leaf).collect(),
            names: Arc::new(EventNames::of(names)),
            invokes: own.iter().any(|element| xml::name(*element) == Some("invoke")),
        })
    }

    /// A new session, whose variables have no values yet.
    pub(super) fn session(&self) -> ScxmlSession {
        ScxmlSession::new(self.name.clone(), &self.declared)
    }
}

/// The attributes of a name of the elements of a name.
fn attributes<'e, 'a: 'e>(
    own: &'e [Element<'a>],
    element: &'static str,
    attribute: &'static str,
) -> impl Iterator<Item = &'a str> + use<'e, 'a> {
    own.iter().filter(move |e| xml::name(**e) == Some(element)).filter_map(move |e| e.attribute(attribute))
}

/// The variables: what `foreach` names is declared by it.
fn variables(own: &[Element<'_>]) -> Arc<[Arc<str>]> {
    let of = |element, attribute| attributes(own, element, attribute);
    let (mut declared, mut known) = (Vec::new(), BTreeSet::new());
    let found = of("data", "id").chain(of("foreach", "item")).chain(of("foreach", "index"));
    for variable in found.filter(|name| is_name(name)) {
        if known.insert(variable) {
            declared.push(variable.into());
        }
    }
    declared.into()
}

/// The names of events.
fn names(own: &[Element<'_>]) -> Vec<String> {
    let of = |element, attribute| attributes(own, element, attribute);
    let (mut names, mut known) = (Vec::new(), BTreeSet::new());
    let descriptors = of("transition", "event").flat_map(str::split_whitespace).map(plain).filter(|name| *name != "*");
    for name in
        [EXECUTION, COMMUNICATION].into_iter().chain(descriptors).chain(of("raise", "event")).chain(of("send", "event")).chain([OTHER])
    {
        if known.insert(name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Whether a text is the name of a variable.
fn is_name(text: &str) -> bool {
    let part = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
    text.chars().all(part) && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A document to be invoked.
pub(super) struct Program<M: Model> {
    pub(super) chart: Arc<Chart<M>>,
    pub(super) outline: Outline,
}

impl<M> Program<M>
where
    M: Model<State = StateId, Event = ScxmlEvent, Context: AsRef<ScxmlSession> + AsMut<ScxmlSession>>,
{
    /// Reads a document that is invoked by one with these names of events.
    pub(super) fn read(text: &str, frame: &Frame<M>, parent: &Arc<EventNames>) -> Result<Self, ScxmlError> {
        Self::read_within(text, &[], frame, parent)
    }

    /// As [`Program::read`], of a source that is among those being read.
    pub(super) fn read_within(text: &str, sources: &[String], frame: &Frame<M>, parent: &Arc<EventNames>) -> Result<Self, ScxmlError> {
        let document = xml::parse(text).map_err(|problem| ScxmlError { problems: vec![problem] })?;
        let text = Text { lines: &Lines::new(text), sources };
        Self::of(document.root_element(), text, frame, parent).map_err(|problems| ScxmlError { problems })
    }

    /// Makes it of an `scxml` element.
    pub(super) fn of(root: Element<'_>, text: Text<'_>, frame: &Frame<M>, parent: &Arc<EventNames>) -> Result<Self, Vec<ScxmlProblem>> {
        let outline = Outline::of(root, text.lines).map_err(|problem| vec![problem])?;
        let chart = write(root, &outline, text, frame, Some(parent))?.build();
        let wrong =
            |error: super::super::error::ChartError| vec![ScxmlProblem::Wrong { line: text.lines.line(root), what: error.to_string() }];
        Ok(Self { chart: Arc::new(chart.map_err(wrong)?), outline })
    }
}

/// Writes the chart of a document down; `parent` has the names by which who invokes it knows events.
pub(super) fn write<M>(
    root: Element<'_>,
    outline: &Outline,
    text: Text<'_>,
    frame: &Frame<M>,
    parent: Option<&Arc<EventNames>>,
) -> Result<Definition<M>, Vec<ScxmlProblem>>
where
    M: Model<State = StateId, Event = ScxmlEvent, Context: AsRef<ScxmlSession> + AsMut<ScxmlSession>>,
{
    let Settings { lenient, .. } = frame.settings;
    if outline.states.len() >= M::Set::CAPACITY {
        let (states, capacity) = (outline.states.len() + 1, M::Set::CAPACITY);
        let what = format!(
            "the document has {states} states with its root, and `Model::Set` holds {capacity}: use `[u64; {}]`",
            states.div_ceil(64)
        );
        return Err(vec![ScxmlProblem::Wrong { line: text.lines.line(root), what }]);
    }
    let shared = Arc::new(Shared {
        names: outline.names.clone(),
        parent_names: parent.cloned(),
        states: outline.states.clone(),
        frame: frame.clone(),
    });
    let language = language(root, text.lines, frame.settings).map_err(|problem| vec![problem])?;
    let reader =
        Reader { bindings: &frame.bindings, lines: text.lines, language, declared: &outline.declared, lenient, problems: Vec::new() };
    let histories = xml::own(root).into_iter().filter(|state| xml::name(*state) == Some("history")).map(|state| text.lines.id(state));
    let late = root.attribute("binding") == Some("late");
    let mut writer =
        Writer { reader, shared: shared.clone(), histories: histories.collect(), late, sources: text.sources, invokes: Vec::new() };
    let mut definition = Chart::<M>::define(&outline.name, |state| writer.root(root, state));
    if !writer.reader.problems.is_empty() {
        return Err(writer.reader.problems);
    }
    let invokes = writer.invokes;
    if parent.is_some() || !invokes.is_empty() {
        definition = definition.gate(Door { shared, invokes });
    }
    Ok(definition.event_names((*outline.names).clone()).semantics(Semantics::Scxml).lenient())
}

fn language(root: Element<'_>, lines: &Lines<'_>, settings: Settings) -> Result<DataModel, ScxmlProblem> {
    let wrong = |what: String| Err(ScxmlProblem::Wrong { line: lines.line_of(root, "datamodel"), what });
    match (settings.data_model, root.attribute("datamodel")) {
        (Some(chosen), _) => Ok(chosen),
        (None, None | Some("native")) => Ok(DataModel::Native),
        (None, Some("null")) => Ok(DataModel::Null),
        #[cfg(feature = "scxml-ecmascript")]
        (None, Some("ecmascript")) => Ok(DataModel::Ecmascript),
        #[cfg(not(feature = "scxml-ecmascript"))]
        (None, Some("ecmascript")) => wrong(
            "the data model `ecmascript` needs the feature `scxml-ecmascript`; if the document uses plain expressions only, choose \
             `DataModel::Native`"
                .to_owned(),
        ),
        (None, Some(other)) => wrong(format!("there is no data model `{other}`: choose one with `ScxmlDocument::data_model`")),
    }
}
