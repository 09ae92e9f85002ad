//! What the real server and its two controllers did, as `testdata/sequences.json` has it, done again here: steps, and what
//! watches saw of each object. Uids, names of namespaces and times are masked. Where the real server's workers race (what a
//! circle's members go through before they go) it has the outcome that is also this server's.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::server::{ApiServer, status::GroupResource};

const SEQUENCES: &str = include_str!("testdata/sequences.json");

pub(super) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
pub(super) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(super) const WIDGETS: &str = "/apis/controllers.test/v1/namespaces/default/widgets";

/// The kind of CRs that the sequences use.
pub(super) fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.controllers.test"},
        "spec": {
            "group": "controllers.test",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

pub(super) async fn call(server: &ApiServer, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let kind = if method == "PATCH" {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let body = body.map(ToString::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .header("user-agent", "tests/1")
        .body(Full::<Bytes>::from(body))
        .unwrap();
    let response = server.clone().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&body).unwrap_or_default())
}

/// Creates an object; its uid.
pub(super) async fn create(server: &ApiServer, path: &str, object: Value) -> String {
    let (code, object) = call(server, "POST", path, Some(&object)).await;
    assert_eq!(code, 201, "{object}");
    object["metadata"]["uid"].as_str().unwrap().to_owned()
}

pub(super) async fn exists(server: &ApiServer, path: &str) -> bool {
    call(server, "GET", path, None).await.0 == 200
}

/// A ConfigMap of an owner.
pub(super) fn owned(name: &str, api_version: &str, kind: &str, owner: &str, uid: &str) -> Value {
    let reference = json!({"apiVersion": api_version, "kind": kind, "name": owner, "uid": uid});
    json!({"metadata": {"name": name, "ownerReferences": [reference]}})
}

/// Lets the controllers work until nothing is written any more.
pub(super) async fn settle(server: &ApiServer) {
    let mut revision = 0;
    let mut quiet = 0;
    for _ in 0..100_000 {
        tokio::task::yield_now().await;
        let now = server.registry.store.revision();
        quiet = if now == revision { quiet + 1 } else { 0 };
        revision = now;
        if quiet > 50 {
            return;
        }
    }
    panic!("the controllers do not come to rest");
}

/// The names that stand for namespaces in the sequences, and the real ones here; the longer one first.
const NAMESPACES: [(&str, &str); 2] = [("NS2", "room-b"), ("NS", "room-a")];

/// One sequence: its uids by the names of their objects.
struct Player<'a> {
    server: &'a ApiServer,
    uids: BTreeMap<String, String>,
}

impl Player<'_> {
    fn unmask(&self, value: &Value) -> Value {
        let mut text = value.to_string();
        for (mask, name) in NAMESPACES {
            text = text.replace(mask, name);
        }
        for (name, uid) in &self.uids {
            text = text.replace(&format!("\"${name}\""), &format!("\"{uid}\""));
        }
        serde_json::from_str(&text).unwrap()
    }

    fn mask(&self, value: &Value) -> Value {
        let mut text = value.to_string();
        for (name, uid) in &self.uids {
            text = text.replace(uid, &format!("${name}"));
        }
        for (mask, name) in NAMESPACES {
            text = text.replace(name, mask);
        }
        let mut value = serde_json::from_str(&text).unwrap();
        mask_times(&mut value);
        value
    }

    async fn play(&mut self, step: &Value) {
        if *step == json!("settle") {
            // Time passed on the real server too: managed fields are sorted by theirs.
            tokio::time::advance(Duration::from_secs(2)).await;
            settle(self.server).await;
            return tokio::time::advance(Duration::from_secs(2)).await;
        }
        let step = self.unmask(step);
        let text = |field: &str| step[field].as_str().unwrap_or_default();
        let (code, object) = call(self.server, text("method"), text("path"), step.get("body")).await;
        assert!(code < 300, "{step}: {object}");
        if let Some(name) = step["save"].as_str() {
            let uid = object["metadata"]["uid"].as_str().unwrap();
            self.uids.insert(name.to_owned(), uid.to_owned());
        }
    }

    /// What a watch has seen since a revision.
    async fn watched(&self, path: &str, since: u64, seen: &mut BTreeMap<String, Vec<Value>>) {
        let place = self.unmask(&json!(path));
        let place = place.as_str().unwrap();
        let and = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{and}watch=1&timeoutSeconds=1&resourceVersion={since}");
        let request = Request::get(place).body(Full::<Bytes>::default()).unwrap();
        let response = self.server.clone().oneshot(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut event = self.mask(&serde_json::from_slice(line).unwrap());
            let metadata = event["object"]["metadata"].as_object_mut().unwrap();
            metadata.remove("resourceVersion");
            let key = if path.ends_with("/events") {
                let name = metadata["name"].as_str().unwrap().split('.').next().unwrap();
                metadata.insert("name".to_owned(), format!("{name}.<hex>").into());
                metadata.insert("uid".to_owned(), "<uid>".into());
                path.to_owned()
            } else {
                format!("{path} {}", metadata["name"].as_str().unwrap())
            };
            seen.entry(key).or_default().push(event);
        }
    }
}

fn mask_times(value: &mut Value) {
    match value {
        Value::String(text) if text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok() => {
            "<time>".clone_into(text);
        }
        Value::Array(items) => items.iter_mut().for_each(mask_times),
        Value::Object(fields) => fields.values_mut().for_each(mask_times),
        _ => {}
    }
}

/// Plays a sequence on a server of its own; what differs from what the real server did.
async fn differences(sequence: &Value) -> Vec<String> {
    let server = ApiServer::start();
    create(&server, DEFINITIONS, definition()).await;
    let since = server.registry.store.revision();
    let mut player = Player {
        server: &server,
        uids: BTreeMap::new(),
    };
    let namespaces = sequence.get("namespaces").cloned().unwrap_or_else(|| json!(["NS"]));
    for mask in namespaces.as_array().unwrap() {
        let mask = mask.as_str().unwrap();
        let body = json!({"metadata": {"name": mask}});
        let step = json!({"method": "POST", "path": "/api/v1/namespaces", "body": body, "save": "ns"});
        player.play(&step).await;
        let uid = player.uids.remove("ns").unwrap();
        player.uids.insert(format!("ns-{mask}"), uid);
    }
    for step in sequence["steps"].as_array().unwrap() {
        player.play(step).await;
    }
    let mut seen = BTreeMap::new();
    for path in sequence["watch"].as_array().unwrap() {
        player.watched(path.as_str().unwrap(), since, &mut seen).await;
    }
    let mut differences = Vec::new();
    let wanted: BTreeMap<String, Vec<Value>> = serde_json::from_value(sequence["events"].clone()).unwrap();
    let keys: std::collections::BTreeSet<&String> = wanted.keys().chain(seen.keys()).collect();
    for key in keys {
        let none = Vec::new();
        let (wanted, seen) = (wanted.get(key).unwrap_or(&none), seen.get(key).unwrap_or(&none));
        if wanted != seen {
            let lines = |events: &[Value]| events.iter().map(|event| format!("\n    {event}")).collect::<String>();
            let name = &sequence["name"];
            differences.push(format!(
                "{name} {key}\n  wanted:{}\n  seen:{}",
                lines(wanted),
                lines(seen)
            ));
        }
    }
    differences
}

#[tokio::test(start_paused = true)]
async fn dependents_of_a_kind_that_is_no_longer_served_go() {
    let server = ApiServer::start();
    create(&server, DEFINITIONS, definition()).await;
    let widget = json!({"apiVersion": "controllers.test/v1", "kind": "Widget", "metadata": {"name": "a"}});
    let uid = create(&server, WIDGETS, widget).await;
    create(
        &server,
        CONFIG_MAPS,
        owned("b", "controllers.test/v1", "Widget", "a", &uid),
    )
    .await;
    let (code, answer) = call(
        &server,
        "DELETE",
        &format!("{DEFINITIONS}/widgets.controllers.test"),
        None,
    )
    .await;
    assert_eq!(code, 200, "{answer}");
    // Nothing was awaited that lets the controllers see the definition while it was there.
    settle(&server).await;
    assert!(!exists(&server, &format!("{CONFIG_MAPS}/b")).await);
}

#[tokio::test(start_paused = true)]
async fn owners_of_unknown_kinds_are_looked_for_once_the_kind_is_known() {
    let server = ApiServer::start();
    create(
        &server,
        CONFIG_MAPS,
        owned("a", "controllers.test/v1", "Widget", "none", "none"),
    )
    .await;
    settle(&server).await;
    assert!(exists(&server, &format!("{CONFIG_MAPS}/a")).await);
    create(&server, DEFINITIONS, definition()).await;
    settle(&server).await;
    assert!(!exists(&server, &format!("{CONFIG_MAPS}/a")).await);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_found() {
    let server = ApiServer::start();
    let uid = create(&server, CONFIG_MAPS, json!({"metadata": {"name": "a"}})).await;
    create(&server, CONFIG_MAPS, owned("b", "v1", "ConfigMap", "a", &uid)).await;
    create(&server, "/api/v1/namespaces", json!({"metadata": {"name": "gone"}})).await;
    settle(&server).await;
    for path in [&format!("{CONFIG_MAPS}/a"), "/api/v1/namespaces/gone"] {
        assert_eq!(call(&server, "DELETE", path, None).await.0, 200);
    }
    server.forget_history();
    settle(&server).await;
    assert!(!exists(&server, &format!("{CONFIG_MAPS}/b")).await);
    assert!(!exists(&server, "/api/v1/namespaces/gone").await);
}

/// Threads that write while the controllers do: no write is lost, and all of it ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn races_are_won_in_the_end() {
    let server = ApiServer::start();
    let mut owners = Vec::new();
    for number in 0..20 {
        let name = format!("o{number}");
        let uid = create(&server, CONFIG_MAPS, json!({"metadata": {"name": name}})).await;
        for dependent in 0..5 {
            let object = owned(&format!("d{number}-{dependent}"), "v1", "ConfigMap", &name, &uid);
            create(&server, CONFIG_MAPS, object).await;
        }
        owners.push(name);
    }
    let writer = tokio::spawn({
        let server = server.clone();
        async move {
            for round in 0..10 {
                for number in 0..100 {
                    let path = format!("{CONFIG_MAPS}/d{}-{}", number / 5, number % 5);
                    let label = json!({"metadata": {"labels": {"round": round.to_string()}}});
                    call(&server, "PATCH", &path, Some(&label)).await;
                }
            }
        }
    });
    let policies = ["Background", "Foreground"].iter().cycle();
    for (owner, policy) in owners.iter().zip(policies) {
        let options = json!({"propagationPolicy": policy});
        assert_eq!(
            call(&server, "DELETE", &format!("{CONFIG_MAPS}/{owner}"), Some(&options))
                .await
                .0,
            200
        );
    }
    writer.await.unwrap();
    let place = GroupResource::new("", "configmaps");
    let (_, mut feed) = server.registry.store.feed();
    for _ in 0..1000 {
        if server.registry.store.count(&place) == 0 {
            return;
        }
        feed.next(&server.registry.store).await.unwrap();
    }
    panic!("there are ConfigMaps left");
}

/// A namespace is told of what is left in it, not of every object that goes.
#[tokio::test(start_paused = true)]
async fn a_large_namespace_goes_in_few_writes() {
    let server = ApiServer::start();
    create(&server, "/api/v1/namespaces", json!({"metadata": {"name": "large"}})).await;
    for number in 0..200 {
        let object = json!({"metadata": {"name": format!("c{number}")}});
        create(&server, "/api/v1/namespaces/large/configmaps", object).await;
    }
    settle(&server).await;
    let before = server.registry.store.revision();
    call(&server, "DELETE", "/api/v1/namespaces/large", None).await;
    settle(&server).await;
    assert!(!exists(&server, "/api/v1/namespaces/large").await);
    assert_eq!(
        server.registry.store.revision() - before,
        203,
        "200 objects, the mark, the conditions, the end"
    );
}

/// A Pod that nobody removes although its time is over is told of as the real server does.
#[tokio::test(start_paused = true)]
async fn a_pod_that_stays_too_long_is_a_failure() {
    let server = ApiServer::start();
    create(&server, "/api/v1/namespaces", json!({"metadata": {"name": "stuck"}})).await;
    let container = json!({"name": "c", "image": "i"});
    let spec = json!({"nodeName": "node", "terminationGracePeriodSeconds": 1, "containers": [container]});
    let pods = "/api/v1/namespaces/stuck/pods";
    create(&server, pods, json!({"metadata": {"name": "p"}, "spec": spec})).await;
    call(&server, "DELETE", "/api/v1/namespaces/stuck", None).await;
    settle(&server).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(call(&server, "PATCH", &format!("{pods}/p"), Some(&label)).await.0, 200);
    settle(&server).await;
    let (_, namespace) = call(&server, "GET", "/api/v1/namespaces/stuck", None).await;
    assert_eq!(
        namespace["status"]["conditions"][2]["message"],
        "Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: stuck for gvr: \
         /v1, Resource=pods"
    );
    let now = json!({"gracePeriodSeconds": 0});
    assert_eq!(call(&server, "DELETE", &format!("{pods}/p"), Some(&now)).await.0, 200);
    settle(&server).await;
    assert!(!exists(&server, "/api/v1/namespaces/stuck").await);
}

#[tokio::test(start_paused = true)]
async fn objects_go_and_stay_as_on_the_real_server() {
    let sequences: Vec<Value> = serde_json::from_str(SEQUENCES).unwrap();
    let mut all = Vec::new();
    for sequence in &sequences {
        all.extend(differences(sequence).await);
    }
    assert!(all.is_empty(), "{} differences:\n{}", all.len(), all.join("\n"));
}
