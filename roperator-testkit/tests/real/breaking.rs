//! What tests do to an API server: each has one of its own.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt as _};
use roperator_testkit::real::{RealError, RealServer};
use serde_json::json;

use crate::{Outcome, configmap, eventually};

pub async fn restart() -> Outcome {
    let mut server = RealServer::start().await?;
    let client = server.client().await?;
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let old = configmap(&client, "default", "first")
        .await?
        .resource_version()
        .ok_or("no resource version")?;
    let created = configmap(&client, "default", "survivor").await?;
    let (address, process) = (server.url(), server.apiserver_id());

    server.stop_apiserver().await;
    assert!(server.apiserver_id().is_none());
    assert!(api.get("survivor").await.is_err());
    assert!(matches!(server.pause().await, Err(RealError::Stopped)));

    server.start_apiserver().await?;
    assert_eq!(server.url(), address);
    assert_ne!(server.apiserver_id(), process);
    // The client from before: same port, same certificate, same token.
    assert_eq!(
        api.get("survivor").await?.resource_version(),
        created.resource_version()
    );
    // It remembers nothing from before, whether or not etcd does.
    assert_eq!(watch(&client, &old).await?, Some(410));
    server.shutdown().await;
    Ok(())
}

pub async fn forgetting() -> Outcome {
    let mut server = RealServer::start().await?;
    let client = server.client().await?;
    let old = configmap(&client, "default", "first")
        .await?
        .resource_version()
        .ok_or("no resource version")?;
    for number in 0..5 {
        configmap(&client, "default", &format!("later-{number}")).await?;
    }
    assert_eq!(watch(&client, &old).await?, None, "the history should still be there");

    server.compact().await?;
    assert_eq!(
        watch(&client, &old).await?,
        None,
        "the API server should remember what etcd has forgotten"
    );
    server.forget_history().await?;
    assert_eq!(watch(&client, &old).await?, Some(410));
    Ok(())
}

/// The code of the error with which a watch from that version begins, if it does.
async fn watch(client: &Client, version: &str) -> Outcome<Option<u16>> {
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let mut events = api.watch(&WatchParams::default(), version).await?.boxed();
    match events.next().await.ok_or("the watch ended at once")?? {
        WatchEvent::Error(status) => Ok(Some(status.code)),
        _ => Ok(None),
    }
}

pub async fn pause() -> Outcome {
    let mut server = RealServer::start().await?;
    let api: Api<ConfigMap> = Api::default_namespaced(server.client().await?);
    server.pause().await?;
    let question = tokio::spawn(async move { api.get_opt("nothing").await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!question.is_finished());
    server.resume().await?;
    assert!(question.await??.is_none());
    Ok(())
}

pub async fn new_kinds() -> Outcome {
    let mut server = RealServer::start().await?;
    let client = server.client().await?;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    crds.create(&PostParams::default(), &serde_json::from_value(owner_crd())?)
        .await?;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Owner"));
    let owners: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &kind);
    let owner = DynamicObject::new("owner", &kind);
    eventually("the new kind is served", async || {
        Ok(owners.create(&PostParams::default(), &owner).await.is_ok())
    })
    .await?;
    server.restart_controllers().await?;

    let configmaps: Api<ConfigMap> = Api::default_namespaced(client);
    let owner = owners.get("owner").await?;
    let mut owned = ConfigMap::default();
    owned.metadata.name = Some("owned".to_owned());
    owned.metadata.owner_references = Some(vec![serde_json::from_value(json!({
        "apiVersion": "example.com/v1", "kind": "Owner", "name": "owner", "uid": owner.uid(), "controller": true,
    }))?]);
    configmaps.create(&PostParams::default(), &owned).await?;
    let start = Instant::now();
    owners.delete("owner", &DeleteParams::background()).await?;
    eventually("the garbage is collected", async || {
        Ok(configmaps.get_opt("owned").await?.is_none())
    })
    .await?;
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "collected after {:?}",
        start.elapsed()
    );
    Ok(())
}

fn owner_crd() -> serde_json::Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "metadata": {"name": "owners.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Owner", "plural": "owners"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}
