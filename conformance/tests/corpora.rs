//! The recorded cases that the project carries, all of them.

use serde_json::Value;
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
