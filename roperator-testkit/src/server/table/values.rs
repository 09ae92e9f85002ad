//! Values of objects as cells show them. Objects and paths (JSON pointers) in, texts and numbers out.

use serde_json::{Value, json};

/// The text at a path, or the empty one.
pub(super) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a path, or zero.
pub(super) fn number(object: &Value, path: &str) -> i64 {
    object.pointer(path).and_then(Value::as_i64).unwrap_or_default()
}

/// The items at a path, or none.
pub(super) fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object
        .pointer(path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A text, or what is shown where it is empty.
pub(super) fn or<'a>(text: &'a str, absent: &'a str) -> &'a str {
    if text.is_empty() { absent } else { text }
}

/// A text or a number as text.
pub(super) fn scalar(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Labels as `a=b,c=d`.
pub(super) fn labels(labels: Option<&Value>) -> String {
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let pairs = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    or(&pairs.collect::<Vec<_>>().join(","), "<none>").to_owned()
}

/// The first few of many.
pub(super) fn few(list: &[String], most: usize, separator: &str) -> String {
    let shown: Vec<&str> = list.iter().take(most).map(String::as_str).collect();
    let shown = shown.join(separator);
    match list.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

/// Whether the first condition of this type is true.
pub(super) fn has_condition(object: &Value, kind: &str) -> bool {
    let mut conditions = items(object, "/status/conditions").iter();
    let found = conditions.find(|condition| condition.get("type") == Some(&json!(kind)));
    found.is_some_and(|condition| condition.get("status") == Some(&json!("True")))
}
