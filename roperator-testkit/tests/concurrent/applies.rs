//! Several managers apply to one object, and others change it in other ways: all of it lands.

use std::collections::BTreeMap;

use roperator_testkit::server::ApiServer;
use serde_json::{Value, json};

use crate::{
    block_on,
    client::{APPLY, Client, MERGE},
};

const ONE: &str = "/api/v1/namespaces/default/configmaps/one";
const MANAGERS: usize = 8;
const ROUNDS: usize = 25;

async fn apply(client: Client, manager: usize) {
    for round in 1..=ROUNDS {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}});
        object["data"] = json!({format!("f{manager}"): round.to_string()});
        // The first of them is taken back.
        if round < ROUNDS {
            object["data"][format!("gone{manager}")] = "1".into();
        }
        let path = format!("{ONE}?fieldManager=m{manager}");
        let (code, answer) = client.send("PATCH", &path, APPLY, &object).await;
        assert!(matches!(code, 200 | 201), "{code} {answer}");
        assert_eq!(answer["data"][format!("f{manager}")], round.to_string(), "{answer}");
    }
}

/// Counts as clients do that know of no patches; how far.
async fn count(client: Client) -> usize {
    let mut counted = 0;
    while counted < ROUNDS {
        let (code, mut object) = client.get(ONE).await;
        if code != 200 {
            tokio::task::yield_now().await;
            continue;
        }
        let before: usize = object["data"]["count"].as_str().unwrap_or("0").parse().unwrap();
        object["data"]["count"] = (before + 1).to_string().into();
        let path = format!("{ONE}?fieldManager=counter");
        match client.send("PUT", &path, "application/json", &object).await {
            (200, _) => counted += 1,
            (code, answer) => assert_eq!(code, 409, "{answer}"),
        }
    }
    counted
}

async fn annotate(client: Client, number: usize) {
    for round in 0..ROUNDS {
        let patch = json!({"metadata": {"annotations": {format!("a{number}"): round.to_string()}}});
        let path = format!("{ONE}?fieldManager=annotator{number}");
        let (code, answer) = client.send("PATCH", &path, MERGE, &patch).await;
        assert!(matches!(code, 200 | 404), "{code} {answer}");
    }
}

#[test]
fn all_that_is_applied_at_the_same_time_lands() {
    block_on(async {
        let server = ApiServer::start();
        let client = Client::within(&server);
        let managers = (0..MANAGERS).map(|manager| tokio::spawn(apply(client.clone(), manager)));
        let managers: Vec<_> = managers.collect();
        let annotators = (0..2).map(|number| tokio::spawn(annotate(client.clone(), number)));
        let annotators: Vec<_> = annotators.collect();
        let counters = [tokio::spawn(count(client.clone())), tokio::spawn(count(client.clone()))];
        for other in managers.into_iter().chain(annotators) {
            other.await.unwrap();
        }
        let mut counted = 0;
        for counter in counters {
            counted += counter.await.unwrap();
        }
        let (_, object) = client.get(ONE).await;
        let mut data: BTreeMap<String, String> = BTreeMap::from([("count".to_owned(), counted.to_string())]);
        data.extend((0..MANAGERS).map(|manager| (format!("f{manager}"), ROUNDS.to_string())));
        assert_eq!(object["data"], json!(data));
        for (manager, fields) in owners(&object) {
            let wanted = match manager.strip_prefix('m') {
                Some(number) => json!({"f:data": {format!("f:f{number}"): {}}}),
                None if manager == "counter" => json!({"f:data": {"f:count": {}}}),
                None => continue,
            };
            assert_eq!(fields, wanted, "{manager}");
        }
        assert_eq!(
            owners(&object).len(),
            MANAGERS
                + 1
                + object["metadata"]["annotations"]
                    .as_object()
                    .map_or(0, serde_json::Map::len)
        );
    });
}

/// Who owns what; each of them once.
fn owners(object: &Value) -> BTreeMap<String, Value> {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let mut owners = BTreeMap::new();
    for entry in entries {
        let manager = entry["manager"].as_str().unwrap().to_owned();
        let operation = if manager.starts_with('m') { "Apply" } else { "Update" };
        assert_eq!(entry["operation"], operation, "{entry}");
        let before = owners.insert(manager, entry["fieldsV1"].clone());
        assert!(before.is_none(), "{entry}");
    }
    owners
}
