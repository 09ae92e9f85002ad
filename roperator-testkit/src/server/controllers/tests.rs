//! What the real server and its two controllers did in `testdata/sequences.json`, done again here.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::server::ApiServer;

const SEQUENCES: &str = include_str!("testdata/sequences.json");

/// The kind of CRs that the sequences use.
fn definition() -> Value {
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

async fn call(server: &ApiServer, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
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

/// Lets the controllers work until nothing is written any more.
async fn settle(server: &ApiServer) {
    let mut revision = 0;
    let mut quiet = 0;
    for _ in 0..100_000 {
        tokio::task::yield_now().await;
        let now = server.registry().store.revision();
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
    let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let (code, refusal) = call(&server, "POST", crds, Some(&definition())).await;
    assert_eq!(code, 201, "{refusal}");
    let since = server.registry().store.revision();
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
async fn objects_go_and_stay_as_on_the_real_server() {
    let sequences: Vec<Value> = serde_json::from_str(SEQUENCES).unwrap();
    let mut all = Vec::new();
    for sequence in &sequences {
        all.extend(differences(sequence).await);
    }
    assert!(all.is_empty(), "{} differences:\n{}", all.len(), all.join("\n"));
}
