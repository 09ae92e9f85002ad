//! What the scenarios stand on: an API server that they share, a stage of its own for each, and a wire between operator and
//! server that counts and breaks.
//!
//! Data in: a scenario. Data out: its outcome. Nothing here knows what a scenario is about.

#![expect(
    clippy::expect_used,
    reason = "this is test code, which clippy cannot see in a package without `#[test]`"
)]

pub mod kinds;
pub mod server;
pub mod stage;
pub mod wire;
