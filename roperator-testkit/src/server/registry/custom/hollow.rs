//! What is empty in the metadata of custom objects: the real server stores what an apply leaves there, and never shows it.
//! Objects in, nothing else changed in them.

use serde_json::Value;

const FIELDS: [&str; 4] = ["annotations", "finalizers", "labels", "ownerReferences"];

/// Whether an object has something empty.
pub(super) fn is_in(object: &Value) -> bool {
    object
        .get("metadata")
        .is_some_and(|metadata| !fields(metadata).is_empty())
}

/// Takes what is empty in some metadata over to another, which was read and lost it.
pub(super) fn keep(from: &Value, to: &mut Value) {
    let Some(to) = to.as_object_mut() else { return };
    for (field, value) in fields(from) {
        to.insert(field.to_owned(), value);
    }
}

/// Removes what is empty from an object.
pub(super) fn remove(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata") else {
        return;
    };
    for (field, _) in fields(metadata) {
        metadata.as_object_mut().map(|map| map.remove(field));
    }
}

fn fields(metadata: &Value) -> Vec<(&'static str, Value)> {
    let is_empty = |value: &Value| match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        other => other.is_null(),
    };
    let fields = FIELDS
        .into_iter()
        .filter_map(|field| Some((field, metadata.get(field)?)));
    let hollow = fields.filter(|(_, value)| is_empty(value));
    hollow.map(|(field, value)| (field, value.clone())).collect()
}
