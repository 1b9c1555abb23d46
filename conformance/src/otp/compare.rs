//! What a step did, beside what was recorded.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a step did.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) result: String,
    pub(super) log: Vec<String>,
    pub(super) alive: BTreeMap<String, u64>,
    pub(super) children: BTreeMap<String, Vec<String>>,
    pub(super) mail: BTreeMap<String, Vec<String>>,
}

/// Finds the first difference.
pub(super) fn compare(got: &Outcome, want: &Value) -> Result<(), String> {
    same("result", &got.result, &want["result"].as_str().unwrap_or_default().to_owned())?;
    compare_logs(&got.log, want)?;
    let alive = want["alive"].as_object().into_iter().flatten();
    same("alive", &got.alive, &alive.map(|(name, life)| (name.clone(), life.as_u64().unwrap_or(0))).collect())?;
    same("children", &got.children, &lists(&want["children"]))?;
    let (mut got_mail, mut want_mail) = (got.mail.clone(), lists(&want["mail"]));
    if want["mail_order"] != "exact" {
        got_mail.values_mut().chain(want_mail.values_mut()).for_each(|mail| mail.sort());
    }
    same("mail", &got_mail, &want_mail)
}

fn compare_logs(got: &[String], want: &Value) -> Result<(), String> {
    let (mut got, mut log) = (got.to_vec(), texts(&want["log"]));
    if got.len() == log.len() {
        for range in want["any_order"].as_array().into_iter().flatten() {
            let (start, len) = (index(&range[0]), index(&range[1]));
            got[start..start + len].sort();
            log[start..start + len].sort();
        }
    }
    same("log", &got, &log)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("{what} is {got:?}, recorded was {want:?}")) }
}

fn index(value: &Value) -> usize {
    value.as_u64().map_or(0, |n| n as usize)
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn lists(map: &Value) -> BTreeMap<String, Vec<String>> {
    map.as_object().into_iter().flatten().map(|(name, list)| (name.clone(), texts(list))).collect()
}
