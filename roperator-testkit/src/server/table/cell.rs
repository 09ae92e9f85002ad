//! How a cell is read from an object: the ways that columns use. Objects in, cells out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json_path::JsonPath;
use super::{duration, pod};
use crate::server::selector::labels::Selector;

/// How a cell is read. Paths are JSON pointers.
#[derive(Debug, Clone)]
pub enum Cell {
    /// The object's name.
    Name,
    /// How old the object is.
    Age,
    /// When the object was created.
    CreatedAt,
    /// A text, or what is shown where there is none.
    Text(&'static str, &'static str),
    /// A text or a number as text, or what is shown where there is none.
    Scalar(&'static str, &'static str),
    /// A number, or zero.
    Number(&'static str),
    /// How many there are, in all of these.
    Count(&'static [&'static str]),
    /// A boolean, or what it is where there is none.
    Flag(&'static str, bool),
    /// A number of another: `1/3`.
    Fraction(&'static str, &'static str),
    /// How long ago a time was.
    Since(&'static str, &'static str),
    /// Labels.
    Labels(&'static str),
    /// A label selector.
    Selector(&'static str),
    /// A field of every item.
    Each(&'static str, &'static str),
    /// A text made of several fields.
    Made(fn(&Value) -> String),
    /// A text made of several fields and the time.
    Timed(fn(&Value, Timestamp) -> String),
    /// A number made of several fields.
    Counted(fn(&Value) -> i64),
    /// What a pod is doing.
    PodStatus,
    /// What a custom column's path finds, as its type asks for.
    Custom(Option<JsonPath>, String),
}

impl Cell {
    /// Reads the cell.
    #[must_use]
    pub fn read(&self, object: &Value, now: Timestamp) -> Value {
        match self {
            Self::Name => text(object, "/metadata/name").into(),
            Self::Age => duration::since(text(object, "/metadata/creationTimestamp"), now).into(),
            Self::CreatedAt => text(object, "/metadata/creationTimestamp").into(),
            Self::Text(path, absent) => or(text(object, path), absent).into(),
            Self::Scalar(path, absent) => scalar(object.pointer(path))
                .unwrap_or_else(|| (*absent).to_owned())
                .into(),
            Self::Number(path) => number(object, path).into(),
            Self::Count(paths) => paths.iter().map(|path| count(object, path)).sum::<usize>().into(),
            Self::Flag(path, absent) => object.pointer(path).and_then(Value::as_bool).unwrap_or(*absent).into(),
            Self::Fraction(part, whole) => format!("{}/{}", number(object, part), number(object, whole)).into(),
            Self::Since(path, absent) => match text(object, path) {
                "" => (*absent).into(),
                time => duration::since(time, now).into(),
            },
            Self::Labels(path) => labels(object.pointer(path)).into(),
            Self::Selector(path) => selector(object.pointer(path)).into(),
            Self::Each(path, field) => each(items(object, path), field).into(),
            Self::Made(make) => make(object).into(),
            Self::Timed(make) => make(object, now).into(),
            Self::Counted(count) => count(object).into(),
            Self::PodStatus => pod::status(object).into(),
            Self::Custom(path, kind) => super::custom::cell(path.as_ref(), kind, object, now),
        }
    }
}

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

fn count(object: &Value, path: &str) -> usize {
    match object.pointer(path) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(entries)) => entries.len(),
        _ => 0,
    }
}

fn selector(selector: Option<&Value>) -> String {
    match Selector::from_object(selector) {
        Ok(selector) => or(&selector.to_string(), "<none>").to_owned(),
        Err(_) => "<error>".to_owned(),
    }
}

fn each(items: &[Value], field: &str) -> String {
    let fields = items
        .iter()
        .map(|item| item.get(field).and_then(Value::as_str).unwrap_or_default());
    fields.collect::<Vec<_>>().join(",")
}
