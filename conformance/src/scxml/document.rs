//! From an SCXML document to a chart.

use std::sync::Arc;

use roxmltree::{Document, Node};
use throng::statechart::{
    Actions, Chart, Definition, EventId, EventNames, Guard, History, Model, Semantics, StateDef, StateId, Step, TransitionDef,
};

use super::expression::{Data, Datum, Expression};

/// Executable content.
#[derive(Clone)]
enum Act {
    Raise(EventId),
    /// To the external queue, at once or later.
    Send {
        event: EventId,
        delay: Expression,
        id: Option<Arc<str>>,
    },
    Cancel(Arc<str>),
    Assign(String, Expression),
    /// The first whose condition holds.
    Choose(Vec<(Expression, Vec<Self>)>),
}

/// A document that is inside what this runner carries out.
pub(super) struct Scxml<'a> {
    document: &'a Document<'a>,
    pub(super) data: Data,
    /// Ids of states without children.
    pub(super) leaves: Vec<String>,
    histories: Vec<String>,
}

fn is_state(node: &Node<'_, '_>) -> bool {
    matches!(node.tag_name().name(), "state" | "parallel" | "final" | "history")
}

/// The element children of a name.
fn children<'a>(node: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children().filter(move |child| child.has_tag_name(("http://www.w3.org/2005/07/scxml", name)))
}

/// An id; states without one get one by their place.
fn id(node: Node<'_, '_>) -> String {
    node.attribute("id").map_or_else(|| format!("(state at {})", node.id().get()), str::to_owned)
}

fn name(node: Node<'_, '_>) -> StateId {
    StateId::from(id(node).as_str())
}

impl<'a> Scxml<'a> {
    /// # Errors
    ///
    /// Why this document is outside.
    pub(super) fn read(document: &'a Document<'a>) -> Result<Self, String> {
        let root = document.root_element();
        if root.attribute("binding") == Some("late") {
            return Err("late binding of data".to_owned());
        }
        let mut data = Data::default();
        for node in root.descendants().filter(|node| node.tag_name().name() == "data") {
            let (Some(id), Some(text)) = (node.attribute("id"), node.attribute("expr")) else {
                return Err("data without a plain expression".to_owned());
            };
            let value = Expression::read(text, &data)?.value(&data, &|_| false);
            data.set(id, value);
        }
        let leaves = root.descendants().filter(|node| is_state(node) && !node.children().any(|child| is_state(&child))).map(id).collect();
        let histories = root.descendants().filter(|node| node.tag_name().name() == "history").map(id).collect();
        Ok(Self { document, data, leaves, histories })
    }

    /// Writes the chart down, with so many ticks for a millisecond.
    pub(super) fn definition<M>(&self, names: &mut EventNames, ms_ticks: u64) -> Result<Definition<M>, String>
    where
        M: Model<State = StateId, Event = EventId, Context = Data>,
    {
        let mut writer = Writer { data: &self.data, histories: &self.histories, names, ms_ticks, problem: None };
        let definition = Chart::<M>::define("(root)", |root| writer.state(self.document.root_element(), root));
        match writer.problem {
            Some(problem) => Err(problem),
            None => Ok(definition.event_names(names.clone()).semantics(Semantics::Scxml).lenient()),
        }
    }
}

struct Writer<'a> {
    data: &'a Data,
    histories: &'a [String],
    names: &'a mut EventNames,
    ms_ticks: u64,
    problem: Option<String>,
}

/// What a number and its unit are in milliseconds.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let (number, scale) = match text.trim().strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.trim().strip_suffix('s')?, 1_000.0),
    };
    Some((number.trim().parse::<f64>().ok()? * scale) as u64)
}

impl Writer<'_> {
    fn complain(&mut self, what: String) {
        self.problem.get_or_insert(what);
    }

    fn expression(&mut self, text: &str) -> Option<Expression> {
        Expression::read(text, self.data).map_err(|what| self.complain(what)).ok()
    }

    fn state<M>(&mut self, node: Node<'_, '_>, state: &mut StateDef<M>)
    where
        M: Model<State = StateId, Event = EventId, Context = Data>,
    {
        for child in node.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "state" => state.state(name(child), |state| self.state(child, state)),
                "parallel" => state.parallel(name(child), |state| self.state(child, state)),
                "final" => state.end(name(child), |state| self.state(child, state)),
                "history" => self.history(child, state),
                "onentry" => self.actions(child, state.entry()),
                "onexit" => self.actions(child, state.exit()),
                "transition" => self.transition(child, state),
                "initial" | "datamodel" => {}
                other => self.complain(format!("the element `{other}`")),
            }
        }
        if node.tag_name().name() != "parallel" {
            self.initial(node, state);
        }
    }

    fn initial<M>(&mut self, node: Node<'_, '_>, state: &mut StateDef<M>)
    where
        M: Model<State = StateId, Event = EventId, Context = Data>,
    {
        let written = children_of(node, "initial").and_then(|initial| children_of(initial, "transition"));
        let first = node.children().find(|child| is_state(child) && child.tag_name().name() != "history").map(id);
        let target = node.attribute("initial").or_else(|| written?.attribute("target")).map(str::to_owned);
        let Some(target) = target.or(first) else { return };
        if !node.children().any(|child| is_state(&child) && child.attribute("id").is_none_or(|id| id == target)) {
            return self.complain("an initial state that is no child of its parent".to_owned());
        }
        let actions = state.initial(StateId::from(target.as_str()));
        if let Some(written) = written {
            self.actions(written, actions);
        }
    }

    fn history<M>(&mut self, node: Node<'_, '_>, parent: &mut StateDef<M>)
    where
        M: Model<State = StateId, Event = EventId, Context = Data>,
    {
        let depth = if node.attribute("type") == Some("deep") { History::Deep } else { History::Shallow };
        let transition = children_of(node, "transition");
        if transition.is_some_and(|transition| transition.children().any(|child| child.is_element())) {
            self.complain("actions of a history's default transition".to_owned());
        }
        let targets = transition.and_then(|transition| transition.attribute("target")).unwrap_or_default();
        parent.history(name(node), depth, targets.split_whitespace().map(StateId::from));
    }

    fn transition<M>(&mut self, node: Node<'_, '_>, state: &mut StateDef<M>)
    where
        M: Model<State = StateId, Event = EventId, Context = Data>,
    {
        match node.attribute("event") {
            None => self.fill(node, state.always()),
            Some(events) => {
                for descriptor in events.split_whitespace() {
                    self.fill(node, state.on_named(descriptor.strip_suffix('.').unwrap_or(descriptor)));
                }
            }
        }
    }

    fn fill<M>(&mut self, node: Node<'_, '_>, transition: &mut TransitionDef<M>)
    where
        M: Model<State = StateId, Event = EventId, Context = Data>,
    {
        for target in node.attribute("target").unwrap_or_default().split_whitespace() {
            transition.go(StateId::from(target));
        }
        if node.attribute("type") != Some("internal") {
            transition.reenter();
        }
        if let Some(condition) = node.attribute("cond").and_then(|text| self.expression(text)) {
            transition.guard(guard(&condition, self.histories));
        }
        self.actions(node, transition);
    }

    fn actions<M>(&mut self, node: Node<'_, '_>, actions: &mut impl Actions<Model = M>)
    where
        M: Model<State = StateId, Event = EventId, Context = Data>,
    {
        let acts = self.acts(node);
        let ms_ticks = self.ms_ticks;
        if !acts.is_empty() {
            actions.run(move |data, _, step| carry_out(&acts, data, step, ms_ticks));
        }
    }

    fn acts(&mut self, node: Node<'_, '_>) -> Vec<Act> {
        node.children().filter(Node::is_element).filter_map(|child| self.act(child)).collect()
    }

    fn act(&mut self, node: Node<'_, '_>) -> Option<Act> {
        match node.tag_name().name() {
            "log" => None,
            "raise" => Some(Act::Raise(self.names.id(node.attribute("event")?))),
            "send" => self.send(node),
            "cancel" if node.attribute("sendid").is_some() => Some(Act::Cancel(node.attribute("sendid")?.into())),
            "assign" => match (node.attribute("location"), node.attribute("expr")) {
                (Some(location), Some(text)) if self.data.has(location) => Some(Act::Assign(location.to_owned(), self.expression(text)?)),
                _ => {
                    self.complain("an assignment to something that is no plain variable".to_owned());
                    None
                }
            },
            "if" => Some(self.choice(node)),
            other => {
                self.complain(format!("the element `{other}`"));
                None
            }
        }
    }

    fn send(&mut self, node: Node<'_, '_>) -> Option<Act> {
        let known = ["event", "delay", "delayexpr", "id", "target", "type"];
        let odd = node.attributes().find(|attribute| !known.contains(&attribute.name())).map(|attribute| attribute.name());
        let local = node.attribute("type").is_none_or(|kind| kind == "http://www.w3.org/TR/scxml/#SCXMLEventProcessor");
        let event = node.attribute("event").filter(|_| local && odd.is_none() && !node.children().any(|child| child.is_element()));
        let Some(event) = event.map(|event| self.names.id(event)) else {
            self.complain(format!("a send with {}", odd.unwrap_or("data, of another type, or without an event's name")));
            return None;
        };
        match node.attribute("target") {
            None => {}
            Some("#_internal") => return Some(Act::Raise(event)),
            Some(_) => self.complain("a send to another session".to_owned()),
        }
        let delay = match (node.attribute("delay"), node.attribute("delayexpr")) {
            (None, None) => Expression::Value(Datum::Text("0s".to_owned())),
            (Some(delay), _) => Expression::Value(Datum::Text(delay.to_owned())),
            (None, Some(text)) => self.expression(text)?,
        };
        Some(Act::Send { event, delay, id: node.attribute("id").map(Into::into) })
    }

    fn choice(&mut self, node: Node<'_, '_>) -> Act {
        let always = || Some(Expression::Value(Datum::Truth(true)));
        let mut branches = Vec::new();
        let mut condition = node.attribute("cond").and_then(|text| self.expression(text));
        let mut acts = Vec::new();
        for child in node.children().filter(Node::is_element) {
            let next = match child.tag_name().name() {
                "elseif" => child.attribute("cond").and_then(|text| self.expression(text)),
                "else" => always(),
                _ => {
                    acts.extend(self.act(child));
                    continue;
                }
            };
            branches.extend(std::mem::replace(&mut condition, next).map(|condition| (condition, std::mem::take(&mut acts))));
        }
        branches.extend(condition.map(|condition| (condition, acts)));
        Act::Choose(branches)
    }
}

fn children_of<'a>(node: Node<'a, 'a>, name: &'static str) -> Option<Node<'a, 'a>> {
    children(node, name).next()
}

/// Where states are asked for, a guard does it. History states are never active.
fn guard<M>(expression: &Expression, histories: &[String]) -> Guard<M>
where
    M: Model<State = StateId, Event = EventId, Context = Data>,
{
    match expression {
        Expression::In(state) if histories.contains(state) => Guard::test(|_, _| false),
        Expression::In(state) => Guard::is_in(StateId::from(state.as_str())),
        Expression::Not(inner) => !guard(inner, histories),
        Expression::Both("&&", a, b) => Guard::all([guard(a, histories), guard(b, histories)]),
        Expression::Both("||", a, b) => Guard::any([guard(a, histories), guard(b, histories)]),
        plain => {
            let plain = plain.clone();
            Guard::test(move |data: &Data, _| plain.holds(data, &|_| false))
        }
    }
}

fn carry_out<M>(acts: &[Act], data: &mut Data, step: &mut Step<'_, M>, ms_ticks: u64)
where
    M: Model<State = StateId, Event = EventId, Context = Data>,
{
    for act in acts {
        let is_in = |step: &Step<'_, M>, state: &str| step.is_in(&StateId::from(state));
        match act {
            Act::Raise(event) => step.raise(*event),
            Act::Cancel(id) => step.cancel(id.clone()),
            Act::Assign(location, value) => {
                let value = value.value(data, &|state| is_in(step, state));
                data.set(location, value);
            }
            Act::Choose(branches) => {
                let branch = branches.iter().find(|(condition, _)| condition.holds(data, &|state| is_in(step, state)));
                if let Some((_, acts)) = branch {
                    carry_out(acts, data, step, ms_ticks);
                }
            }
            Act::Send { event, delay, id } => {
                let ms = match delay.value(data, &|state| is_in(step, state)) {
                    Datum::Text(text) => milliseconds(&text),
                    _ => None,
                };
                match (ms, id) {
                    (None, _) => step.fail("a delay is a text such as `1.5s`"),
                    (Some(ms), None) => step.raise_after(ms * ms_ticks, *event),
                    (Some(ms), Some(id)) => step.raise_named(id.clone(), ms * ms_ticks, *event),
                }
            }
        }
    }
}
