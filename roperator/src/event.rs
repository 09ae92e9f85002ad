//! Failures as Events, so that `kubectl describe` of a parent shows them.
//!
//! In: a parent, a reason, a message. Out: one Event, whose name is made of these three: telling the same again, after a
//! restart for instance, finds it there. What cannot be told is in the status and the log as well.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    api::{Api, Content},
    config::OperatorConfig,
    object::Object,
    status::cut,
};

/// The longest that an Event may take: it is worth no turn's time.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The API allows 1,024 bytes.
const LONGEST_NOTE: usize = 1024;

/// A name has 253 bytes, of which the hash and its dot take 17.
const LONGEST_PREFIX: usize = 253 - 17;

/// Writes a warning about a parent.
pub(crate) async fn tell(
    api: &Api,
    config: &OperatorConfig,
    parent: &Object,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let event = warning(config, parent, reason, message, now);
    let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", namespace(parent));
    match tokio::time::timeout(TIMEOUT, api.send(Method::POST, &path, (Content::Json, &event))).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if error.code() == Some(409) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an Event could not be written; the status says the same"),
        Err(_) => tracing::debug!("an Event was not answered in time; the status says the same"),
    }
}

fn warning(config: &OperatorConfig, parent: &Object, reason: &str, message: &str, now: Timestamp) -> Value {
    // The same in every process and every version: a restart tells nothing twice.
    let mut hasher = Sha256::new();
    for part in [parent.uid().as_str(), &config.name, reason, message] {
        hasher.update(part);
        hasher.update([0]);
    }
    let hash: String = hasher
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("{}.{hash}", cut(parent.name(), LONGEST_PREFIX));
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace(parent)},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        "type": "Warning",
        "reason": reason,
        "action": "Reconcile",
        "note": cut(message, LONGEST_NOTE),
        "regarding": {
            "apiVersion": parent.kind().api_version(),
            "kind": parent.kind().kind(),
            "name": parent.name(),
            "namespace": parent.namespace(),
            "uid": parent.uid().as_str(),
        },
        "reportingController": &*config.name,
        "reportingInstance": std::env::var("POD_NAME").unwrap_or_else(|_| config.name.clone()),
    })
}

/// Where a parent's Events are: beside it, and those of the cluster's in one namespace.
fn namespace(parent: &Object) -> &str {
    parent.namespace().unwrap_or("default")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    const SITE: Kind = Kind::namespaced("example.com/v1", "Site", "sites");

    fn parent(name: &str) -> Object {
        let json = json!({"metadata": {"name": name, "namespace": "n", "uid": "u", "resourceVersion": "1"}});
        Object::from_value(&SITE, &json).unwrap()
    }

    #[test]
    fn each_message_is_an_event_of_its_own_and_the_same_one_is_not() {
        let config = OperatorConfig::new("site", SITE);
        let name = |message: &str, second: i64| {
            let now = Timestamp::from_second(second).unwrap();
            let event = warning(&config, &parent("a"), "ChildRefused", message, now);
            event["metadata"]["name"].as_str().unwrap().to_owned()
        };
        assert_eq!(name("quota", 1), name("quota", 2));
        assert_ne!(name("quota", 1), name("unknown field", 1));
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let config = OperatorConfig::new("site", SITE);
        let event = warning(
            &config,
            &parent(&"a".repeat(253)),
            "R",
            &"é".repeat(600),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(event["metadata"]["name"].as_str().unwrap().len(), 253);
        assert_eq!(event["note"].as_str().unwrap().len(), 1024);
        assert_eq!(event["eventTime"], "1970-01-01T00:00:00.000000Z");
    }
}
