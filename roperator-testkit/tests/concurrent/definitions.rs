//! Definitions come, change and go while their objects are written and watched.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use roperator_testkit::server::{ApiServer, Limits};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    block_on,
    client::{Client, MERGE, revision, uid},
    random::{Random, seeded},
};

pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.concurrent.test";
const WIDGETS: &str = "/apis/concurrent.test/v1/namespaces/default/widgets";
const LIVES: usize = 6;
const CHANGES: usize = 4;
const QUARRELS: usize = 300;
const SCHEMAS: usize = 60;

fn definition() -> Value {
    json!({
        "metadata": {"name": "widgets.concurrent.test"},
        "spec": {
            "group": "concurrent.test", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}},
            }}}],
        },
    })
}

/// Writes until it is told to stop; whatever is refused is refused for a reason.
async fn write(client: Client, mut random: Random, is_over: Arc<AtomicBool>) -> usize {
    let mut written = 0;
    while !is_over.load(Ordering::Relaxed) {
        let name = format!("w{}", random.below(5));
        let one = format!("{WIDGETS}/{name}");
        let widget = json!({
            "apiVersion": "concurrent.test/v1", "kind": "Widget",
            "metadata": {"name": name}, "spec": {"a": random.next().to_string()},
        });
        let (code, answer) = match random.below(4) {
            0 | 1 => client.create(WIDGETS, &widget).await,
            2 => {
                client
                    .send("PATCH", &one, MERGE, &json!({"spec": {"a": random.next().to_string()}}))
                    .await
            }
            _ => client.delete(&one).await,
        };
        let is_reasonable = matches!(code, 200 | 201 | 404 | 409)
            || code == 405 && answer["reason"] == "MethodNotAllowed"
            || code == 403;
        assert!(is_reasonable, "{code} {answer}");
        written += usize::from(code < 300);
        tokio::task::yield_now().await;
    }
    written
}

/// Whether a watch is told that it cannot go on, because its objects are served otherwise since: nothing else ends one.
fn is_expired(event: &Value) -> bool {
    if event["type"] != "ERROR" {
        return false;
    }
    assert_eq!(event["object"]["code"], 410, "{event}");
    true
}

/// What somebody knows who watches: the objects there are, by their uid, and how far that is told.
#[derive(Default)]
struct Known {
    state: HashMap<String, u64>,
    place: u64,
    seen: usize,
}

impl Known {
    /// Learns of an event. Nothing is told twice, nothing is left out: what changes is there, what is added is not.
    fn learn(&mut self, event: &Value, is_beginning: bool) {
        let (uid, revision) = (uid(&event["object"]), revision(&event["object"]));
        assert!(is_beginning || revision > self.place, "{}: {event}", self.place);
        self.place = self.place.max(revision);
        let before = match event["type"].as_str().unwrap() {
            "DELETED" => self.state.remove(&uid),
            _ => self.state.insert(uid, revision),
        };
        assert_eq!(before.is_some(), event["type"] != "ADDED", "{event}");
        assert!(before.is_none_or(|before| before < revision), "{event}");
        self.seen += 1;
    }
}

/// Watches through all lives of the definition, each watch from where the last one ended, until nothing is left. Who cannot
/// go on lists what there is.
async fn watch_all(client: Client, is_over: Arc<AtomicBool>) -> usize {
    let mut known = Known::default();
    loop {
        let is_last = is_over.load(Ordering::Relaxed);
        if known.place == 0 {
            let (code, list) = client.get(WIDGETS).await;
            if code == 200 {
                known.place = revision(&list);
                let items = list["items"].as_array().unwrap().iter();
                known.state = items.map(|item| (uid(item), revision(item))).collect();
            }
        }
        let query = format!("resourceVersion={}&timeoutSeconds=1", known.place);
        match client.watch(WIDGETS, &query).await {
            Some(mut watch) if known.place > 0 => {
                while let Some(event) = watch.next().await {
                    if is_expired(&event) {
                        known.place = 0;
                    } else {
                        known.learn(&event, false);
                    }
                }
                if is_last && known.place > 0 {
                    assert!(known.state.is_empty(), "the end of {:?} was never told", known.state);
                    return known.seen;
                }
            }
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

/// Watches again and again from the beginning: first what there is, of which each was written after the one before it was
/// deleted, and then what happens.
async fn watch_anew(client: Client, is_over: Arc<AtomicBool>) -> usize {
    let mut seen = 0;
    while !is_over.load(Ordering::Relaxed) {
        let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
        let Some(mut watch) = client.watch(WIDGETS, query).await else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let mut known = Known::default();
        let mut is_beginning = true;
        while let Some(event) = watch.next().await {
            if is_expired(&event) {
                break;
            }
            if event["type"] == "BOOKMARK" {
                known.place = revision(&event["object"]);
                is_beginning = false;
            } else {
                known.learn(&event, is_beginning);
            }
        }
        seen += known.seen;
    }
    seen
}

/// Gives a definition its lives.
async fn live(client: &Client, random: &mut Random) {
    for _ in 0..LIVES {
        let (code, answer) = client.create(DEFINITIONS, &definition()).await;
        assert_eq!(code, 201, "{answer}");
        for change in 0..CHANGES {
            tokio::time::sleep(Duration::from_millis(5 + random.next() % 20)).await;
            let column = json!({"name": format!("c{change}"), "type": "string", "jsonPath": ".spec.a"});
            let mut versions = definition()["spec"]["versions"].clone();
            versions[0]["additionalPrinterColumns"] = json!([column]);
            versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][format!("p{change}")] =
                json!({"type": "string", "default": "x"});
            let patch = json!({"spec": {"versions": versions}});
            let (code, answer) = client.send("PATCH", DEFINITION, MERGE, &patch).await;
            assert_eq!(code, 200, "{answer}");
        }
        assert_eq!(client.delete(DEFINITION).await.0, 200);
        while client.get(DEFINITION).await.0 != 404 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[test]
fn definitions_come_and_go_under_their_objects() {
    come_and_go(Limits::default());
}

#[test]
fn definitions_come_and_go_where_history_is_short() {
    come_and_go(Limits::default().writes(20));
}

fn come_and_go(limits: Limits) {
    seeded(|mut random| {
        block_on(async move {
            let server = ApiServer::with_limits(limits);
            let client = Client::within(&server);
            let is_over = Arc::new(AtomicBool::new(false));
            let (mut writing, mut watching) = (JoinSet::new(), JoinSet::new());
            for _ in 0..4 {
                writing.spawn(write(client.clone(), random.fork(), Arc::clone(&is_over)));
            }
            for _ in 0..3 {
                watching.spawn(watch_all(client.clone(), Arc::clone(&is_over)));
                watching.spawn(watch_anew(client.clone(), Arc::clone(&is_over)));
            }
            live(&client, &mut random).await;
            is_over.store(true, Ordering::Relaxed);
            assert!(writing.join_all().await.iter().all(|written| *written > 0));
            // What a new life of the definition begins with is nothing.
            assert_eq!(client.create(DEFINITIONS, &definition()).await.0, 201);
            assert_eq!(client.list(WIDGETS, "").await.items(), Vec::<Value>::new());
            assert!(watching.join_all().await.iter().all(|seen| *seen > 0));
        });
    });
}

/// A definition of a kind of its own, whose objects have these fields in their spec.
pub fn other(plural: &str, fields: &[String]) -> Value {
    let mut definition = definition();
    definition["metadata"]["name"] = format!("{plural}.concurrent.test").into();
    definition["spec"]["names"] = json!({"plural": plural, "kind": plural});
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    for field in fields {
        schema["properties"]["spec"]["properties"][field] = json!({"type": "string"});
    }
    definition
}

pub fn object(plural: &str, name: &str, field: &str) -> Value {
    json!({"apiVersion": "concurrent.test/v1", "kind": plural, "metadata": {"name": name}, "spec": {field: "x"}})
}

/// Changes a definition, creates objects of it, deletes it and creates it again, all at once. Once it is gone, it is not
/// served, and nothing was created after its deletion began.
async fn quarrel(client: Client, plural: String) {
    let (one, all) = (
        format!("{DEFINITIONS}/{plural}.concurrent.test"),
        format!("/apis/concurrent.test/v1/namespaces/default/{plural}"),
    );
    let send = |method: &'static str, path: &str, body: Value| {
        let (client, path) = (client.clone(), path.to_owned());
        tokio::spawn(async move { client.send(method, &path, MERGE, &body).await })
    };
    // In every other quarrel the first creation is part of it.
    if plural.ends_with(['0', '2', '4', '6', '8']) {
        assert_eq!(client.create(DEFINITIONS, &other(&plural, &[])).await.0, 201);
    }
    let mut changes = vec![send("POST", DEFINITIONS, other(&plural, &[]))];
    let mut objects = Vec::new();
    for number in 0..2 {
        let schema = &other(&plural, &[format!("b{number}")])["spec"]["versions"];
        changes.push(send("PATCH", &one, json!({"spec": {"versions": schema}})));
        objects.push(send("POST", &all, object(&plural, &format!("o{number}"), "a")));
    }
    let deletion = send("DELETE", &one, Value::Null).await.unwrap();
    let mut created_anew = false;
    for change in changes {
        created_anew |= change.await.unwrap().0 == 201;
    }
    for object in objects {
        let (code, object) = object.await.unwrap();
        if code == 201 && deletion.0 == 200 && !created_anew {
            assert!(revision(&object) < revision(&deletion.1), "{deletion:?} {object}");
        }
    }
    while client.delete(&one).await.0 != 404 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (code, list) = client.get(&all).await;
    assert_eq!(code, 404, "{plural} is gone, and served: {list}");
    let (_, discovered) = client.get("/apis/concurrent.test/v1").await;
    let resources = discovered["resources"].as_array().into_iter().flatten();
    assert!(
        resources.into_iter().all(|resource| resource["name"] != *plural),
        "{discovered}"
    );
}

#[test]
fn who_changes_a_definition_never_serves_one_that_is_gone() {
    block_on(async {
        let client = Client::within(&ApiServer::start());
        let mut quarrels = JoinSet::new();
        for number in 0..QUARRELS {
            if quarrels.len() >= 4 {
                quarrels.join_next().await.unwrap().unwrap();
            }
            quarrels.spawn(quarrel(client.clone(), format!("quarrels{number}")));
        }
        quarrels.join_all().await;
    });
}

/// Begins watches all the time, which see what is written since the newest schema. What is written under a schema is never seen under
/// an older one.
async fn watch_schemas(client: Client, all: &'static str, newest: Arc<AtomicU64>) -> usize {
    let mut watching = JoinSet::new();
    loop {
        let place = newest.load(Ordering::Relaxed);
        if place == 0 {
            return watching.join_all().await.iter().sum();
        }
        let query = format!("resourceVersion={place}&timeoutSeconds=2");
        let mut watch = client.watch(all, &query).await.unwrap();
        watching.spawn(async move {
            let mut seen = 0;
            while let Some(event) = watch.next().await {
                if is_expired(&event) {
                    break;
                }
                assert_eq!(event["type"], "ADDED", "{event}");
                assert_ne!(event["object"]["spec"], json!({}), "{event}");
                seen += 1;
            }
            seen
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn no_watch_stays_with_a_schema_that_is_gone() {
    block_on(async {
        let client = Client::within(&ApiServer::start());
        let all = "/apis/concurrent.test/v1/namespaces/default/schemas";
        let one = format!("{DEFINITIONS}/schemas.concurrent.test");
        let (code, created) = client.create(DEFINITIONS, &other("schemas", &[])).await;
        assert_eq!(code, 201);
        let newest = Arc::new(AtomicU64::new(revision(&created)));
        let mut watching = JoinSet::new();
        for _ in 0..3 {
            watching.spawn(watch_schemas(client.clone(), all, Arc::clone(&newest)));
        }
        let mut fields = Vec::new();
        for number in 0..SCHEMAS {
            fields.push(format!("b{number}"));
            let patch = json!({"spec": {"versions": other("schemas", &fields)["spec"]["versions"]}});
            let (code, changed) = client.send("PATCH", &one, MERGE, &patch).await;
            assert_eq!(code, 200);
            newest.store(revision(&changed), Ordering::Relaxed);
            let object = object("schemas", &format!("o{number}"), &fields[number]);
            assert_eq!(client.create(all, &object).await.0, 201);
        }
        newest.store(0, Ordering::Relaxed);
        assert!(watching.join_all().await.iter().sum::<usize>() > 0);
    });
}
