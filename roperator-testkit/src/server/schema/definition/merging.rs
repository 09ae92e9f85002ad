//! What is wrong with how a schema says that lists and objects merge: a schema in, errors out.

use serde_json::Value;

use crate::server::field::{FieldError, FieldPath};
use crate::server::schema::fields::{flag, text, texts};

/// What is wrong with `x-kubernetes-map-type`.
pub(super) fn map_type(schema: &Value, path: &FieldPath) -> Vec<FieldError> {
    let Some(given) = schema.get("x-kubernetes-map-type").and_then(Value::as_str) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    found.extend(wrong_type(
        schema,
        "object",
        "must be object if x-kubernetes-map-type is specified",
        path,
    ));
    if !matches!(given, "atomic" | "granular") {
        found.push(FieldError::not_supported(
            &path.child("x-kubernetes-map-type"),
            given,
            &["atomic", "granular"],
        ));
    }
    found
}

fn wrong_type(schema: &Value, wanted: &str, why: &str, path: &FieldPath) -> Option<FieldError> {
    let here = path.child("type");
    match text(schema, "type") {
        kind if kind == wanted => None,
        kind if kind.is_empty() => Some(FieldError::required(&here, why)),
        kind => Some(FieldError::invalid(&here, kind, why)),
    }
}

/// What is wrong with `x-kubernetes-list-type`.
pub(super) fn list_type(schema: &Value, path: &FieldPath) -> Vec<FieldError> {
    let Some(given) = schema.get("x-kubernetes-list-type").and_then(Value::as_str) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let wrong = wrong_type(
        schema,
        "array",
        "must be array if x-kubernetes-list-type is specified",
        path,
    );
    let items = schema.get("items").filter(|items| items.is_object());
    if let (None, "set", Some(items)) = (&wrong, given, items) {
        let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
        let list = items.get("x-kubernetes-list-type").filter(|list| !list.is_null());
        match text(items, "type").as_str() {
            "array" if list.is_some_and(|list| *list != "atomic") => {
                let here = path.child("items").child("x-kubernetes-list-type");
                found.push(FieldError::invalid(&here, list.cloned().unwrap_or_default(), why));
            }
            "object" if text(items, "x-kubernetes-map-type") != "atomic" => {
                let here = path.child("items").child("x-kubernetes-map-type");
                found.push(FieldError::invalid(&here, list.cloned().unwrap_or_default(), why));
            }
            _ => {}
        }
    }
    found.extend(wrong);
    if !matches!(given, "atomic" | "set" | "map") {
        let here = path.child("x-kubernetes-list-type");
        found.push(FieldError::not_supported(&here, given, &["atomic", "set", "map"]));
    }
    found
}

/// What is wrong with `x-kubernetes-list-map-keys`, and with the items of lists that are sets or maps.
pub(super) fn list_keys(schema: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let list = text(schema, "x-kubernetes-list-type");
    let keys = texts(schema, "x-kubernetes-list-map-keys");
    if !keys.is_empty() && list != "map" {
        let (here, why) = (
            path.child("x-kubernetes-list-type"),
            "must be map if x-kubernetes-list-map-keys is non-empty",
        );
        found.push(match list.as_str() {
            "" => FieldError::required(&here, why),
            list => FieldError::invalid(&here, list, why),
        });
    }
    let items = schema.get("items").filter(|items| items.is_object());
    if list == "map" {
        found.extend(map_items(&keys, items, path));
    }
    let Some(items) = items.filter(|_| matches!(list.as_str(), "map" | "set")) else {
        return found;
    };
    let here = path.child("items");
    if flag(items, "nullable") {
        let why = format!("cannot be nullable when x-kubernetes-list-type is {list}");
        found.push(FieldError::forbidden(&here.child("nullable"), why));
    }
    let required = texts(items, "required");
    for key in keys.iter().filter(|_| list == "map") {
        let Some(property) = items.get("properties").and_then(|properties| properties.get(key)) else {
            continue;
        };
        let here = here.child("properties").key(key);
        if !required.contains(key) && property.get("default").is_none_or(Value::is_null) {
            let why =
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            found.push(FieldError::required(&here.child("default"), why));
        }
        if flag(property, "nullable") {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            found.push(FieldError::forbidden(&here.child("nullable"), why));
        }
    }
    found
}

fn map_items(keys: &[String], items: Option<&Value>, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let here = path.child("x-kubernetes-list-map-keys");
    if keys.is_empty() {
        found.push(FieldError::required(
            &here,
            "must not be empty if x-kubernetes-list-type is map",
        ));
    }
    let Some(items) = items else {
        found.push(FieldError::required(
            &path.child("items"),
            "must have a schema if x-kubernetes-list-type is map",
        ));
        return found;
    };
    let kind = text(items, "type");
    if kind != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        found.push(FieldError::invalid(&path.child("items").child("type"), kind, why));
        return found;
    }
    for (index, key) in keys.iter().enumerate() {
        match items.get("properties").and_then(|properties| properties.get(key)) {
            Some(property) if matches!(text(property, "type").as_str(), "array" | "object") => {
                let here = path.child("items").child("properties").key(key).child("type");
                let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                found.push(FieldError::invalid(&here, kind.as_str(), why));
            }
            Some(_) => {}
            None => {
                let why = "entries must all be names of item properties";
                found.push(FieldError::invalid(&here, keys.to_vec(), why));
            }
        }
        if keys.iter().take(index).any(|other| other == key) {
            found.push(FieldError::invalid(
                &here,
                keys.to_vec(),
                "must not contain duplicate entries",
            ));
        }
    }
    found
}
