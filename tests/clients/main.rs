//! Real clients, unmodified, against the `sandbox` binary as its users run it; and what it does when it is used wrongly.
//!
//! Clients that are not on this machine are ignored, with the reason.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their harness, which this one does without"
)]

mod client_go;
mod controller_runtime;
mod examples;
mod go;
mod kube_rs;
mod kubectl;
mod network;
mod process;
mod sandbox;

use std::{future::Future, process::ExitCode};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Clients wait for one another most of their time.
    arguments.test_threads.get_or_insert(4);
    let trials = [
        client_go::trials(),
        controller_runtime::trials(),
        examples::trials(),
        kube_rs::trials(),
        kubectl::trials(),
        network::trials(),
        process::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

/// A trial that fails by a panic.
fn trial(name: &str, body: fn()) -> Trial {
    Trial::test(name.trim_start_matches("clients::"), move || {
        body();
        Ok(())
    })
}

/// Runs what is asynchronous.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}
