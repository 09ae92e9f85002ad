//! Scenarios on an API server: the same for every server, by name, in parallel.
//!
//! They run on the API server in this process, or on a real one if `ROPERATOR_TEST_API=real` asks for it. Those that need
//! what only a real one has are ignored on the other, with the reason.

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
use roperator_tests::{
    server::{Backend, Server, ServerError},
    stage,
};
use tokio::{runtime::Runtime, sync::OnceCell};

/// What only a real server has: a process to kill, and access control and admission policies until ours has them.
const NEEDS_REAL: &str =
    "it kills the server, or needs access control or admission policies: set ROPERATOR_TEST_API=real";

/// A scenario by name. Those of the first kind share a server and have a stage each; those of the second break theirs.
pub enum Scenario {
    /// Runs on the shared server.
    Shared(&'static str, fn(stage::Stage) -> Pin<Box<dyn Future<Output = ()>>>),
    /// Runs on a server of its own.
    Own(&'static str, fn(Server) -> Pin<Box<dyn Future<Output = ()>>>),
}

/// Names scenarios: `scenarios![shared: a, b; own: c; only on a real server: b, c]`.
#[macro_export]
macro_rules! scenarios {
    (shared: $($shared:ident),* $(,)?; own: $($own:ident),* $(,)?; only on a real server: $($real:ident),* $(,)?) => {
        pub const ONLY_REAL: &[&str] = &[$(stringify!($real)),*];

        pub fn all() -> Vec<$crate::Scenario> {
            vec![
                $($crate::Scenario::Shared(concat!(module_path!(), "::", stringify!($shared)), |stage| Box::pin($shared(stage))),)*
                $($crate::Scenario::Own(concat!(module_path!(), "::", stringify!($own)), |server| Box::pin($own(server))),)*
            ]
        }
    };
    (shared: $($shared:ident),* $(,)?; own: $($own:ident),* $(,)?) => {
        $crate::scenarios![shared: $($shared),*; own: $($own),*; only on a real server:];
    };
}
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: OnceCell<Server> = OnceCell::const_new();
static BACKEND: OnceLock<Backend> = OnceLock::new();

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
    match Backend::asked() {
        Ok(backend) => BACKEND.get_or_init(|| backend),
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::FAILURE;
        }
    };
    let only_real: Vec<&str> = [children::ONLY_REAL, faults::ONLY_REAL, strategies::ONLY_REAL].concat();
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
    let trials = scenarios.map(|scenario| trial(scenario, &only_real)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The processes end with this one anyway; here they end in order.
    if let Some(Server::Real(server)) = SHARED.get() {
        drop(server.process_ids());
    }
    conclusion.exit_code()
}

fn backend() -> Backend {
    BACKEND.get().copied().unwrap_or(Backend::Embedded)
}

fn trial(scenario: Scenario, only_real: &[&str]) -> Trial {
    let name = match &scenario {
        Scenario::Shared(name, _) | Scenario::Own(name, _) => name.trim_start_matches("scenarios::").to_owned(),
    };
    let is_only_real = only_real.iter().any(|real| name.ends_with(&format!("::{real}")));
    Trial::ignorable_test(name, move || {
        if is_only_real && backend() != Backend::Real {
            return Ok(Completion::ignored_with(NEEDS_REAL));
        }
        RUNTIME.block_on(run(scenario)).map(|()| Completion::Completed)
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

async fn start() -> Result<Server, ServerError> {
    let mut server = backend().start().await?;
    stage::set_up(&server.client().await?).await;
    server.notice_kinds().await?;
    Ok(server)
}
