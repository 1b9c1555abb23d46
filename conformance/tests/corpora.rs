//! The recorded cases that the project carries, all of them.

use serde_json::Value;
use throng::statechart::Semantics;
use throng_conformance::report::{Verdict, run_lines};
use throng_conformance::{gen_statem, xstate};

fn all_pass(text: &str, cases: usize, run: impl Fn(&Value) -> Verdict) {
    let (passed, failed) = run_lines(text, run);
    assert_eq!(failed, [], "cases differ");
    assert_eq!(passed, cases);
}

#[test]
fn xstate() {
    all_pass(include_str!("../../tests/data/xstate/xstate-public.jsonl"), 710, xstate::run);
}

#[test]
fn xstate_exported_and_imported_again() {
    all_pass(include_str!("../../tests/data/xstate/xstate-public.jsonl"), 710, xstate::run_exported);
}

/// Cases on which no rule has a bearing that the two do not share come out alike under SCXML's.
#[test]
fn xstate_without_quirks_under_scxml() {
    let text = include_str!("../../tests/data/xstate/xstate-public.jsonl");
    let plain = |line: &&str| serde_json::from_str::<Value>(line).is_ok_and(|case| case["quirks"].as_array().is_some_and(Vec::is_empty));
    let lines: Vec<&str> = text.lines().filter(plain).collect();
    all_pass(&lines.join("\n"), 288, |case| xstate::run_under(Semantics::Scxml, case));
}

/// Of the cases that depend on one rule alone, most differ under SCXML's. (Not all: another rule can make up for it.)
#[test]
fn quirks_differ_under_scxml() {
    let text = include_str!("../../tests/data/xstate/xstate-public.jsonl");
    let cases: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let quirks = ["domain-lcca", "internal-narrow", "select-per-leaf", "always-repeat", "descriptor-document-order", "prefix-match"];
    for quirk in quirks.into_iter().chain(["initial-actions-all"]) {
        let alone = |case: &&Value| case["quirks"] == Value::from(vec![quirk]);
        let of_quirk: Vec<&Value> = cases.iter().filter(alone).collect();
        let differ = of_quirk.iter().filter(|case| xstate::run_under(Semantics::Scxml, case).is_err()).count();
        assert!(differ * 2 > of_quirk.len(), "{quirk}: {differ} of {} differ", of_quirk.len());
    }
}

#[test]
fn gen_statem() {
    all_pass(include_str!("../../tests/data/otp/gen_statem.jsonl"), 36, gen_statem::run);
}

/// Cases must be able to fail, with the place and both values.
#[test]
fn differences_are_found() {
    let text = include_str!("../../tests/data/xstate/xstate-public.jsonl");
    let broken = text.lines().next().expect("there is a case").replacen("\"m.b\"],\"context\"", "\"m.c\"],\"context\"", 1);
    let (passed, failed) = run_lines(&broken, xstate::run);
    assert_eq!(passed, 0);
    let (id, difference) = &failed[0];
    assert_eq!(id, "hand-atomic-transition");
    assert_eq!(difference, r#"step 1: configuration is ["m","m.b"] instead of ["m","m.c"]"#);
}
