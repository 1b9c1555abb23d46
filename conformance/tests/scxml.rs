//! The runner of SCXML documents, over charts of the project's own.

use std::path::{Path, PathBuf};

use throng_conformance::scxml::run_folder;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/scxml").join(name)
}

#[test]
fn own_charts_pass() {
    let outcome = run_folder(&data("charts"), None).expect("the charts are there");
    assert_eq!(outcome.lines, ["9 passed, 0 failed, 0 not applicable"]);
    assert!(outcome.good);
}

#[test]
fn what_does_not_pass_is_told_with_its_reason() {
    let outcome = run_folder(&data("odd"), None).expect("the charts are there");
    let expected = [
        "failing.scxml: failed: after event 1: [\"b\"] instead of [\"a\"]",
        "never.scxml: failed: at the end: [\"a\"] instead of [\"pass\"]",
        "outside.scxml: not applicable: line 2: the element `listen` here is not supported: strike it out, or write it in Rust as \
         a custom action",
        "1 passed, 2 failed, 1 not applicable",
    ];
    assert_eq!(outcome.lines, expected);
    assert!(!outcome.good);
}

#[test]
fn a_list_of_what_is_not_applicable_must_be_true() {
    let outcome = run_folder(&data("odd"), Some(&data("odd/listed.txt"))).expect("the charts are there");
    let expected = [
        "failing.scxml: not applicable: it should be",
        "never.scxml: failed: at the end: [\"a\"] instead of [\"pass\"]",
        "outside.scxml: failed: it is not applicable, and not listed as such: line 2: the element `listen` here is not supported: strike it out, \
         or write it in Rust as a custom action",
        "passing.scxml: failed: it passes, though it is listed as not applicable: it should not be",
        "missing.scxml: failed: it is listed as not applicable, and not there",
        "0 passed, 4 failed, 1 not applicable",
    ];
    assert_eq!(outcome.lines, expected);
    assert!(!outcome.good);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    assert!(run_folder(&data("nowhere"), None).is_err());
}
