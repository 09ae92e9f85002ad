//! Our finalizer on the parent: put there before anything else is done, taken away when all is cleaned up.
//!
//! In: the parent. Out: the JSON patch that adds or removes the finalizer, composed purely, and its sending. A patch tests
//! what it relies on, so that nobody else's finalizer is lost.

use http::Method;
use serde_json::{Value, json};

use crate::{
    api::{Api, ApiError, Content},
    apply::encode,
    config::OperatorConfig,
    object::{Object, ResourceVersion},
};

/// The finalizers of this operator that the parent carries, by their place in its list.
fn own(config: &OperatorConfig, parent: &Object) -> Vec<(usize, String)> {
    let own = config.own_finalizers();
    parent
        .finalizers()
        .enumerate()
        .filter(|(_, finalizer)| own.iter().any(|own| own == finalizer))
        .map(|(place, finalizer)| (place, finalizer.to_owned()))
        .collect()
}

/// The patch that puts the present finalizer on the parent in place of those of previous names; `None` if it is there
/// alone.
pub(crate) fn addition(config: &OperatorConfig, parent: &Object) -> Option<Value> {
    let finalizer = config.finalizer();
    let held = own(config, parent);
    let outdated: Vec<_> = held.iter().filter(|(_, held)| *held != finalizer).cloned().collect();
    let is_there = held.len() > outdated.len();
    if is_there && outdated.is_empty() {
        return None;
    }
    let mut patch = vec![test_uid(parent)];
    if !is_there {
        if parent.finalizers().next().is_none() {
            // `add` of the whole list would drop one that came meanwhile.
            patch.push(
                json!({"op": "test", "path": "/metadata/resourceVersion", "value": parent.resource_version().as_str()}),
            );
            patch.push(json!({"op": "add", "path": "/metadata/finalizers", "value": [finalizer]}));
        } else {
            patch.push(json!({"op": "add", "path": "/metadata/finalizers/-", "value": finalizer}));
        }
    }
    patch.extend(removals(&outdated));
    Some(Value::Array(patch))
}

/// The patch that takes our finalizers off the parent; `None` if there is none.
pub(crate) fn removal(config: &OperatorConfig, parent: &Object) -> Option<Value> {
    let held = own(config, parent);
    if held.is_empty() {
        return None;
    }
    let mut patch = vec![test_uid(parent)];
    patch.extend(removals(&held));
    Some(Value::Array(patch))
}

fn test_uid(parent: &Object) -> Value {
    json!({"op": "test", "path": "/metadata/uid", "value": parent.uid().as_str()})
}

/// From the last to the first, so that no removal moves another one's place.
fn removals(finalizers: &[(usize, String)]) -> impl Iterator<Item = Value> {
    finalizers.iter().rev().flat_map(|(place, finalizer)| {
        let path = format!("/metadata/finalizers/{place}");
        [
            json!({"op": "test", "path": path, "value": finalizer}),
            json!({"op": "remove", "path": path}),
        ]
    })
}

/// Sends such a patch. `None`: the parent is not what it was, observe again.
///
/// # Errors
/// When the API server refuses it.
pub(crate) async fn patch(
    api: &Api,
    config: &OperatorConfig,
    parent: &Object,
    patch: &Value,
) -> Result<Option<ResourceVersion>, ApiError> {
    let path = parent.kind().path(parent.namespace(), Some(parent.name()));
    let url = format!("{path}?fieldManager={}", encode(config.field_manager()));
    match api.send(Method::PATCH, &url, (Content::JsonPatch, patch)).await {
        Ok(answer) => Ok(Some(ResourceVersion::from(&*answer.metadata.resource_version))),
        Err(error) if error.is_stale() || error.is_failed_test() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kind::Kind;

    fn parent(finalizers: &[&str]) -> Object {
        let kind = Arc::new(Kind::namespaced("example.com/v1", "Site", "sites"));
        let json = json!({"metadata": {"name": "p", "uid": "u", "resourceVersion": "5", "finalizers": finalizers}});
        Object::from_json(&json.to_string(), &kind, &|_| false).unwrap()
    }

    fn config() -> OperatorConfig {
        OperatorConfig::new("new", parent(&[]).kind().clone()).with_previous_names(["old"])
    }

    fn patched(parent: &Object, patch: &Value) -> Vec<String> {
        let mut value = parent.to_value();
        let patch: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
        json_patch::patch(&mut value, &patch).unwrap();
        serde_json::from_value(value["metadata"]["finalizers"].clone()).unwrap()
    }

    #[test]
    fn is_added_once_and_beside_others() {
        for (before, after) in [
            (vec![], vec!["roperator.dev/new"]),
            (vec!["a/b"], vec!["a/b", "roperator.dev/new"]),
            (vec!["roperator.dev/old", "a/b"], vec!["a/b", "roperator.dev/new"]),
        ] {
            let parent = parent(&before);
            assert_eq!(patched(&parent, &addition(&config(), &parent).unwrap()), after);
        }
        assert_eq!(addition(&config(), &parent(&["roperator.dev/new"])), None);
    }

    #[test]
    fn is_removed_under_every_name() {
        let parent = parent(&["roperator.dev/old", "a/b", "roperator.dev/new"]);
        assert_eq!(patched(&parent, &removal(&config(), &parent).unwrap()), ["a/b"]);
    }
}
