//! Executable content: what it is once it was read, and how it is carried out.
//!
//! # Source
//!
//! W3C SCXML, sections 4 (executable content), 5.5 to 5.7 (donedata, content, param) and 6.2 (send). An error ends the block
//! that it happens in; the event that tells of it goes to the internal queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::chart::Chart;
use super::super::model::{EventNames, Model, Step, Trigger};
use super::super::set::StateSet;
use super::super::state_id::StateId;
use super::bindings::{ActionFn, ScxmlMessage};
use super::event::{Child, ScxmlEvent, ScxmlEventType};
use super::expression::{Expression, Location, Scope};
use super::program::Frame;
use super::session::{Invocation, PROCESSOR, ScxmlSession};
use super::value::ScxmlValue;

/// The error event for what cannot be evaluated or done.
pub(super) const EXECUTION: &str = "error.execution";
/// The error event for what cannot be delivered.
pub(super) const COMMUNICATION: &str = "error.communication";

/// One element of executable content.
pub(super) enum Act<M: Model> {
    Raise(Arc<str>),
    Send(Box<Send>),
    Cancel(Expression),
    Assign(Location, Expression),
    Script(Expression),
    /// The first whose condition holds.
    Choose(Vec<(Expression, Vec<Placed<M>>)>),
    ForEach(Box<ForEach<M>>),
    Log(String, Option<Expression>),
    Custom(Arc<ActionFn<M>>, BTreeMap<String, String>),
    /// A variable's first value, unless it has one.
    Declare(Arc<str>, Expression),
    /// The data of a final state.
    Output(Payload),
}

/// Where something is written.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) tag: Arc<str>,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// An act with its place.
pub(super) struct Placed<M: Model> {
    pub(super) place: Place,
    pub(super) act: Act<M>,
}

impl Place {
    /// The data of an error: its reason and its place. What has a place keeps it.
    pub(super) fn mark(&self, fault: ScxmlEvent) -> ScxmlEvent {
        let ScxmlValue::Text(reason) = fault.data() else { return fault };
        let (line, column) = (i64::from(self.line), i64::from(self.column));
        let fields: [(&str, ScxmlValue); 4] =
            [("tagname", self.tag.clone().into()), ("line", line.into()), ("column", column.into()), ("reason", reason.clone().into())];
        fault.with_data(ScxmlValue::record(fields))
    }
}

pub(super) struct ForEach<M: Model> {
    pub(super) list: Expression,
    pub(super) item: Location,
    pub(super) index: Option<Location>,
    pub(super) acts: Vec<Placed<M>>,
}

pub(super) struct Send {
    pub(super) event: Option<Expression>,
    pub(super) target: Option<Expression>,
    pub(super) kind: Option<Expression>,
    pub(super) delay: Option<Expression>,
    pub(super) id: Option<Arc<str>>,
    pub(super) id_location: Option<Location>,
    pub(super) payload: Payload,
}

/// What an event carries: values by name, or one value.
#[derive(Default)]
pub(super) struct Payload {
    /// Those of `namelist`: without one of them nothing is sent.
    pub(super) names: Vec<(Arc<str>, Expression)>,
    /// Those of `param`: one that has no value is left out.
    pub(super) params: Vec<(Arc<str>, Expression)>,
    pub(super) content: Option<Expression>,
}

/// What all content of a document shares.
pub(super) struct Shared<M: Model> {
    pub(super) names: Arc<EventNames>,
    /// The names by which the document's parent knows events, if it has one.
    pub(super) parent_names: Option<Arc<EventNames>>,
    pub(super) states: Arc<[StateId]>,
    pub(super) frame: Frame<M>,
}

/// Whom an event can be sent to, beside the session itself.
enum Relative {
    Parent,
    /// By its place among the invocations.
    Child(usize),
}

impl<M: Model> Shared<M> {
    /// An error as an event.
    pub(super) fn error(&self, name: &str, reason: &str) -> ScxmlEvent {
        ScxmlEvent::named(&self.names, name, ScxmlEventType::Platform).with_data(reason)
    }
}

/// Whether a state is active, by its id.
pub(super) fn is_in<M: Model>(chart: &Chart<M>, active: M::Set, state: &str) -> bool {
    chart.states.iter().position(|node| node.text == state).is_some_and(|at| active.has(at))
}

/// What a number and its unit are in milliseconds.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let (number, scale) = match text.trim().strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.trim().strip_suffix('s')?, 1_000.0),
    };
    let ms = number.trim().parse::<f64>().ok()? * scale;
    (ms >= 0.0).then_some(ms as u64)
}

/// Why a block ends early: the event to be raised.
type Fault = ScxmlEvent;

/// A block of content that is being carried out.
pub(super) struct Block<'r, 's, M: Model> {
    pub(super) shared: &'r Shared<M>,
    pub(super) context: &'r mut M::Context,
    pub(super) trigger: &'r Trigger<'r, ScxmlEvent>,
    pub(super) step: &'r mut Step<'s, M>,
}

impl<M> Block<'_, '_, M>
where
    M: Model<State = StateId, Event = ScxmlEvent, Context: AsRef<ScxmlSession> + AsMut<ScxmlSession>>,
{
    /// Carries out a block.
    pub(super) fn run(&mut self, acts: &[Placed<M>]) {
        if let Err(fault) = self.acts(acts) {
            self.step.raise(fault);
        }
    }

    pub(super) fn session(&mut self) -> &mut ScxmlSession {
        self.context.as_mut()
    }

    pub(super) fn execution(&self, reason: &str) -> Fault {
        self.shared.error(EXECUTION, reason)
    }

    fn with_scope<T>(&self, look: impl FnOnce(&Scope<'_>) -> T) -> T {
        let (chart, active) = (self.step.chart, self.step.active);
        look(&Scope {
            session: self.context.as_ref(),
            trigger: self.trigger,
            names: &self.shared.names,
            is_in: &|state| is_in(chart, active, state),
            #[cfg(feature = "scxml-ecmascript")]
            states: &self.shared.states,
        })
    }

    pub(super) fn value(&self, expression: &Expression) -> Result<ScxmlValue, Fault> {
        self.with_scope(|scope| expression.value(scope)).map_err(|reason| self.execution(&reason))
    }

    /// The value as text, as attributes are.
    pub(super) fn text(&self, expression: &Expression) -> Result<Arc<str>, Fault> {
        Ok(match self.value(expression)? {
            ScxmlValue::Text(text) => text,
            other => other.to_string().into(),
        })
    }

    fn acts(&mut self, acts: &[Placed<M>]) -> Result<(), Fault> {
        acts.iter().try_for_each(|act| self.act(&act.act, &act.place).map_err(|fault| act.place.mark(fault)))
    }

    /// Raises an error that does not end the block.
    pub(super) fn tell(&mut self, fault: Fault, place: &Place) {
        self.step.raise(place.mark(fault));
    }

    fn act(&mut self, act: &Act<M>, place: &Place) -> Result<(), Fault> {
        match act {
            Act::Raise(name) => self.step.raise(ScxmlEvent::named(&self.shared.names, name, ScxmlEventType::Internal)),
            Act::Send(send) => self.send(send, place)?,
            Act::Cancel(id) => {
                let id = self.text(id)?;
                self.step.cancel_sent(id);
            }
            Act::Assign(location, value) => {
                let value = self.value(value)?;
                self.assign(location, value)?;
            }
            Act::Script(script) => self.script(script)?,
            Act::Choose(branches) => self.choose(branches, place)?,
            Act::ForEach(each) => self.for_each(each)?,
            Act::Log(label, expression) => {
                let value = expression.as_ref().map_or(Ok(ScxmlValue::Undefined), |expression| self.value(expression))?;
                match &self.shared.frame.bindings.log {
                    Some(log) => log(self.context, label, &value),
                    None => tracing::debug!(chart = self.step.chart.name(), label, %value, "log"),
                }
            }
            Act::Custom(action, attributes) => {
                action(self.context, attributes, self.step).map_err(|reason| self.execution(&reason))?;
            }
            Act::Declare(name, value) => self.declare(name, value, place),
            Act::Output(payload) => {
                let data = self.payload(payload, place).unwrap_or_else(|fault| {
                    self.tell(fault, place);
                    ScxmlValue::Undefined
                });
                let output = ScxmlEvent::named(&self.shared.names, "", ScxmlEventType::Platform).with_data(data);
                self.session().output = Some(output);
            }
        }
        Ok(())
    }

    pub(super) fn assign(&mut self, location: &Location, value: ScxmlValue) -> Result<(), Fault> {
        match location {
            Location::Variable(at) => {
                self.session().set_declared(*at, value);
                Ok(())
            }
            #[cfg(feature = "scxml-ecmascript")]
            Location::Script(script) => self.run_script(script, Some(value)),
            Location::Broken(why) => Err(self.execution(why)),
        }
    }

    fn script(&mut self, script: &Expression) -> Result<(), Fault> {
        match script {
            #[cfg(feature = "scxml-ecmascript")]
            Expression::Script(script) => self.run_script(script, None),
            other => self.value(other).map(drop),
        }
    }

    /// Runs a script, and takes over what it did to variables, also if it fails in the end.
    #[cfg(feature = "scxml-ecmascript")]
    fn run_script(&mut self, script: &super::ecmascript::Script, value: Option<ScxmlValue>) -> Result<(), Fault> {
        let (changes, result) = self.with_scope(|scope| script.run(scope, value));
        for (name, value) in changes {
            self.session().set(&name, value);
        }
        result.map_err(|reason| self.execution(&reason))
    }

    /// A condition that fails does not hold, and the block goes on.
    fn choose(&mut self, branches: &[(Expression, Vec<Placed<M>>)], place: &Place) -> Result<(), Fault> {
        for (condition, acts) in branches {
            match self.value(condition) {
                Ok(value) if value.is_true() => return self.acts(acts),
                Ok(_) => {}
                Err(fault) => self.tell(fault, place),
            }
        }
        Ok(())
    }

    fn for_each(&mut self, each: &ForEach<M>) -> Result<(), Fault> {
        let ScxmlValue::List(items) = self.value(&each.list)? else {
            return Err(self.execution("`foreach` goes over a list"));
        };
        for (at, item) in items.into_iter().enumerate() {
            self.assign(&each.item, item)?;
            if let Some(index) = &each.index {
                self.assign(index, (at as i64).into())?;
            }
            self.acts(&each.acts)?;
        }
        Ok(())
    }

    /// A variable whose first value fails has none; the others are declared all the same.
    fn declare(&mut self, name: &Arc<str>, value: &Expression, place: &Place) {
        if self.context.as_ref().get(name).is_some() {
            return;
        }
        let value = self.value(value).unwrap_or_else(|fault| {
            self.tell(fault, place);
            ScxmlValue::Undefined
        });
        self.session().set(name, value);
    }

    pub(super) fn payload(&mut self, payload: &Payload, place: &Place) -> Result<ScxmlValue, Fault> {
        if let Some(content) = &payload.content {
            return self.value(content);
        }
        let mut fields = Vec::new();
        for (name, value) in &payload.names {
            fields.push((name.clone(), self.value(value)?));
        }
        for (name, value) in &payload.params {
            match self.value(value) {
                Ok(value) => fields.push((name.clone(), value)),
                Err(fault) => self.tell(fault, place),
            }
        }
        Ok(if fields.is_empty() { ScxmlValue::Undefined } else { ScxmlValue::record(fields) })
    }

    fn send(&mut self, send: &Send, place: &Place) -> Result<(), Fault> {
        let id = match &send.id_location {
            Some(location) => {
                let id = self.session().next_id("send");
                self.assign(location, id.clone().into())?;
                Some(id)
            }
            None => send.id.clone(),
        };
        self.send_as(send, id.clone(), place).map_err(|fault| match id {
            Some(id) => fault.with_send_id(id),
            None => fault,
        })
    }

    fn send_as(&mut self, send: &Send, id: Option<Arc<str>>, place: &Place) -> Result<(), Fault> {
        let text = |block: &Self, expression: &Option<Expression>| expression.as_ref().map(|text| block.text(text)).transpose();
        let (name, target, kind) = (text(self, &send.event)?, text(self, &send.target)?, text(self, &send.kind)?);
        let delay = text(self, &send.delay)?;
        let ms = delay.as_deref().map_or(Some(0), milliseconds);
        let ticks = ms.ok_or_else(|| self.execution("a delay is a number with `s` or `ms`"))?.saturating_mul(self.shared.frame.ms_ticks);
        let data = self.payload(&send.payload, place)?;
        let name = name.as_deref().unwrap_or_default();
        let kind = kind.as_deref().filter(|kind| *kind != "scxml").unwrap_or(PROCESSOR);
        let own = self.context.as_ref().location();
        let event = |source| {
            let event = ScxmlEvent::named(&self.shared.names, name, source);
            if data == ScxmlValue::Undefined { event } else { event.with_data(data.clone()) }
        };
        match (kind, target.as_deref()) {
            (PROCESSOR, Some("#_internal")) => self.step.raise(event(ScxmlEventType::Internal)),
            (PROCESSOR, None) => self.send_to_self(event(ScxmlEventType::External), &own, id, ticks),
            (PROCESSOR, Some(target)) if target == own => self.send_to_self(event(ScxmlEventType::External), &own, id, ticks),
            (PROCESSOR, Some(target)) if self.relative(target).is_some() => {
                let event = event(ScxmlEventType::External).with_origin(&*own, PROCESSOR);
                let event = id.map_or(event.clone(), |id| event.with_send_id(id));
                self.send_to_relative(event, target, ticks)?;
            }
            (kind, target) => {
                let Some(processor) = self.shared.frame.bindings.processors.get(kind) else { return Err(self.unreachable(kind, target)) };
                let message = ScxmlMessage { event: name, data, target, send_id: id.as_deref(), delay_ticks: ticks };
                let sent = processor(self.context, message, self.step);
                sent.map_err(|reason| self.shared.error(COMMUNICATION, &reason))?;
            }
        }
        Ok(())
    }

    /// To the external queue, which is looked at when the internal one is empty.
    fn send_to_self(&mut self, event: ScxmlEvent, own: &str, id: Option<Arc<str>>, ticks: u64) {
        let event = event.with_origin(own, PROCESSOR);
        match id {
            Some(id) => self.step.raise_sent(id.clone(), ticks, event.with_send_id(id)),
            None => self.step.raise_after(ticks, event),
        }
    }

    /// The parent or a child behind a target.
    fn relative(&self, target: &str) -> Option<Relative> {
        let session = self.context.as_ref();
        if session.parent.as_ref().is_some_and(|parent| target == "#_parent" || *parent.location == *target) {
            return Some(Relative::Parent);
        }
        let is = |child: &Invocation| *child.location == *target || target.strip_prefix("#_") == Some(&*child.id);
        session.invocations.iter().position(is).map(Relative::Child)
    }

    /// At once, or after its delay, which ends with this session.
    fn send_to_relative(&mut self, event: ScxmlEvent, target: &str, ticks: u64) -> Result<(), Fault> {
        if ticks == 0 {
            return self.deliver(&event, target);
        }
        let id = event.send_id();
        let event = event.with_target(target.into());
        match id {
            Some(id) => self.step.raise_sent(id, ticks, event),
            None => self.step.raise_after(ticks, event),
        }
        Ok(())
    }

    /// Delivers an event to the parent or a child.
    pub(super) fn deliver(&mut self, event: &ScxmlEvent, target: &str) -> Result<(), Fault> {
        let shared = self.shared;
        let (Some(relative), Some(family)) = (self.relative(target), &shared.frame.bindings.family) else {
            return Err(self.unreachable(PROCESSOR, Some(target)));
        };
        match (relative, &shared.parent_names) {
            (Relative::Child(at), _) => {
                let child = &self.context.as_ref().invocations[at];
                family.tell(child.actor, event.renamed(&shared.names, &child.names), self.step);
            }
            (Relative::Parent, Some(names)) => self.tell_parent(event.renamed(&shared.names, names), false),
            (Relative::Parent, None) => return Err(self.unreachable(PROCESSOR, Some(target))),
        }
        Ok(())
    }

    /// Tells the parent an event that is named as it knows it.
    pub(super) fn tell_parent(&mut self, event: ScxmlEvent, done: bool) {
        if let (Some(parent), Some(family)) = (&self.context.as_ref().parent, &self.shared.frame.bindings.family) {
            let child = Child { id: family.me(self.step), done };
            let event = event.with_invoke_id(parent.invoke_id.clone()).with_child(Some(child));
            family.tell(parent.actor, event, self.step);
        }
    }

    fn unreachable(&self, kind: &str, target: Option<&str>) -> Fault {
        match target {
            Some(target) if kind == PROCESSOR && target.starts_with("#_") => {
                self.shared.error(COMMUNICATION, &format!("nobody is at `{target}`"))
            }
            Some(target) if kind == PROCESSOR => self.execution(&format!("`{target}` is no target")),
            _ => self.execution(&format!("no processor is bound to the type `{kind}`")),
        }
    }
}
