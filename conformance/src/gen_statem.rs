//! State machines recorded from OTP's `gen_statem`, as flat charts.
//!
//! A rule becomes a transition of each state that it is for, and a state enter call the entry action of its state.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use throng::ChartActor;
use throng::statechart::{Actions, Chart, Definition, EventId, EventNames, Model, Session, StateDef, Status, Step, Trigger};

use crate::report::Verdict;
use crate::stage::{Alone, Stage, UNIT_TICKS};

/// Runs a case.
///
/// # Errors
///
/// The first difference from what is expected, or what is wrong with the case.
pub fn run(case: &Value) -> Verdict {
    let plan = Arc::new(Plan::read(case, 1)?);
    let chart = plan.definition::<Statem>().build().map_err(|error| error.to_string())?;
    let chart = Arc::new(chart);
    play(case, &plan, || Session::start(chart.clone(), plan.desk()).map_err(|error| error.to_string()))?;
    let plan = Arc::new(Plan::read(case, UNIT_TICKS)?);
    let played = play(case, &plan, || Alone::start(plan.definition(), plan.desk()));
    played.map_err(|difference| format!("as an actor: {difference}"))
}

fn play<S: Stage<Context = Desk, Event = EventId>>(case: &Value, plan: &Plan, start: impl Fn() -> Result<S, String>) -> Verdict {
    let mut stage = None;
    let mut now = 0;
    let steps = case["steps"].as_array().ok_or("the case has no list `steps`")?;
    for (number, step) in steps.iter().enumerate() {
        now = step["tick"].as_u64().ok_or("a step has no tick")?.max(now);
        if step["op"] == "start" {
            stage = Some(start()?);
        }
        let stage = stage.as_mut().ok_or("the first step does not start the machine")?;
        perform_step(plan, stage, step)?;
        let next = steps.get(number + 1).and_then(|next| next["tick"].as_u64());
        // One by one: what a timer starts counts from when that timer was due.
        for _ in now..next.unwrap_or(now) {
            stage.advance(1)?;
        }
        check(number, stage, &case["expected"][number])?;
    }
    Ok(())
}

fn perform_step(plan: &Plan, stage: &mut impl Stage<Context = Desk, Event = EventId>, step: &Value) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = match step["op"].as_str() {
        Some("start" | "wait") => Vec::new(),
        Some("casts") => step["msgs"].as_array().into_iter().flatten().map(|msg| format!("cast:{}", text(msg))).collect(),
        Some(op @ ("cast" | "call" | "info")) => vec![format!("{op}:{}", text(&step["msg"]))],
        _ => return Err(format!("the step {step} is not known")),
    };
    let mut ids = Vec::new();
    for event in events {
        if let Some(message) = event.strip_prefix("call:") {
            let dead = stage.status() == Status::Done;
            let desk = stage.context();
            if dead {
                desk.replies.push(format!("{message}=EXIT noproc"));
            } else {
                desk.waiting.push(message.to_owned());
            }
        }
        ids.push(plan.event(&event)?);
    }
    stage.send_all(&ids)
}

fn check(number: usize, stage: &mut impl Stage<Context = Desk, Event = EventId>, expected: &Value) -> Verdict {
    // The root comes first.
    let state = match (stage.status(), stage.states().get(1)) {
        (Status::Active, Some(state)) => state.clone(),
        _ => "dead".to_owned(),
    };
    let desk = stage.context();
    let log = std::mem::take(&mut desk.log);
    let mut replies = std::mem::take(&mut desk.replies);
    replies.sort();
    let mut wanted: Vec<&str> = expected["replies"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    wanted.sort_unstable();
    if expected["log"] != Value::from(log.clone()) {
        return Err(format!("step {number}: log is {log:?} instead of {}", expected["log"]));
    }
    if expected["state"] != *state {
        return Err(format!("step {number}: state is {state} instead of {}", expected["state"]));
    }
    if replies != wanted {
        return Err(format!("step {number}: replies are {replies:?} instead of {wanted:?}"));
    }
    Ok(())
}

/// A state by its name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State(Arc<str>);

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Statem;

/// A model of cases.
trait Cases: Model<State = State, Event = EventId, Context = Desk> {}

impl<M: Model<State = State, Event = EventId, Context = Desk>> Cases for M {}

impl Model for Statem {
    type State = State;
    type Event = EventId;
    type Context = Desk;
    type Port<'a> = ();
    type Set = [u64; 4];
}

/// As an actor.
impl ChartActor for Desk {
    type State = State;
    type Event = EventId;
    type Set = [u64; 4];
    type Params = ();

    const STOPS_WHEN_DONE: bool = false;
}

/// What a case watches.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    state: Arc<str>,
    log: Vec<String>,
    replies: Vec<String>,
    /// Calls without an answer.
    waiting: Vec<String>,
}

impl Desk {
    fn reply(&mut self, event: &str, value: &str) {
        let waiting = event.strip_prefix("call:").and_then(|message| self.waiting.iter().position(|waiting| waiting == message));
        if let Some(at) = waiting {
            let message = self.waiting.remove(at);
            self.replies.push(format!("{message}={value}"));
        }
    }

    fn stop(&mut self, state: &str) {
        self.log.push(format!("{state} terminate:normal"));
        let waiting = std::mem::take(&mut self.waiting);
        self.replies.extend(waiting.into_iter().map(|message| format!("{message}=EXIT normal")));
    }
}

/// When a time-out is due.
#[derive(Clone, Copy)]
enum Time {
    Ticks(u64),
    Cancel,
    Update,
}

/// An action of a rule.
enum Deed {
    Postpone,
    Insert(EventId),
    State(Time, EventId),
    Event(Time, EventId),
    Generic(Arc<str>, Time, EventId),
    Reply(String),
}

struct Rule {
    state: String,
    event: String,
    next: String,
    deeds: Vec<Deed>,
}

/// A case's machine.
struct Plan {
    initial: Arc<str>,
    at_start: Vec<Deed>,
    enter: bool,
    rules: Vec<Rule>,
    states: Vec<Arc<str>>,
    names: EventNames,
}

impl Plan {
    fn read(case: &Value, unit_ticks: u64) -> Result<Self, String> {
        let initial = case["init"]["state"].as_str().ok_or("the case has no initial state")?;
        let mut names = EventNames::default();
        let at_start = deeds(&case["init"]["actions"], &mut names, unit_ticks)?;
        let mut rules = Vec::new();
        for rule in case["rules"].as_array().ok_or("the case has no list `rules`")? {
            let text = |key: &str| rule[key].as_str().map(str::to_owned).ok_or_else(|| format!("the rule {rule} has no `{key}`"));
            let deeds = deeds(&rule["actions"], &mut names, unit_ticks)?;
            rules.push(Rule { state: text("state")?, event: text("event")?, next: text("next")?, deeds });
        }
        for step in case["steps"].as_array().into_iter().flatten() {
            let op = step["op"].as_str().unwrap_or_default();
            let messages = step["msgs"].as_array().into_iter().flatten().chain(std::iter::once(&step["msg"]));
            for message in messages.filter_map(Value::as_str) {
                names.id(&format!("{}:{message}", if op == "casts" { "cast" } else { op }));
            }
        }
        let named = rules.iter().flat_map(|rule| [&rule.state, &rule.next]);
        let mut states: Vec<Arc<str>> = vec![initial.into()];
        for state in named.filter(|state| !["*", "keep", "repeat", "stop"].contains(&state.as_str())) {
            if !states.iter().any(|known| **known == **state) {
                states.push(state.as_str().into());
            }
        }
        Ok(Self { initial: initial.into(), at_start, enter: case["enter"] == true, rules, states, names })
    }

    /// An event by its name, which `read` has seen.
    fn event(&self, name: &str) -> Result<EventId, String> {
        let known = self.names.find(name);
        known.ok_or_else(|| format!("the event `{name}` is not known"))
    }

    fn desk(&self) -> Desk {
        Desk { state: self.initial.clone(), ..Desk::default() }
    }

    fn definition<M: Cases>(self: &Arc<Self>) -> Definition<M> {
        let stopped = State("(stopped)".into());
        let definition = Chart::<M>::define("gen_statem", |root| {
            root.initial(State(self.initial.clone()));
            for state in &self.states {
                root.state(State(state.clone()), |writing| self.write(state, &stopped, writing));
            }
            root.end(stopped.clone(), |_| {});
        });
        definition.event_names(self.names.clone()).lenient()
    }

    fn write<M: Cases>(self: &Arc<Self>, state: &Arc<str>, stopped: &State, writing: &mut StateDef<M>) {
        let (plan, name) = (self.clone(), state.clone());
        writing.entry().run(move |desk, trigger, step| plan.enter(&name, desk, trigger, step));
        for (number, rule) in self.rules.iter().enumerate() {
            if !is_for(&rule.state, state) || rule.event.starts_with("enter:") {
                continue;
            }
            let (plan, name) = (self.clone(), state.clone());
            let transition = writing.on_named(&rule.event);
            transition.run(move |desk, trigger, step| plan.handle(Some(number), &name, desk, trigger, step));
            match rule.next.as_str() {
                "keep" => {}
                "repeat" => {
                    transition.go(State(state.clone())).reenter();
                }
                "stop" => {
                    let name = state.clone();
                    transition.go(stopped.clone()).run(move |desk, _, _| desk.stop(&name));
                }
                next if *next == **state => {}
                next => {
                    transition.go(State(next.into()));
                }
            }
        }
        let (plan, name) = (self.clone(), state.clone());
        writing.on_any().run(move |desk, trigger, step| plan.handle(None, &name, desk, trigger, step));
    }

    /// A state enter call.
    fn enter<M: Cases>(&self, state: &Arc<str>, desk: &mut Desk, trigger: &Trigger<'_, EventId>, step: &mut Step<'_, M>) {
        let event = format!("enter:{}", std::mem::replace(&mut desk.state, state.clone()));
        if self.enter {
            desk.log.push(format!("{state} {event}"));
            let rule = self.rules.iter().find(|rule| is_for(&rule.state, state) && rule.event == event);
            self.perform(rule.map_or(&[], |rule| &rule.deeds), desk, trigger, step);
        }
        if matches!(trigger, Trigger::Start) {
            self.perform(&self.at_start, desk, trigger, step);
        }
    }

    fn handle<M: Cases>(&self, rule: Option<usize>, state: &str, desk: &mut Desk, trigger: &Trigger<'_, EventId>, step: &mut Step<'_, M>) {
        desk.log.push(format!("{state} {}", self.name(trigger)));
        self.perform(rule.map_or(&[], |rule| &self.rules[rule].deeds), desk, trigger, step);
    }

    fn name(&self, trigger: &Trigger<'_, EventId>) -> &str {
        trigger.event().map_or("", |event| self.names.name(*event))
    }

    fn perform<M: Cases>(&self, deeds: &[Deed], desk: &mut Desk, trigger: &Trigger<'_, EventId>, step: &mut Step<'_, M>) {
        for deed in deeds {
            match deed {
                Deed::Postpone => step.postpone(),
                Deed::Insert(event) => step.insert(*event),
                Deed::State(Time::Ticks(ticks), event) => step.state_timeout(*ticks, *event),
                Deed::State(Time::Cancel, _) => step.cancel_state_timeout(),
                Deed::State(Time::Update, event) => step.update_state_timeout(*event),
                Deed::Event(Time::Ticks(ticks), event) => step.event_timeout(*ticks, *event),
                Deed::Event(Time::Cancel, _) => step.cancel_event_timeout(),
                Deed::Event(Time::Update, event) => step.update_event_timeout(*event),
                Deed::Generic(name, Time::Ticks(ticks), event) => step.raise_named(name.clone(), *ticks, *event),
                Deed::Generic(name, Time::Cancel, _) => step.cancel(name.clone()),
                Deed::Generic(name, Time::Update, event) => step.update_named(name.clone(), *event),
                Deed::Reply(value) => desk.reply(self.name(trigger), value),
            }
        }
    }
}

fn is_for(rule: &str, state: &str) -> bool {
    rule == "*" || rule == state
}

fn deeds(actions: &Value, names: &mut EventNames, unit_ticks: u64) -> Result<Vec<Deed>, String> {
    actions.as_array().into_iter().flatten().map(|action| deed(action, names, unit_ticks)).collect()
}

fn deed(action: &Value, names: &mut EventNames, unit_ticks: u64) -> Result<Deed, String> {
    let unknown = || format!("the action {action} is not known");
    if action == "postpone" {
        return Ok(Deed::Postpone);
    }
    let action = action.as_object().ok_or_else(unknown)?;
    let text = |key: &str| action.get(key).and_then(Value::as_str).unwrap_or_default();
    let time = |key: &str| match action.get(key) {
        Some(Value::String(word)) if word == "update" => Ok(Time::Update),
        Some(Value::String(word)) if word == "cancel" || word == "infinity" => Ok(Time::Cancel),
        Some(ticks) => ticks.as_u64().map(|ticks| Time::Ticks(ticks * unit_ticks)).ok_or_else(unknown),
        None => Err(unknown()),
    };
    if let Some(inserted) = action.get("next_event") {
        let (kind, content) = (inserted[0].as_str().ok_or_else(unknown)?, inserted[1].as_str().ok_or_else(unknown)?);
        Ok(Deed::Insert(names.id(&format!("{kind}:{content}"))))
    } else if action.contains_key("state_timeout") {
        Ok(Deed::State(time("state_timeout")?, names.id(&format!("state_timeout:{}", text("msg")))))
    } else if action.contains_key("timeout") {
        Ok(Deed::Event(time("timeout")?, names.id(&format!("timeout:{}", text("msg")))))
    } else if action.contains_key("generic") {
        let event = names.id(&format!("generic:{}:{}", text("generic"), text("msg")));
        Ok(Deed::Generic(text("generic").into(), time("time")?, event))
    } else if let Some(value) = action.get("reply") {
        Ok(Deed::Reply(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    } else {
        Err(unknown())
    }
}
