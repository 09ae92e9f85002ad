//! Fields of schemas and rules as they were written: JSON in; what is absent, or of another type, is as good as empty.

use serde_json::Value;

/// The text of a field, or nothing.
pub(super) fn text(schema: &Value, key: &str) -> String {
    schema.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The texts of a list.
pub(super) fn texts(schema: &Value, key: &str) -> Vec<String> {
    let list = schema.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether a field is `true`.
#[must_use]
pub fn flag(schema: &Value, key: &str) -> bool {
    schema.get(key).and_then(Value::as_bool).unwrap_or_default()
}
