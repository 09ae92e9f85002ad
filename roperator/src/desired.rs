//! What the handler wants, checked and normalised.
//!
//! In: the children of a response as JSON. Out: [`DesiredChild`]ren that are declared, named, in the right namespace, unique
//! and free of what only the server sets; or everything that is wrong with them. Pure: no client, no clock.

pub(crate) mod applied;

use std::{collections::HashSet, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use self::applied::Applied;
use crate::{
    config::{ChildConfig, OperatorConfig},
    kind::Kind,
    object::{Object, ObjectKey},
};

/// One child as it should be.
#[derive(Debug)]
pub(crate) struct DesiredChild {
    pub kind: Arc<Kind>,
    pub config: ChildConfig,
    pub key: ObjectKey,
    /// The user's content without nulls, status, and metadata that the server sets.
    pub content: Value,
    /// The content's hashes.
    pub applied: Applied,
}

impl DesiredChild {
    /// What the API server is sent: the content with our marks.
    pub fn body(&self, config: &OperatorConfig, parent: &Object) -> Value {
        let mut body = self.content.clone();
        if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            self.mark(metadata, config, parent);
        }
        body
    }

    /// Our marks alone, as an object: the label, the annotation and the owner reference.
    pub fn marks(&self, config: &OperatorConfig, parent: &Object) -> Value {
        let mut metadata = Map::new();
        self.mark(&mut metadata, config, parent);
        json!({ "metadata": metadata })
    }

    fn mark(&self, metadata: &mut Map<String, Value>, config: &OperatorConfig, parent: &Object) {
        insert(metadata, "labels", &config.operator_label, &config.name);
        insert(
            metadata,
            "annotations",
            &config.applied_annotation,
            &self.applied.annotation(),
        );
        let owner = json!({
            "apiVersion": parent.kind().api_version(),
            "kind": parent.kind().kind(),
            "name": parent.name(),
            "uid": parent.uid().as_str(),
            "controller": true,
        });
        match metadata.entry("ownerReferences").or_insert_with(|| json!([])) {
            Value::Array(owners) => owners.push(owner),
            other => *other = json!([owner]),
        }
    }
}

fn insert(metadata: &mut Map<String, Value>, map: &str, key: &str, value: &str) {
    match metadata.entry(map).or_insert_with(|| json!({})) {
        Value::Object(map) => {
            map.insert(key.to_owned(), value.into());
        }
        other => *other = json!({ key: value }),
    }
}

/// What is wrong with a response: no child is touched for its sake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("; "))]
pub(crate) struct DesiredError {
    pub problems: Vec<String>,
}

/// # Errors
/// Everything that is wrong with the children, each with its mend.
pub(crate) fn desired(
    config: &OperatorConfig,
    parent: &Object,
    children: Vec<Value>,
) -> Result<Vec<Arc<DesiredChild>>, DesiredError> {
    let mut problems = Vec::new();
    let mut seen = HashSet::new();
    let mut desired = Vec::with_capacity(children.len());
    for (place, child) in children.into_iter().enumerate() {
        match check(config, parent, child) {
            Ok(child) => {
                if !seen.insert((child.kind.clone(), child.key.clone())) {
                    problems.push(format!(
                        "{} {} is returned twice; give each child a name of its own",
                        child.kind.kind(),
                        child.key
                    ));
                }
                desired.push(Arc::new(child));
            }
            Err(problem) => problems.push(format!("child {}: {problem}", place + 1)),
        }
    }
    if problems.is_empty() {
        Ok(desired)
    } else {
        Err(DesiredError { problems })
    }
}

fn check(config: &OperatorConfig, parent: &Object, mut child: Value) -> Result<DesiredChild, String> {
    remove_nulls(&mut child);
    let text = |pointer: &str| {
        child
            .pointer(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let (Some(api_version), Some(kind)) = (text("/apiVersion"), text("/kind")) else {
        return Err("it has no `apiVersion` and `kind`; add both".to_owned());
    };
    let name = text("/metadata/name");
    let called = || format!("{kind} `{}`", name.unwrap_or("(unnamed)"));
    let Some(declared) = config.child(api_version, kind) else {
        return Err(format!(
            "{} is of the undeclared kind {kind} ({api_version}); add it to the children of operator `{}`",
            called(),
            config.name
        ));
    };
    let Some(name) = name else {
        return Err(format!(
            "a {kind} has no `metadata.name`; children need a name that stays the same from sync to sync"
        ));
    };
    let namespace = namespace(config, parent, &declared.kind, text("/metadata/namespace"))
        .map_err(|problem| format!("{} {problem}", called()))?;
    let key = ObjectKey::new(namespace.as_deref(), name);
    if let Some(other) = foreign_controller(&child, parent) {
        return Err(format!(
            "{} names {other} as its controller; remove that owner reference",
            called()
        ));
    }
    let (kind, config) = (declared.kind.clone(), declared.config);
    normalise(&mut child, &kind, &key, parent);
    Ok(DesiredChild {
        applied: Applied::of(&child, kind.is_built_in()),
        kind,
        config,
        key,
        content: child,
    })
}

/// The namespace that a child belongs in.
fn namespace(
    config: &OperatorConfig,
    parent: &Object,
    kind: &Kind,
    stated: Option<&str>,
) -> Result<Option<String>, String> {
    match (kind.is_namespaced(), stated, parent.namespace()) {
        (false, Some(stated), _) => Err(format!(
            "states the namespace `{stated}`, but {} is cluster-scoped; remove the namespace",
            kind.kind()
        )),
        (false, None, _) => Ok(None),
        (true, Some(stated), Some(own)) if stated != own => Err(format!(
            "is in namespace `{stated}`, but its parent is in `{own}`; children of a namespaced parent live in its namespace"
        )),
        (true, stated, Some(own)) => Ok(Some(stated.unwrap_or(own).to_owned())),
        (true, None, None) => {
            Err("has no `metadata.namespace`, and its parent is cluster-scoped; state one".to_owned())
        }
        (true, Some(stated), None) if !config.watches_namespace(stated) => Err(format!(
            "is in namespace `{stated}`, which the operator does not watch; add it with `within_namespace`"
        )),
        (true, Some(stated), None) => Ok(Some(stated.to_owned())),
    }
}

fn foreign_controller(child: &Value, parent: &Object) -> Option<String> {
    let owners = child.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|owner| {
        owner.get("controller") == Some(&Value::Bool(true))
            && owner.get("uid").and_then(Value::as_str) != Some(parent.uid().as_str())
    })?;
    let text = |member: &str| owner.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(format!("{} `{}`", text("kind"), text("name")))
}

/// Metadata that is the user's to state; the server sets the rest.
const STATED_METADATA: [&str; 4] = ["labels", "annotations", "finalizers", "ownerReferences"];

fn normalise(child: &mut Value, kind: &Kind, key: &ObjectKey, parent: &Object) {
    let Some(object) = child.as_object_mut() else { return };
    object.remove("status");
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), (&*key.name).into());
    if let Some(namespace) = &key.namespace {
        metadata.insert("namespace".to_owned(), (&**namespace).into());
    }
    if let Some(Value::Object(mut stated)) = object.remove("metadata") {
        for member in STATED_METADATA {
            if let Some(value) = stated.remove(member) {
                metadata.insert(member.to_owned(), value);
            }
        }
    }
    // Our own owner reference is added with the body; one that a handler made, or copied from an observed child, would be
    // double.
    if let Some(Value::Array(owners)) = metadata.get_mut("ownerReferences") {
        let is_parents = |owner: &Value| owner.get("uid").and_then(Value::as_str) == Some(parent.uid().as_str());
        owners.retain(|owner| owner.get("controller") != Some(&Value::Bool(true)) && !is_parents(owner));
        if owners.is_empty() {
            metadata.remove("ownerReferences");
        }
    }
    object.insert("metadata".to_owned(), Value::Object(metadata));
    if kind.group().is_empty() && kind.kind() == "Secret" {
        encode_string_data(object);
    }
}

/// `stringData` is write-only: the server turns it into `data` and forgets whose it was, so its keys would outlive it.
fn encode_string_data(secret: &mut Map<String, Value>) {
    let Some(Value::Object(string_data)) = secret.remove("stringData") else {
        return;
    };
    let data = secret.entry("data").or_insert_with(|| json!({}));
    if let Value::Object(data) = data {
        for (key, text) in string_data {
            let encoded = text.as_str().map_or(text.clone(), |text| STANDARD.encode(text).into());
            data.insert(key, encoded);
        }
    }
}

/// A null member says the same as an absent one, and the server keeps neither.
pub(crate) fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s_types::core::v1::{ConfigMap, Secret};

    fn parent() -> Object {
        let kind = Arc::new(Kind::namespaced("example.com/v1", "Site", "sites"));
        Object::from_json(r#"{"metadata":{"name":"p","namespace":"n","uid":"u"}}"#, &kind, &|_| {
            false
        })
        .unwrap()
    }

    fn check_all(children: Vec<Value>) -> Result<Vec<Arc<DesiredChild>>, DesiredError> {
        let config = OperatorConfig::new("site", parent().kind().clone())
            .with_child(ConfigMap, ChildConfig::apply())
            .with_child(Secret, ChildConfig::apply());
        desired(&config, &parent(), children)
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let error = check_all(vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "other"}}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}}),
            json!({"metadata": {"name": "d"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "e", "ownerReferences": [
                {"kind": "Other", "name": "o", "uid": "x", "controller": true}]}}),
        ])
        .unwrap_err();
        assert_eq!(error.problems.len(), 6, "{error}");
    }

    #[test]
    fn content_is_what_the_user_states() {
        let children = check_all(vec![json!({
            "apiVersion": "v1", "kind": "Secret", "status": {"x": 1}, "stringData": {"k": "v"}, "data": {"k": "old", "l": "bA=="},
            "metadata": {"name": "a", "uid": "x", "resourceVersion": "7", "labels": {"l": "1", "n": null},
                "ownerReferences": [{"kind": "Site", "name": "p", "uid": "u", "controller": true},
                    {"kind": "Site", "name": "p", "uid": "u"}]},
        })])
        .unwrap();
        assert_eq!(
            children[0].content,
            json!({"apiVersion": "v1", "kind": "Secret", "data": {"k": "dg==", "l": "bA=="},
                "metadata": {"name": "a", "namespace": "n", "labels": {"l": "1"}}})
        );
    }

    #[test]
    fn the_body_says_whose_the_child_is() {
        let children = check_all(vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
        ])
        .unwrap();
        let config = OperatorConfig::new("site", parent().kind().clone());
        let body = children[0].body(&config, &parent());
        assert_eq!(body["metadata"]["labels"]["roperator.dev/operator"], "site");
        assert_eq!(
            body["metadata"]["annotations"]["roperator.dev/applied"],
            children[0].applied.annotation()
        );
        assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(body["metadata"]["ownerReferences"][0].get("blockOwnerDeletion"), None);
    }
}
