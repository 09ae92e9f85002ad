//! Namespaces come and go while somebody writes into them: nothing outlives the namespace that it was in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use roperator_testkit::server::{ApiServer, Limits};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    block_on,
    client::{Client, MERGE},
    definitions::{DEFINITIONS, object, other},
    random::{Random, seeded},
    watchers::path,
};

const LIVES: usize = 10;
const MENDS: usize = 40;
const ROOM: &str = "room";

async fn write(client: Client, mut random: Random, is_over: Arc<AtomicBool>) -> usize {
    let mut written = 0;
    while !is_over.load(Ordering::Relaxed) {
        let (all, name) = (path(ROOM), format!("n{}", random.below(20)));
        let (code, answer) = match random.below(3) {
            0 | 1 => client.create(&all, &json!({"metadata": {"name": name}})).await,
            _ => {
                let patch = json!({"data": {"k": random.next().to_string()}});
                client.send("PATCH", &format!("{all}/{name}"), MERGE, &patch).await
            }
        };
        assert!(matches!(code, 200 | 201 | 403 | 404 | 409), "{code} {answer}");
        written += usize::from(code < 300);
        tokio::task::yield_now().await;
    }
    written
}

#[test]
fn namespaces_come_and_go_under_their_objects() {
    come_and_go(Limits::default());
}

#[test]
fn namespaces_come_and_go_where_history_is_short() {
    come_and_go(Limits::default().writes(20));
}

fn come_and_go(limits: Limits) {
    seeded(|mut random| {
        block_on(async move {
            let server = ApiServer::with_limits(limits);
            let client = Client::within(&server);
            let is_over = Arc::new(AtomicBool::new(false));
            let mut writing = JoinSet::new();
            for _ in 0..6 {
                writing.spawn(write(client.clone(), random.fork(), Arc::clone(&is_over)));
            }
            let room = format!("/api/v1/namespaces/{ROOM}");
            for _ in 0..LIVES {
                let namespace = json!({"metadata": {"name": ROOM}});
                assert_eq!(client.create("/api/v1/namespaces", &namespace).await.0, 201);
                tokio::time::sleep(Duration::from_millis(5 + random.next() % 30)).await;
                assert_eq!(client.delete(&room).await.0, 200);
                while client.get(&room).await.0 != 404 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let left = client.list(&path(ROOM), "").await.items();
                assert_eq!(left, Vec::<Value>::new(), "it outlived its namespace");
            }
            is_over.store(true, Ordering::Relaxed);
            assert!(writing.join_all().await.iter().all(|written| *written > 0));
        });
    });
}

/// A definition whose objects were stored as v1, and are stored as v2 now, with these versions.
fn versions(names: &[&str]) -> Value {
    let version = |name: &&str| {
        let mut version = other("rests", &[])["spec"]["versions"][0].take();
        version["name"] = (*name).into();
        version["storage"] = (*name == "v2").into();
        version
    };
    json!({"spec": {"versions": names.iter().map(version).collect::<Vec<_>>()}})
}

#[test]
fn a_namespace_goes_as_soon_as_what_is_in_it_can_be_read() {
    block_on(async {
        let client = Client::within(&ApiServer::start());
        let (one, room) = (
            format!("{DEFINITIONS}/rests.concurrent.test"),
            format!("/api/v1/namespaces/{ROOM}"),
        );
        for _ in 0..MENDS {
            assert_eq!(client.create(DEFINITIONS, &other("rests", &[])).await.0, 201);
            let namespace = json!({"metadata": {"name": ROOM}});
            assert_eq!(client.create("/api/v1/namespaces", &namespace).await.0, 201);
            let rests = format!("/apis/concurrent.test/v1/namespaces/{ROOM}/rests");
            assert_eq!(client.create(&rests, &object("rests", "a", "a")).await.0, 201);
            let stored = json!({"status": {"storedVersions": ["v2"]}});
            for (path, patch) in [
                (one.clone(), versions(&["v1", "v2"])),
                (format!("{one}/status"), stored),
                (one.clone(), versions(&["v2"])),
            ] {
                let (code, answer) = client.send("PATCH", &path, MERGE, &patch).await;
                assert_eq!(code, 200, "{answer}");
            }
            assert_eq!(client.delete(&room).await.0, 200);
            while !client.get(&room).await.1.to_string().contains("ContentDeletionFailed") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let (code, answer) = client.send("PATCH", &one, MERGE, &versions(&["v1", "v2"])).await;
            assert_eq!(code, 200, "{answer}");
            while client.get(&room).await.0 != 404 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(client.delete(&one).await.0, 200);
            while client.get(&one).await.0 != 404 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
}
