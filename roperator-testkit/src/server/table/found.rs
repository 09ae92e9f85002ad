//! What the path of a custom column finds, as the column's type asks for it. Objects in, cells out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::duration;
use super::json_path::JsonPath;

/// What a path finds, as a column's type asks for; `null` where it finds nothing that fits.
pub(super) fn cell(path: Option<&JsonPath>, kind: &str, object: &Value, now: Timestamp) -> Value {
    let Some(found) = path.and_then(|path| path.first(object)) else {
        return Value::Null;
    };
    let fitting = match (kind, found) {
        ("string", Value::String(text)) => Some(json!(text)),
        ("string", Value::Null) => Some(json!("<no value>")),
        ("string", other) => Some(json!(other.to_string())),
        ("integer", Value::Number(number)) => {
            #[expect(clippy::cast_possible_truncation, reason = "an integer column cuts numbers off")]
            let cut = number.as_f64().map(|number| number as i64);
            number.as_i64().or(cut).map(Value::from)
        }
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => Some(found.clone()),
        ("date", Value::String(time)) => Some(json!(match time.as_str() {
            "" => "<unknown>".to_owned(),
            time if time.parse::<Timestamp>().is_err() => "<invalid>".to_owned(),
            time => duration::since(time, now),
        })),
        _ => None,
    };
    fitting.unwrap_or_default()
}
