//! JSON patch (`application/json-patch+json`), as the real server's library understands it, which is not quite RFC
//! 6902: a replacement of what is not there adds it, a copy of what is not there is null, indices may be negative. No
//! library that keeps to the standard can stand in for that. Data in: an object and a patch. Data out: the patched
//! object, or the refusal.

use http::StatusCode;
use serde_json::{Map, Value};

use crate::server::patch::go;
use crate::server::status::ApiError;
use crate::server::types::json::{MOST_LEVELS, is_deeper};

const MOST_OPERATIONS: usize = 10_000;
/// All copies of a patch together, as JSON: a few operations could fill the memory otherwise.
const MOST_BYTES_COPIED: usize = 3 << 20;

/// An object after a JSON patch.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    /// The object.
    pub object: Value,
    /// What was strange about the patch, for warnings or, under strict validation, an error.
    pub strange: Vec<String>,
}

/// Applies a patch to an object.
///
/// # Errors
///
/// 400 for what is no patch, 413 for too many operations, 422 for an operation that fails.
pub fn apply(object: &Value, patch: &Value) -> Result<Patched, ApiError> {
    let operations = match patch {
        Value::Array(operations) => operations.as_slice(),
        Value::Null => &[],
        other => return Err(undecodable(other, "Go value of type []handlers.jsonPatchOp")),
    };
    let mut strange = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        inspect(index, operation, &mut strange)?;
    }
    if operations.len() > MOST_OPERATIONS {
        return Err(ApiError::too_large(format_args!(
            "The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let mut object = object.clone();
    let mut copied = 0;
    for operation in operations {
        run(&mut object, operation, &mut copied).ok_or_else(failed)?;
    }
    Ok(Patched { object, strange })
}

/// The 422 for an operation that cannot be done. Which one, and why, it does not tell.
#[must_use]
pub fn failed() -> ApiError {
    let mut error = ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "Invalid",
        "the server rejected our request due to an error in our request",
    );
    error.details = Some(Box::default());
    error
}

fn undecodable(value: &Value, target: &str) -> ApiError {
    let name = go::json_name(value);
    ApiError::bad_request(format!(
        "error decoding patch: json: cannot unmarshal {name} into {target}"
    ))
}

fn inspect(index: usize, operation: &Value, strange: &mut Vec<String>) -> Result<(), ApiError> {
    let fields = match operation {
        Value::Object(fields) => fields,
        Value::Null => return Ok(()),
        other => return Err(undecodable(other, "Go value of type handlers.jsonPatchOp")),
    };
    for (name, value) in fields {
        match name.as_str() {
            "op" | "path" | "from" => {
                if !value.is_string() && !value.is_null() {
                    let target = format!("Go struct field jsonPatchOp.{name} of type string");
                    return Err(undecodable(value, &target));
                }
            }
            "value" => {}
            other => strange.push(format!("json patch unknown field \"[{index}].{other}\"")),
        }
    }
    Ok(())
}

/// Runs one operation; `None` if it fails.
fn run(object: &mut Value, operation: &Value, copied: &mut usize) -> Option<()> {
    let text = |name: &str| operation.get(name).and_then(Value::as_str);
    let value = operation.get("value").cloned().unwrap_or_default();
    match text("op")? {
        "add" => add(object, text("path")?, value),
        "remove" => take(object, text("path")?).map(|_| ()),
        "replace" => replace(object, text("path")?, value),
        "move" => {
            let value = take(object, text("from")?)?;
            add(object, text("path")?, value)
        }
        "copy" => {
            let value = get(object, text("from")?)?.cloned().unwrap_or_default();
            *copied += value.to_string().len();
            if *copied > MOST_BYTES_COPIED {
                return None;
            }
            add(object, text("path")?, value)
        }
        "test" => {
            let there = match text("path")? {
                "" => Some(&*object),
                path => get(object, path)?,
            };
            (*there.unwrap_or(&Value::Null) == value).then_some(())
        }
        _ => None,
    }
}

fn add(object: &mut Value, path: &str, value: Value) -> Option<()> {
    fits(path, &value)?;
    match find(object, path)? {
        Place::Field(fields, name) => {
            fields.insert(name, value);
        }
        Place::Item(items, key) if key == "-" => items.push(value),
        Place::Item(items, key) => {
            let index = index(&key, items.len() + 1)?;
            items.insert(index, value);
        }
    }
    Some(())
}

fn replace(object: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *object = Some(value).filter(|value| value.is_object() || value.is_array())?;
        return Some(());
    }
    fits(path, &value)?;
    match find(object, path)? {
        Place::Field(fields, name) => {
            fields.insert(name, value);
        }
        Place::Item(items, key) => {
            let index = index(&key, items.len())?;
            *items.get_mut(index)? = value;
        }
    }
    Some(())
}

/// Operations that put deep values into one another would make what nobody can take apart again.
fn fits(path: &str, value: &Value) -> Option<()> {
    let levels = MOST_LEVELS.checked_sub(path.matches('/').count())?;
    (!is_deeper(value, levels)).then_some(())
}

fn take(object: &mut Value, path: &str) -> Option<Value> {
    match find(object, path)? {
        Place::Field(fields, name) => fields.remove(&name),
        Place::Item(items, key) => {
            let index = index(&key, items.len())?;
            Some(items.remove(index))
        }
    }
}

/// The value at a path: `None` if the path leads nowhere, `Some(None)` if only its last step does.
fn get<'v>(object: &'v mut Value, path: &str) -> Option<Option<&'v Value>> {
    match find(object, path)? {
        Place::Field(fields, name) => Some(fields.get(&name)),
        Place::Item(items, key) => {
            let index = index(&key, items.len())?;
            items.get(index).map(Some)
        }
    }
}

/// Where a path leads: an entry, there or not, of an object or a list that is there.
enum Place<'v> {
    Field(&'v mut Map<String, Value>, String),
    Item(&'v mut Vec<Value>, String),
}

fn find<'v>(object: &'v mut Value, path: &str) -> Option<Place<'v>> {
    // What is before the first slash does not count.
    let (_, path) = path.split_once('/')?;
    let (parents, last) = match path.rsplit_once('/') {
        Some((parents, last)) => (Some(parents), last),
        None => (None, path),
    };
    let mut place = object;
    for step in parents.into_iter().flat_map(|parents| parents.split('/')) {
        let step = unescape(step);
        place = match place {
            Value::Object(fields) => fields.get_mut(&step)?,
            Value::Array(items) => {
                let index = index(&step, items.len())?;
                items.get_mut(index)?
            }
            _ => return None,
        };
    }
    match place {
        Value::Object(fields) => Some(Place::Field(fields, unescape(last))),
        Value::Array(items) => Some(Place::Item(items, unescape(last))),
        _ => None,
    }
}

/// An index below `length`; negative ones count from the end.
fn index(key: &str, length: usize) -> Option<usize> {
    let index: i64 = key.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index + length } else { index };
    usize::try_from(index).ok().filter(|_| index < length)
}

/// In one pass, so that `~01` is `~1`.
fn unescape(step: &str) -> String {
    let mut parts = step.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_at_checked(1) {
            Some(("0", rest)) => {
                text.push('~');
                text.push_str(rest);
            }
            Some(("1", rest)) => {
                text.push('/');
                text.push_str(rest);
            }
            _ => {
                text.push('~');
                text.push_str(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(object: Value, patch: Value) -> Option<Value> {
        apply(&object, &patch).ok().map(|patched| patched.object)
    }

    #[test]
    fn operations_do_what_they_say() {
        let object = json!({"a": {"b": [1, 2, 3], "c/d": "x", "e~f": "y"}});
        let cases = [
            (
                json!([{"op": "add", "path": "/a/g", "value": 1}]),
                json!({"a": {"b": [1, 2, 3], "c/d": "x", "e~f": "y", "g": 1}}),
            ),
            (
                json!([{"op": "remove", "path": "/a/b"}]),
                json!({"a": {"c/d": "x", "e~f": "y"}}),
            ),
            (
                json!([{"op": "remove", "path": "/a/b/-1"}]),
                json!({"a": {"b": [1, 2], "c/d": "x", "e~f": "y"}}),
            ),
            (
                json!([{"op": "replace", "path": "/a/c~1d", "value": "z"}]),
                json!({"a": {"b": [1, 2, 3], "c/d": "z", "e~f": "y"}}),
            ),
            (
                json!([{"op": "move", "from": "/a/e~0f", "path": "/a/b/1"}]),
                json!({"a": {"b": [1, "y", 2, 3], "c/d": "x"}}),
            ),
            (
                json!([{"op": "copy", "from": "/a/b/0", "path": "/a/b/-"}]),
                json!({"a": {"b": [1, 2, 3, 1], "c/d": "x", "e~f": "y"}}),
            ),
            (json!([{"op": "test", "path": "/a/b/1", "value": 2}]), object.clone()),
            (json!([{"op": "test", "path": "/a/none"}]), object.clone()),
            (
                json!([{"op": "replace", "path": "/new", "value": 1}, {"op": "remove", "path": "/a"}]),
                json!({"new": 1}),
            ),
            (
                json!([{"op": "replace", "path": "", "value": {"x": 1}}]),
                json!({"x": 1}),
            ),
            (json!([]), object.clone()),
        ];
        for (patch, expected) in cases {
            assert_eq!(patched(object.clone(), patch.clone()), Some(expected), "{patch}");
        }
    }

    #[test]
    fn operations_that_fail_are_refused_without_a_reason() {
        let object = json!({"a": {"b": [1]}});
        let patches = [
            json!([{"op": "remove", "path": "/none"}]),
            json!([{"op": "remove", "path": "/a/b/1"}]),
            json!([{"op": "add", "path": "/none/x", "value": 1}]),
            json!([{"op": "add", "path": "/a/b/2", "value": 1}]),
            json!([{"op": "add", "path": "", "value": {}}]),
            json!([{"op": "replace", "path": "/a/b/1", "value": 1}]),
            json!([{"op": "test", "path": "/a/b/0", "value": 2}]),
            json!([{"op": "test", "path": "/a/b/1", "value": 2}]),
            json!([{"op": "move", "from": "/none", "path": "/x"}]),
            json!([{"op": "nothing", "path": "/a"}]),
            json!([null]),
        ];
        for patch in patches {
            assert_eq!(apply(&object, &patch).unwrap_err(), failed(), "{patch}");
        }
    }

    #[test]
    fn what_is_no_patch_is_refused_with_a_reason() {
        let message = |patch: Value| apply(&json!({}), &patch).unwrap_err().message;
        assert_eq!(
            message(json!({"a": 1})),
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        );
        assert_eq!(
            message(json!([1])),
            "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"
        );
        assert_eq!(
            message(json!([{"op": 1}])),
            "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string"
        );
        let many = vec![json!({"op": "test", "path": "", "value": {}}); MOST_OPERATIONS + 1];
        let error = apply(&json!({}), &Value::Array(many)).unwrap_err();
        assert_eq!(error.code, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(
            error.message,
            "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
        );
    }

    #[test]
    fn unknown_fields_are_strange() {
        let patch = json!([{"op": "add", "path": "/a", "value": 1, "why": "so"}]);
        let strange = apply(&json!({}), &patch).unwrap().strange;
        assert_eq!(strange, [r#"json patch unknown field "[0].why""#]);
    }
}
