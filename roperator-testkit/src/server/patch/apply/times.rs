//! A write that changes nothing but the times of managed fields changes nothing at all. Data in and out: objects.

use serde_json::{Map, Value};

use super::managers::managed_fields;

/// Puts back the times of the managed fields if nothing else differs between two objects. To be called on an object
/// that is otherwise ready to be stored.
pub fn keep_times(live: &Value, new: &mut Value) {
    if differs_in_times_only(live, new) {
        let before = managed_fields(live).cloned();
        let metadata = new.get_mut("metadata").and_then(Value::as_object_mut);
        if let (Some(metadata), Some(before)) = (metadata, before) {
            metadata.insert("managedFields".to_owned(), before);
        }
    }
}

fn differs_in_times_only(live: &Value, new: &Value) -> bool {
    let entries = |object| managed_fields(object).and_then(Value::as_array);
    let (Some(before), Some(after)) = (entries(live), entries(new)) else {
        return false;
    };
    let same_owners = before.len() == after.len()
        && before
            .iter()
            .zip(after)
            .all(|(before, after)| same_but(before, after, &["time"]));
    same_owners && same_objects(live, new)
}

fn same_objects(live: &Value, new: &Value) -> bool {
    let metadata = |object: &Value| object.get("metadata").cloned().unwrap_or_default();
    same_but(live, new, &["metadata"]) && same_but(&metadata(live), &metadata(new), &["managedFields"])
}

/// Whether two objects have the same fields, these aside.
fn same_but(left: &Value, right: &Value, aside: &[&str]) -> bool {
    let rest = |fields: &Map<String, Value>| fields.keys().filter(|name| !aside.contains(&name.as_str())).count();
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            rest(left) == rest(right)
                && left
                    .iter()
                    .filter(|(name, _)| !aside.contains(&name.as_str()))
                    .all(|(name, value)| right.get(name) == Some(value))
        }
        _ => left == right,
    }
}
