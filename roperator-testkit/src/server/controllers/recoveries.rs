//! What a controller could not do is done once it can be: definitions change, and what hangs on them goes on, as it does on
//! the real server.

use serde_json::{Value, json};

use super::tests::{CONFIG_MAPS, DEFINITIONS, WIDGETS, call, create, definition, exists, owned, settle};
use crate::server::ApiServer;

const WIDGET_DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.controllers.test";

/// Sends a request that is granted.
async fn send(server: &ApiServer, method: &str, path: &str, body: Value) {
    let (code, answer) = call(server, method, path, Some(&body)).await;
    assert_eq!(code, 200, "{answer}");
}

async fn has_owner(server: &ApiServer, path: &str) -> bool {
    let (_, object) = call(server, "GET", path, None).await;
    object.pointer("/metadata/ownerReferences").is_some()
}

/// A version of the definition.
fn version(name: &str, is_stored: bool) -> Value {
    let mut version = definition()["spec"]["versions"][0].take();
    version["name"] = name.into();
    version["storage"] = is_stored.into();
    version
}

#[tokio::test(start_paused = true)]
async fn a_dependent_that_cannot_be_freed_holds_its_owner_alone() {
    let server = ApiServer::start();
    create(&server, DEFINITIONS, definition()).await;
    let owner = format!("{CONFIG_MAPS}/owner");
    let uid = create(&server, CONFIG_MAPS, json!({"metadata": {"name": "owner"}})).await;
    let mut bad = owned("bad", "v1", "ConfigMap", "owner", &uid);
    bad["apiVersion"] = "controllers.test/v1".into();
    bad["kind"] = "Widget".into();
    create(&server, WIDGETS, bad).await;
    create(&server, CONFIG_MAPS, owned("good", "v1", "ConfigMap", "owner", &uid)).await;
    let mut strict = version("v1", true);
    strict["schema"]["openAPIV3Schema"]["required"] = json!(["spec"]);
    let strict = json!({"spec": {"versions": [strict]}});
    send(&server, "PATCH", WIDGET_DEFINITION, strict).await;
    send(&server, "DELETE", &owner, json!({"propagationPolicy": "Orphan"})).await;
    settle(&server).await;
    let (good, bad) = (format!("{CONFIG_MAPS}/good"), format!("{WIDGETS}/bad"));
    assert!(exists(&server, &owner).await && has_owner(&server, &bad).await);
    assert!(!has_owner(&server, &good).await, "it does not wait for the other");
    send(&server, "PATCH", &bad, json!({"spec": {}})).await;
    settle(&server).await;
    assert!(!exists(&server, &owner).await);
    assert!(exists(&server, &good).await && exists(&server, &bad).await);
    assert!(!has_owner(&server, &bad).await);
}

#[tokio::test(start_paused = true)]
async fn dependents_go_whichever_version_of_the_owner_they_name_if_it_was_served() {
    let server = ApiServer::start();
    let mut both = definition();
    both["spec"]["versions"] = json!([version("v1", true), version("v1beta1", false)]);
    create(&server, DEFINITIONS, both).await;
    let widget = json!({"apiVersion": "controllers.test/v1", "kind": "Widget", "metadata": {"name": "owner"}});
    let uid = create(&server, WIDGETS, widget).await;
    let beta = |name, owner, uid| owned(name, "controllers.test/v1beta1", "Widget", owner, uid);
    create(&server, CONFIG_MAPS, beta("of-widget", "owner", &uid)).await;
    let uid = create(&server, CONFIG_MAPS, json!({"metadata": {"name": "owner"}})).await;
    let never = owned("of-no-version", "v7", "ConfigMap", "owner", &uid);
    create(&server, CONFIG_MAPS, never).await;
    settle(&server).await;
    for owner in [WIDGET_DEFINITION, &format!("{CONFIG_MAPS}/owner")] {
        send(&server, "DELETE", owner, json!({})).await;
    }
    settle(&server).await;
    assert!(!exists(&server, &format!("{CONFIG_MAPS}/of-widget")).await);
    assert!(exists(&server, &format!("{CONFIG_MAPS}/of-no-version")).await);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_emptied_once_its_contents_can_be_read_again() {
    let server = ApiServer::start();
    create(&server, DEFINITIONS, definition()).await;
    let room = "/api/v1/namespaces/room";
    create(&server, "/api/v1/namespaces", json!({"metadata": {"name": "room"}})).await;
    let widget = json!({"apiVersion": "controllers.test/v1", "kind": "Widget", "metadata": {"name": "a"}});
    create(&server, &WIDGETS.replace("default", "room"), widget).await;
    let versions = |versions: Value| json!({"spec": {"versions": versions}});
    let both = versions(json!([version("v1", false), version("v2", true)]));
    send(&server, "PATCH", WIDGET_DEFINITION, both.clone()).await;
    let status = json!({"status": {"storedVersions": ["v2"]}});
    send(&server, "PATCH", &format!("{WIDGET_DEFINITION}/status"), status).await;
    let without = versions(json!([version("v2", true)]));
    send(&server, "PATCH", WIDGET_DEFINITION, without).await;
    send(&server, "DELETE", room, json!({})).await;
    settle(&server).await;
    let (_, namespace) = call(&server, "GET", room, None).await;
    let conditions = namespace["status"]["conditions"].to_string();
    assert!(conditions.contains("ContentDeletionFailed"), "{namespace}");
    send(&server, "PATCH", WIDGET_DEFINITION, both).await;
    settle(&server).await;
    assert!(!exists(&server, room).await);
}
