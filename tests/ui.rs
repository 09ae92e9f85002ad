//! The macros as their users meet them: `ui/pass` compiles without a warning and runs, and every file of `ui/fail` shows
//! a rule and what the compiler says when it is broken.
//!
//! After a change of the messages: `TRYBUILD=overwrite cargo test -p roperator-tests --test ui`, and read the diff.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
