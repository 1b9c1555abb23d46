//! The recorded cases of OTP that the project keeps.

use std::fs;
use std::path::Path;

use throng_conformance::{otp, report};

#[test]
fn every_recorded_case_passes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/otp/otp-public.jsonl");
    let text = fs::read_to_string(file).expect("the cases are there");
    let (passed, failed) = report::run_lines(&text, otp::run);
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(passed, 342);
}

/// The comparison finds what is wrong.
#[test]
fn a_wrong_expectation_is_found() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/otp/otp-public.jsonl");
    let text = fs::read_to_string(file).expect("the cases are there");
    let wrong: String = text.lines().take(20).map(|line| line.replace("\"start ", "\"begin ") + "\n").collect();
    let (passed, failed) = report::run_lines(&wrong, otp::run);
    assert_eq!((passed, failed.len()), (0, 20));
}
