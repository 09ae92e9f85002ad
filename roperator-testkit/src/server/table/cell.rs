//! How a cell is read from an object: the ways that columns use. Objects in, cells out.

use jiff::Timestamp;
use serde_json::Value;

use super::json_path::JsonPath;
use super::values::{items, labels, number, or, scalar, text};
use super::{duration, found, pod};
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
            Self::Custom(path, kind) => found::cell(path.as_ref(), kind, object, now),
        }
    }
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
