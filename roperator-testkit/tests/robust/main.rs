//! No request makes the server panic or hang, and what it refuses it does not store.
//!
//! The server is called on the test's own task, so that its panics are the test's. Few cases by default, since all of them
//! run before every push; `PROPTEST_CASES=5000` looks harder.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy does not see the helpers of an integration test as tests"
)]

mod client;
mod limits;
mod requests;
mod rules;
mod samples;
mod values;

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseResult},
};

use self::{
    client::{Client, Request},
    requests::{any_request, mutated, mutated_protobuf},
    samples::Sample,
};

fn config() -> Config {
    // An empty environment means the default of proptest, which is too many here.
    let mut config = Config {
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 40;
    }
    config
}

/// Sends requests to a server of their own, and looks whether it still answers.
fn send(requests: &[Request]) -> TestCaseResult {
    let client = Client::start();
    for request in requests {
        client.send(request)?;
    }
    client.everything_can_be_read()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_request_is_answered(requests in prop::collection::vec(any_request(), 1..30)) {
        send(&requests)?;
    }

    #[test]
    fn config_maps_that_are_almost_right_are_answered(requests in mutated(Sample::ConfigMap)) {
        send(&requests)?;
    }

    #[test]
    fn pods_that_are_almost_right_are_answered(requests in mutated(Sample::Pod)) {
        send(&requests)?;
    }

    #[test]
    fn deployments_that_are_almost_right_are_answered(requests in mutated(Sample::Deployment)) {
        send(&requests)?;
    }

    #[test]
    fn services_that_are_almost_right_are_answered(requests in mutated(Sample::Service)) {
        send(&requests)?;
    }

    #[test]
    fn custom_objects_that_are_almost_right_are_answered(requests in mutated(Sample::Custom)) {
        send(&requests)?;
    }

    #[test]
    fn definitions_that_are_almost_right_are_answered(requests in mutated(Sample::Definition)) {
        send(&requests)?;
    }

    #[test]
    fn protobuf_that_is_almost_right_is_answered(requests in prop::collection::vec(mutated_protobuf(), 1..20)) {
        send(&requests)?;
    }
}
