//! The macros as their users meet them: `pass` compiles without a warning and runs, and every file of `fail` shows
//! a rule and what the compiler says when it is broken.
//!
//! After a change of the messages: `TRYBUILD=overwrite cargo test -p roperator-ui-tests`, and read the diff.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}
