//! Whether a schema is structural: an `openAPIV3Schema` in, what is wrong with its structure out, sorted.

use serde_json::Value;

use crate::server::field::{FieldError, FieldPath};
use crate::server::schema::fields::{flag, text};
use crate::server::schema::pattern::Pattern;

/// What is wrong with the structure of a schema.
pub(super) fn validate(schema: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    invariants(schema, Level::Root, path, &mut found);
    completeness(schema, schema, path, path, &mut found);
    found.sort_by_key(ToString::to_string);
    found
}

/// What keeps a schema from being read as a structural one at all.
pub(super) fn unsupported(schema: &Value) -> Option<String> {
    let given = |name: &str| schema.get(name).filter(|value| !value.is_null());
    let not_empty = |name: &str| {
        given(name).is_some_and(|value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => true,
        })
    };
    for name in [
        "id",
        "$schema",
        "$ref",
        "patternProperties",
        "dependencies",
        "additionalItems",
        "definitions",
    ] {
        if not_empty(name) {
            let shown = if name == "$schema" { "schema" } else { name };
            return Some(format!("OpenAPIV3Schema '{shown}' is not supported"));
        }
    }
    if given("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        return Some("internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined".to_owned());
    }
    if given("items").is_some_and(Value::is_array) {
        return Some("OpenAPIV3Schema 'items' must be a schema, but is an array".to_owned());
    }
    children(schema).find_map(unsupported)
}

/// All schemas directly inside of a schema.
pub(super) fn children(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["allOf", "anyOf", "oneOf"]
        .into_iter()
        .filter_map(|name| schema.get(name)?.as_array())
        .flatten();
    let single = ["items", "additionalProperties", "not"]
        .into_iter()
        .filter_map(|name| schema.get(name));
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|map| map.values());
    single.chain(properties).chain(lists).filter(|child| child.is_object())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn invariants(schema: &Value, level: Level, path: &FieldPath, found: &mut Vec<FieldError>) {
    let kind = text(schema, "type");
    let items = schema.get("items").filter(|items| items.is_object());
    if kind == "array" && items.is_none() {
        found.push(FieldError::required(&path.child("items"), "must be specified"));
    }
    if let Some(items) = items {
        invariants(items, Level::Item, &path.child("items"), found);
    }
    for (name, property) in properties(schema) {
        invariants(property, Level::Field, &path.child("properties").key(name), found);
    }
    let additional = schema
        .get("additionalProperties")
        .filter(|additional| !additional.is_null());
    if let Some(additional) = additional {
        let here = path.child("additionalProperties");
        if level == Level::Root {
            found.push(FieldError::forbidden(&here, "must not be used at the root"));
        }
        if additional.is_object() {
            invariants(additional, Level::Field, &here, found);
        }
    }
    extensions(schema, path, found);
    let either = is_int_or_string(schema.get("anyOf"));
    let first_of_all = schema
        .get("allOf")
        .and_then(|all| all.get(0))
        .is_some_and(|first| is_int_or_string(first.get("anyOf")));
    value_validation(schema, either, first_of_all, path, found);
    types(schema, &kind, level, path, found);
    if additional.is_some() && flag(schema, "x-kubernetes-embedded-resource") {
        let why = "must not be used if x-kubernetes-embedded-resource is set";
        found.push(FieldError::forbidden(&path.child("additionalProperties"), why));
    }
    metadata(schema, level, path, found);
}

fn extensions(schema: &Value, path: &FieldPath, found: &mut Vec<FieldError>) {
    if flag(schema, "x-kubernetes-int-or-string") {
        for name in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
            if flag(schema, name) {
                let why = "must be false if x-kubernetes-int-or-string is true";
                found.push(FieldError::invalid(&path.child(name), true, why));
            }
        }
    }
    let embedded = flag(schema, "x-kubernetes-embedded-resource");
    let open = flag(schema, "x-kubernetes-preserve-unknown-fields");
    if embedded && !open && properties(schema).next().is_none() {
        let why =
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        found.push(FieldError::required(&path.child("properties"), why));
    }
}

fn types(schema: &Value, kind: &str, level: Level, path: &FieldPath, found: &mut Vec<FieldError>) {
    let here = path.child("type");
    let untyped = flag(schema, "x-kubernetes-int-or-string") || flag(schema, "x-kubernetes-preserve-unknown-fields");
    if flag(schema, "x-kubernetes-embedded-resource") && kind != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        found.push(match kind {
            "" => FieldError::required(&here, why),
            kind => FieldError::invalid(&here, kind, why),
        });
    } else if kind.is_empty() && !untyped {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        found.push(FieldError::required(&here, why));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        found.push(FieldError::invalid(&here, kind, "must be object at the root"));
    }
}

fn metadata(schema: &Value, level: Level, path: &FieldPath, found: &mut Vec<FieldError>) {
    let is_resource = level == Level::Root || flag(schema, "x-kubernetes-embedded-resource");
    if !is_resource {
        return;
    }
    for (name, property) in properties(schema) {
        let wanted = match name.as_str() {
            "kind" | "apiVersion" => "string",
            "metadata" => "object",
            _ => continue,
        };
        let (here, kind) = (path.child("properties").key(name), text(property, "type"));
        if kind != wanted {
            found.push(FieldError::invalid(
                &here.child("type"),
                kind,
                format!("must be {wanted}"),
            ));
        }
        if name == "metadata" && level == Level::Root && !restricts_only_names(property) {
            let why =
                "must not specify anything other than name and generateName, but metadata is implicitly specified";
            found.push(FieldError::forbidden(&here, why));
        }
    }
}

fn restricts_only_names(metadata: &Value) -> bool {
    let nothing = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
    let names = properties(metadata).all(|(name, _)| matches!(name.as_str(), "name" | "generateName"));
    let rest = metadata.as_object().into_iter().flatten();
    names
        && rest
            .into_iter()
            .all(|(key, value)| matches!(key.as_str(), "type" | "default" | "properties") || nothing(value))
}

/// `anyOf: [{type: integer}, {type: string}]`, which an int-or-string may say.
fn is_int_or_string(any_of: Option<&Value>) -> bool {
    let kinds: Vec<Option<&str>> = any_of
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|branch| {
            branch
                .as_object()
                .filter(|branch| branch.len() == 1)?
                .get("type")?
                .as_str()
        })
        .collect();
    kinds == [Some("integer"), Some("string")]
}

fn branches<'a>(schema: &'a Value, name: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    schema
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
}

fn value_validation(schema: &Value, skip_any: bool, skip_first: bool, path: &FieldPath, found: &mut Vec<FieldError>) {
    for name in ["anyOf", "allOf", "oneOf"] {
        if name == "anyOf" && skip_any {
            continue;
        }
        for (index, branch) in branches(schema, name) {
            let skip = name == "allOf" && index == 0 && skip_first;
            nested(branch, skip, &path.child(name).index(index), found);
        }
    }
    if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
        nested(not, false, &path.child("not"), found);
    }
    let pattern = text(schema, "pattern");
    if let Some(error) = Pattern::new(&pattern).error() {
        let why = format!("must be a valid regular expression, but isn't: error parsing regexp: {error}");
        found.push(FieldError::invalid(&path.child("pattern"), pattern, why));
    }
}

/// A schema in a branch may only restrict values.
fn nested(schema: &Value, skip_any: bool, path: &FieldPath, found: &mut Vec<FieldError>) {
    value_validation(schema, skip_any, false, path, found);
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        nested(items, false, &path.child("items"), found);
    }
    for (name, property) in properties(schema) {
        nested(property, false, &path.child("properties").key(name), found);
    }
    let rules = [
        ("type", "must be empty to be structural"),
        ("additionalProperties", "must be undefined to be structural"),
        ("default", "must be undefined to be structural"),
        ("title", "must be empty to be structural"),
        ("description", "must be empty to be structural"),
        ("nullable", "must be false to be structural"),
        ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
        ("x-kubernetes-embedded-resource", "must be false to be structural"),
        ("x-kubernetes-int-or-string", "must be false to be structural"),
        ("x-kubernetes-list-map-keys", "must be empty to be structural"),
        ("x-kubernetes-list-type", "must be undefined to be structural"),
        ("x-kubernetes-map-type", "must be undefined to be structural"),
        ("x-kubernetes-validations", "must be empty to be structural"),
    ];
    for (name, why) in rules {
        let unset = |value: &Value| match value {
            Value::Null => true,
            Value::Bool(value) => !value && name != "default",
            Value::String(text) => text.is_empty() && name != "default",
            Value::Array(items) => items.is_empty() && name != "default",
            _ => false,
        };
        if schema.get(name).is_some_and(|value| !unset(value)) {
            found.push(FieldError::forbidden(&path.child(name), why));
        }
    }
    if properties(schema).any(|(name, _)| name == "metadata") {
        let here = path.child("properties").key("metadata");
        found.push(FieldError::forbidden(
            &here,
            "must not be specified in a nested context",
        ));
    }
}

/// What the branches of the root restrict must be specified outside of them.
fn completeness(branch: &Value, schema: &Value, place: &FieldPath, path: &FieldPath, found: &mut Vec<FieldError>) {
    if let Some(not) = branch.get("not").filter(|not| not.is_object()) {
        specified(not, Some(schema), place, &path.child("not"), found);
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        for (index, inner) in branches(branch, name) {
            specified(inner, Some(schema), place, &path.child(name).index(index), found);
        }
    }
}

fn specified(branch: &Value, schema: Option<&Value>, place: &FieldPath, path: &FieldPath, found: &mut Vec<FieldError>) {
    let Some(schema) = schema else {
        found.push(FieldError::required(place, format!("because it is defined in {path}")));
        return;
    };
    completeness(branch, schema, place, path, found);
    if let Some(items) = branch.get("items").filter(|items| items.is_object()) {
        let known = schema.get("items").filter(|items| items.is_object());
        specified(items, known, &place.child("items"), &path.child("items"), found);
    }
    for (name, property) in properties(branch) {
        let known = schema.get("properties").and_then(|properties| properties.get(name));
        let here = |path: &FieldPath| path.child("properties").key(name);
        specified(property, known, &here(place), &here(path), found);
    }
}
