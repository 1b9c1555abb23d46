//! A document: what it is called, what it declares, and how it becomes a chart.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::chart::Chart;
use super::super::definition::{Definition, Semantics};
use super::super::model::{EventNames, Model};
use super::super::state_id::StateId;
use super::bindings::ScxmlBindings;
use super::content::{COMMUNICATION, EXECUTION, Shared};
use super::event::{ScxmlEvent, ScxmlEventType};
use super::expression::DataModel;
use super::problem::{ScxmlError, ScxmlProblem};
use super::reader::Reader;
use super::session::ScxmlSession;
use super::writer::{Writer, plain};
use super::xml;

/// A chart as W3C SCXML writes it in XML.
///
/// Read are states of all kinds, transitions, `initial`, history with content, `onentry`, `onexit`, `donedata`,
/// `datamodel` with early and late binding, and as executable content `raise`, `send`, `cancel`, `assign`, `if`, `foreach`,
/// `log`, `script`, and elements of other namespaces, which [`ScxmlBindings`] ties to functions. `invoke` is an error: the
/// children of an actor are spawned in Rust. The chart follows [`Semantics::Scxml`].
///
/// # Examples
///
/// ```
/// use throng::statechart::{Model, ScxmlBindings, ScxmlDocument, ScxmlEvent, ScxmlSession, Session, StateId};
///
/// struct Gate;
/// impl Model for Gate {
///     type State = StateId;
///     type Event = ScxmlEvent;
///     type Context = ScxmlSession;
///     type Port<'a> = ();
///     type Set = u64;
/// }
///
/// let document = ScxmlDocument::parse(r#"
///     <scxml xmlns="http://www.w3.org/2005/07/scxml" name="gate" datamodel="native" initial="locked">
///         <datamodel><data id="cents" expr="0"/></datamodel>
///         <state id="locked">
///             <transition event="coin" cond="cents + _event.data.cents >= 50" target="open"/>
///             <transition event="coin"><assign location="cents" expr="cents + _event.data.cents"/></transition>
///         </state>
///         <state id="open">
///             <onentry><assign location="cents" expr="0"/><send event="patience" delay="5s"/></onentry>
///             <transition event="push patience" target="locked"/>
///         </state>
///     </scxml>"#)?;
/// let chart = document.define::<Gate>(&ScxmlBindings::new(), 1)?.build()?; // one tick is a millisecond
///
/// let mut gate = Session::start(chart.into(), document.session())?;
/// let coin = |cents: i64| document.event("coin").with_data([("cents", cents)]);
/// gate.send(coin(20))?;
/// assert_eq!(gate.context().get("cents"), Some(&20.into()));
/// gate.send(coin(30))?;
/// assert_eq!(gate.active(), [StateId::from("open")]);
/// gate.advance(5_000)?;
/// assert_eq!(gate.active(), [StateId::from("locked")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What is wrong is told together, with its lines:
///
/// ```
/// # use throng::statechart::{Model, ScxmlBindings, ScxmlDocument, ScxmlEvent, ScxmlSession, StateId};
/// # struct Gate;
/// # impl Model for Gate {
/// #     type State = StateId; type Event = ScxmlEvent; type Context = ScxmlSession; type Port<'a> = (); type Set = u64;
/// # }
/// let document = ScxmlDocument::parse(r#"<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:my="mine">
///     <state id="a">
///         <onentry><my:bell/></onentry>
///         <transition cond="x > 1" target="b"/>
///     </state>
/// </scxml>"#)?;
/// let error = document.define::<Gate>(&ScxmlBindings::new(), 1).unwrap_err();
/// assert_eq!(error.to_string(), "\
/// the SCXML document cannot be read:
/// - line 3: the custom action `bell` is not bound: give `ScxmlBindings` a function for it
/// - line 4: there is no state `b`: add it, or correct the name
/// - line 4: the expression `x > 1` cannot be read: there is no variable `x`: declare it with `data`");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ScxmlDocument {
    text: Arc<str>,
    name: Arc<str>,
    declared: Vec<Arc<str>>,
    states: Arc<[StateId]>,
    histories: BTreeSet<Arc<str>>,
    leaves: Vec<StateId>,
    names: Arc<EventNames>,
    data_model: Option<DataModel>,
    lenient: bool,
}

impl ScxmlDocument {
    /// Reads a document's XML. Document type declarations are refused.
    ///
    /// # Errors
    ///
    /// It is no XML, or no SCXML.
    pub fn parse(text: &str) -> Result<Self, ScxmlError> {
        let document = xml::parse(text).map_err(|problem| ScxmlError { problems: vec![problem] })?;
        let root = document.root_element();
        let lines = xml::Lines::new(text);
        let id = |state| lines.id(state);
        let elements = || root.descendants().filter(|element| xml::name(*element).is_some());
        let called = |name: &'static str| elements().filter(move |element| xml::name(*element) == Some(name));
        let attributes =
            |element: &'static str, attribute: &'static str| called(element).filter_map(move |element| element.attribute(attribute));
        let mut declared: Vec<Arc<str>> = Vec::new();
        // What `foreach` names is declared by it.
        let variables = attributes("data", "id").chain(attributes("foreach", "item")).chain(attributes("foreach", "index"));
        for variable in variables.filter(|name| is_name(name)) {
            if !declared.iter().any(|known| **known == *variable) {
                declared.push(variable.into());
            }
        }
        let mut names = EventNames::default();
        let descriptors = attributes("transition", "event").flat_map(str::split_whitespace).map(plain).filter(|name| *name != "*");
        let events = attributes("raise", "event").chain(attributes("send", "event"));
        for name in [EXECUTION, COMMUNICATION].into_iter().chain(descriptors).chain(events) {
            names.id(name);
        }
        ScxmlEvent::reserve(&mut names);
        Ok(Self {
            text: text.into(),
            name: root.attribute("name").unwrap_or("scxml").into(),
            declared,
            states: elements().filter(|element| xml::is_state(*element)).map(|state| StateId::from(id(state))).collect(),
            histories: called("history").map(id).collect(),
            leaves: elements().filter(|element| xml::is_leaf(*element)).map(|state| StateId::from(id(state))).collect(),
            names: Arc::new(names),
            data_model: None,
            lenient: false,
        })
    }

    /// Chooses the language of expressions, whatever the document's `datamodel` says.
    ///
    /// By itself, `null` is [`DataModel::Null`], `native` and nothing are [`DataModel::Native`], and `ecmascript` needs the
    /// feature `scxml-ecmascript`. A document in ECMAScript that uses no more than the native expressions means the same
    /// under [`DataModel::Native`], and runs faster there.
    #[must_use]
    pub fn data_model(mut self, data_model: DataModel) -> Self {
        self.data_model = Some(data_model);
        self
    }

    /// Lets expressions that cannot be read, and targets that nobody is bound to, pass until they are needed: then they raise
    /// `error.execution` or `error.communication`, as W3C lets a processor choose.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// How many states there are, the root and history states included: what [`Model::Set`] must hold.
    #[must_use]
    pub fn size(&self) -> usize {
        self.states.len() + 1
    }

    /// The states in document order.
    pub fn states(&self) -> impl Iterator<Item = &StateId> {
        self.states.iter()
    }

    /// The states without children, history states left out: what a configuration is named by.
    pub fn leaves(&self) -> impl Iterator<Item = &StateId> {
        self.leaves.iter()
    }

    /// The document's name, which is that of its chart.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The context of a new instance. Its variables have no values yet: the chart gives them when it starts.
    #[must_use]
    pub fn session(&self) -> ScxmlSession {
        ScxmlSession::new(self.name.clone(), &self.declared)
    }

    /// An event from outside, by name. O(number of names in the document).
    #[must_use]
    pub fn event(&self, name: &str) -> ScxmlEvent {
        ScxmlEvent::named(&self.names, name, ScxmlEventType::External)
    }

    /// The name of an event of this document.
    #[must_use]
    pub fn event_name<'a>(&'a self, event: &'a ScxmlEvent) -> &'a str {
        event.name(&self.names)
    }

    /// Writes the chart down, with so many ticks for a millisecond. States that cannot be reached and the like pass, as
    /// [`Definition::lenient`] says.
    ///
    /// # Errors
    ///
    /// [`ScxmlError`] lists all that is wrong, not supported, or not bound, each with its line.
    pub fn define<M>(&self, bindings: &ScxmlBindings<M>, ms_ticks: u64) -> Result<Definition<M>, ScxmlError>
    where
        M: Model<State = StateId, Event = ScxmlEvent, Context: AsRef<ScxmlSession> + AsMut<ScxmlSession>>,
    {
        let document = xml::parse(&self.text).map_err(|problem| ScxmlError { problems: vec![problem] })?;
        let root = document.root_element();
        let lines = xml::Lines::new(&self.text);
        let language = self.language(root, &lines).map_err(|problem| ScxmlError { problems: vec![problem] })?;
        let shared = Arc::new(Shared {
            names: self.names.clone(),
            states: self.states.clone(),
            processors: bindings.processors.clone(),
            log: bindings.log.clone(),
            ms_ticks,
        });
        let reader = Reader { bindings, lines, language, declared: &self.declared, lenient: self.lenient, problems: Vec::new() };
        let late = root.attribute("binding") == Some("late");
        let mut writer = Writer { reader, shared, histories: self.histories.clone(), late };
        let definition = Chart::<M>::define(&self.name, |state| writer.root(root, state));
        let mut problems = writer.reader.problems;
        if problems.is_empty() {
            return Ok(definition.event_names((*self.names).clone()).semantics(Semantics::Scxml).lenient());
        }
        problems.sort_by_key(ScxmlProblem::line);
        Err(ScxmlError { problems })
    }

    fn language(&self, root: xml::Element<'_>, lines: &xml::Lines<'_>) -> Result<DataModel, ScxmlProblem> {
        let wrong = |what: String| Err(ScxmlProblem::Wrong { line: lines.line_of(root, "datamodel"), what });
        match (self.data_model, root.attribute("datamodel")) {
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
}

/// Whether a text is the name of a variable.
fn is_name(text: &str) -> bool {
    let part = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
    text.chars().all(part) && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}
