//! No operator at all: lists the parents once and writes for each what an operator has to write at the least (POST, POST,
//! PATCH of the status), eight at a time, then waits for a signal. It shows how fast the API server takes the writes.

use futures::{TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use versus::{CONCURRENCY, Site, SiteStatus, config_map, log_errors, service};

async fn write(client: &Client, site: Site) -> Result<(), kube::Error> {
    let namespace = site.namespace().unwrap_or_default();
    let name = site.name_any();
    let metadata = |suffix: &str| ObjectMeta {
        name: Some(format!("{name}-{suffix}")),
        namespace: Some(namespace.clone()),
        owner_references: site.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    let post = PostParams::default();
    let config = config_map(metadata("config"), &site.spec);
    Api::<ConfigMap>::namespaced(client.clone(), &namespace)
        .create(&post, &config)
        .await?;
    let service = service(metadata("svc"), &name, &site.spec);
    Api::<Service>::namespaced(client.clone(), &namespace)
        .create(&post, &service)
        .await?;
    let status = json!({"status": SiteStatus::conventional(&site)});
    let sites = Api::<Site>::namespaced(client.clone(), &namespace);
    sites
        .patch_status(&name, &PatchParams::default(), &Patch::Merge(&status))
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    log_errors();
    let mut terminate = signal(SignalKind::terminate())?;
    let client = Client::try_default().await?;
    let sites = Api::<Site>::all(client.clone()).list(&ListParams::default()).await?;
    stream::iter(sites.items.into_iter().map(Ok))
        .try_for_each_concurrent(usize::from(CONCURRENCY), |site| write(&client, site))
        .await?;
    terminate.recv().await;
    Ok(())
}
