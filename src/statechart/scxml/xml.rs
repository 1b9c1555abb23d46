//! The XML of a document, with the places of things.

use std::sync::Arc;

use roxmltree::{Document, Namespace, Node, ParsingOptions};

use super::problem::ScxmlProblem;

/// The namespace of SCXML.
const NAMESPACE: &str = "http://www.w3.org/2005/07/scxml";
/// How deep elements may be nested: they are read by recursion.
const DEPTH_MAX: usize = 200;
const NODES_MAX: u32 = 1_000_000;
/// How many attributes an element may have: each is compared with all others.
const ATTRIBUTES_MAX: usize = 256;

/// An element.
pub(super) type Element<'a> = Node<'a, 'a>;

/// Parses a document; its root element must be `scxml`.
pub(super) fn parse(text: &str) -> Result<Document<'_>, ScxmlProblem> {
    if let Some(at) = crowded_tag(text) {
        let what = format!("an element has more than {ATTRIBUTES_MAX} attributes");
        return Err(ScxmlProblem::Wrong { line: Lines::new(text).at(at).0, what });
    }
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

/// Where a start tag begins that has too many attributes. A look at the mere text, which need not be XML.
fn crowded_tag(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('<') {
        let start = at + next;
        let rest = &text[start..];
        let mark = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")].into_iter().find(|(open, _)| rest.starts_with(open));
        let length = match mark {
            Some((open, close)) => rest[open.len()..].find(close).map(|end| open.len() + end + close.len())?,
            None => {
                let tag = start_tag(&rest[1..]);
                if tag.bytes().filter(|byte| matches!(byte, b'"' | b'\'')).count() > 2 * ATTRIBUTES_MAX && attributes(tag) > ATTRIBUTES_MAX
                {
                    return Some(start);
                }
                1 + tag.len()
            }
        };
        at = start + length;
    }
    None
}

/// How many quoted values a tag has.
fn attributes(tag: &str) -> usize {
    let (mut rest, mut count) = (tag, 0);
    while let Some(open) = rest.find(['"', '\'']) {
        let quote = rest.as_bytes()[open] as char;
        let Some(length) = rest[open + 1..].find(quote) else { return count };
        rest = &rest[open + length + 2..];
        count += 1;
    }
    count
}

/// The local name of an element of SCXML's.
pub(super) fn name<'a>(element: Element<'a>) -> Option<&'a str> {
    (element.tag_name().namespace() == Some(NAMESPACE)).then(|| element.tag_name().name())
}

/// The child elements.
pub(super) fn elements<'a>(of: Element<'a>) -> impl Iterator<Item = Element<'a>> {
    of.children().filter(Node::is_element)
}

/// The elements of a document, its root left out: not those that stand in it as data, or as documents of their own.
pub(super) fn own<'a>(root: Element<'a>) -> Vec<Element<'a>> {
    let mut own = Vec::new();
    let mut next = root.first_element_child();
    while let Some(element) = next {
        let is_data = matches!(name(element), Some("content" | "data" | "assign"));
        if name(element).is_some() {
            own.push(element);
        }
        let below = if is_data { None } else { element.first_element_child() };
        next = below.or_else(|| element.ancestors().take_while(|above| *above != root).find_map(|above| above.next_sibling_element()));
    }
    own
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
    /// How many characters there are before each piece of the text: a document may be one long line.
    chars: Vec<usize>,
}

/// Bytes of a piece of text whose characters are counted at once.
const PIECE: usize = 256;

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let pieces = text.as_bytes().chunks(PIECE).map(count_chars);
        let chars = std::iter::once(0).chain(pieces.scan(0, |sum, piece| {
            *sum += piece;
            Some(*sum)
        }));
        Self { text, starts, chars: chars.collect() }
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
        let column = self.chars_before(offset) - self.chars_before(self.starts[line - 1]) + 1;
        (line as u32, column as u32)
    }

    fn chars_before(&self, offset: usize) -> usize {
        let piece = offset / PIECE;
        self.chars[piece] + count_chars(&self.text.as_bytes()[piece * PIECE..offset])
    }
}

/// How many characters begin in these bytes.
fn count_chars(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count()
}

impl Lines<'_> {
    /// The source of an element that stands as data: what can be read by itself.
    pub(super) fn source(&self, element: Element<'_>) -> String {
        let source = &self.text[element.range()];
        let name = source.find(|char: char| char.is_whitespace() || matches!(char, '/' | '>')).unwrap_or(source.len());
        let (name, rest) = source.split_at(name);
        let tag = start_tag(rest);
        let outer = element.parent_element();
        // What it has from those around it.
        let inherited = outer.iter().flat_map(Node::namespaces).filter(|space| space.name() != Some("xml") && !declares(tag, space));
        let inherited: String = inherited
            .map(|space| {
                let uri = space.uri().replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
                format!(" {}=\"{uri}\"", declared(space))
            })
            .collect();
        format!("{name}{inherited}{rest}")
    }
}

/// A start tag from behind its name up to its end; before that, its sign may stand in quotes.
fn start_tag(rest: &str) -> &str {
    let mut quote = None;
    let end = rest.find(|char: char| {
        match quote {
            Some(open) if open == char => quote = None,
            None if matches!(char, '"' | '\'') => quote = Some(char),
            _ => {}
        }
        quote.is_none() && char == '>'
    });
    &rest[..end.unwrap_or(rest.len())]
}

fn declares(tag: &str, space: &Namespace<'_>) -> bool {
    let name = declared(space);
    tag.match_indices(&name).any(|(at, _)| tag[at + name.len()..].trim_start().starts_with('='))
}

/// The attribute that declares a namespace.
fn declared(space: &Namespace<'_>) -> String {
    space.name().map_or_else(|| "xmlns".to_owned(), |name| format!("xmlns:{name}"))
}

/// The text in an element, if it holds any but spaces.
pub(super) fn text(element: Element<'_>) -> Option<String> {
    let text: String = element.children().filter(Node::is_text).filter_map(|node| node.text()).collect();
    (!text.trim().is_empty()).then_some(text)
}
