//! From elements to a chart.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::definition::{ActionList, Actions, Guard, History, StateDef, TransitionDef};
use super::super::model::Model;
use super::super::state_id::StateId;
use super::content::{Act, Block, EXECUTION, Payload, Place, Placed, Shared, is_in};
use super::event::ScxmlEvent;
use super::expression::{Expression, Location, Scope};
use super::invoke::{Finalize, Invoke, Source};
use super::native::Native;
use super::program::{Program, Text};
use super::reader::Reader;
use super::session::ScxmlSession;
use super::value::ScxmlValue;
use super::xml::{self, Element};

const INVOKES_MAX: usize = 1_000;

/// Writes a chart down.
pub(super) struct Writer<'a, M: Model> {
    pub(super) reader: Reader<'a, M>,
    pub(super) shared: Arc<Shared<M>>,
    /// The ids of history states, which are never active.
    pub(super) histories: BTreeSet<Arc<str>>,
    /// Variables get their first values when their states are entered, and not all at the start.
    pub(super) late: bool,
    /// The sources that are being read.
    pub(super) sources: &'a [String],
    pub(super) invokes: Vec<Arc<Invoke<M>>>,
}

impl<M> Writer<'_, M>
where
    M: Model<State = StateId, Event = ScxmlEvent, Context: AsRef<ScxmlSession> + AsMut<ScxmlSession>>,
{
    /// Writes the root.
    pub(super) fn root(&mut self, element: Element<'_>, root: &mut StateDef<M>) {
        if !self.late {
            let acts = self.declarations(xml::own(element).into_iter().filter(|data| xml::name(*data) == Some("data")));
            self.act(acts, root.entry());
        }
        self.state(element, root);
        // Scripts of the document run before the actions of its states, and after its data is there.
        let scripts: Vec<_> = xml::named(element, "script").map(|script| self.reader.script(script)).collect();
        for script in scripts {
            self.act(vec![script], root.entry());
        }
    }

    fn declarations<'d>(&mut self, data: impl Iterator<Item = Element<'d>>) -> Vec<Placed<M>> {
        let mut acts = Vec::new();
        for data in data {
            match data.attribute("id") {
                Some(id) => {
                    let declare = Act::Declare(id.into(), self.reader.given(data));
                    acts.push(self.reader.placed(data, declare));
                }
                None => self.reader.wrong(self.reader.lines.line(data), "`data` needs the attribute `id`"),
            }
        }
        acts
    }

    fn state(&mut self, element: Element<'_>, state: &mut StateDef<M>) {
        if self.late {
            let acts = self.declarations(xml::named(element, "datamodel").flat_map(|model| xml::named(model, "data")));
            self.act(acts, state.entry());
        }
        for child in xml::elements(element) {
            self.child(child, state);
        }
        if xml::name(element) != Some("parallel")
            && xml::elements(element).any(|child| xml::is_state(child) && xml::name(child) != Some("history"))
        {
            self.initial(element, state);
        }
    }

    fn child(&mut self, child: Element<'_>, state: &mut StateDef<M>) {
        let name = || StateId::from(self.reader.lines.id(child));
        match xml::name(child) {
            Some("state") => state.state(name(), |state| self.state(child, state)),
            Some("parallel") => state.parallel(name(), |state| self.state(child, state)),
            Some("final") => state.end(name(), |state| self.state(child, state)),
            Some("history") => self.history(child, state),
            Some("onentry") => self.block(child, state.entry()),
            Some("onexit") => self.block(child, state.exit()),
            Some("transition") => self.transition(child, state),
            Some("donedata") => self.output(child, state),
            Some("initial" | "datamodel") => {}
            Some("script") if xml::name(child.parent_element().unwrap_or(child)) == Some("scxml") => {}
            Some("invoke") => self.invoke(child, state),
            Some(other) => self.reader.unsupported(self.reader.lines.line(child), format!("the element `{other}` here"), "strike it out"),
            // What is of others' namespaces is theirs.
            None => {}
        }
    }

    /// The default: the `initial` attribute or element, else the first child.
    fn initial(&mut self, element: Element<'_>, state: &mut StateDef<M>) {
        let mut blocks = Vec::new();
        let mut targets = self.targets(element, "initial");
        if let Some(transition) = xml::named(element, "initial").next().and_then(|initial| xml::named(initial, "transition").next()) {
            targets = self.targets(transition, "target");
            blocks = self.reader.acts(transition);
        }
        if targets.is_empty() {
            let first = xml::elements(element).find(|child| xml::is_state(*child) && xml::name(*child) != Some("history"));
            targets.extend(first.map(|first| StateId::from(self.reader.lines.id(first))));
        }
        self.act(blocks, state.initial_all(targets));
    }

    fn history(&mut self, element: Element<'_>, parent: &mut StateDef<M>) {
        let depth = match element.attribute("type") {
            None | Some("shallow") => History::Shallow,
            Some("deep") => History::Deep,
            Some(other) => {
                self.reader
                    .wrong(self.reader.lines.line_of(element, "type"), format!("a history is `shallow` or `deep`, and not `{other}`"));
                return;
            }
        };
        let transition = xml::named(element, "transition").next();
        let targets = transition.map_or_else(Vec::new, |transition| self.targets(transition, "target"));
        let acts = transition.map_or_else(Vec::new, |transition| self.reader.acts(transition));
        self.act(acts, parent.history(StateId::from(self.reader.lines.id(element)), depth, targets));
    }

    /// The states that an attribute names; those that are not there are told.
    fn targets(&mut self, element: Element<'_>, attribute: &str) -> Vec<StateId> {
        let mut known = BTreeSet::new();
        let words = element.attribute(attribute).unwrap_or_default().split_whitespace();
        let ids: Vec<StateId> = words.filter(|id| known.insert(*id)).map(StateId::from).collect();
        for id in ids.iter().filter(|id| !self.shared.states.contains(id)) {
            let what = format!("there is no state `{}`: add it, or correct the name", id.as_str());
            self.reader.wrong(self.reader.lines.line_of(element, attribute), what);
        }
        ids
    }

    fn transition(&mut self, element: Element<'_>, state: &mut StateDef<M>) {
        let targets = self.targets(element, "target");
        let condition = element.attribute("cond").map(|text| self.reader.expression(text, self.reader.lines.line_of(element, "cond")));
        let acts: Arc<[Placed<M>]> = self.reader.acts(element).into();
        let internal = match element.attribute("type") {
            None | Some("external") => false,
            Some("internal") => true,
            Some(other) => {
                self.reader.wrong(
                    self.reader.lines.line_of(element, "type"),
                    format!("a transition is `external` or `internal`, and not `{other}`"),
                );
                return;
            }
        };
        let place = self.reader.place(element);
        let fill = |transition: &mut TransitionDef<M>| {
            targets.iter().for_each(|target| drop_ref(transition.go(target.clone())));
            if !internal {
                transition.reenter();
            }
            if let Some(condition) = &condition {
                transition.guard(self.guard(condition, &place));
            }
            self.carry(acts.clone(), transition);
        };
        match element.attribute("event") {
            None => fill(state.always()),
            Some(events) => events.split_whitespace().for_each(|descriptor| fill(state.on_named(plain(descriptor)))),
        }
    }

    /// Where states are asked for by their ids, and nothing can fail, the chart does it.
    fn guard(&self, condition: &Expression, place: &Place) -> Guard<M> {
        condition.as_native().map_or_else(|| self.evaluated(condition.clone(), place), |native| self.native_guard(native, place))
    }

    fn native_guard(&self, condition: &Native, place: &Place) -> Guard<M> {
        match condition {
            Native::And(a, b) => Guard::all([self.native_guard(a, place), self.native_guard(b, place)]),
            other => self.plain_guard(other).unwrap_or_else(|| self.evaluated(Expression::Native(other.clone()), place)),
        }
    }

    /// A guard of nothing but states.
    fn plain_guard(&self, condition: &Native) -> Option<Guard<M>> {
        Some(match condition {
            Native::In(state) => match &**state {
                Native::Value(ScxmlValue::Text(id)) if self.histories.contains(id) => Guard::test(|_, _| false),
                Native::Value(ScxmlValue::Text(id)) if self.shared.states.contains(&StateId::from(id.clone())) => {
                    Guard::is_in(StateId::from(id.clone()))
                }
                _ => return None,
            },
            Native::Not(inner) => !self.plain_guard(inner)?,
            Native::And(a, b) => Guard::all([self.plain_guard(a)?, self.plain_guard(b)?]),
            Native::Or(a, b) => Guard::any([self.plain_guard(a)?, self.plain_guard(b)?]),
            _ => return None,
        })
    }

    /// A guard that raises `error.execution` where its condition has no value.
    fn evaluated(&self, condition: Expression, place: &Place) -> Guard<M> {
        let (shared, place) = (self.shared.clone(), place.clone());
        Guard::attempt(move |context: &M::Context, trigger, states| {
            let scope = Scope {
                session: context.as_ref(),
                trigger,
                names: &shared.names,
                is_in: &|state| is_in(states.chart, states.active, state),
                #[cfg(feature = "scxml-ecmascript")]
                states: &shared.states,
            };
            let value = condition.value(&scope).map_err(|reason| place.mark(shared.error(EXECUTION, &reason)))?;
            Ok(value.is_true())
        })
    }

    fn invoke(&mut self, element: Element<'_>, state: &mut StateDef<M>) {
        let line = self.reader.lines.line(element);
        if self.reader.bindings.family.is_none() && !self.reader.lenient {
            let remedy = "it is for charts that are actors: let `ScxmlBindings::children` spawn what they invoke";
            self.reader.unsupported(line, "`invoke` without children", remedy);
        }
        if self.invokes.len() >= INVOKES_MAX {
            return self.reader.wrong(line, format!("a document has at most {INVOKES_MAX} `invoke`"));
        }
        let (payload, content, finalize) = self.parts_of_invoke(element);
        let Some(source) = self.source_of_invoke(element, content) else { return };
        let autoforward = element.attribute("autoforward").is_some_and(|value| value.trim() == "true");
        let id: Option<Arc<str>> = element.attribute("id").map(Into::into);
        let name = id
            .as_deref()
            .map_or_else(|| format!("({}:{})", self.reader.place(element).line, self.reader.place(element).column), str::to_owned);
        let invoke = Arc::new(Invoke {
            place: self.reader.place(element),
            element: self.invokes.len(),
            state: element.parent_element().map_or_else(|| "".into(), |state| self.reader.lines.id(state).into()),
            kind: self.reader.either(element, "type", "typeexpr"),
            id,
            id_location: self.reader.location_in(element, "idlocation"),
            source,
            payload,
            autoforward,
            finalize,
        });
        self.invokes.push(invoke.clone());
        let (shared, stopped) = (self.shared.clone(), self.shared.clone());
        state.invoke_as(
            &name,
            move |context, trigger, step| invoke.start(&mut Block { shared: &shared, context, trigger, step }),
            move |context, step| Invoke::stop(&stopped, context, step),
        );
    }

    /// What is given to the child, the element with its document, and what is done with its events.
    fn parts_of_invoke<'e>(&mut self, element: Element<'e>) -> (Payload, Option<Element<'e>>, Finalize<M>) {
        let (mut payload, mut content, mut finalize) = (self.reader.names(element), None, Finalize::Acts(Vec::new()));
        for child in xml::elements(element) {
            match xml::name(child) {
                Some("param") => self.reader.param(child, &mut payload),
                Some("content") => content = Some(child),
                Some("finalize") if xml::elements(child).next().is_none() => finalize = Finalize::Fields(self.places_of_invoke(element)),
                Some("finalize") => finalize = Finalize::Acts(self.reader.acts(child)),
                _ => self.reader.misplaced(child, "write `param`, `content` or `finalize`"),
            }
        }
        (payload, content, finalize)
    }

    /// The places that a `finalize` without content writes to, by the names of what they get.
    fn places_of_invoke(&mut self, element: Element<'_>) -> Vec<(Arc<str>, Location)> {
        let line = self.reader.lines.line_of(element, "namelist");
        let names = element.attribute("namelist").unwrap_or_default().split_whitespace();
        let mut places: Vec<_> = names.map(|name| (name.into(), self.reader.location(name, line))).collect();
        for param in xml::named(element, "param") {
            if let (Some(name), Some(place)) = (param.attribute("name"), self.reader.location_in(param, "location")) {
                places.push((name.into(), place));
            }
        }
        places
    }

    /// Where the invoked document comes from: it is read here, if it is known here.
    fn source_of_invoke(&mut self, element: Element<'_>, content: Option<Element<'_>>) -> Option<Source<M>> {
        if let Some(uri) = element.attribute("src") {
            if self.sources.iter().any(|source| source == uri) {
                return Some(Source::Address(Expression::Native(Native::Value(uri.into()))));
            }
            return self.file_of_invoke(element, uri);
        }
        if let Some(address) = self.reader.attribute(element, "srcexpr") {
            return Some(Source::Address(address));
        }
        let Some(content) = content else {
            let what = "`invoke` needs a document: give it `src`, `srcexpr`, or a `content` with an `scxml` in it";
            self.reader.wrong(self.reader.lines.line(element), what);
            return None;
        };
        let Some(root) = xml::named(content, "scxml").next() else { return Some(Source::Text(self.reader.given(content))) };
        let text = Text { lines: self.reader.lines, sources: self.sources };
        match Program::of(root, text, &self.shared.frame, &self.shared.names) {
            Ok(program) => Some(Source::Program(program)),
            Err(problems) => {
                problems.into_iter().for_each(|problem| self.reader.note(problem));
                None
            }
        }
    }

    fn file_of_invoke(&mut self, element: Element<'_>, uri: &str) -> Option<Source<M>> {
        // One that cannot be read may not be needed.
        if self.reader.lenient {
            return Some(Source::Address(Expression::Native(Native::Value(uri.into()))));
        }
        let text = self.reader.source(element, uri)?;
        let sources: Vec<String> = self.sources.iter().cloned().chain([uri.to_owned()]).collect();
        let program = Program::read_within(&text, &sources, &self.shared.frame, &self.shared.names);
        let line = self.reader.lines.line_of(element, "src");
        program.map_err(|error| self.reader.wrong(line, format!("in `{uri}`, {error}"))).ok().map(Source::Program)
    }

    fn output(&mut self, element: Element<'_>, state: &mut StateDef<M>) {
        let payload = self.reader.payload(element);
        let output = self.reader.placed(element, Act::Output(payload));
        self.act(vec![output], state.entry());
        let shared = self.shared.clone();
        state.output(move |context: &M::Context, _| {
            let output = context.as_ref().output.clone();
            output.unwrap_or_else(|| shared.error(EXECUTION, "a final state gave out nothing"))
        });
    }

    fn block(&mut self, element: Element<'_>, actions: &mut ActionList<M>) {
        let acts = self.reader.acts(element);
        self.act(acts, actions);
    }

    fn act(&self, acts: Vec<Placed<M>>, actions: &mut ActionList<M>) {
        self.carry(acts.into(), actions);
    }

    /// Has a block carried out.
    fn carry(&self, acts: Arc<[Placed<M>]>, actions: &mut impl Actions<Model = M>) {
        if acts.is_empty() {
            return;
        }
        let shared = self.shared.clone();
        actions.run(move |context, trigger, step| Block { shared: &shared, context, trigger, step }.run(&acts));
    }
}

fn drop_ref<T>(_: &mut T) {}

/// A descriptor without the `.*` or `.` at its end, which change nothing.
pub(super) fn plain(descriptor: &str) -> &str {
    let short = descriptor.strip_suffix(".*").or_else(|| descriptor.strip_suffix('.')).unwrap_or(descriptor);
    if short.is_empty() { "*" } else { short }
}
