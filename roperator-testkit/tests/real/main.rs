//! The real API server keeps the promises of `roperator_testkit::real`. Ignored, with the reason, where
//! `KUBEBUILDER_ASSETS` names no binaries.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows tests by the harness, which this one does without"
)]

mod breaking;
mod orphans;
mod serving;

use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client, ResourceExt as _};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use roperator_testkit::real::{RealError, RealServer, available};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const PATIENCE: Duration = Duration::from_secs(60);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
/// For the tests that do no harm to it.
static SHARED: Mutex<Option<RealServer>> = Mutex::const_new(None);

fn main() -> ExitCode {
    if orphans::is_the_one_to_kill() {
        return RUNTIME.block_on(orphans::hold_a_server());
    }
    let trials = vec![
        trial("objects_can_be_created_read_changed_and_deleted", async || {
            serving::crud(client().await?).await
        }),
        trial("requests_are_counted", async || {
            serving::requests(client().await?).await
        }),
        trial("an_object_whose_owner_is_deleted_is_collected", async || {
            serving::collection(client().await?).await
        }),
        trial("a_deleted_namespace_goes_with_its_content", async || {
            serving::namespace_deletion(client().await?).await
        }),
        trial("rbac_binds_users_but_not_the_administrator", async || {
            serving::rbac(client().await?).await
        }),
        trial("blocking_an_owner_needs_permission_on_it", async || {
            serving::owner_references(client().await?).await
        }),
        trial("the_kubeconfig_opens_the_server", serving::kubeconfig),
        trial("a_killed_api_server_comes_back_with_its_data", breaking::restart),
        trial("an_old_watch_is_gone_when_history_is_forgotten", breaking::forgetting),
        trial("a_paused_api_server_answers_when_it_goes_on", breaking::pause),
        trial("garbage_of_new_kinds_is_collected_after_a_restart", breaking::new_kinds),
        trial("nothing_outlives_a_killed_test_process", orphans::nothing_is_left),
    ];
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    // A static is never dropped.
    if let Some(server) = SHARED.blocking_lock().take() {
        RUNTIME.block_on(server.shutdown());
    }
    conclusion.exit_code()
}

/// A test, or, where there are no binaries, one that is ignored and says why.
fn trial<F>(name: &str, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Outcome>,
{
    Trial::ignorable_test(name, move || match available() {
        Err(reason) => Ok(Completion::ignored_with(reason)),
        Ok(_) => match RUNTIME.block_on(test()) {
            Ok(()) => Ok(Completion::Completed),
            Err(error) => Err(Failed::from(chain(error.as_ref()))),
        },
    })
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Asks something of the shared server.
async fn with_shared<T>(ask: impl AsyncFnOnce(&RealServer) -> Result<T, RealError>) -> Outcome<T> {
    let mut shared = SHARED.lock().await;
    if shared.is_none() {
        *shared = Some(RealServer::start().await?);
    }
    Ok(ask(shared.as_ref().ok_or(RealError::Stopped)?).await?)
}

/// The administrator's client of the shared server.
async fn client() -> Outcome<Client> {
    with_shared(async |server| server.client().await).await
}

/// A namespace for one test.
async fn namespace(client: &Client, name: &str) -> Outcome<String> {
    let namespace = Namespace {
        metadata: named(name),
        ..Default::default()
    };
    Ok(Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await?
        .name_any())
}

async fn configmap(client: &Client, namespace: &str, name: &str) -> Outcome<ConfigMap> {
    let configmap = ConfigMap {
        metadata: named(name),
        ..Default::default()
    };
    Ok(Api::namespaced(client.clone(), namespace)
        .create(&PostParams::default(), &configmap)
        .await?)
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

async fn eventually(what: &str, condition: impl AsyncFn() -> Outcome<bool>) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await? {
        if Instant::now() > deadline {
            return Err(format!("not within {PATIENCE:?}: {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The code of an error that the API server answered with.
fn code<T: std::fmt::Debug>(answer: kube::Result<T>) -> u16 {
    match answer {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("expected an error of the API server, got {other:?}"),
    }
}
