//! What a document reaches outside of itself.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use super::super::model::{Model, Step};
use super::invoke::Family;
use super::value::ScxmlValue;

/// What `send` gives to a processor of events.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScxmlMessage<'a> {
    /// The name of the event; empty if it has none.
    pub event: &'a str,
    /// Its data.
    pub data: ScxmlValue,
    /// Where to.
    pub target: Option<&'a str>,
    /// The id of the `send`, if the document asks for one.
    pub send_id: Option<&'a str>,
    /// How much later it is to arrive, in ticks.
    pub delay_ticks: u64,
}

/// The attributes of a custom action, by name.
type Attributes = BTreeMap<String, String>;

pub(super) type ActionFn<M> = dyn Fn(&mut <M as Model>::Context, &Attributes, &mut Step<'_, M>) -> Result<(), String> + Send + Sync;
pub(super) type ProcessorFn<M> = dyn Fn(&mut <M as Model>::Context, ScxmlMessage<'_>, &mut Step<'_, M>) -> Result<(), String> + Send + Sync;
pub(super) type LogFn<M> = dyn Fn(&<M as Model>::Context, &str, &ScxmlValue) + Send + Sync;
type SourceFn = dyn Fn(&str) -> Result<String, String> + Send + Sync;

/// What a document reaches outside of itself: custom actions, processors of events, its log, files, and what it invokes, for
/// which all that is bound here is bound, too. A name bound twice means what it was bound to last.
///
/// # Examples
///
/// ```
/// use throng::statechart::{Model, ScxmlBindings, ScxmlDocument, ScxmlEvent, ScxmlSession, Session, StateId};
///
/// struct Bell;
/// impl Model for Bell {
///     type State = StateId;
///     type Event = ScxmlEvent;
///     type Context = ScxmlSession;
///     type Port<'a> = ();
///     type Set = u64;
/// }
///
/// let document = ScxmlDocument::parse(r#"
///     <scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:my="mine">
///         <state id="door">
///             <transition event="push"><my:ring times="3"/><send event="guest" type="porter" target="hall"/></transition>
///         </state>
///     </scxml>"#)?;
/// let bindings = ScxmlBindings::<Bell>::new()
///     .action("ring", |data, attributes, _| {
///         data.set("rung", attributes["times"].as_str());
///         Ok(())
///     })
///     .processor("porter", |data, message, _| {
///         data.set("sent", &*format!("{} to {:?}", message.event, message.target));
///         Ok(())
///     });
/// let mut bell = Session::start(document.define(&bindings, 1)?.build()?.into(), document.session())?;
/// bell.send(document.event("push"))?;
/// assert_eq!(bell.context().get("rung"), Some(&"3".into()));
/// assert_eq!(bell.context().get("sent"), Some(&"guest to Some(\"hall\")".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ScxmlBindings<M: Model> {
    pub(super) actions: BTreeMap<String, Arc<ActionFn<M>>>,
    pub(super) processors: BTreeMap<String, Arc<ProcessorFn<M>>>,
    pub(super) log: Option<Arc<LogFn<M>>>,
    pub(super) family: Option<Arc<dyn Family<M>>>,
    sources: Option<Arc<SourceFn>>,
}

impl<M: Model> ScxmlBindings<M> {
    /// Nothing bound.
    #[must_use]
    pub fn new() -> Self {
        Self { actions: BTreeMap::new(), processors: BTreeMap::new(), log: None, family: None, sources: None }
    }

    /// Binds a custom action: an element of this local name, in a namespace other than SCXML's, among executable content. It
    /// gets the element's attributes as they are written. An error raises `error.execution` with its text as data, and ends
    /// the block.
    #[must_use]
    pub fn action(
        mut self,
        name: &str,
        run: impl Fn(&mut M::Context, &BTreeMap<String, String>, &mut Step<'_, M>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.actions.insert(name.to_owned(), Arc::new(run));
        self
    }

    /// Binds what carries events out, by the `type` of `send`. Events to the session itself do not come here; to bind
    /// `http://www.w3.org/TR/scxml/#SCXMLEventProcessor` is to take those to other sessions. An error raises
    /// `error.communication` with its text as data, and ends the block.
    #[must_use]
    pub fn processor(
        mut self,
        kind: &str,
        send: impl Fn(&mut M::Context, ScxmlMessage<'_>, &mut Step<'_, M>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.processors.insert(kind.to_owned(), Arc::new(send));
        self
    }

    /// Binds `log`: the function gets label and value. Without it, they go to `tracing` at the level of `debug`.
    #[must_use]
    pub fn log(mut self, log: impl Fn(&M::Context, &str, &ScxmlValue) + Send + Sync + 'static) -> Self {
        self.log = Some(Arc::new(log));
        self
    }

    /// Binds what gives the text behind a `src`: a file, or whatever the name stands for. Without it there are no files.
    ///
    /// It is called while the document is read, and for `invoke` with a `srcexpr` by the actor that invokes: then it must
    /// give the same for the same name at all times, or runs differ. An error there raises `error.communication`.
    #[must_use]
    pub fn sources(mut self, read: impl Fn(&str) -> Result<String, String> + Send + Sync + 'static) -> Self {
        self.sources = Some(Arc::new(read));
        self
    }

    /// Binds who spawns, reaches and stops what documents invoke.
    pub(crate) fn family(mut self, family: impl Family<M> + 'static) -> Self {
        self.family = Some(Arc::new(family));
        self
    }

    pub(super) fn source(&self, uri: &str) -> Option<Result<String, String>> {
        self.sources.as_ref().map(|read| read(uri))
    }
}

impl<M: Model> Clone for ScxmlBindings<M> {
    fn clone(&self) -> Self {
        Self {
            actions: self.actions.clone(),
            processors: self.processors.clone(),
            log: self.log.clone(),
            family: self.family.clone(),
            sources: self.sources.clone(),
        }
    }
}

impl<M: Model> Default for ScxmlBindings<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Model> Debug for ScxmlBindings<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScxmlBindings")
            .field("actions", &self.actions.keys())
            .field("processors", &self.processors.keys())
            .finish_non_exhaustive()
    }
}
