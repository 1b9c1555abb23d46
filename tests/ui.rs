//! Mistakes that must not compile, with the explanations that their authors get.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
