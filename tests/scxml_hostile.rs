//! Documents that are broken, or made to do harm: each is refused or run, and none panics, recurses without end or takes time
//! that grows faster than it does.

use proptest::prelude::*;
use throng::statechart::{DataModel, Model, ScxmlBindings, ScxmlDocument, ScxmlEvent, ScxmlSession, Session, StateId};

struct Test;

impl Model for Test {
    type State = StateId;
    type Event = ScxmlEvent;
    type Context = ScxmlSession;
    type Port<'a> = ();
    type Set = [u64; 4];
}

/// What becomes of a document: what is wrong with it, or nothing.
fn fate(body: &str) -> String {
    let text = format!(r#"<scxml xmlns="http://www.w3.org/2005/07/scxml" datamodel="native">{body}</scxml>"#);
    let chart = ScxmlDocument::parse(&text)
        .and_then(|document| document.define::<Test>(&ScxmlBindings::new(), 1))
        .map_err(|error| error.to_string())
        .and_then(|definition| definition.build().map(drop).map_err(|error| error.to_string()));
    chart.err().unwrap_or_default()
}

fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

#[test]
fn what_is_beyond_the_limits_is_refused() {
    let refused = [
        ("<state>".repeat(100_000) + &"</state>".repeat(100_000), "elements are nested deeper than 200"),
        (format!("<state {}/>", many(60_000, |at| format!("a{at}='x' "))), "an element has more than 256 attributes"),
        (format!("<!-- ' --><state {}/>", many(60_000, |at| format!("xmlns:a{at}='x{at}' "))), "an element has more than 256 attributes"),
        ("<state/>".repeat(100_000), "the document has 100001 states with its root, and `Model::Set` holds 256: use `[u64; 1563]`"),
        (format!("<datamodel>{}</datamodel>", many(100_000, |at| format!("<data id='d{at}'/>"))), "which are more than 4096: split it"),
        (format!("<state><transition event='{}'/></state>", many(100_000, |at| format!("e{at} "))), "which are more than 10000: split it"),
        (format!("<state><onentry>{}</onentry></state>", "<raise/>".repeat(100_000)), "there is more that is wrong: mend this first"),
        (format!("<state><transition cond='{}1'/></state>", "1+".repeat(100_000)), "an expression has at most 1000 words and signs"),
        (format!("<state><transition cond='{}1'/></state>", "(".repeat(100_000)), "an expression has at most 1000 words and signs"),
        (format!("<state>{}</state>", "<invoke src='x'/>".repeat(2_000)), "there is more that is wrong: mend this first"),
    ];
    for (body, wanted) in refused {
        let told = fate(&body);
        assert!(told.contains(wanted), "{wanted}: {}", told.chars().take(500).collect::<String>());
        assert!(told.len() < 300_000, "{wanted}: all that is told is {} bytes", told.len());
    }
    let unclosed = ScxmlDocument::parse(&format!("<scxml xmlns='http://www.w3.org/2005/07/scxml'>{}", "<state>".repeat(100_000)));
    assert!(unclosed.is_err());
    let bomb = "<!DOCTYPE s [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]><scxml xmlns='http://www.w3.org/2005/07/scxml'>&b;</scxml>";
    assert!(ScxmlDocument::parse(bomb).expect_err("entities grow").to_string().contains("DTD"));
}

#[test]
fn what_is_merely_large_is_read() {
    let large = [
        format!("<state id='{}'/>", "x".repeat(2_000_000)),
        format!("<state><transition cond=\"'{}' == ''\"/></state>", "x".repeat(2_000_000)),
        format!("<state><onentry>{}</onentry></state>", "<raise event='e'/>".repeat(100_000)),
        format!("<state id='a'><transition target='{}'/></state>", "a ".repeat(100_000)),
        format!("<state><transition event='{}'/></state>", "a.".repeat(100_000)),
        format!("<state><onentry>{}{}</onentry></state>", "<if cond='true'>".repeat(190), "</if>".repeat(190)),
        format!("<datamodel><data id='d'>{}</data></datamodel><state/>", "<x y='>'/>".repeat(20_000)),
    ];
    for body in large {
        let told = fate(&body);
        assert!(told.is_empty(), "{}: {}", body.chars().take(60).collect::<String>(), told.chars().take(500).collect::<String>());
    }
}

/// Documents that are right, to be broken.
const RIGHT: [&str; 5] = [
    include_str!("data/scxml/charts/data.scxml"),
    include_str!("data/scxml/charts/errors.scxml"),
    include_str!("data/scxml/charts/history-content.scxml"),
    include_str!("data/scxml/charts/invoke.scxml"),
    include_str!("data/scxml/charts/names.scxml"),
];

/// One blow to a text: `from` up to `to`, in parts of it, is struck out, doubled, or moved elsewhere.
fn broken(text: &str, (how, from, to, place): (u8, usize, usize, usize)) -> String {
    let at = |part: usize| (0..=text.len() * part / 1_000).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (from, to) = (at(from.min(to)), at(from.max(to)));
    let piece = &text[from..to];
    match how {
        0 => format!("{}{}", &text[..from], &text[to..]),
        1 => format!("{}{piece}{piece}{}", &text[..from], &text[to..]),
        2 => text.replacen(['"', '<', '>', '='], ["/", "&", "'", "]]>"][place % 4], 1 + place % 7),
        _ => {
            let mut moved = text.to_owned();
            moved.insert_str(at(place), piece);
            moved
        }
    }
}

/// Reads a document in each way there is, and runs it if that works.
fn try_all(text: &str) {
    let Ok(document) = ScxmlDocument::parse(text) else { return };
    for document in [document.clone(), document.clone().data_model(DataModel::Native).lenient(), document.data_model(DataModel::Null)] {
        let Ok(definition) = document.define::<Test>(&ScxmlBindings::new(), 1) else { continue };
        let Ok(chart) = definition.build() else { continue };
        // A chart that finds no rest is an error, too.
        let Ok(mut session) = Session::start(chart.into(), document.session()) else { continue };
        for event in ["bake", "next", "a", "error", ""] {
            let _ = session.send(document.event(event));
            let _ = session.advance(5);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broken_documents_panic_nowhere(
        which in 0..RIGHT.len(),
        blows in prop::collection::vec((0_u8..4, 0_usize..1_000, 0_usize..1_000, 0_usize..1_000), 1..4),
    ) {
        try_all(&blows.into_iter().fold(RIGHT[which].to_owned(), |text, blow| broken(&text, blow)));
    }

    /// Elements and attributes in places where they make no sense.
    #[test]
    fn elements_in_wrong_places_panic_nowhere(
        pieces in prop::collection::vec((0_usize..24, 0_usize..12, 0_usize..12, 0_u8..3), 1..40),
    ) {
        const ELEMENTS: [&str; 24] = [
            "state", "parallel", "final", "history", "initial", "transition", "onentry", "onexit", "datamodel", "data", "invoke", "finalize",
            "content", "param", "send", "raise", "cancel", "assign", "if", "else", "elseif", "foreach", "log", "scxml",
        ];
        const ATTRIBUTES: [&str; 12] = [
            "id='a'", "id=''", "event='e'", "event='*.'", "target='a'", "initial='a'", "cond='1'", "expr='_event.data'", "location='a'",
            "name='a'", "src='s'", "type='deep'",
        ];
        let mut text = "<scxml xmlns='http://www.w3.org/2005/07/scxml'>".to_owned();
        let mut open = Vec::new();
        for (element, one, other, close) in pieces {
            let second = if one == other || ATTRIBUTES[one][..2] == ATTRIBUTES[other][..2] { "" } else { ATTRIBUTES[other] };
            text += &format!("<{} {} {second}>", ELEMENTS[element], ATTRIBUTES[one]);
            open.push(ELEMENTS[element]);
            for _ in 0..close {
                text += &open.pop().map(|name| format!("</{name}>")).unwrap_or_default();
            }
        }
        text += &open.iter().rev().map(|name| format!("</{name}>")).collect::<String>();
        try_all(&(text + "</scxml>"));
    }
}
