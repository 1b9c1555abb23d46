//! What one instance of a document keeps beside its configuration.

use std::sync::Arc;

use super::super::model::EventNames;
use super::event::{Instant, ScxmlEvent};
use super::value::ScxmlValue;
use crate::id::ActorId;

/// The type of the processor that carries events between SCXML sessions.
pub(super) const PROCESSOR: &str = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor";

/// The variables of one instance of an [`ScxmlDocument`](super::ScxmlDocument): a chart's context, or a part of it.
///
/// It is plain data: equal histories make equal ones, and with the feature `serde` it is saved and read, but for what it
/// knows of other actors: who invoked it, and what it has invoked, which is invoked anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ScxmlSession {
    pub(super) id: Arc<str>,
    pub(super) name: Arc<str>,
    /// Those that the document declares come first, in its order.
    variables: Vec<(Arc<str>, Option<ScxmlValue>)>,
    /// How many ids of `send` and `invoke` were made up.
    ids: u32,
    /// The data of the final state that was entered last.
    pub(super) output: Option<ScxmlEvent>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) parent: Option<Parent>,
    /// What active states invoke, in the order of the starts.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) invocations: Vec<Invocation>,
    /// Children that were cancelled in the round of the last one, and when that was.
    #[cfg_attr(feature = "serde", serde(skip))]
    cancelled: Vec<(ActorId, Instant)>,
    /// How many invocations lie between it and the session that nobody invoked.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) depth: u32,
}

/// Who invoked a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Parent {
    pub(super) actor: ActorId,
    pub(super) location: Arc<str>,
    /// What this session is called there.
    pub(super) invoke_id: Arc<str>,
}

/// A session that was invoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Invocation {
    pub(super) id: Arc<str>,
    pub(super) actor: ActorId,
    pub(super) location: Arc<str>,
    /// Which `invoke` of the document it is of.
    pub(super) element: usize,
    /// The names by which it knows events.
    pub(super) names: Arc<EventNames>,
}

impl ScxmlSession {
    pub(super) fn new(name: Arc<str>, variables: &[Arc<str>]) -> Self {
        let variables = variables.iter().map(|name| (name.clone(), None)).collect();
        Self {
            id: "session".into(),
            name,
            variables,
            ids: 0,
            output: None,
            parent: None,
            invocations: Vec::new(),
            cancelled: Vec::new(),
            depth: 0,
        }
    }

    /// Chooses its id, `_sessionid`: `send` to `#_scxml_` and this id reaches the session itself, from its parent and its
    /// children, too. Default: `session`. What it invokes has this id, a dot and a number.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = id.into();
        self
    }

    /// The value of a variable: `None` if it has none yet, or there is no such variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ScxmlValue> {
        self.variables.iter().find(|(known, _)| &**known == name)?.1.as_ref()
    }

    /// Sets a variable. Before the start it takes the place of the value that the document gives it.
    pub fn set(&mut self, name: &str, value: impl Into<ScxmlValue>) {
        let value = Some(value.into());
        match self.variables.iter_mut().find(|(known, _)| &**known == name) {
            Some((_, known)) => *known = value,
            None => self.variables.push((name.into(), value)),
        }
    }

    /// Variables that have a value.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &ScxmlValue)> {
        self.variables.iter().filter_map(|(name, value)| Some((&**name, value.as_ref()?)))
    }

    /// All variables, also those without a value yet.
    #[cfg(feature = "scxml-ecmascript")]
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Option<&ScxmlValue>)> {
        self.variables.iter().map(|(name, value)| (&**name, value.as_ref()))
    }

    /// The value of the declared variable of a number.
    pub(super) fn declared(&self, at: usize) -> Option<&ScxmlValue> {
        self.variables.get(at)?.1.as_ref()
    }

    pub(super) fn set_declared(&mut self, at: usize, value: ScxmlValue) {
        if let Some(variable) = self.variables.get_mut(at) {
            variable.1 = Some(value);
        }
    }

    /// An id that nothing in this session had: `of`, and a number.
    pub(super) fn next_id(&mut self, of: &str) -> Arc<str> {
        self.ids += 1;
        format!("{of}.{}", self.ids).into()
    }

    /// Notes that a child was cancelled, if it had not ended.
    pub(super) fn cancel(&mut self, child: ActorId, now: Instant) {
        self.invocations.retain(|invocation| invocation.actor != child);
        self.cancelled.retain(|(_, at)| *at == now);
        self.cancelled.push((child, now));
    }

    /// Whether a child was cancelled in this round: its mail of this round had arrived before.
    pub(super) fn was_there(&self, child: ActorId, now: Instant) -> bool {
        self.cancelled.contains(&(child, now))
    }

    /// Where events reach it.
    pub(super) fn location(&self) -> String {
        format!("#_scxml_{}", self.id)
    }

    /// `_ioprocessors`.
    pub(super) fn processors(&self) -> ScxmlValue {
        let scxml = ScxmlValue::record([("location", ScxmlValue::from(&*self.location()))]);
        ScxmlValue::record([(PROCESSOR, scxml.clone()), ("scxml", scxml)])
    }
}

impl AsRef<Self> for ScxmlSession {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsMut<Self> for ScxmlSession {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}
