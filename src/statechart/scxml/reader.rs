//! Executable content from its elements.

use std::sync::Arc;

use super::super::model::Model;
use super::bindings::ScxmlBindings;
use super::content::{Act, ForEach, Payload, Place, Placed, Send};
use super::expression::{DataModel, Expression, Location, content};
use super::problem::ScxmlProblem;
use super::session::PROCESSOR;
use super::value::ScxmlValue;
use super::xml::{self, Element, Lines};

/// Reads content, and gathers what is wrong.
pub(super) struct Reader<'a, M: Model> {
    pub(super) bindings: &'a ScxmlBindings<M>,
    pub(super) lines: &'a Lines<'a>,
    pub(super) language: DataModel,
    pub(super) declared: &'a [Arc<str>],
    /// What cannot be read or reached becomes an error when it is carried out.
    pub(super) lenient: bool,
    pub(super) problems: Vec<ScxmlProblem>,
}

/// How many problems are told at once.
const PROBLEMS_MAX: usize = 1_000;
/// How much of an expression is shown where it is told of.
const SHOWN_MAX: usize = 200;

/// An expression as it is shown.
fn short(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

impl<M: Model> Reader<'_, M> {
    /// Notes what is wrong, up to a limit.
    pub(super) fn note(&mut self, problem: ScxmlProblem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else if self.problems.len() == PROBLEMS_MAX {
            let line = problem.line().unwrap_or_default();
            self.problems.push(ScxmlProblem::Wrong { line, what: "there is more that is wrong: mend this first".to_owned() });
        }
    }

    pub(super) fn wrong(&mut self, line: u32, what: impl Into<String>) {
        self.note(ScxmlProblem::Wrong { line, what: what.into() });
    }

    pub(super) fn unsupported(&mut self, line: u32, what: impl Into<String>, remedy: &'static str) {
        self.note(ScxmlProblem::Unsupported { line, what: what.into(), remedy });
    }

    /// Tells of a name once.
    pub(super) fn unbound(&mut self, line: u32, kind: &'static str, name: &str) {
        let known = |problem: &ScxmlProblem| matches!(problem, ScxmlProblem::Unbound { kind: k, name: n, .. } if *k == kind && n == name);
        if !self.problems.iter().any(known) {
            self.note(ScxmlProblem::Unbound { line, kind, name: name.to_owned() });
        }
    }

    /// What was read; or why it was not, for the time when it is needed.
    fn or_broken<T>(&mut self, read: Result<T, String>, text: &str, line: u32, broken: impl FnOnce(String) -> T) -> T {
        read.unwrap_or_else(|reason| {
            if !self.lenient {
                self.note(ScxmlProblem::Expression { line, text: short(text), reason: reason.clone() });
            }
            broken(format!("`{}`: {reason}", short(text)))
        })
    }

    pub(super) fn expression(&mut self, text: &str, line: u32) -> Expression {
        let read = self.language.expression(text, self.declared);
        self.or_broken(read, text, line, Expression::Broken)
    }

    pub(super) fn location(&mut self, text: &str, line: u32) -> Location {
        let read = self.language.location(text, self.declared);
        self.or_broken(read, text, line, Location::Broken)
    }

    /// The expression in an attribute.
    pub(super) fn attribute(&mut self, element: Element<'_>, name: &str) -> Option<Expression> {
        let text = element.attribute(name)?;
        Some(self.expression(text, self.lines.line_of(element, name)))
    }

    pub(super) fn location_in(&mut self, element: Element<'_>, name: &str) -> Option<Location> {
        let text = element.attribute(name)?;
        Some(self.location(text, self.lines.line_of(element, name)))
    }

    fn needed<T>(&mut self, found: Option<T>, element: Element<'_>, name: &str) -> Option<T> {
        if found.is_none() {
            let what = format!("`{}` needs the attribute `{name}`", element.tag_name().name());
            self.wrong(self.lines.line(element), what);
        }
        found
    }

    /// An attribute, or the expression in its other.
    pub(super) fn either(&mut self, element: Element<'_>, plain: &str, computed: &str) -> Option<Expression> {
        match element.attribute(plain) {
            Some(text) => Some(Expression::Native(super::native::Native::Value(text.into()))),
            None => self.attribute(element, computed),
        }
    }

    /// The text of the file behind `src`.
    pub(super) fn source(&mut self, element: Element<'_>, uri: &str) -> Option<String> {
        let line = self.lines.line_of(element, "src");
        match self.bindings.source(uri) {
            None => {
                self.unbound(line, "source", uri);
                None
            }
            Some(Ok(text)) => Some(text),
            Some(Err(error)) => {
                self.wrong(line, format!("the source `{uri}` cannot be read: {error}"));
                None
            }
        }
    }

    /// The content in an element. Elements are text: no data model here has a document object model.
    fn content(&self, element: Element<'_>) -> Expression {
        let source: String = xml::elements(element).map(|child| self.lines.source(child)).collect();
        let value = match xml::text(element) {
            _ if !source.is_empty() => (&*source).into(),
            Some(text) => content(&text),
            None => ScxmlValue::Undefined,
        };
        Expression::Native(super::native::Native::Value(value))
    }

    /// The value that `expr`, `src` or the content give.
    pub(super) fn given(&mut self, element: Element<'_>) -> Expression {
        if let Some(expression) = self.attribute(element, "expr") {
            return expression;
        }
        match element.attribute("src") {
            Some(uri) => {
                let text = self.source(element, uri).unwrap_or_default();
                Expression::Native(super::native::Native::Value(content(&text)))
            }
            None => self.content(element),
        }
    }

    /// A script, from its text or its source.
    pub(super) fn script(&mut self, element: Element<'_>) -> Placed<M> {
        let act = self.script_act(element);
        self.placed(element, act)
    }

    fn script_act(&mut self, element: Element<'_>) -> Act<M> {
        let text = match element.attribute("src") {
            Some(uri) => self.source(element, uri).unwrap_or_default(),
            None => xml::text(element).unwrap_or_default(),
        };
        let read = self.language.script(&text);
        Act::Script(self.or_broken(read, &text, self.lines.line(element), Expression::Broken))
    }

    /// The content of a block.
    pub(super) fn acts(&mut self, block: Element<'_>) -> Vec<Placed<M>> {
        xml::elements(block).filter_map(|element| self.act(element)).collect()
    }

    /// An act with its place, which errors name.
    pub(super) fn placed(&self, element: Element<'_>, act: Act<M>) -> Placed<M> {
        Placed { place: self.place(element), act }
    }

    pub(super) fn place(&self, element: Element<'_>) -> Place {
        let (line, column) = self.lines.place(element);
        Place { tag: element.tag_name().name().into(), line, column }
    }

    fn act(&mut self, element: Element<'_>) -> Option<Placed<M>> {
        let act = self.bare_act(element)?;
        Some(self.placed(element, act))
    }

    fn bare_act(&mut self, element: Element<'_>) -> Option<Act<M>> {
        Some(match xml::name(element) {
            None => return self.custom(element),
            Some("raise") => {
                let event = element.attribute("event");
                Act::Raise(self.needed(event, element, "event")?.into())
            }
            Some("send") => Act::Send(Box::new(self.send(element))),
            Some("cancel") => {
                let id = self.either(element, "sendid", "sendidexpr");
                Act::Cancel(self.needed(id, element, "sendid")?)
            }
            Some("assign") => {
                let location = self.location_in(element, "location");
                let location = self.needed(location, element, "location")?;
                Act::Assign(location, self.given(element))
            }
            Some("script") => self.script_act(element),
            Some("if") => Act::Choose(self.branches(element)?),
            Some("foreach") => Act::ForEach(Box::new(self.for_each(element)?)),
            Some("log") => {
                let label = element.attribute("label").unwrap_or_default().to_owned();
                // An empty one is none.
                let value = element.attribute("expr").filter(|text| !text.trim().is_empty());
                Act::Log(label, value.map(|text| self.expression(text, self.lines.line_of(element, "expr"))))
            }
            Some(other) => {
                let line = self.lines.line(element);
                self.unsupported(line, format!("the element `{other}` here"), "strike it out, or write it in Rust as a custom action");
                return None;
            }
        })
    }

    fn custom(&mut self, element: Element<'_>) -> Option<Act<M>> {
        let name = element.tag_name().name();
        let Some(action) = self.bindings.actions.get(name) else {
            self.unbound(self.lines.line(element), "custom action", name);
            return None;
        };
        let attributes = element.attributes().map(|attribute| (attribute.name().to_owned(), attribute.value().to_owned()));
        Some(Act::Custom(action.clone(), attributes.collect()))
    }

    fn branches(&mut self, element: Element<'_>) -> Option<Vec<(Expression, Vec<Placed<M>>)>> {
        let always = || Expression::Native(super::native::Native::Value(true.into()));
        let condition = self.attribute(element, "cond");
        let mut branches = vec![(self.needed(condition, element, "cond")?, Vec::new())];
        for child in xml::elements(element) {
            match xml::name(child) {
                Some("elseif") => {
                    let condition = self.attribute(child, "cond");
                    branches.push((self.needed(condition, child, "cond")?, Vec::new()));
                }
                Some("else") => branches.push((always(), Vec::new())),
                _ => {
                    let act = self.act(child);
                    branches.last_mut().expect("invariant: there is one").1.extend(act);
                }
            }
        }
        Some(branches)
    }

    fn for_each(&mut self, element: Element<'_>) -> Option<ForEach<M>> {
        let list = self.attribute(element, "array");
        let item = self.location_in(element, "item");
        Some(ForEach {
            list: self.needed(list, element, "array")?,
            item: self.needed(item, element, "item")?,
            index: self.location_in(element, "index"),
            acts: self.acts(element),
        })
    }

    fn send(&mut self, element: Element<'_>) -> Send {
        if !self.lenient {
            self.check_reach(element);
        }
        Send {
            event: self.either(element, "event", "eventexpr"),
            target: self.either(element, "target", "targetexpr"),
            kind: self.either(element, "type", "typeexpr"),
            delay: self.either(element, "delay", "delayexpr"),
            id: element.attribute("id").map(Into::into),
            id_location: self.location_in(element, "idlocation"),
            payload: self.payload(element),
        }
    }

    /// Whether somebody is bound to where a `send` goes, as far as it says it.
    fn check_reach(&mut self, element: Element<'_>) {
        let kind = element.attribute("type").filter(|kind| *kind != "scxml").unwrap_or(PROCESSOR);
        let outside = kind != PROCESSOR || element.attribute("target").is_some_and(|target| !target.starts_with("#_"));
        if outside && !self.bindings.processors.contains_key(kind) {
            let attribute = if kind == PROCESSOR { "target" } else { "type" };
            self.unbound(self.lines.line_of(element, attribute), "processor of `send`", kind);
        }
    }

    /// What `namelist`, `param` and `content` give.
    pub(super) fn payload(&mut self, element: Element<'_>) -> Payload {
        let mut payload = self.names(element);
        for child in xml::elements(element) {
            match xml::name(child) {
                Some("param") => self.param(child, &mut payload),
                Some("content") => payload.content = Some(self.given(child)),
                _ => self.misplaced(child, "write `param` or `content`"),
            }
        }
        payload
    }

    /// What `namelist` gives.
    pub(super) fn names(&mut self, element: Element<'_>) -> Payload {
        let mut payload = Payload::default();
        for name in element.attribute("namelist").unwrap_or_default().split_whitespace() {
            payload.names.push((name.into(), self.expression(name, self.lines.line_of(element, "namelist"))));
        }
        payload
    }

    pub(super) fn param(&mut self, param: Element<'_>, payload: &mut Payload) {
        let name = param.attribute("name");
        let value = self.attribute(param, "expr").or_else(|| self.attribute(param, "location"));
        if let (Some(name), Some(value)) = (self.needed(name, param, "name"), self.needed(value, param, "expr")) {
            payload.params.push((name.into(), value));
        }
    }

    pub(super) fn misplaced(&mut self, element: Element<'_>, remedy: &'static str) {
        self.unsupported(self.lines.line(element), format!("the element `{}` here", element.tag_name().name()), remedy);
    }
}
