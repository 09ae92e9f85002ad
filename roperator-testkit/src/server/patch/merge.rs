//! Merge patch (`application/merge-patch+json`, RFC 7396), as the real server's library understands it: nulls are also
//! dropped from objects inside of new lists. Data in: an object and a patch. Data out: the patched object, or the
//! refusal.

use serde_json::{Map, Value};

use crate::server::patch::go;
use crate::server::status::ApiError;

/// Applies a patch to an object.
///
/// # Errors
///
/// 400 for a patch that is no object.
pub fn apply(object: &Value, patch: &Value) -> Result<Value, ApiError> {
    match patch {
        Value::Object(fields) => {
            let mut object = object.clone();
            merge(&mut object, fields);
            Ok(object)
        }
        Value::Null => Err(ApiError::bad_request("Invalid JSON Patch")),
        other => Err(ApiError::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go::json_name(other)
        ))),
    }
}

fn merge(value: &mut Value, patch: &Map<String, Value>) {
    let Value::Object(fields) = value else {
        *value = Value::Object(patch.clone());
        prune(value);
        return;
    };
    for (name, patch) in patch {
        match (fields.get_mut(name), patch) {
            (_, Value::Null) => {
                fields.remove(name);
            }
            (Some(value @ Value::Object(_)), Value::Object(patch)) => merge(value, patch),
            // What takes an object's place is taken as it is.
            (Some(value @ Value::Object(_)), patch) => *value = patch.clone(),
            (_, patch) => {
                let mut patch = patch.clone();
                prune(&mut patch);
                fields.insert(name.clone(), patch);
            }
        }
    }
}

/// Drops all fields that are null.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_cases_of_the_standard_hold() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (object, patch, expected) in cases {
            assert_eq!(apply(&object, &patch).unwrap(), expected, "{object} {patch}");
        }
    }

    #[test]
    fn nulls_in_new_lists_are_dropped_but_not_where_an_object_was() {
        let patch = json!({"a": [{"b": null, "c": 1}, null]});
        assert_eq!(apply(&json!({}), &patch).unwrap(), json!({"a": [{"c": 1}, null]}));
        assert_eq!(
            apply(&json!({"a": [1]}), &patch).unwrap(),
            json!({"a": [{"c": 1}, null]})
        );
        assert_eq!(apply(&json!({"a": {}}), &patch).unwrap(), patch);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(
            apply(&json!({}), &json!([])).unwrap_err().message,
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
        assert_eq!(
            apply(&json!({}), &Value::Null).unwrap_err().message,
            "Invalid JSON Patch"
        );
    }
}
