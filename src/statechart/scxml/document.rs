//! A document: what it is called, what it declares, and how it becomes a chart.

use std::sync::Arc;

use super::super::definition::Definition;
use super::super::model::Model;
use super::super::state_id::StateId;
use super::bindings::ScxmlBindings;
use super::event::{ScxmlEvent, ScxmlEventType};
use super::expression::DataModel;
use super::problem::{ScxmlError, ScxmlProblem};
use super::program::{self, Frame, Outline, Settings, Text};
use super::session::ScxmlSession;
use super::xml;

/// A chart as W3C SCXML writes it in XML.
///
/// Read are states of all kinds, transitions, `initial`, history with content, `onentry`, `onexit`, `donedata`,
/// `datamodel` with early and late binding, and as executable content `raise`, `send`, `cancel`, `assign`, `if`, `foreach`,
/// `log`, `script`, and elements of other namespaces, which [`ScxmlBindings`] ties to functions. The chart follows
/// [`Semantics::Scxml`](super::super::Semantics::Scxml).
///
/// `invoke` is for charts that are actors: `ScxmlBindings::children` lets it spawn sessions of other documents, which stand in
/// its `content` or are read from its `src`. XML as data is text.
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
    outline: Outline,
    settings: Settings,
}

impl ScxmlDocument {
    /// Reads a document's XML. Document type declarations are refused.
    ///
    /// # Errors
    ///
    /// It is no XML, or no SCXML, or it is beyond its limits: elements nested 200 deep, a million of them, 256 attributes of
    /// one, 4,096 variables, 10,000 names of events.
    pub fn parse(text: &str) -> Result<Self, ScxmlError> {
        let document = xml::parse(text).map_err(|problem| ScxmlError { problems: vec![problem] })?;
        let outline = Outline::of(document.root_element(), &xml::Lines::new(text));
        let outline = outline.map_err(|problem| ScxmlError { problems: vec![problem] })?;
        Ok(Self { text: text.into(), outline, settings: Settings::default() })
    }

    /// Chooses the language of expressions, whatever the document's `datamodel` says.
    ///
    /// By itself, `null` is [`DataModel::Null`], `native` and nothing are [`DataModel::Native`], and `ecmascript` needs the
    /// feature `scxml-ecmascript`. A document in ECMAScript that uses no more than the native expressions means the same
    /// under [`DataModel::Native`], and runs faster there.
    #[must_use]
    pub fn data_model(mut self, data_model: DataModel) -> Self {
        self.settings.data_model = Some(data_model);
        self
    }

    /// Lets expressions that cannot be read, and targets that nobody is bound to, pass until they are needed: then they raise
    /// `error.execution` or `error.communication`, as W3C lets a processor choose.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.settings.lenient = true;
        self
    }

    /// How many states there are, the root and history states included: what [`Model::Set`] must hold.
    #[must_use]
    pub fn size(&self) -> usize {
        self.outline.states.len() + 1
    }

    /// The states in document order.
    pub fn states(&self) -> impl Iterator<Item = &StateId> {
        self.outline.states.iter()
    }

    /// The states without children, history states left out: what a configuration is named by.
    pub fn leaves(&self) -> impl Iterator<Item = &StateId> {
        self.outline.leaves.iter()
    }

    /// Whether it invokes other documents, which only charts that are actors can do.
    #[must_use]
    pub fn invokes(&self) -> bool {
        self.outline.invokes
    }

    /// The document's name, which is that of its chart.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.outline.name
    }

    /// The context of a new instance. Its variables have no values yet: the chart gives them when it starts.
    #[must_use]
    pub fn session(&self) -> ScxmlSession {
        self.outline.session()
    }

    /// An event from outside, by name. O(number of names in the document).
    #[must_use]
    pub fn event(&self, name: &str) -> ScxmlEvent {
        ScxmlEvent::named(&self.outline.names, name, ScxmlEventType::External)
    }

    /// The name of an event of this document.
    #[must_use]
    pub fn event_name<'a>(&'a self, event: &'a ScxmlEvent) -> &'a str {
        event.name(&self.outline.names)
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
        let frame = Frame { bindings: bindings.clone(), ms_ticks, settings: self.settings };
        let document = xml::parse(&self.text).map_err(|problem| ScxmlError { problems: vec![problem] })?;
        let text = Text { lines: &xml::Lines::new(&self.text), sources: &[] };
        program::write(document.root_element(), &self.outline, text, &frame, None).map_err(|mut problems| {
            problems.sort_by_key(ScxmlProblem::line);
            ScxmlError { problems }
        })
    }
}
