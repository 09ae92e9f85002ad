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
/// What is said of all of these at the end.
const NEED_REAL: &str = "were ignored: they kill the server, or need access control or admission policies. Only a real API \
                         server will do: `KUBEBUILDER_ASSETS=$(scripts/real-apiserver) ROPERATOR_TEST_API=real cargo test -p \
                         roperator-tests --test scenarios`";

/// A scenario by name.
pub struct Scenario {
    name: &'static str,
    body: Body,
    /// Whether only a real server will do.
    only_real: bool,
}

/// What a scenario does.
pub enum Body {
    /// Runs on the server that all share, on a stage of its own.
    Shared(fn(stage::Stage) -> Pin<Box<dyn Future<Output = ()>>>),
    /// Runs on a server of its own, which it may break.
    Own(fn(Server) -> Pin<Box<dyn Future<Output = ()>>>),
}

impl Scenario {
    /// A scenario; `only_real` names those of its module for which only a real server will do.
    pub fn new(name: &'static str, body: Body, only_real: &[&str]) -> Self {
        let name = name.trim_start_matches("scenarios::");
        let last = name.rsplit("::").next();
        Self {
            name,
            body,
            only_real: only_real.iter().any(|real| Some(*real) == last),
        }
    }
}

/// Names scenarios: `scenarios![shared: a, b; own: c; only on a real server: b, c]`.
#[macro_export]
macro_rules! scenarios {
    (shared: $($shared:ident),* $(,)?; own: $($own:ident),* $(,)?; only on a real server: $($real:ident),* $(,)?) => {
        pub fn all() -> Vec<$crate::Scenario> {
            let only_real: &[&str] = &[$(stringify!($real)),*];
            let named = |name, body| $crate::Scenario::new(name, body, only_real);
            vec![
                $(named(concat!(module_path!(), "::", stringify!($shared)), $crate::Body::Shared(|stage| Box::pin($shared(stage)))),)*
                $(named(concat!(module_path!(), "::", stringify!($own)), $crate::Body::Own(|server| Box::pin($own(server)))),)*
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
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .try_init();
    match Backend::asked() {
        Ok(backend) => {
            // Scenarios wait most of their time; a real server of theirs has a machine to share.
            let threads = if backend == Backend::Real { 6 } else { 16 };
            arguments.test_threads.get_or_insert(threads);
            BACKEND.get_or_init(|| backend)
        }
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
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.num_ignored > 0 {
        eprintln!("{} scenarios {NEED_REAL}", conclusion.num_ignored);
    }
    // The processes end with this one anyway; here they end in order.
    if let Some(Server::Real(server)) = SHARED.get() {
        drop(server.process_ids());
    }
    conclusion.exit_code()
}

fn backend() -> Backend {
    BACKEND.get().copied().unwrap_or(Backend::Embedded)
}

fn trial(scenario: Scenario) -> Trial {
    Trial::ignorable_test(scenario.name, move || {
        if scenario.only_real && backend() != Backend::Real {
            return Ok(Completion::ignored_with(NEEDS_REAL));
        }
        RUNTIME.block_on(run(scenario.body)).map(|()| Completion::Completed)
    })
}

/// A scenario that fails panics, which the harness takes as its failure.
async fn run(scenario: Body) -> Result<(), Failed> {
    match scenario {
        Body::Shared(scenario) => {
            let server = SHARED.get_or_try_init(start).await?;
            scenario(stage::Stage::new(server).await).await;
        }
        Body::Own(scenario) => scenario(start().await?).await,
    }
    Ok(())
}

async fn start() -> Result<Server, ServerError> {
    let mut server = backend().start().await?;
    stage::set_up(&server.client().await?).await;
    server.notice_kinds().await?;
    Ok(server)
}
