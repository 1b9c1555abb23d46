//! SCXML documents: what is wrong is told with its line, what is bound is called, and actors of them go equal ways.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use throng::statechart::{
    Definition, Model, ScxmlBindings, ScxmlDocument, ScxmlError, ScxmlEvent, ScxmlSession, ScxmlValue, Session, StateId, Step,
};
use throng::{ActorConfig, ChartActor, Charted, Charting, Throng, ThrongOptions};

struct Test;

impl Model for Test {
    type State = StateId;
    type Event = ScxmlEvent;
    type Context = ScxmlSession;
    type Port<'a> = ();
    type Set = u64;
}

const HEAD: &str = r#"<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:my="mine" datamodel="native" name="test">"#;

fn document(body: &str) -> ScxmlDocument {
    ScxmlDocument::parse(&format!("{HEAD}{body}</scxml>")).expect("it is SCXML")
}

fn define(body: &str, bindings: &ScxmlBindings<Test>) -> Result<Definition<Test>, ScxmlError> {
    document(body).define(bindings, 1)
}

fn start(body: &str, bindings: &ScxmlBindings<Test>) -> (Session<Test>, ScxmlDocument) {
    let chart = define(body, bindings).expect("all is bound").build().expect("the chart is sound");
    let document = document(body);
    (Session::start(Arc::new(chart), document.session()).expect("it starts"), document)
}

fn problems(body: &str) -> Vec<String> {
    let error = define(body, &ScxmlBindings::new()).expect_err("something is wrong");
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn all_that_is_wrong_is_told_with_its_line() {
    let found = problems(
        r#"
        <datamodel>
            <data expr="1"/>
            <data id="x" expr="1 +"/>
            <data id="y" src="file:y.txt"/>
            <data id="z"><xml/></data>
        </datamodel>
        <state id="a" initial="nowhere">
            <onentry>
                <my:bell/><my:bell/><my:horn/>
                <raise/>
                <send event="e" target="there"/>
                <send event="e" type="mail"
                      target="there"/>
                <foreach array="x"/>
                <if><raise event="e"/></if>
                <assign location="w" expr="x"/>
                <script>x = 1</script>
                <finalize/>
            </onentry>
            <invoke/>
            <transition event="e" type="inside" target="a"/>
            <transition event="e"
                        cond="x ==== 1"
                        target="b"/>
            <history id="h" type="long"/>
            <state id="c"/>
        </state>"#,
    );
    let expected = [
        "line 3: `data` needs the attribute `id`",
        "line 4: the expression `1 +` cannot be read: something is missing at the end",
        "line 5: the source `file:y.txt` is not bound: give `ScxmlBindings` a function for it",
        "line 8: there is no state `nowhere`: add it, or correct the name",
        "line 10: the custom action `bell` is not bound: give `ScxmlBindings` a function for it",
        "line 10: the custom action `horn` is not bound: give `ScxmlBindings` a function for it",
        "line 11: `raise` needs the attribute `event`",
        "line 12: the processor of `send` `http://www.w3.org/TR/scxml/#SCXMLEventProcessor` is not bound: give `ScxmlBindings` a function for it",
        "line 13: the processor of `send` `mail` is not bound: give `ScxmlBindings` a function for it",
        "line 15: `foreach` needs the attribute `item`",
        "line 16: `if` needs the attribute `cond`",
        "line 17: the expression `w` cannot be read: there is no variable `w` to assign to: declare it with `data`",
        "line 18: the expression `x = 1` cannot be read: this data model has no scripts: use `assign`, or the ECMAScript data model \
         (feature `scxml-ecmascript`)",
        "line 19: the element `finalize` here is not supported: strike it out, or write it in Rust as a custom action",
        "line 21: `invoke` without children is not supported: it is for charts that are actors: let `ScxmlBindings::children` spawn what \
         they invoke",
        "line 21: `invoke` needs a document: give it `src`, `srcexpr`, or a `content` with an `scxml` in it",
        "line 22: a transition is `external` or `internal`, and not `inside`",
        "line 24: the expression `x ==== 1` cannot be read: `=` means nothing here",
        "line 25: there is no state `b`: add it, or correct the name",
        "line 26: a history is `shallow` or `deep`, and not `long`",
    ];
    assert_eq!(found, expected);
}

#[test]
fn text_that_is_no_scxml_is_told() {
    let told = |text: &str| ScxmlDocument::parse(text).expect_err("it is wrong").to_string();
    assert!(told("<scxml").contains("it is no XML: "), "{}", told("<scxml"));
    assert!(told("<scxml/>").contains("line 1: the root element is not `scxml` in the namespace"), "{}", told("<scxml/>"));
    let deep = format!("{HEAD}{}{}</scxml>", "<state>".repeat(5_000), "</state>".repeat(5_000));
    assert!(told(&deep).contains("elements are nested deeper than 200"));
    let bomb = "<!DOCTYPE s [<!ENTITY a \"b\">]><scxml/>";
    assert!(told(bomb).contains("it is no XML"), "{}", told(bomb));
    let text = HEAD.replace("native", "lua") + "<state/></scxml>";
    let error = ScxmlDocument::parse(&text).expect("it is SCXML").define::<Test>(&ScxmlBindings::new(), 1).expect_err("it is not known");
    assert!(error.to_string().contains("there is no data model `lua`"), "{error}");
}

#[test]
fn initial_states_that_exclude_each_other_are_refused() {
    let body = r#"<state id="a" initial="b c"><state id="b"/><state id="c"/></state>"#;
    let error = define(body, &ScxmlBindings::new()).expect("each name is known").build().expect_err("they exclude each other");
    assert!(error.to_string().contains("has the initial states `b` and `c`, which cannot be entered together"), "{error}");
}

#[test]
fn what_is_bound_is_called() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = |what: String| told.lock().expect("nobody panicked").push(what);
    let (logged, rung, sent) = (told.clone(), told.clone(), told.clone());
    let bindings = ScxmlBindings::<Test>::new()
        .log(move |_, label, value| logged.lock().expect("nobody panicked").push(format!("log {label} {value}")))
        .action("bell", move |data: &mut ScxmlSession, attributes: &BTreeMap<String, String>, step: &mut Step<'_, Test>| {
            rung.lock().expect("nobody panicked").push(format!("bell {attributes:?} in a: {}", step.is_in(&"a".into())));
            data.set("x", 7);
            if attributes.contains_key("broken") { Err("it is broken".to_owned()) } else { Ok(()) }
        })
        .processor("mail", move |_, message, _| {
            sent.lock().expect("nobody panicked").push(format!("{message:?}"));
            if message.event == "lost" { Err("no post".to_owned()) } else { Ok(()) }
        })
        .sources(|uri| if uri == "five" { Ok(" 5 ".to_owned()) } else { Err("there is none".to_owned()) });
    let body = r#"
        <datamodel><data id="x" src="five"/></datamodel>
        <state id="a">
            <onentry><log label="at first" expr="[x, 'y']"/><log label="alone"/><my:bell tone="c"/></onentry>
            <onentry><send id="s" event="note" type="mail" target="'bob'" delay="3s"><param name="x" expr="x"/></send></onentry>
            <onentry><send event="lost" type="mail"/><log label="never"/></onentry>
            <onentry><my:bell broken="yes"/><log label="never"/></onentry>
            <transition event="error.communication" cond="_event.data.reason == 'no post'" target="b"/>
        </state>
        <state id="b"><transition event="error.execution" cond="_event.data.reason == 'it is broken'" target="c"/></state>
        <state id="c"/>"#;
    let (session, _) = start(body, &bindings);
    assert_eq!(session.active(), ["c".into()]);
    note("end".to_owned());
    let expected = [
        "log at first [5, \"y\"]",
        "log alone undefined",
        "bell {\"tone\": \"c\"} in a: true",
        "ScxmlMessage { event: \"note\", data: Record([(\"x\", Integer(7))]), target: Some(\"'bob'\"), send_id: Some(\"s\"), delay_ticks: 3000 }",
        "ScxmlMessage { event: \"lost\", data: Undefined, target: None, send_id: None, delay_ticks: 0 }",
        "bell {\"broken\": \"yes\"} in a: true",
        "end",
    ];
    assert_eq!(*told.lock().expect("nobody panicked"), expected);
    let missing = r#"<datamodel><data id="x" src="six"/></datamodel><state/>"#;
    let error = define(missing, &bindings).expect_err("the source is not there");
    assert!(error.to_string().contains("line 1: the source `six` cannot be read: there is none"), "{error}");
}

#[test]
fn a_host_gives_values_before_the_start_and_reads_them_later() {
    let body = r#"
        <datamodel><data id="x" expr="1"/><data id="y" expr="x + 1"/></datamodel>
        <state id="a"><transition event="add"><assign location="y" expr="y + _event.data"/></transition></state>"#;
    let chart = define(body, &ScxmlBindings::new()).expect("all is bound").build().expect("the chart is sound");
    let document = document(body);
    let mut data = document.session().with_id("7");
    assert_eq!(data.get("x"), None);
    data.set("x", 10);
    let mut session = Session::start(Arc::new(chart), data).expect("it starts");
    session.send(document.event("add").with_data(5)).expect("it runs");
    let values: Vec<(&str, &ScxmlValue)> = session.context().variables().collect();
    assert_eq!(values, [("x", &10.into()), ("y", &16.into())]);
    let event = document.event("some.other.name");
    assert_eq!(document.event_name(&event), "some.other.name");
    assert_eq!((document.name(), document.size()), ("test", 2));
}

#[test]
fn sends_of_one_id_do_not_replace_each_other_and_are_cancelled_together() {
    let body = r#"
        <datamodel><data id="n" expr="0"/></datamodel>
        <state id="a">
            <transition event="twice"><send id="t" event="tick" delay="10ms"/><send id="t" event="tick" delay="20ms"/></transition>
            <transition event="stop"><cancel sendid="t"/></transition>
            <transition event="tick" cond="_event.sendid == 't'"><assign location="n" expr="n + 1"/></transition>
        </state>"#;
    let (mut session, document) = start(body, &ScxmlBindings::new());
    session.send(document.event("twice")).expect("it runs");
    session.advance(15).expect("it runs");
    assert_eq!(session.context().get("n"), Some(&1.into()));
    session.advance(5).expect("it runs");
    assert_eq!(session.context().get("n"), Some(&2.into()));
    session.send(document.event("twice")).expect("it runs");
    session.send(document.event("stop")).expect("it runs");
    session.advance(100).expect("it runs");
    assert_eq!(session.context().get("n"), Some(&2.into()));
}

#[test]
fn the_output_of_the_whole_chart_is_its_final_data() {
    let body = r#"<state id="a"><transition event="end" target="z"/></state>
        <final id="z"><donedata><content>{"sum": [1, 2.5]}</content></donedata></final>"#;
    let (mut session, document) = start(body, &ScxmlBindings::new());
    session.send(document.event("end")).expect("it runs");
    let output = session.configuration().output().expect("it gives something out");
    // 2.5 is no constant of the native data model, so all of it is text.
    assert_eq!(output.data(), &r#"{"sum": [1, 2.5]}"#.into());
}

/// A beast that grows, sends to itself, fails and restarts, all by its document.
#[derive(Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Beast(ScxmlSession);

impl ChartActor for Beast {
    type State = StateId;
    type Event = ScxmlEvent;
    type Set = u64;
    type Params = ();
}

impl AsRef<ScxmlSession> for Beast {
    fn as_ref(&self) -> &ScxmlSession {
        &self.0
    }
}

impl AsMut<ScxmlSession> for Beast {
    fn as_mut(&mut self) -> &mut ScxmlSession {
        &mut self.0
    }
}

fn beast(data_model: &str) -> ScxmlDocument {
    let text = r#"<scxml xmlns="http://www.w3.org/2005/07/scxml" datamodel="native" name="beast" initial="before awake">
        <datamodel><data id="size" expr="1"/><data id="meals">[]</data><data id="last"/></datamodel>
        <parallel id="beast">
            <state id="body" initial="small">
                <history id="before"><transition target="small"><raise event="born"/></transition></history>
                <state id="small"><transition event="eat" cond="size + _event.data.grams &gt; 20" target="large"/></state>
                <state id="large"><onentry><send event="shrink" delay="3ms"/></onentry></state>
                <transition event="eat"><assign location="size" expr="size + _event.data.grams"/></transition>
                <transition event="shrink" target="before"><assign location="size" expr="size % 7"/></transition>
            </state>
            <state id="mind" initial="awake">
                <state id="awake">
                    <transition event="born" cond="size.none.some" target="asleep"/>
                    <transition event="*" cond="In('large')" target="asleep"/>
                </state>
                <state id="asleep"><transition event="eat" cond="_event.data.grams == 3" target="awake"/></state>
                <transition event="error"><assign location="last" expr="{at: _event.data.line, size: size}"/></transition>
            </state>
        </parallel>
    </scxml>"#;
    ScxmlDocument::parse(&text.replace("native", data_model)).expect("it is SCXML")
}

/// More actors than two threads' worth of blocks hold, which go on from where the first one is after its start; of so many
/// one is fed.
fn digests(document: &ScxmlDocument, of: usize, options: ThrongOptions) -> Vec<u64> {
    let mut throng = Throng::new(options);
    let chart: Definition<Charting<Beast>> = document.clone().define(&ScxmlBindings::new(), 1).expect("all is bound");
    throng.register_chart_with(chart, ActorConfig::new().digest()).expect("the chart is sound");
    let first = throng.spawn(Charted::new(Beast(document.session())));
    throng.tick();
    let state = throng.state(first).expect("it lives");
    assert!(state.context().0.get("last").is_some_and(ScxmlValue::is_true), "an error was raised and handled");
    let (session, configuration) = (state.context().0.clone(), state.configuration().clone());
    let born = (0..17_000).map(|id| Charted::resume(Beast(session.clone().with_id(id.to_string())), configuration.clone()));
    let beasts: Vec<_> = throng.spawn_many(born).iter().step_by(of).collect();
    let mut digests = Vec::new();
    for tick in 0_i64..12 {
        let fed = beasts.iter().enumerate().filter(|(at, _)| (*at as i64 + tick) % 3 == 0);
        let grams = |at: usize| (at as i64 * 7 + tick) % 11;
        throng.tell_many(fed.map(|(at, beast)| (*beast, document.event("eat").with_data([("grams", grams(at))]).into())));
        throng.tick();
        digests.push(throng.digest());
    }
    digests
}

/// After each meal a snapshot is taken, from which a second beast goes on: the two stay alike.
#[cfg(feature = "serde")]
#[test]
fn what_is_saved_goes_on() {
    let document = beast("native");
    let chart: Definition<Charting<Beast>> = document.clone().define(&ScxmlBindings::new(), 1).expect("all is bound");
    let mut throng = Throng::default();
    throng.register_chart(chart).expect("the chart is sound");
    let original = throng.spawn(Charted::new(Beast(document.session())));
    let mut copies = vec![original];
    let mut pending = 0;
    for grams in [4, 30, 3, 8, 25, 1, 2, 40] {
        let meal = document.event("eat").with_data([("grams", grams)]);
        throng.tell_many(copies.iter().map(|beast| (*beast, meal.clone().into())));
        throng.tick();
        let texts: Vec<_> =
            copies.iter().map(|beast| serde_json::to_string(throng.state(*beast).expect("it lives")).expect("it can be written")).collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
        pending += usize::from(!texts[0].contains("\"timers\":[]"));
        let copy: Charted<Beast> = serde_json::from_str(&texts[0]).expect("it can be read");
        copies.push(throng.spawn(copy));
    }
    assert!(pending > 1, "some wait for an event that was sent with a delay");
}

fn equal_on_any_number_of_threads(document: &ScxmlDocument, of: usize) {
    let one = digests(document, of, ThrongOptions::new().threads(1));
    assert!(one.windows(2).all(|pair| pair[0] != pair[1]), "something happens in each tick");
    for threads in [2, 8] {
        assert!(one == digests(document, of, ThrongOptions::new().threads(threads).share_always(true)), "{threads} threads");
    }
}

#[test]
fn actors_go_equal_ways_on_any_number_of_threads() {
    equal_on_any_number_of_threads(&beast("native"), 10);
}

#[cfg(feature = "scxml-ecmascript")]
mod ecmascript {
    use proptest::prelude::*;
    use throng::statechart::DataModel;

    use super::*;

    fn run(body: &str) -> (Session<Test>, ScxmlDocument) {
        let text = format!("{}{body}</scxml>", HEAD.replace("native", "ecmascript"));
        let document = ScxmlDocument::parse(&text).expect("it is SCXML");
        let chart = document.define::<Test>(&ScxmlBindings::new(), 1).expect("all is bound").build().expect("the chart is sound");
        (Session::start(Arc::new(chart), document.session()).expect("it starts"), document)
    }

    /// The value of an expression over `x`, or why it has none.
    fn value(expression: &str) -> Result<String, String> {
        let escaped = expression.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let body = format!(
            r#"<datamodel><data id="x" expr="[1, {{a: 'text'}}]"/><data id="y"/><data id="error"/></datamodel>
            <state id="a"><onentry><assign location="y" expr="{escaped}"/></onentry>
                <transition event="error.execution"><assign location="error" expr="_event.data.reason"/></transition></state>"#
        );
        let (session, _) = run(&body);
        match session.context().get("error") {
            Some(ScxmlValue::Text(reason)) => Err(reason.to_string()),
            _ => Ok(session.context().get("y").cloned().unwrap_or_default().to_string()),
        }
    }

    #[test]
    fn values_go_in_and_come_out_as_plain_data() {
        let values = [
            ("x", "[1, {a: \"text\"}]"),
            ("x.map(v => typeof v)", "[\"number\", \"object\"]"),
            ("7 / 2", "3.5"),
            ("2 ** 40", "1099511627776"),
            ("1 == '1' && In('a') && !In('b')", "true"),
            ("JSON.stringify(x)", "[1,{\"a\":\"text\"}]"),
            ("_name + _sessionid + typeof _event + _ioprocessors.scxml.location", "testsessionundefined#_scxml_session"),
            ("function (n) { return n + 1; }", "function (n) { return n + 1; }"),
            ("null", "null"),
            ("x[2]; ", "undefined"),
        ];
        for (expression, wanted) in values {
            assert_eq!(value(expression), Ok(wanted.to_owned()), "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_kept_or_does_not_end_is_an_error() {
        let errors = [
            ("nobody", "nobody is not defined"),
            ("x.y.z", "cannot"),
            ("10n", "a big integer is no plain data"),
            ("Symbol('s')", "a symbol is no plain data"),
            ("new Map()", "neither a list nor a plain object"),
            ("Math.max", "a function without source"),
            ("(() => { const o = {}; o.o = o; return o; })()", "in a circle"),
            ("(() => { while (true) {} })()", "iteration"),
            ("(function f() { return f(); })()", "recursive"),
            ("'\\ud800'", "surrogate"),
            ("Math.random()", "not a callable function"),
            ("new Date()", "Date is not defined"),
        ];
        for (expression, wanted) in errors {
            let error = value(expression).expect_err(expression);
            assert!(error.to_lowercase().contains(&wanted.to_lowercase()), "{expression}: {error}");
        }
    }

    #[test]
    fn instances_leave_nothing_behind_for_each_other() {
        let body = |script: &str| {
            let script = script.replace('<', "&lt;");
            format!(
                r#"<datamodel><data id="x" expr="0"/><data id="error"/></datamodel><state id="a"><onentry><script>{script}</script></onentry>
                <transition event="error" target="b"><assign location="error" expr="_event.data.reason"/></transition></state><state id="b"/>"#
            )
        };
        let told = |script: &str| {
            let (session, _) = run(&body(script));
            (session.context().get("x").cloned().unwrap_or_default().to_string(), session.is_in(&"b".into()))
        };
        assert_eq!(
            told("var left = 1; kept = 2; let own = 3; function f() { return 4; } x = left + kept + own + f();"),
            ("10".to_owned(), false)
        );
        assert_eq!(
            told("x = [typeof left, typeof kept, typeof own, typeof f].join()"),
            ("undefined,undefined,undefined,undefined".to_owned(), false)
        );
        // What the language comes with is the same for all.
        told("Array.prototype.left = 1; Object.prototype.left = 1; JSON = null; Math.abs = null; globalThis.left = 1;");
        assert_eq!(told("x = [[].left, typeof JSON, Math.abs(-2), typeof left].join()"), (",object,2,undefined".to_owned(), false));
        assert_eq!(told("(function () { 'use strict'; Object.prototype.left = 1; })()"), ("0".to_owned(), true));
        // What was done before an error stays done.
        assert_eq!(told("x = 5; nobody();"), ("5".to_owned(), true));
        // Promises are not kept.
        assert_eq!(told("Promise.resolve().then(() => { x = 9; });"), ("0".to_owned(), false));
    }

    #[test]
    fn functions_of_a_script_stay_with_the_instance() {
        let body = r#"
            <datamodel><data id="count" expr="0"/></datamodel>
            <script>function twice(n) { return 2 * n; } var base = 10;</script>
            <state id="a"><transition event="go" cond="twice(base) === 20">
                <script>count += twice(_event.data.n); base += 0; this.extra = 'new';</script></transition></state>"#;
        let (mut session, document) = run(body);
        session.send(document.event("go").with_data([("n", 4)])).expect("it runs");
        assert_eq!(session.context().get("count"), Some(&8.into()));
        assert_eq!(session.context().get("extra"), Some(&"new".into()));
        assert!(matches!(session.context().get("twice"), Some(ScxmlValue::Function(_))));
    }

    #[test]
    fn system_variables_cannot_be_assigned_to() {
        let body = r#"<datamodel><data id="x" expr="1"/></datamodel>
            <state id="a"><onentry><assign location="_name" expr="'other'"/></onentry>
            <transition event="error.execution" cond="_name == 'test'" target="b"/></state>
            <state id="b"><onentry><assign location="undeclared" expr="1"/></onentry><transition event="error.execution" target="c"/></state>
            <state id="c"/>"#;
        assert_eq!(run(body).0.active(), ["c".into()]);
    }

    #[test]
    fn both_data_models_agree_and_actors_go_equal_ways_on_any_number_of_threads() {
        let document = beast("ecmascript");
        equal_on_any_number_of_threads(&document, 1_000);
        let digests = |document: &ScxmlDocument| digests(document, 1_000, ThrongOptions::new().threads(1));
        assert_eq!(digests(&beast("native")), digests(&document));
        assert_eq!(digests(&beast("native")), digests(&document.data_model(DataModel::Native)));
    }

    /// Expressions that are numbers, truths, texts or nothing, mostly: operators stand between them without brackets, so that
    /// both languages must agree on precedence, too.
    fn expressions() -> impl Strategy<Value = String> {
        let scalars =
            ["0", "1", "7", "n", "true", "false", "'a'", "'b'", "''", "'10'", "t", "u", "null", "undefined", "r.k", "l[1]", "l.length"];
        let scalar = prop::sample::select(scalars.map(str::to_owned).to_vec());
        scalar.prop_recursive(5, 40, 3, |inner| {
            let signs = ["+", "-", "*", "/", "%", "==", "!=", "===", "!==", "<", "<=", ">", ">=", "&&", "||"];
            let both = (inner.clone(), prop::sample::select(signs.to_vec()), inner.clone());
            prop_oneof![
                6 => both.prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
                2 => inner.clone().prop_map(|a| format!("({a})")),
                1 => inner.clone().prop_map(|a| format!("!{a}")),
                1 => inner.clone().prop_map(|a| format!("- {a}")),
                1 => inner.clone().prop_map(|a| format!("typeof {a}")),
                1 => inner.clone().prop_map(|a| format!("({a} in r)")),
                1 => inner.clone().prop_map(|a| format!("r[{a}]")),
                1 => inner.clone().prop_map(|a| format!("l[{a}]")),
                1 => inner.clone().prop_map(|a| format!("({a}).length")),
                1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}][n % 2]")),
                1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{x: {a}, '2': {b}}}.x")),
                1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            ]
        })
    }

    const VARIABLES: &str = r#"<data id="n" expr="3"/><data id="t" expr="'text'"/><data id="u"/><data id="l" expr="[1, 'two', true]"/>
        <data id="r" expr="{k: 5, a: 'b', '10': 1}"/>"#;

    /// The value of each expression, or `None` where it has none.
    fn values(expressions: &[String], data_model: DataModel) -> Vec<Option<ScxmlValue>> {
        let escape = |text: &String| text.replace('&', "&amp;").replace('<', "&lt;");
        let data = |at: usize| format!(r#"<data id="v{at}"/>"#);
        let set = |(at, text): (usize, &String)| format!(r#"<onentry><assign location="v{at}" expr="[{}]"/></onentry>"#, escape(text));
        let body = format!(
            "<datamodel>{VARIABLES}{}</datamodel><state>{}</state>",
            (0..expressions.len()).map(data).collect::<String>(),
            expressions.iter().enumerate().map(set).collect::<String>()
        );
        let document = document(&body).data_model(data_model).lenient();
        let chart = document.define::<Test>(&ScxmlBindings::new(), 1).expect("it is lenient").build().expect("the chart is sound");
        let session = Session::start(Arc::new(chart), document.session()).expect("it starts");
        let value = |at: usize| session.context().get(&format!("v{at}")).filter(|value| value.is_true()).cloned();
        (0..expressions.len()).map(value).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

        /// What the native data model computes, ECMAScript computes alike.
        #[test]
        fn native_expressions_mean_in_ecmascript_what_they_mean(expressions in prop::collection::vec(expressions(), 40)) {
            let native = values(&expressions, DataModel::Native);
            let ecmascript = values(&expressions, DataModel::Ecmascript);
            prop_assert!(native.iter().any(Option::is_some), "some have a value");
            for ((text, native), ecmascript) in expressions.iter().zip(native).zip(ecmascript) {
                prop_assert!(native.is_none() || native == ecmascript, "{}: {:?} and {:?}", text, native, ecmascript);
            }
        }
    }
}
