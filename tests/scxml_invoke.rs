//! SCXML documents that invoke others: when children start and stop, what passes between them and their parent, and what
//! happens when something is wrong. All of it on 1, 2 and 8 threads, and in both languages of expressions.

use std::sync::{Arc, Mutex};

use throng::statechart::{DataModel, ScxmlBindings, ScxmlDocument, ScxmlEvent, ScxmlSession, ScxmlValue, StateId};
use throng::{ActorConfig, ActorRef, ChartActor, Charted, Charting, Throng, ThrongOptions};

#[derive(Debug, Hash)]
struct Unit(ScxmlSession);

impl ChartActor for Unit {
    type State = StateId;
    type Event = ScxmlEvent;
    type Set = u64;
    type Params = ();

    const STOPS_WHEN_DONE: bool = false;
}

impl AsRef<ScxmlSession> for Unit {
    fn as_ref(&self) -> &ScxmlSession {
        &self.0
    }
}

impl AsMut<ScxmlSession> for Unit {
    fn as_mut(&mut self) -> &mut ScxmlSession {
        &mut self.0
    }
}

type Bindings = ScxmlBindings<Charting<Unit>>;
type Logged = Arc<Mutex<Vec<String>>>;

const HEAD: &str = r#"<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:my="mine" name="parent">"#;

fn document(body: &str) -> ScxmlDocument {
    ScxmlDocument::parse(&format!("{HEAD}{body}</scxml>")).expect("it is SCXML").data_model(DataModel::Native)
}

/// Children, files, a log, and an action that fails its actor.
fn bindings(logged: &Logged) -> Bindings {
    let logged = logged.clone();
    let sources = |uri: &str| match uri {
        "file:done" => Ok(r#"<scxml xmlns="http://www.w3.org/2005/07/scxml"><final/></scxml>"#.to_owned()),
        "file:broken" => {
            Ok("<scxml xmlns=\"http://www.w3.org/2005/07/scxml\">\n<state id='a'>\n<transition target='b'/></state></scxml>".to_owned())
        }
        "file:self" => Ok(r#"<scxml xmlns="http://www.w3.org/2005/07/scxml"><datamodel><data id="why"/></datamodel>
            <state id="a"><invoke src="file:self"/>
            <transition event="error"><log expr="_event.data.reason"/></transition></state></scxml>"#
            .to_owned()),
        other => Err(format!("there is no {other}")),
    };
    ScxmlBindings::new()
        .children(Unit)
        .sources(sources)
        .log(move |unit: &Unit, label, value| {
            let me = unit.0.get("me").unwrap_or(&ScxmlValue::Null);
            logged.lock().expect("nobody panics").push(format!("{label}{value}@{me}"));
        })
        .action("fail", |_, _, step| {
            step.fail("on purpose");
            Ok(())
        })
}

/// A world with one actor of a document.
struct Stage {
    throng: Throng,
    document: ScxmlDocument,
    unit: ActorRef<Charted<Unit>>,
    logged: Logged,
}

impl Stage {
    fn new(document: &ScxmlDocument, options: ThrongOptions) -> Self {
        let logged = Logged::default();
        let mut throng = Throng::new(options);
        let chart = document.define(&bindings(&logged), 1).unwrap_or_else(|error| panic!("{error}"));
        throng.register_chart_with(chart, ActorConfig::new().digest()).expect("the chart is sound");
        let of = document.clone();
        let unit = throng.spawn_with(move |_| Charted::new(Unit(of.session())));
        throng.tick();
        Self { throng, document: document.clone(), unit, logged }
    }

    fn send(&mut self, events: &[&str]) {
        let events: Vec<_> = events.iter().map(|event| (self.unit, self.document.event(event).into())).collect();
        self.throng.tell_many(events);
        self.throng.tick();
    }

    fn get(&mut self, variable: &str) -> String {
        self.throng.state(self.unit).expect("it lives").context().0.get(variable).cloned().unwrap_or_default().to_string()
    }

    fn active(&mut self) -> Vec<String> {
        self.throng.active_states(self.unit).iter().map(|state| state.as_str().to_owned()).collect()
    }

    fn children(&mut self) -> usize {
        self.throng.stats().actors - 1
    }

    fn logged(&self) -> Vec<String> {
        std::mem::take(&mut *self.logged.lock().expect("nobody panics"))
    }
}

/// Plays a scene on 1, 2 and 8 threads, in each language.
fn everywhere(body: &str, scene: impl Fn(&mut Stage)) {
    let plain = document(body);
    #[cfg(feature = "scxml-ecmascript")]
    let documents = [plain.clone().data_model(DataModel::Ecmascript), plain];
    #[cfg(not(feature = "scxml-ecmascript"))]
    let documents = [plain];
    for document in &documents {
        for threads in [1, 2, 8] {
            scene(&mut Stage::new(document, ThrongOptions::new().threads(threads).share_always(threads > 1)));
        }
    }
}

/// A child that tells its parent an event as soon as it starts, and stays.
fn caller(event: &str) -> String {
    format!(r##"<content><scxml><state><onentry><send event="{event}" target="#_parent"/></onentry></state></scxml></content>"##)
}

#[test]
fn children_start_when_the_macrostep_is_over_in_states_that_were_not_left() {
    let body = format!(
        r#"<datamodel><data id="heard" expr="''"/></datamodel>
        <state id="idle"><transition event="go" target="first"/></state>
        <state id="all">
            <state id="first"><onentry><raise event="next"/></onentry><invoke>{}</invoke><transition event="next" target="second"/></state>
            <state id="second"><onentry><raise event="internal"/></onentry>
                <invoke id="b">{}</invoke><invoke id="c">{}</invoke></state>
            <invoke>{}</invoke>
            <transition event="*"><assign location="heard" expr="heard + ' ' + _event.name"/></transition>
        </state>"#,
        caller("first"),
        caller("second"),
        caller("third"),
        caller("all")
    );
    everywhere(&body, |stage| {
        stage.send(&["go"]);
        assert_eq!(stage.get("heard"), " internal all second third");
        assert_eq!(stage.children(), 3);
        stage.throng.tick();
        assert_eq!(stage.get("heard"), " internal all second third");
    });
}

#[test]
fn children_get_what_they_declare_and_give_back_what_they_made() {
    let body = r##"<datamodel><data id="n" expr="2"/><data id="extra" expr="9"/><data id="told"/><data id="id"/><data id="gone"/></datamodel>
        <state id="idle"><transition event="go" target="busy"/></state>
        <state id="busy">
            <invoke idlocation="id" namelist="n extra">
                <param name="from" expr="_event.name"/>
                <param name="fixed" location="n"/>
                <content>
                    <scxml name="worker" binding="late">
                        <datamodel><data id="n" expr="1"/><data id="from"/><data id="fixed" expr="7"/><data id="own" expr="5"/></datamodel>
                        <state id="inner">
                            <datamodel><data id="extra" expr="'inner'"/></datamodel>
                            <transition target="end"/>
                        </state>
                        <final id="end"><donedata>
                            <param name="sum" expr="n + fixed + own"/><param name="from" expr="from"/><param name="extra" expr="extra"/>
                            <param name="me" expr="_sessionid + ' ' + _name"/>
                        </donedata></final>
                    </scxml>
                </content>
            </invoke>
            <transition event="done.invoke" target="idle">
                <assign location="told" expr="_event.data"/>
                <assign location="gone" expr="[_event.name == 'done.invoke.' + id, _event.invokeid == id, _event.type, id]"/>
            </transition>
        </state>"##;
    everywhere(body, |stage| {
        stage.send(&["go"]);
        assert_eq!(stage.active(), ["idle"]);
        assert_eq!(stage.get("told"), r#"{sum: 9, from: "go", extra: "inner", me: "session.2 worker"}"#);
        assert_eq!(stage.get("gone"), r#"[true, true, "platform", "busy.1"]"#);
        assert_eq!(stage.children(), 0);
        stage.send(&["go"]);
        assert_eq!(stage.get("gone"), r#"[true, true, "platform", "busy.3"]"#, "each has an id of its own");
    });
}

#[test]
fn parent_and_child_send_each_other_events() {
    let body = r##"<datamodel><data id="heard"/><data id="reply"/><data id="error"/><data id="place"/></datamodel>
        <state id="a">
            <onentry><send event="early" target="#_child"/></onentry>
            <invoke id="child"><content><scxml>
                <datamodel><data id="late" expr="0"/></datamodel>
                <state>
                    <transition event="hello"><send event="hello.back" id="mine" targetexpr="_event.origin" typeexpr="_event.origintype">
                        <param name="data" expr="_event.data"/><param name="child" expr="_sessionid"/></send></transition>
                    <transition event="wait"><send event="later" target="#_parent" delay="5ms"/></transition>
                    <transition event="keep"><send id="kept" event="never" target="#_parent" delay="5ms"/><cancel sendid="kept"/></transition>
                    <transition event="stop" target="end"><send event="never" target="#_parent" delay="5ms"/></transition>
                </state>
                <final id="end"/>
            </scxml></content></invoke>
            <transition event="error.communication"><assign location="error" expr="_event.data.reason"/></transition>
            <transition event="hello.back"><assign location="reply" expr="[_event.name, _event.type, _event.sendid, _event.origin,
                _event.origintype == _ioprocessors.scxml.location ? 1 : 0, _event.invokeid, _event.data]"/>
                <assign location="place" expr="_event.origin"/></transition>
            <transition event="ask"><send event="hello" target="#_child"><content>ten</content></send></transition>
            <transition event="by.place"><send event="hello" targetexpr="place"/></transition>
            <transition event="tell.*"><send eventexpr="_event.data" target="#_child"/></transition>
            <transition event="later never done"><assign location="heard" expr="_event.name"/></transition>
            <transition event="nobody"><send id="lost" event="x" target="#_parent" delay="1ms"/></transition>
        </state>"##;
    everywhere(body, |stage| {
        assert_eq!(stage.get("error"), "nobody is at `#_child`", "it has not started when its state is entered");
        stage.send(&["ask"]);
        let reply = |data: &str| {
            format!(r##"["hello.back", "external", "mine", "#_scxml_session.1", 0, "child", {{data: {data}, child: "session.1"}}]"##)
        };
        assert_eq!(stage.get("reply"), reply("\"ten\""));
        stage.send(&["by.place"]);
        assert_eq!(stage.get("reply"), reply("undefined"));
        let tell = |stage: &mut Stage, what: &str| {
            let event = stage.document.event("tell.it").with_data(what);
            stage.throng.tell(stage.unit, event.into());
            stage.throng.tick();
        };
        tell(stage, "wait");
        assert_eq!(stage.get("heard"), "undefined");
        stage.throng.run_ticks(4);
        assert_eq!(stage.get("heard"), "undefined");
        stage.throng.run_ticks(2);
        assert_eq!(stage.get("heard"), "later");
        tell(stage, "keep");
        tell(stage, "stop");
        stage.throng.run_ticks(10);
        assert_eq!(stage.get("heard"), "done.invoke.child", "what waits for its delay ends with its sender");
        stage.send(&["ask"]);
        assert_eq!(stage.get("error"), "nobody is at `#_child`");
        stage.send(&["nobody"]);
        stage.throng.run_ticks(2);
        assert_eq!(stage.get("error"), "nobody is at `#_parent`");
    });
}

#[test]
fn a_child_that_is_cancelled_leaves_its_states_and_is_heard_no_more() {
    let body = r##"<datamodel><data id="heard" expr="''"/></datamodel>
        <state id="in">
            <onentry><assign location="heard" expr="''"/></onentry>
            <invoke id="child"><content><scxml>
                <datamodel><data id="me" expr="'child'"/></datamodel>
                <state id="outer"><onexit><log label="outer "/><send event="left" target="#_parent"/></onexit>
                    <state id="inner"><onexit><log label="inner "/></onexit>
                        <invoke><content><scxml><datamodel><data id="me" expr="'grandchild'"/></datamodel>
                            <state><onexit><log label="deep "/></onexit></state></scxml></content></invoke>
                    </state>
                    <transition event="tell"><send event="told" target="#_parent"/></transition>
                </state>
            </scxml></content></invoke>
            <transition event="out" target="away"/>
            <transition event="again" target="in"/>
            <transition event="pass"><send event="tell" target="#_child"/></transition>
        </state>
        <state id="away"><transition event="back" target="in"/></state>
        <transition event="*"><assign location="heard" expr="heard + ' ' + _event.name"/></transition>"##;
    everywhere(body, |stage| {
        assert_eq!(stage.children(), 2);
        stage.send(&["pass"]);
        assert_eq!(stage.get("heard"), " told");
        // The child hears of it in the round after, when it is no longer invoked.
        stage.send(&["pass", "out"]);
        assert_eq!((stage.get("heard"), stage.children()), (" told".to_owned(), 0));
        let mut logged = stage.logged();
        logged.sort();
        assert_eq!(logged, ["deep undefined@grandchild", "inner undefined@child", "outer undefined@child"]);
        stage.send(&["back"]);
        assert_eq!(stage.children(), 2);
        // A new one of the same name is another.
        stage.send(&["pass", "again"]);
        assert_eq!((stage.get("heard"), stage.children()), (String::new(), 2));
        stage.send(&["pass"]);
        assert_eq!(stage.get("heard"), " told");
    });
}

#[test]
fn what_had_arrived_when_the_state_was_left_is_handled() {
    let body = r##"<datamodel><data id="heard" expr="''"/></datamodel>
        <state id="in">
            <invoke><content><scxml><state><onentry><send event="one" target="#_parent"/></onentry><transition target="end"/></state>
                <final id="end"><onexit><send event="two" target="#_parent"/></onexit></final></scxml></content></invoke>
            <transition event="one" target="away"/>
        </state>
        <state id="away"/>
        <transition event="*"><assign location="heard" expr="heard + ' ' + _event.name"/></transition>"##;
    everywhere(body, |stage| assert_eq!(stage.get("heard"), " two done.invoke.in.1"));
}

#[test]
fn finalize_comes_first_and_only_for_its_own_child() {
    let body = r##"<datamodel><data id="x" expr="0"/><data id="y" expr="0"/><data id="z" expr="0"/><data id="seen"/></datamodel>
        <state id="a">
            <invoke id="first"><content><scxml><state>
                <onentry><send event="news" target="#_parent"><param name="value" expr="4"/></send></onentry>
            </state></scxml></content>
                <finalize><assign location="x" expr="x + _event.data.value"/><assign location="x" expr="x * 10"/></finalize></invoke>
            <invoke id="second" namelist="y"><param name="other" location="z"/><param name="plain" expr="1"/><finalize/>
                <content><scxml><state>
                    <transition event="go"><send event="values" target="#_parent">
                        <param name="y" expr="6"/><param name="other" expr="7"/><param name="plain" expr="8"/><param name="x" expr="9"/>
                    </send></transition>
                </state></scxml></content></invoke>
            <transition event="news" cond="x === 40"><assign location="seen" expr="'news'"/></transition>
            <transition event="go"><send event="go" target="#_second"/></transition>
            <transition event="values" cond="y === 6 &amp;&amp; z === 7 &amp;&amp; x === 40"><assign location="seen" expr="'values'"/></transition>
        </state>"##;
    everywhere(body, |stage| {
        assert_eq!(stage.get("seen"), "news");
        stage.send(&["go"]);
        assert_eq!(stage.get("seen"), "values");
    });
}

#[test]
fn autoforward_hands_on_what_comes_from_outside_as_it_is() {
    let body = r##"<datamodel><data id="echo" expr="''"/><data id="same"/><data id="first"/></datamodel>
        <state id="a">
            <invoke id="mirror" autoforward="true"><content><scxml>
                <datamodel><data id="was"/></datamodel>
                <state>
                    <onentry><send id="s" event="mine" target="#_parent"><param name="n" expr="1"/></send></onentry>
                    <transition event="echo"/>
                    <transition event="*"><send event="echo" target="#_parent"><param name="was" expr="_event"/></send></transition>
                </state></scxml></content></invoke>
            <invoke id="deaf"><content><scxml><state>
                <transition event="*"><send event="wrong" target="#_parent"/></transition></state></scxml></content></invoke>
            <transition event="mine"><assign location="first" expr="_event"/><raise event="inside"/><send event="outside"/></transition>
            <transition event="echo"><assign location="echo" expr="echo + ' ' + _event.data.was.name"/>
                <if cond="_event.data.was.name == 'mine'"><assign location="same" expr="_event.data.was"/></if></transition>
            <transition event="wrong"><assign location="echo" expr="'wrong'"/></transition>
        </state>"##;
    everywhere(body, |stage| {
        assert_eq!(stage.get("echo"), " mine outside");
        assert_eq!(stage.get("same"), stage.get("first"));
        stage.send(&["any.thing"]);
        assert_eq!(stage.get("echo"), " mine outside any.thing");
    });
}

#[test]
fn documents_come_from_sources_variables_and_data() {
    let body = r#"<datamodel><data id="where" expr="'nowhere'"/><data id="text"/><data id="done" expr="''"/><data id="error" expr="''"/></datamodel>
        <state id="a">
            <onentry><assign location="where" expr="'file:done'"/>
                <assign location="text"><scxml name="it's > 1"><final id="f"><donedata><content>42</content></donedata></final></scxml></assign></onentry>
            <invoke id="src" src="file:done" type="http://www.w3.org/TR/scxml"/>
            <invoke id="srcexpr" srcexpr="where" typeexpr="'scxml'"/>
            <invoke id="text"><content expr="text"/></invoke>
            <invoke id="gone" srcexpr="'file:' + 'gone'"/>
            <invoke id="broken" srcexpr="'file:' + 'broken'"/>
            <invoke id="nothing"><content expr="text.length"/></invoke>
            <invoke id="type" typeexpr="'http://example.org/ccxml'" src="file:done"/>
            <invoke id="missing" namelist="done"><param name="x" expr="where.none.none"/><content><scxml><final/></scxml></content></invoke>
            <transition event="done.invoke.*"><assign location="done" expr="done + ' ' + _event.invokeid"/>
                <if cond="_event.invokeid == 'text'"><assign location="text" expr="_event.data"/></if></transition>
            <transition event="error"><assign location="error" expr="error + _event.name + ': ' + _event.data.reason + '|'"/></transition>
        </state>"#;
    everywhere(body, |stage| {
        assert_eq!(stage.get("done"), " src srcexpr text missing", "what has no value is left out");
        assert_eq!(stage.get("text"), "42");
        let error = stage.get("error");
        let lines: Vec<_> = error.split('|').filter_map(|error| error.lines().next()).collect();
        let wanted = [
            "error.communication: the source `file:gone` cannot be read: there is no file:gone",
            "error.communication: the SCXML document cannot be read:",
            "error.communication: the SCXML document cannot be read:",
            "error.execution: nothing of the type `http://example.org/ccxml` can be invoked: write `http://www.w3.org/TR/scxml/`",
        ];
        assert_eq!(lines[..4], wanted, "{error}");
        assert!(lines.len() == 5 && lines[4].starts_with("error.execution: "), "{error}");
        assert!(error.contains("- line 3: there is no state `b`: add it, or correct the name"), "{error}");
    });
}

#[test]
fn a_child_that_fails_is_told_of_and_not_started_anew() {
    let body = r##"<datamodel><data id="heard"/><data id="id"/></datamodel>
        <state id="a">
            <invoke id="weak"><content><scxml><state><transition event="hit"><send event="hurt" target="#_parent"/><my:fail/></transition></state>
                </scxml></content></invoke>
            <transition event="hit"><send event="hit" target="#_weak"/></transition>
            <transition event="*"><assign location="heard" expr="_event.data"/><assign location="id" expr="_event.name + _event.invokeid"/></transition>
        </state>"##;
    everywhere(body, |stage| {
        stage.send(&["hit"]);
        assert_eq!(stage.get("id"), "error.communicationweak");
        let heard = stage.get("heard");
        assert!(heard.contains("the invoked session `weak` has ended before it was done: ") && heard.contains("on purpose"), "{heard}");
        assert_eq!(stage.children(), 0);
    });
}

#[test]
fn a_parent_that_is_restarted_starts_over_with_new_children() {
    let body = format!(
        r##"<datamodel><data id="heard" expr="0"/></datamodel>
        <state id="a"><invoke>{}</invoke>
            <transition event="fail"><my:fail/></transition>
            <transition event="up"><assign location="heard" expr="heard + 1"/></transition></state>"##,
        caller("up")
    );
    everywhere(&body, |stage| {
        assert_eq!((stage.get("heard"), stage.children()), ("1".to_owned(), 1));
        stage.send(&["up", "fail"]);
        stage.throng.tick();
        assert_eq!((stage.get("heard"), stage.children()), ("1".to_owned(), 1));
    });
}

#[test]
fn a_chart_that_is_done_stops_its_children() {
    let body = format!(r#"<state id="a"><invoke>{}</invoke><transition event="up" target="end"/></state><final id="end"/>"#, caller("up"));
    everywhere(&body, |stage| {
        assert_eq!((stage.active(), stage.children()), (vec!["end".to_owned()], 0));
    });
}

#[test]
fn a_document_that_invokes_itself_ends_somewhere() {
    let body = r#"<datamodel><data id="error"/></datamodel><state id="a"><invoke src="file:self"/></state>"#;
    everywhere(body, |stage| {
        stage.throng.run_ticks(100);
        assert_eq!(stage.children(), 64);
        assert_eq!(stage.logged(), ["sessions invoke each other at most 64 deep@null"]);
    });
}

#[test]
fn what_is_wrong_with_an_invocation_is_told_with_its_line() {
    let body = r#"
        <state id="a">
            <invoke src="file:none"/>
            <invoke src="file:broken"/>
            <invoke/>
            <invoke><content>
                <scxml><state id="b"><transition cond="1 +" target="a"/></state></scxml>
            </content></invoke>
            <invoke src="file:done"><raise event="e"/></invoke>
            <invoke idlocation="nowhere" srcexpr="x"/>
        </state>"#;
    let error = document(body).define(&bindings(&Logged::default()), 1).expect_err("all of it is wrong");
    let problems: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
    let wanted = [
        "line 3: the source `file:none` cannot be read: there is no file:none",
        "line 4: in `file:broken`, the SCXML document cannot be read:\n- line 3: there is no state `b`: add it, or correct the name",
        "line 5: `invoke` needs a document: give it `src`, `srcexpr`, or a `content` with an `scxml` in it",
        "line 7: there is no state `a`: add it, or correct the name",
        "line 7: the expression `1 +` cannot be read: something is missing at the end",
        "line 9: the element `raise` here is not supported: write `param`, `content` or `finalize`",
        "line 10: the expression `x` cannot be read: there is no variable `x`: declare it with `data`",
        "line 10: the expression `nowhere` cannot be read: there is no variable `nowhere` to assign to: declare it with `data`",
    ];
    assert_eq!(problems, wanted);

    let unbound =
        document(r#"<state id="a"><invoke src="file:done"/></state>"#).define(&Bindings::new().children(Unit), 1).expect_err("no files");
    assert!(unbound.to_string().contains("the source `file:done` is not bound"), "{unbound}");
    let states: String = (0..70).map(|at| format!(r#"<state id="s{at}"/>"#)).collect();
    let large = format!(r#"<state id="a"><invoke><content><scxml>{states}</scxml></content></invoke></state>"#);
    let large = document(&large).define(&bindings(&Logged::default()), 1).expect_err("a set of 64 states is too small");
    assert!(large.to_string().contains("71"), "{large}");
    let twice = r#"<state id="a"><invoke id="i" src="file:done"/><invoke id="i" src="file:done"/></state>"#;
    let twice = document(twice).define(&bindings(&Logged::default()), 1).expect("it can be read").build().expect_err("one name for two");
    assert!(twice.to_string().contains("invokes two things as `i`"), "{twice}");
}

/// A crowd whose members invoke, talk, cancel, fail and are restarted.
fn digests(document: &ScxmlDocument, of: i64, options: ThrongOptions) -> Vec<u64> {
    let mut throng = Throng::new(options);
    let chart = document.define(&bindings(&Logged::default()), 1).unwrap_or_else(|error| panic!("{error}"));
    throng.register_chart_with(chart, ActorConfig::new().digest()).expect("the chart is sound");
    let units: Vec<_> = (0..of)
        .map(|number| {
            let session = document.session().with_id(number.to_string());
            throng.spawn_with(move |_| Charted::new(Unit(session.clone())))
        })
        .collect();
    let mut digests = Vec::new();
    for tick in 0_i64..20 {
        let event = |at: usize| ["go", "hit", "back", "go"][(at + tick as usize * 3) % 4];
        throng.tell_many(units.iter().enumerate().map(|(at, unit)| {
            let event = document.event(event(at)).with_data([("n", at as i64 % 7 + tick)]);
            (*unit, event.into())
        }));
        throng.tick();
        digests.push(throng.digest());
    }
    digests
}

fn crowd() -> ScxmlDocument {
    document(
        r##"<datamodel><data id="sum" expr="0"/></datamodel>
        <state id="idle"><transition event="go" target="busy"/></state>
        <state id="busy">
            <invoke id="worker" autoforward="true">
                <param name="n" expr="_event.data.n"/>
                <content><scxml>
                    <datamodel><data id="n"/></datamodel>
                    <state>
                        <onentry><send event="progress" target="#_parent"><param name="n" expr="n"/></send></onentry>
                        <transition event="hit" cond="n % 5 === 0"><my:fail/></transition>
                        <transition event="hit" target="end"/>
                        <transition event="go"><send event="progress" target="#_parent" delayexpr="(n % 3) + 'ms'">
                            <param name="n" expr="_event.data.n"/></send></transition>
                    </state>
                    <final id="end"><donedata><param name="n" expr="n * 2"/></donedata></final>
                </scxml></content>
                <finalize><if cond="typeof _event.data === 'object'"><assign location="sum" expr="sum + _event.data.n"/></if></finalize>
            </invoke>
            <transition event="done.invoke" target="idle"/>
            <transition event="error" target="hurt"/>
            <transition event="back" target="idle"/>
            <transition event="hit" cond="sum % 11 === 3"><my:fail/></transition>
        </state>
        <state id="hurt"><transition event="back go" target="idle"/></state>"##,
    )
}

fn equal_on_any_number_of_threads(document: &ScxmlDocument, of: i64) {
    let one = digests(document, of, ThrongOptions::new().threads(1));
    assert!(one.windows(2).all(|pair| pair[0] != pair[1]), "something happens in each tick");
    for threads in [2, 8] {
        assert!(one == digests(document, of, ThrongOptions::new().threads(threads).share_always(true)), "{threads} threads");
    }
}

#[test]
fn crowds_go_equal_ways_on_any_number_of_threads() {
    // With their children they fill more than one block.
    equal_on_any_number_of_threads(&crowd(), 5_000);
}

#[cfg(feature = "scxml-ecmascript")]
#[test]
fn crowds_in_ecmascript_go_the_same_ways() {
    let document = crowd().data_model(DataModel::Ecmascript);
    equal_on_any_number_of_threads(&document, 60);
    let one = |document: &ScxmlDocument| digests(document, 60, ThrongOptions::new().threads(1));
    assert_eq!(one(&document), one(&crowd()));
}
