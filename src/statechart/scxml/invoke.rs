//! What a document's states invoke: sessions of other documents, which are actors.
//!
//! # Model
//!
//! An `invoke` starts when the macrostep that entered its state is over. The child gets a chart of its own and a session that
//! knows its parent; parent and child send each other events, which are named anew for the receiver's document. Before the
//! parent's chart sees an event from outside, the gate finalizes it, forwards it, and keeps back what comes from a child that
//! is no longer invoked. A child that is done says so in its last event.
//!
//! # Invariants
//!
//! 1. An event from a child is handled if it has arrived before the child was cancelled, and only then.
//! 2. What waits for its delay is the sender's: it ends with the sender's session.
//!
//! # Source
//!
//! W3C SCXML, section 6.4 (`invoke`), 6.5 (`finalize`), and Appendix D (`mainEventLoop`, `exitStates`).

use std::sync::Arc;

use super::super::chart::Chart;
use super::super::invoke::{Gate, Tied};
use super::super::model::{Model, Step, Trigger};
use super::super::state_id::StateId;
use super::content::{Block, COMMUNICATION, Payload, Place, Placed, Shared};
use super::event::{Child, Instant, ScxmlEvent, ScxmlEventType};
use super::expression::{Expression, Location};
use super::program::Program;
use super::session::{Invocation, Parent, ScxmlSession};
use super::value::ScxmlValue;
use crate::id::ActorId;

/// How deep sessions may invoke each other: a document might invoke itself.
const DEPTH_MAX: u32 = 64;

/// The names of the one type of service there is.
const TYPES: [&str; 3] = ["http://www.w3.org/TR/scxml/", "http://www.w3.org/TR/scxml", "scxml"];

/// Who spawns, reaches and stops sessions.
pub(crate) trait Family<M: Model>: Send + Sync {
    /// The running session's actor.
    fn me(&self, step: &Step<'_, M>) -> ActorId;
    /// The running round: what is sent in one arrives in the next.
    fn now(&self, step: &Step<'_, M>) -> Instant;
    /// Spawns a child of the running session's actor.
    fn spawn(&self, chart: Arc<Chart<M>>, session: ScxmlSession, step: &Step<'_, M>) -> ActorId;
    /// Tells a session's actor an event.
    fn tell(&self, to: ActorId, event: ScxmlEvent, step: &Step<'_, M>);
    /// Stops a child.
    fn stop(&self, child: ActorId, step: &Step<'_, M>);
}

/// An `invoke` that was read.
pub(super) struct Invoke<M: Model> {
    pub(super) place: Place,
    /// Which of the document it is.
    pub(super) element: usize,
    pub(super) state: StateId,
    pub(super) kind: Option<Expression>,
    pub(super) id: Option<Arc<str>>,
    pub(super) id_location: Option<Location>,
    pub(super) source: Source<M>,
    pub(super) payload: Payload,
    pub(super) autoforward: bool,
    pub(super) finalize: Finalize<M>,
}

/// Where the invoked document comes from.
pub(super) enum Source<M: Model> {
    /// It was read with the document that invokes it.
    Program(Program<M>),
    /// A name, whose text the bindings give.
    Address(Expression),
    /// Its text.
    Text(Expression),
}

/// What is done with an event of the child before all else.
pub(super) enum Finalize<M: Model> {
    Acts(Vec<Placed<M>>),
    /// Fields of its data become values of places.
    Fields(Vec<(Arc<str>, Location)>),
}

type Fault = ScxmlEvent;

impl<M> Invoke<M>
where
    M: Model<State = StateId, Event = ScxmlEvent, Context: AsRef<ScxmlSession> + AsMut<ScxmlSession>>,
{
    /// Starts it. What goes wrong is raised, and nothing is started.
    pub(super) fn start(&self, block: &mut Block<'_, '_, M>) {
        // Of an instance that goes on from a snapshot, those before are another actor's.
        block.session().invocations.retain(|invocation| invocation.element != self.element);
        if let Err(fault) = self.try_start(block) {
            block.tell(fault, &self.place);
        }
    }

    fn try_start(&self, block: &mut Block<'_, '_, M>) -> Result<(), Fault> {
        let shared = block.shared;
        if let Some(kind) = &self.kind {
            let kind = block.text(kind)?;
            if !TYPES.contains(&&*kind) {
                return Err(block.execution(&format!("nothing of the type `{kind}` can be invoked: write `{}`", TYPES[0])));
            }
        }
        let Some(family) = &shared.frame.bindings.family else {
            return Err(block.execution("nobody spawns what is invoked: bind it with `ScxmlBindings::children`"));
        };
        if block.session().depth >= DEPTH_MAX {
            return Err(block.execution(&format!("sessions invoke each other at most {DEPTH_MAX} deep")));
        }
        let invoke_id = self.id.clone().unwrap_or_else(|| block.session().next_id(self.state.as_str()));
        if let Some(location) = &self.id_location {
            block.assign(location, invoke_id.clone().into())?;
        }
        let values = block.payload(&self.payload, &self.place)?;
        let mut read = None;
        let program = match &self.source {
            Source::Program(program) => program,
            source => read.insert(self.read(source, block)?),
        };
        let mut session = self.session(program, values, block);
        session.parent =
            Some(Parent { actor: family.me(block.step), location: block.session().location().into(), invoke_id: invoke_id.clone() });
        let location = session.location().into();
        let actor = family.spawn(program.chart.clone(), session, block.step);
        block.step.tie(Tied::Actor(actor));
        let names = program.outline.names.clone();
        block.session().invocations.push(Invocation { id: invoke_id, actor, location, element: self.element, names });
        Ok(())
    }

    /// The child's session. What it does not declare is left out.
    fn session(&self, program: &Program<M>, values: ScxmlValue, block: &mut Block<'_, '_, M>) -> ScxmlSession {
        let parent = block.session();
        let id = parent.id.clone();
        let id = parent.next_id(&id);
        let depth = parent.depth + 1;
        let mut session = program.outline.session().with_id(id);
        session.depth = depth;
        if let ScxmlValue::Record(values) = values {
            for (name, value) in values.into_iter().filter(|(name, _)| program.outline.parameters.contains(name)) {
                session.set(&name, value);
            }
        }
        session
    }

    /// Reads a document whose text is known only now.
    fn read(&self, source: &Source<M>, block: &Block<'_, '_, M>) -> Result<Program<M>, Fault> {
        let frame = &block.shared.frame;
        let communication = |reason: &str| block.shared.error(COMMUNICATION, reason);
        let text = match source {
            Source::Program(_) => unreachable!("it was read before"),
            Source::Text(text) => block.text(text)?,
            Source::Address(address) => {
                let uri = block.text(address)?;
                let text =
                    frame.bindings.source(&uri).unwrap_or_else(|| Err("no sources are bound with `ScxmlBindings::sources`".to_owned()));
                text.map_err(|reason| communication(&format!("the source `{uri}` cannot be read: {reason}")))?.into()
            }
        };
        Program::read(&text, frame, &block.shared.names).map_err(|error| communication(&error.to_string()))
    }

    /// Stops what it started, if it was started and has not ended.
    pub(super) fn stop(shared: &Shared<M>, context: &mut M::Context, step: &mut Step<'_, M>) {
        let Some(Tied::Actor(child)) = step.untie() else { return };
        if let Some(family) = &shared.frame.bindings.family {
            context.as_mut().cancel(child, family.now(step));
            family.stop(child, step);
        }
    }
}

/// Stands before the chart of a document that invokes or is invoked.
pub(super) struct Door<M: Model> {
    pub(super) shared: Arc<Shared<M>>,
    /// The invocations of the document.
    pub(super) invokes: Vec<Arc<Invoke<M>>>,
}

impl<M> Door<M>
where
    M: Model<State = StateId, Event = ScxmlEvent, Context: AsRef<ScxmlSession> + AsMut<ScxmlSession>>,
{
    fn finalize(&self, element: usize, event: &ScxmlEvent, block: &mut Block<'_, '_, M>) {
        let Some(invoke) = self.invokes.get(element) else { return };
        match &invoke.finalize {
            Finalize::Acts(acts) => block.run(acts),
            Finalize::Fields(fields) => {
                for (name, location) in fields {
                    let ScxmlValue::Record(data) = event.data() else { continue };
                    let Some((_, value)) = data.iter().find(|(known, _)| known == name) else { continue };
                    if let Err(fault) = block.assign(location, value.clone()) {
                        block.tell(fault, &invoke.place);
                    }
                }
            }
        }
    }

    /// An event of a child's. Returns whether it had arrived before the child was cancelled, if it was.
    fn hear(&self, child: Child, event: &ScxmlEvent, block: &mut Block<'_, '_, M>) -> bool {
        let family = &self.shared.frame.bindings.family;
        let session = block.context.as_mut();
        let Some(at) = session.invocations.iter().position(|invocation| invocation.actor == child.id) else {
            return family.as_ref().is_some_and(|family| session.was_there(child.id, family.now(block.step)));
        };
        let element = session.invocations[at].element;
        if child.done {
            block.session().invocations.remove(at);
        }
        self.finalize(element, event, block);
        true
    }

    fn forward(&self, event: &ScxmlEvent, block: &Block<'_, '_, M>) {
        let Some(family) = &self.shared.frame.bindings.family else { return };
        for child in &block.context.as_ref().invocations {
            if self.invokes.get(child.element).is_some_and(|invoke| invoke.autoforward) {
                family.tell(child.actor, event.renamed(&self.shared.names, &child.names).with_child(None), block.step);
            }
        }
    }
}

impl<M> Gate<M> for Door<M>
where
    M: Model<State = StateId, Event = ScxmlEvent, Context: AsRef<ScxmlSession> + AsMut<ScxmlSession>>,
{
    fn admit(&self, context: &mut M::Context, event: &ScxmlEvent, step: &mut Step<'_, M>) -> bool {
        let mut block = Block { shared: &self.shared, context, trigger: &Trigger::Event(event), step };
        if event.is_on_its_way() {
            let (event, target) = event.clone().take_target();
            if let Some(fault) = target.and_then(|target| block.deliver(&event, &target).err()) {
                let fault = event.send_id().map_or(fault.clone(), |id| fault.with_send_id(id));
                block.step.raise(fault);
            }
            return false;
        }
        if let Some(child) = event.child()
            && !self.hear(child, event, &mut block)
        {
            return false;
        }
        // Errors that this session makes itself are no events from outside.
        if event.source() != ScxmlEventType::Platform || event.child().is_some() {
            self.forward(event, &block);
        }
        true
    }

    /// A child that is done has said so before: any other end is a failure.
    fn ended(&self, context: &mut M::Context, who: Tied, failure: Option<&str>) -> Option<ScxmlEvent> {
        let Tied::Actor(child) = who else { return None };
        let session = context.as_mut();
        let at = session.invocations.iter().position(|invocation| invocation.actor == child)?;
        let invocation = session.invocations.remove(at);
        let why = failure.unwrap_or("it was stopped");
        let reason = format!("the invoked session `{}` has ended before it was done: {why}", invocation.id);
        Some(self.shared.error(COMMUNICATION, &reason).with_invoke_id(invocation.id))
    }

    fn done(&self, context: &mut M::Context, output: Option<&ScxmlEvent>, step: &mut Step<'_, M>) {
        let (Some(parent), Some(names)) = (&context.as_ref().parent, &self.shared.parent_names) else { return };
        let event = ScxmlEvent::named(names, &format!("done.invoke.{}", parent.invoke_id), ScxmlEventType::Platform);
        let event = output.map_or(event.clone(), |output| event.with_data(output.data().clone()));
        Block { shared: &self.shared, context, trigger: &Trigger::Start, step }.tell_parent(event, true);
    }
}
