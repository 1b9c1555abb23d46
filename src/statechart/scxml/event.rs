//! Events with names and data.

use std::sync::Arc;

use super::super::model::{ChartEvent, EventId, EventNames, Trigger};
use super::value::ScxmlValue;
use crate::id::ActorId;

/// The name under which a chart gets events whose names it does not know.
pub(super) const OTHER: &str = "(other)";

/// Where an event comes from: `_event.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ScxmlEventType {
    /// From the processor itself, as errors and done events do.
    Platform,
    /// From `raise`, or `send` to `#_internal`.
    Internal,
    /// From outside, or from the document by `send`.
    External,
}

impl ScxmlEventType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

/// An event of an SCXML document: a name, and what `_event` tells of it. Made by
/// [`ScxmlDocument::event`](super::ScxmlDocument::event). 16 bytes where it is nothing but a known name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ScxmlEvent {
    kind: EventId,
    source: ScxmlEventType,
    detail: Option<Box<Detail>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Detail {
    /// Where the kind does not say it.
    name: Option<Arc<str>>,
    data: ScxmlValue,
    send_id: Option<Arc<str>>,
    origin: Option<Arc<str>>,
    origin_type: Option<Arc<str>>,
    invoke_id: Option<Arc<str>>,
    /// The child that sent it.
    #[cfg_attr(feature = "serde", serde(skip))]
    child: Option<Child>,
    /// Of one that waited for its delay: whom it is to be sent to.
    target: Option<Arc<str>>,
}

/// A child as the sender of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Child {
    pub(super) id: ActorId,
    /// It says that it is done.
    pub(super) done: bool,
}

/// A round of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Instant {
    pub(crate) tick: u64,
    pub(crate) round: u32,
}

impl ChartEvent for ScxmlEvent {
    type Kind = EventId;

    fn kind(&self) -> EventId {
        self.kind
    }
}

impl ScxmlEvent {
    /// An event by name. One that the document does not name goes where its longest prefix would go.
    pub(super) fn named(names: &EventNames, name: &str, source: ScxmlEventType) -> Self {
        match names.find(name) {
            Some(kind) => Self { kind, source, detail: None },
            None => {
                let mut known = name;
                let kind = loop {
                    known = known.rsplit_once('.').map_or(OTHER, |(prefix, _)| prefix);
                    if let Some(kind) = names.find(known) {
                        break kind;
                    }
                };
                Self { kind, source, detail: Some(Box::new(Detail { name: Some(name.into()), ..Detail::default() })) }
            }
        }
    }

    /// The event as another document knows it.
    pub(super) fn renamed(&self, from: &EventNames, to: &EventNames) -> Self {
        let mut event = Self::named(to, self.name(from), self.source);
        if let Some(detail) = &self.detail {
            let name = event.detail.take().and_then(|detail| detail.name);
            event.detail = Some(Box::new(Detail { name, ..(**detail).clone() }));
        }
        event
    }

    /// Says which child sent it, or that none did.
    pub(super) fn with_child(mut self, child: Option<Child>) -> Self {
        if child.is_some() || self.detail.is_some() {
            self.detail().child = child;
        }
        self
    }

    /// The child that sent it.
    pub(super) fn child(&self) -> Option<Child> {
        self.detail.as_ref()?.child
    }

    /// Says whom it is to be sent to when its delay is over.
    pub(super) fn with_target(mut self, target: Arc<str>) -> Self {
        self.detail().target = Some(target);
        self
    }

    /// Splits it from whom it is to be sent to.
    pub(super) fn take_target(mut self) -> (Self, Option<Arc<str>>) {
        let target = self.detail.as_mut().and_then(|detail| detail.target.take());
        (self, target)
    }

    /// Whether its delay is over, and it is to be sent.
    pub(super) fn is_on_its_way(&self) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.target.is_some())
    }

    /// The `send` that it is of.
    pub(super) fn send_id(&self) -> Option<Arc<str>> {
        self.detail.as_ref()?.send_id.clone()
    }

    fn detail(&mut self) -> &mut Detail {
        self.detail.get_or_insert_default()
    }

    /// Gives it data: `_event.data`.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<ScxmlValue>) -> Self {
        self.detail().data = data.into();
        self
    }

    /// Says who sent it, and by which kind of processor replies get there: `_event.origin` and `_event.origintype`.
    #[must_use]
    pub fn with_origin(mut self, origin: impl Into<Arc<str>>, processor: impl Into<Arc<str>>) -> Self {
        self.detail().origin = Some(origin.into());
        self.detail().origin_type = Some(processor.into());
        self
    }

    /// Says by which `send` it was sent: `_event.sendid`.
    #[must_use]
    pub fn with_send_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.detail().send_id = Some(id.into());
        self
    }

    /// Says from which child it comes: `_event.invokeid`.
    #[must_use]
    pub fn with_invoke_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.detail().invoke_id = Some(id.into());
        self
    }

    /// What it carries.
    #[must_use]
    pub fn data(&self) -> &ScxmlValue {
        const NOTHING: &ScxmlValue = &ScxmlValue::Undefined;
        self.detail.as_ref().map_or(NOTHING, |detail| &detail.data)
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(&self) -> ScxmlEventType {
        self.source
    }

    /// Its name, by the names of its document.
    pub(super) fn name<'a>(&'a self, names: &'a EventNames) -> &'a str {
        let own = self.detail.as_ref().and_then(|detail| detail.name.as_deref());
        own.unwrap_or_else(|| names.name(self.kind))
    }
}

/// The fields of `_event`.
pub(super) const FIELDS: [&str; 7] = ["name", "type", "sendid", "origin", "origintype", "invokeid", "data"];

/// A field of `_event` for the event that set off a step.
pub(super) fn field(trigger: &Trigger<'_, ScxmlEvent>, names: &EventNames, field: &str) -> ScxmlValue {
    let (name, source, event) = match trigger {
        Trigger::Start => return ScxmlValue::Undefined,
        Trigger::Event(event) => (event.name(names), event.source, Some(*event)),
        Trigger::Own(name) | Trigger::Failed(name, _) => (*name, ScxmlEventType::Platform, None),
        Trigger::Output(name, output) => (*name, ScxmlEventType::Platform, Some(*output)),
    };
    let detail = event.and_then(|event| event.detail.as_deref());
    let text = |of: fn(&Detail) -> &Option<Arc<str>>| {
        let text = detail.and_then(|detail| of(detail).clone());
        text.map_or(ScxmlValue::Undefined, ScxmlValue::Text)
    };
    match field {
        "name" => name.into(),
        "type" => source.as_str().into(),
        "sendid" => text(|detail| &detail.send_id),
        "origin" => text(|detail| &detail.origin),
        "origintype" => text(|detail| &detail.origin_type),
        "invokeid" => text(|detail| &detail.invoke_id),
        "data" => detail.map_or(ScxmlValue::Undefined, |detail| detail.data.clone()),
        _ => ScxmlValue::Undefined,
    }
}

/// `_event`; undefined before the first event.
pub(super) fn record(trigger: &Trigger<'_, ScxmlEvent>, names: &EventNames) -> ScxmlValue {
    match trigger {
        Trigger::Start => ScxmlValue::Undefined,
        trigger => ScxmlValue::record(FIELDS.map(|name| (name, field(trigger, names, name)))),
    }
}
