//! What is wrong with the version, kind and metadata of embedded resources: a decoded object and its schema in, errors out.
//! Not judged: the managed fields of an embedded resource.

use serde_json::{Map, Value};

use super::structural::Node;
use crate::server::field::{FieldError, FieldPath, Problem};
use crate::server::names;

const MOST_ANNOTATION_BYTES: usize = 256 * 1024;

/// What is wrong with the embedded resources in a value.
pub(super) fn validate(node: &Node, value: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    visit(node, value, path, &mut found);
    found
}

fn visit(node: &Node, value: &Value, path: &FieldPath, found: &mut Vec<FieldError>) {
    match value {
        Value::Object(map) => {
            if node.embedded {
                found.extend(resource(map, path));
            }
            for (name, field) in map {
                if let Some(property) = node.properties.get(name) {
                    visit(property, field, &path.child(name), found);
                } else if let Some(additional) = node.additional.schema() {
                    visit(additional, field, &path.key(name), found);
                }
            }
        }
        Value::Array(items) => {
            if let Some(inner) = node.items.as_deref() {
                let items = items.iter().enumerate();
                items.for_each(|(index, item)| visit(inner, item, &path.index(index), found));
            }
        }
        _ => {}
    }
}

/// What is wrong with one embedded resource.
pub(super) fn resource(map: &Map<String, Value>, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    for (name, check) in [
        ("apiVersion", api_version as fn(&str) -> Option<String>),
        ("kind", kind),
    ] {
        let here = path.child(name);
        match map.get(name) {
            None => found.insert(missing_first(&found), FieldError::required(&here, "")),
            Some(Value::String(text)) if text.is_empty() => {
                found.push(FieldError::invalid(&here, "", "must not be empty"));
            }
            Some(Value::String(text)) => found.extend(check(text).map(|why| FieldError::invalid(&here, &**text, why))),
            Some(other) => found.push(FieldError::invalid(&here, other.clone(), "must be a string")),
        }
    }
    if let Some(metadata) = map.get("metadata") {
        found.extend(object_meta(metadata, &path.child("metadata")));
    }
    found
}

/// What is missing is told before what is wrong.
fn missing_first(found: &[FieldError]) -> usize {
    found
        .iter()
        .take_while(|error| error.problem == Problem::Required)
        .count()
}

fn api_version(version: &str) -> Option<String> {
    (version.matches('/').count() > 1).then(|| format!("unexpected GroupVersion string: {version}"))
}

fn kind(kind: &str) -> Option<String> {
    let problems = names::label_1035(&kind.to_lowercase());
    (!problems.is_empty()).then(|| {
        format!(
            "may have mixed case, but should otherwise match: {}",
            problems.join(",")
        )
    })
}

fn object_meta(metadata: &Value, path: &FieldPath) -> Vec<FieldError> {
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut found = Vec::new();
    for name in ["generateName", "name"] {
        if !text(name).is_empty() {
            let here = path.child(name);
            let problems = names::path_segment(text(name)).into_iter();
            found.extend(problems.map(|problem| FieldError::invalid(&here, text(name), problem)));
        }
    }
    if !text("namespace").is_empty() {
        let here = path.child("namespace");
        let problems = names::label(text("namespace")).into_iter();
        found.extend(problems.map(|problem| FieldError::invalid(&here, text("namespace"), problem)));
    }
    if let Some(generation) = metadata.get("generation").filter(|value| value.as_i64() < Some(0)) {
        let why = "must be greater than or equal to 0";
        found.push(FieldError::invalid(&path.child("generation"), generation.clone(), why));
    }
    found.extend(labels_and_annotations(metadata, path));
    found.extend(owners(metadata, &path.child("ownerReferences")));
    found.extend(finalizers(metadata, &path.child("finalizers")));
    found
}

fn labels_and_annotations(metadata: &Value, path: &FieldPath) -> Vec<FieldError> {
    let empty = Map::new();
    let entries = |name: &str| metadata.get(name).and_then(Value::as_object).unwrap_or(&empty);
    let mut found = Vec::new();
    let labels = path.child("labels");
    for (key, value) in entries("labels") {
        let value = value.as_str().unwrap_or_default();
        let keys = names::qualified(key).into_iter();
        found.extend(keys.map(|problem| FieldError::invalid(&labels, key.as_str(), problem)));
        let values = names::label_value(value).into_iter();
        found.extend(values.map(|problem| FieldError::invalid(&labels, value, problem)));
    }
    let annotations = path.child("annotations");
    let mut size = 0;
    for (key, value) in entries("annotations") {
        let keys = names::qualified(&key.to_lowercase()).into_iter();
        found.extend(keys.map(|problem| FieldError::invalid(&annotations, key.as_str(), problem)));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MOST_ANNOTATION_BYTES {
        found.push(FieldError::too_long(&annotations, MOST_ANNOTATION_BYTES));
    }
    found
}

fn owners(metadata: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let mut first_controller: Option<String> = None;
    let references = metadata.get("ownerReferences").and_then(Value::as_array);
    for owner in references.into_iter().flatten() {
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        let version = text("apiVersion").rsplit('/').next().unwrap_or_default();
        let required = [
            ("apiVersion", version, "version must not be empty"),
            ("kind", text("kind"), "must not be empty"),
            ("name", text("name"), "must not be empty"),
            ("uid", text("uid"), "must not be empty"),
        ];
        for (name, value, why) in required {
            if value.is_empty() {
                found.push(FieldError::invalid(&path.child(name), text(name), why));
            }
        }
        if text("apiVersion") == "v1" && text("kind") == "Event" {
            let why = format!(
                "{}: /v1, Kind=Event is disallowed from being an owner",
                shown_owner(owner)
            );
            found.push(described(path, why));
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            let name = format!("{}/{}", text("kind"), text("name"));
            match &first_controller {
                None => first_controller = Some(name),
                Some(first) => {
                    let all: Vec<String> = references.into_iter().flatten().map(shown_owner).collect();
                    let why = format!(
                        "[{}]: Only one reference can have Controller set to true. Found \"true\" in references for \
                         {first} and {name}",
                        all.join(",")
                    );
                    found.push(described(path, why));
                }
            }
        }
    }
    found
}

/// An owner reference with its fields in the order of Go's type.
fn shown_owner(owner: &Value) -> String {
    let order = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let fields = order
        .iter()
        .filter_map(|name| Some(format!("\"{name}\":{}", owner.get(*name)?)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// An invalid value whose text is part of the description.
fn described(path: &FieldPath, why: String) -> FieldError {
    FieldError {
        path: path.clone(),
        problem: Problem::Invalid,
        value: None,
        detail: why,
    }
}

fn finalizers(metadata: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let finalizers = metadata.get("finalizers").and_then(Value::as_array);
    for finalizer in finalizers.into_iter().flatten().filter_map(Value::as_str) {
        let problems = names::qualified(finalizer).into_iter();
        found.extend(problems.map(|problem| FieldError::invalid(path, finalizer, problem)));
    }
    let has = |name: &str| finalizers.is_some_and(|all| all.iter().any(|finalizer| finalizer == name));
    if has("orphan") && has("foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        found.push(FieldError::invalid(path, finalizers.cloned().unwrap_or_default(), why));
    }
    found
}
