//! The benchmark's operator with kube-rs alone, as its documentation writes one: a `Controller` that owns both children,
//! and a forced server-side apply of every child and of the status in each turn.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{ObjectMeta, Patch, PatchParams},
    runtime::{
        controller::{Action, Config, Controller},
        watcher,
    },
};
use serde_json::json;
use versus::{CONCURRENCY, Site, SiteStatus, config_map, log_errors, service};

const MANAGER: &str = "site-kube";

struct Context {
    client: Client,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error("the Site has no {0}")]
    Missing(&'static str),
}

async fn reconcile(site: Arc<Site>, context: Arc<Context>) -> Result<Action, Error> {
    let client = &context.client;
    let namespace = site.namespace().ok_or(Error::Missing("namespace"))?;
    let name = site.name_any();
    let owner = site.controller_owner_ref(&()).ok_or(Error::Missing("uid"))?;
    let apply = PatchParams::apply(MANAGER).force();
    let metadata = |suffix: &str| ObjectMeta {
        name: Some(format!("{name}-{suffix}")),
        namespace: Some(namespace.clone()),
        owner_references: Some(vec![owner.clone()]),
        ..ObjectMeta::default()
    };

    let config = config_map(metadata("config"), &site.spec);
    let configs = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    configs
        .patch(&config.name_any(), &apply, &Patch::Apply(&config))
        .await?;

    let service = service(metadata("svc"), &name, &site.spec);
    let services = Api::<Service>::namespaced(client.clone(), &namespace);
    services
        .patch(&service.name_any(), &apply, &Patch::Apply(&service))
        .await?;

    let status = json!({
        "apiVersion": Site::api_version(&()),
        "kind": Site::kind(&()),
        "status": SiteStatus::conventional(&site),
    });
    let sites = Api::<Site>::namespaced(client.clone(), &namespace);
    sites.patch_status(&name, &apply, &Patch::Apply(&status)).await?;

    // All that it depends on is watched.
    Ok(Action::await_change())
}

fn error_policy(site: Arc<Site>, error: &Error, _context: Arc<Context>) -> Action {
    tracing::error!(site = site.name_any(), "{error}");
    Action::requeue(Duration::from_secs(1))
}

#[tokio::main]
async fn main() -> Result<(), kube::Error> {
    serve().await
}

/// Serves until it is told to stop.
pub async fn serve() -> Result<(), kube::Error> {
    log_errors();
    let client = Client::try_default().await?;
    let sites = Api::<Site>::all(client.clone());
    let configs = Api::<ConfigMap>::all(client.clone());
    let services = Api::<Service>::all(client.clone());
    Controller::new(sites, watcher::Config::default())
        .owns(configs, watcher::Config::default())
        .owns(services, watcher::Config::default())
        .with_config(Config::default().concurrency(CONCURRENCY))
        .shutdown_on_signal()
        .run(reconcile, error_policy, Arc::new(Context { client }))
        .for_each(|_| futures::future::ready(()))
        .await;
    Ok(())
}
