//! Scenarios on an API server: the same for every server, by name, in parallel.
//!
//! They are ignored, with the reason, where `KUBEBUILDER_ASSETS` names no binaries.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their harness, which this one does without"
)]

mod basics;
mod builder;
mod children;
mod conflicts;
mod examples;
mod faults;
mod finalizers;
mod handlers;
mod lifecycle;
mod seed;
mod status;
mod strategies;

use std::{
    future::Future,
    pin::Pin,
    process::ExitCode,
    sync::{LazyLock, OnceLock},
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use roperator::{Declared, run_operator};
use roperator_examples::echo::EchoOperator;
use roperator_testkit::real::{RealServer, available};
use roperator_tests::stage;
use tokio::{runtime::Runtime, sync::OnceCell};

/// A scenario by name. Those of the first kind share a server and have a stage each; those of the second break theirs.
pub enum Scenario {
    /// Runs on the shared server.
    Shared(&'static str, fn(stage::Stage) -> Pin<Box<dyn Future<Output = ()>>>),
    /// Runs on a server of its own.
    Own(&'static str, fn(RealServer) -> Pin<Box<dyn Future<Output = ()>>>),
}

/// Names scenarios: `scenarios![shared: a, b; own: c]`.
#[macro_export]
macro_rules! scenarios {
    (shared: $($shared:ident),* $(,)?; own: $($own:ident),* $(,)?) => {
        pub fn all() -> Vec<$crate::Scenario> {
            vec![
                $($crate::Scenario::Shared(concat!(module_path!(), "::", stringify!($shared)), |stage| Box::pin($shared(stage))),)*
                $($crate::Scenario::Own(concat!(module_path!(), "::", stringify!($own)), |server| Box::pin($own(server))),)*
            ]
        }
    };
}
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: OnceCell<RealServer> = OnceCell::const_new();
static REASON: OnceLock<Option<String>> = OnceLock::new();

/// Set where this program is to be an operator's instead.
const PROCESS: &str = "ROPERATOR_SCENARIO_PROCESS";

fn main() -> ExitCode {
    if std::env::var_os(PROCESS).is_some() {
        let config = EchoOperator::config().with_server_port(0);
        return match RUNTIME.block_on(run_operator(config, EchoOperator)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut arguments = Arguments::from_args();
    // Scenarios wait most of their time.
    arguments.test_threads.get_or_insert(6);
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .try_init();
    let reason = match backend(std::env::var("ROPERATOR_TEST_API").ok().as_deref()) {
        Ok(reason) => REASON.get_or_init(|| reason),
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::FAILURE;
        }
    };
    let scenarios = [
        basics::all(),
        builder::all(),
        children::all(),
        conflicts::all(),
        examples::all(),
        faults::all(),
        finalizers::all(),
        handlers::all(),
        lifecycle::all(),
        seed::all(),
        status::all(),
        strategies::all(),
    ]
    .into_iter()
    .flatten();
    let trials = scenarios.map(trial).collect();
    if let Some(reason) = reason {
        eprintln!("scenarios are ignored: {reason}");
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    RUNTIME.block_on(async {
        // The processes end with this one anyway; here they end in order.
        if let Some(server) = SHARED.get() {
            drop(server.process_ids());
        }
    });
    conclusion.exit_code()
}

/// Why the scenarios are ignored, if they are.
///
/// # Errors
/// When what was asked for is not to be had.
fn backend(asked: Option<&str>) -> Result<Option<String>, String> {
    let reason = available().err();
    match (asked, reason) {
        (None | Some("" | "embedded" | "real"), None) => Ok(None),
        (None | Some("" | "embedded"), Some(reason)) => Ok(Some(reason)),
        (Some("real"), Some(reason)) => Err(format!("ROPERATOR_TEST_API=real: {reason}")),
        (Some(other), _) => Err(format!(
            "ROPERATOR_TEST_API={other}: scenarios run on a real API server that they start; set it to `real`, or not at all"
        )),
    }
}

fn trial(scenario: Scenario) -> Trial {
    let name = match &scenario {
        Scenario::Shared(name, _) | Scenario::Own(name, _) => name.trim_start_matches("scenarios::").to_owned(),
    };
    Trial::ignorable_test(name, move || match REASON.get() {
        Some(Some(reason)) => Ok(Completion::ignored_with(reason)),
        _ => RUNTIME.block_on(run(scenario)).map(|()| Completion::Completed),
    })
}

/// A scenario that fails panics, which the harness takes as its failure.
async fn run(scenario: Scenario) -> Result<(), Failed> {
    match scenario {
        Scenario::Shared(_, scenario) => {
            let server = SHARED.get_or_try_init(start).await?;
            scenario(stage::Stage::new(server).await).await;
        }
        Scenario::Own(_, scenario) => scenario(start().await?).await,
    }
    Ok(())
}

async fn start() -> Result<RealServer, roperator_testkit::real::RealError> {
    let mut server = RealServer::start().await?;
    stage::set_up(&server.client().await?).await;
    // The garbage collector looks for new kinds only now and then.
    server.restart_controllers().await?;
    Ok(server)
}
