//! An object's metadata, read and written in place. It knows nothing of kinds.

use serde_json::{Map, Value};

/// The finalizer of a deletion that waits for the dependents.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of a deletion that lets the dependents live.
pub const ORPHAN: &str = "orphan";

/// A text of an object; empty if it is absent.
#[must_use]
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A text of the metadata; empty if it is absent.
#[must_use]
pub fn meta<'a>(object: &'a Value, field: &str) -> &'a str {
    let metadata = object.get("metadata").and_then(|metadata| metadata.get(field));
    metadata.and_then(Value::as_str).unwrap_or_default()
}

/// A number of the metadata.
#[must_use]
pub fn meta_number(object: &Value, field: &str) -> Option<i64> {
    object.get("metadata")?.get(field)?.as_i64()
}

/// The metadata, made if it is absent.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    child_mut(object, "metadata")
}

/// An object within an object, made if it is absent or something else.
pub fn child_mut<'a>(object: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    let child = as_map(object).entry(field).or_insert(Value::Null);
    as_map(child)
}

/// Sets a text of the metadata; an empty one is removed.
pub fn set_meta(object: &mut Value, field: &str, text: &str) {
    if text.is_empty() {
        metadata_mut(object).remove(field);
    } else {
        metadata_mut(object).insert(field.to_owned(), text.into());
    }
}

/// Takes a field of one object over to another; one that is absent is removed.
pub fn copy(from: &Value, to: &mut Value, field: &str) {
    let Some(map) = to.as_object_mut() else { return };
    match from.get(field) {
        Some(value) => drop(map.insert(field.to_owned(), value.clone())),
        None => drop(map.remove(field)),
    }
}

/// Takes a field of the metadata of one object over to another; one that is absent is removed.
pub fn copy_meta(from: &Value, to: &mut Value, field: &str) {
    let value = from.get("metadata").and_then(|metadata| metadata.get(field));
    match value {
        Some(value) => drop(metadata_mut(to).insert(field.to_owned(), value.clone())),
        None => drop(metadata_mut(to).remove(field)),
    }
}

/// Takes the metadata of one object over to another as far as writes of parts may not change it.
pub fn keep_metadata(new: &mut Value, old: &Value) {
    for field in [
        "deletionTimestamp",
        "labels",
        "annotations",
        "finalizers",
        "ownerReferences",
    ] {
        copy_meta(old, new, field);
    }
}

/// The finalizers.
#[must_use]
pub fn finalizers(object: &Value) -> Vec<String> {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Sets the finalizers; none removes the list.
pub fn set_finalizers(object: &mut Value, finalizers: Vec<String>) {
    if finalizers.is_empty() {
        metadata_mut(object).remove("finalizers");
    } else {
        metadata_mut(object).insert("finalizers".to_owned(), finalizers.into());
    }
}

/// Whether a deletion has begun.
#[must_use]
pub fn is_deleted(object: &Value) -> bool {
    !meta(object, "deletionTimestamp").is_empty()
}

/// The value as an object; what is none becomes an empty one.
fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it was made an object right above"),
    }
}
