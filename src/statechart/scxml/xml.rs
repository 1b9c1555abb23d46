//! The XML of a document, with the places of things.

use std::sync::Arc;

use roxmltree::{Document, Node, ParsingOptions};

use super::problem::ScxmlProblem;

/// The namespace of SCXML.
const NAMESPACE: &str = "http://www.w3.org/2005/07/scxml";
/// How deep elements may be nested: they are read by recursion.
const DEPTH_MAX: usize = 200;
const NODES_MAX: u32 = 1_000_000;

/// An element.
pub(super) type Element<'a> = Node<'a, 'a>;

/// Parses a document; its root element must be `scxml`.
pub(super) fn parse(text: &str) -> Result<Document<'_>, ScxmlProblem> {
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| ScxmlProblem::Syntax(error.to_string()))?;
    if name(document.root_element()) != Some("scxml") {
        let what = format!("the root element is not `scxml` in the namespace `{NAMESPACE}`");
        return Err(ScxmlProblem::Wrong { line: Lines::new(text).line(document.root_element()), what });
    }
    match document.descendants().find(|node| node.ancestors().nth(DEPTH_MAX).is_some()) {
        Some(deep) => {
            Err(ScxmlProblem::Wrong { line: Lines::new(text).line(deep), what: format!("elements are nested deeper than {DEPTH_MAX}") })
        }
        None => Ok(document),
    }
}

/// The local name of an element of SCXML's.
pub(super) fn name<'a>(element: Element<'a>) -> Option<&'a str> {
    (element.tag_name().namespace() == Some(NAMESPACE)).then(|| element.tag_name().name())
}

/// The child elements.
pub(super) fn elements<'a>(of: Element<'a>) -> impl Iterator<Item = Element<'a>> {
    of.children().filter(Node::is_element)
}

/// The child elements of a name of SCXML's.
pub(super) fn named<'a>(of: Element<'a>, wanted: &'static str) -> impl Iterator<Item = Element<'a>> {
    elements(of).filter(move |element| name(*element) == Some(wanted))
}

/// Whether it is a state of any kind.
pub(super) fn is_state(element: Element<'_>) -> bool {
    matches!(name(element), Some("state" | "parallel" | "final" | "history"))
}

/// Whether it is a state without children that can be active.
pub(super) fn is_leaf(element: Element<'_>) -> bool {
    is_state(element) && name(element) != Some("history") && !elements(element).any(is_state)
}

/// Where the lines of a text begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Line and column of an element, from 1.
    pub(super) fn place(&self, element: Element<'_>) -> (u32, u32) {
        self.at(element.range().start)
    }

    /// The line of an element.
    pub(super) fn line(&self, element: Element<'_>) -> u32 {
        self.place(element).0
    }

    /// The line of an attribute, or of its element.
    pub(super) fn line_of(&self, element: Element<'_>, attribute: &str) -> u32 {
        let start = element.attribute_node(attribute).map_or(element.range().start, |attribute| attribute.range().start);
        self.at(start).0
    }

    /// The id of a state: without one, its line and column.
    pub(super) fn id(&self, state: Element<'_>) -> Arc<str> {
        let (line, column) = self.place(state);
        state.attribute("id").map_or_else(|| format!("({line}:{column})").into(), Into::into)
    }

    fn at(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let column = self.text[self.starts[line - 1]..offset].chars().count() + 1;
        (line as u32, column as u32)
    }
}

/// The text in an element, if it holds any but spaces.
pub(super) fn text(element: Element<'_>) -> Option<String> {
    let text: String = element.children().filter(Node::is_text).filter_map(|node| node.text()).collect();
    (!text.trim().is_empty()).then_some(text)
}
