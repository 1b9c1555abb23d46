//! Specs of a case as throng's.

use std::collections::HashMap;

use serde_json::Value;
use throng::{AutoShutdown, ChildSpec, RestartPolicy, Shutdown, Supervisor, SupervisorSpec};

use super::process::{Init, Manner, Process, Shared};
use super::reason;
use super::stage::TICKS;

fn text<'a>(spec: &'a Value, field: &str) -> Result<&'a str, String> {
    spec[field].as_str().ok_or_else(|| format!("no `{field}` in {spec}"))
}

fn number(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| format!("no number: {value}"))
}

/// A supervisor.
pub(super) fn supervisor(spec: &Value, shared: &Shared) -> Result<SupervisorSpec, String> {
    let name = text(spec, "name")?;
    let made = match text(spec, "strategy")? {
        "one_for_one" => Supervisor::one_for_one(name),
        "one_for_all" => Supervisor::one_for_all(name),
        "rest_for_one" => Supervisor::rest_for_one(name),
        "simple_one_for_one" => {
            let mut template = spec["template"].clone();
            template["name"] = "template".into();
            Supervisor::simple_one_for_one(name, worker(&template, shared)?)
        }
        other => return Err(format!("unknown strategy `{other}`")),
    };
    let intensity = u32::try_from(number(&spec["intensity"])?).map_err(|error| error.to_string())?;
    // Inclusive windows over case ticks; see the format's note on a runtime with one clock.
    let period = number(&spec["period_ticks"])? * TICKS + TICKS / 2;
    let auto = match spec["auto_shutdown"].as_str() {
        Some("any_significant") => AutoShutdown::AnySignificant,
        Some("all_significant") => AutoShutdown::AllSignificant,
        _ => AutoShutdown::Never,
    };
    let children = spec["children"].as_array().into_iter().flatten().map(|each| child(each, shared));
    Ok(made.intensity(intensity, period).auto_shutdown(auto).children(children.collect::<Result<Vec<_>, _>>()?))
}

/// A worker or a supervisor as a child.
pub(super) fn child(spec: &Value, shared: &Shared) -> Result<ChildSpec, String> {
    match text(spec, "type")? {
        "supervisor" => with_rules(ChildSpec::supervisor(supervisor(spec, shared)?), spec),
        _ => worker(spec, shared),
    }
}

/// A worker.
pub(super) fn worker(spec: &Value, shared: &Shared) -> Result<ChildSpec, String> {
    let (name, shared, manner) = (text(spec, "name")?.to_owned(), shared.clone(), manner(spec)?);
    let named = name.clone();
    let made = ChildSpec::new(name, move |id| Process::worker(id, &named, &shared, &manner));
    with_rules(made.drop_mailbox_on_restart(), spec)
}

fn with_rules(child: ChildSpec, spec: &Value) -> Result<ChildSpec, String> {
    let policy = match spec["restart"].as_str() {
        Some("transient") => RestartPolicy::Transient,
        Some("temporary") => RestartPolicy::Temporary,
        _ => RestartPolicy::Permanent,
    };
    let shutdown = match &spec["shutdown"] {
        Value::String(word) if word == "brutal_kill" => Shutdown::BrutalKill,
        Value::String(_) => Shutdown::Infinity,
        ticks => Shutdown::Ticks(number(ticks)?),
    };
    let child = child.restart(policy).shutdown(shutdown);
    Ok(if spec["significant"] == true { child.significant() } else { child })
}

fn manner(spec: &Value) -> Result<Manner, String> {
    let mut init = HashMap::new();
    for (attempt, how) in spec["init"].as_object().into_iter().flatten() {
        let attempt = attempt.parse::<u64>().map_err(|error| error.to_string())?;
        let how = match how.as_str() {
            Some("fail") => Init::Fail,
            Some("crash") => Init::Crash,
            Some("ignore") => Init::Ignore,
            _ => Init::Ok,
        };
        init.insert(attempt, how);
    }
    let delay = match &spec["terminate_delay"] {
        Value::String(_) => u64::MAX,
        ticks => ticks.as_u64().unwrap_or(0),
    };
    let traps = spec["trap_exit"].as_bool().unwrap_or(true);
    Ok(Manner { traps, init, delay, exit: spec["terminate_exit"].as_str().map(reason::parse) })
}
