use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::server::ApiServer;

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn send(server: &ApiServer, method: &str, path: &str, body: &Value) -> Response<Body> {
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/merge-patch+json");
    let request = match method {
        "PATCH" => request,
        _ => http::Request::builder().method(method).uri(path),
    };
    let body = Full::new(Bytes::from(body.to_string()));
    server.clone().oneshot(request.body(body).unwrap()).await.unwrap()
}

async fn create(server: &ApiServer, path: &str, object: Value) {
    assert_eq!(send(server, "POST", path, &object).await.status(), 201);
}

async fn watch(server: &ApiServer, query: &str) -> Body {
    let path = format!("{CONFIG_MAPS}?watch=1&{query}");
    let response = send(server, "GET", &path, &Value::Null).await;
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// The next piece of a watch, and its events.
async fn piece(body: &mut Body) -> Option<(usize, Vec<Value>)> {
    let frame = body.frame().await?.unwrap();
    let bytes = frame.into_data().unwrap();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let events = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    Some((bytes.len(), events))
}

/// At which second a watch tells of what, and when it ends.
async fn timetable(mut body: Body) -> Vec<(u64, String)> {
    let began = Instant::now();
    let mut told = Vec::new();
    while let Some((_, events)) = piece(&mut body).await {
        let now = began.elapsed().as_secs();
        let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
        told.extend(events.iter().map(|event| (now, kind(event))));
    }
    told.push((began.elapsed().as_secs(), "end".to_owned()));
    told
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_every_minute_and_shortly_before_the_end() {
    let server = ApiServer::start();
    let from = |seconds: u64| {
        let version = server.revision();
        format!("resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds={seconds}")
    };
    let idle = watch(&server, &from(10)).await;
    assert_eq!(
        timetable(idle).await,
        [(10, "end".to_owned())],
        "it has nothing to tell"
    );

    let (short, middle, long) = (from(2), from(10), from(130));
    let bodies = [
        watch(&server, &short).await,
        watch(&server, &middle).await,
        watch(&server, &long).await,
    ];
    create(
        &server,
        "/api/v1/namespaces",
        json!({"metadata": {"name": "elsewhere"}}),
    )
    .await;
    let [short, middle, long] = bodies.map(timetable);
    let at = |second: u64, what: &str| (second, what.to_owned());
    let (short, middle, long) = tokio::join!(short, middle, long);
    assert_eq!(short, [at(2, "end")]);
    assert_eq!(middle, [at(8, "BOOKMARK"), at(10, "end")]);
    assert_eq!(
        long,
        [
            at(60, "BOOKMARK"),
            at(120, "BOOKMARK"),
            at(128, "BOOKMARK"),
            at(130, "end")
        ]
    );
}

/// What there is at the beginning is not written out at once, and is what it was when the watch began, whatever happens to
/// it until it is read.
#[tokio::test(start_paused = true)]
async fn the_state_at_the_beginning_comes_in_pieces() {
    const OBJECTS: usize = 200;
    let server = ApiServer::start();
    for number in 0..OBJECTS {
        let object = json!({"metadata": {"name": format!("c{number:03}")}, "data": {"k": "x".repeat(1000)}});
        create(&server, CONFIG_MAPS, object).await;
    }
    let mut body = watch(&server, "allowWatchBookmarks=true&timeoutSeconds=5").await;
    let mut events: Vec<Value> = Vec::new();
    for number in 0.. {
        let path = format!("{CONFIG_MAPS}/c{:03}", OBJECTS - 1 - number);
        let patch = json!({"metadata": {"labels": {"round": number.to_string()}}});
        assert_eq!(send(&server, "PATCH", &path, &patch).await.status(), 200);
        let Some((size, more)) = piece(&mut body).await else {
            break;
        };
        assert!(size < 2 * PIECE, "{size}");
        events.extend(more);
        if events.last().is_some_and(|event| event["type"] == "BOOKMARK") {
            server.forget_history();
            break;
        }
    }
    let names: Vec<&str> = events
        .iter()
        .filter_map(|event| event.pointer("/object/metadata/name")?.as_str())
        .collect();
    let wanted: Vec<String> = (0..OBJECTS).map(|number| format!("c{number:03}")).collect();
    assert_eq!(names, wanted, "each once, in order");
    let is_as_it_was = |event: &Value| event.pointer("/object/metadata/labels").is_none();
    assert!(events.iter().all(is_as_it_was));
    let (_, after) = piece(&mut body).await.unwrap();
    assert_eq!(
        after[0]["object"]["reason"], "Expired",
        "what came after is forgotten: {after:?}"
    );
    assert!(piece(&mut body).await.is_none());
}

#[tokio::test]
async fn what_cannot_be_read_any_more_ends_a_watch() {
    let server = ApiServer::start();
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let version = |name: &str, is_stored: bool| {
        json!({
            "name": name, "served": true, "storage": is_stored,
            "schema": {"openAPIV3Schema": {"type": "object"}},
        })
    };
    let definition = json!({
        "metadata": {"name": "gones.gone.test"},
        "spec": {
            "group": "gone.test", "scope": "Cluster", "names": {"plural": "gones", "kind": "Gone"},
            "versions": [version("v1", true), version("v2", false)],
        },
    });
    create(&server, definitions, definition).await;
    let before = server.revision();
    let object = json!({"apiVersion": "gone.test/v1", "kind": "Gone", "metadata": {"name": "a"}});
    create(&server, "/apis/gone.test/v1/gones", object).await;
    let one = format!("{definitions}/gones.gone.test");
    for (path, patch) in [
        (
            one.clone(),
            json!({"spec": {"versions": [version("v1", false), version("v2", true)]}}),
        ),
        (format!("{one}/status"), json!({"status": {"storedVersions": ["v2"]}})),
        (one.clone(), json!({"spec": {"versions": [version("v2", true)]}})),
    ] {
        assert_eq!(send(&server, "PATCH", &path, &patch).await.status(), 200);
    }
    let gones = "/apis/gone.test/v2/gones";
    let refused = send(&server, "GET", &format!("{gones}?watch=1"), &Value::Null).await;
    assert_eq!(refused.status(), 429, "as a list is");

    let known = json!({"spec": {"versions": [version("v1", false), version("v2", true)]}});
    let unknown = json!({"spec": {"versions": [version("v2", true)]}});
    for (method, path, body) in [
        ("PATCH", one.clone(), known),
        ("DELETE", format!("{gones}/a"), Value::Null),
        ("PATCH", one, unknown),
    ] {
        assert_eq!(send(&server, method, &path, &body).await.status(), 200);
    }
    let path = format!("{gones}?watch=1&resourceVersion={before}");
    let mut watch = send(&server, "GET", &path, &Value::Null).await.into_body();
    let (_, events) = piece(&mut watch).await.unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["type"], "ERROR");
    assert_eq!(events[0]["object"]["code"], 410);
    assert!(piece(&mut watch).await.is_none());
}
