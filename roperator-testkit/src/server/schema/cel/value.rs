//! JSON as CEL sees it through a schema: a value and its schema in, a CEL value out.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use kube_cel::cel::Value as Cel;
use kube_cel::cel::objects::{Key, Map};
use serde_json::{Number, Value};

use super::super::structural::Node;
use super::associative::Associative;
use super::escaping::escape;
use super::times::{read_span, read_time, read_words};

/// The value of `self` for a schema. Its lists that are sets or maps are kept as such.
pub(super) fn to_cel(value: &Value, node: &Node, resource: bool, lists: &mut Associative) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(bool) => Cel::Bool(*bool),
        Value::Number(number) if node.kind == "number" => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
        Value::Number(number) => untyped_number(number),
        Value::String(text) if node.kind == "string" => formatted(text, &node.format),
        Value::String(text) => string(text),
        Value::Array(items) => {
            let inner = node.items.as_deref();
            let items = items
                .iter()
                .map(|item| inner.map_or_else(|| untyped(item), |inner| to_cel(item, inner, inner.embedded, lists)));
            let items = Arc::new(items.collect());
            lists.keep(&items, &node.list);
            Cel::List(items)
        }
        Value::Object(fields) => {
            let is_map = node.properties.is_empty() && !resource;
            // What is null is as good as absent, but for the keys of maps.
            let given = fields.iter().filter(|(_, value)| is_map || !value.is_null());
            map(given.map(|(name, value)| {
                let value = match node.field(name) {
                    Some(inner) => to_cel(value, inner, inner.embedded, lists),
                    None => untyped(value),
                };
                (
                    if is_map {
                        name.clone()
                    } else {
                        escape(name).unwrap_or_else(|| name.clone())
                    },
                    value,
                )
            }))
        }
    }
}

fn untyped(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(bool) => Cel::Bool(*bool),
        Value::Number(number) => untyped_number(number),
        Value::String(text) => string(text),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(untyped).collect())),
        Value::Object(fields) => map(fields.iter().map(|(name, value)| (name.clone(), untyped(value)))),
    }
}

fn untyped_number(number: &Number) -> Cel {
    match number.as_i64() {
        Some(integer) => Cel::Int(integer),
        None => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn string(text: &str) -> Cel {
    Cel::String(Arc::new(text.to_owned()))
}

fn map(fields: impl Iterator<Item = (String, Cel)>) -> Cel {
    let fields: HashMap<Key, Cel> = fields
        .map(|(name, value)| (Key::String(Arc::new(name)), value))
        .collect();
    Cel::Map(Map { map: Arc::new(fields) })
}

fn formatted(text: &str, format: &str) -> Cel {
    let converted = match format {
        "date-time" => read_time(text),
        "date" => read_time(&format!("{text}T00:00:00Z")),
        "duration" => read_span(text).or_else(|| read_words(text)),
        "byte" => {
            let bytes = URL_SAFE.decode(text).or_else(|_| STANDARD.decode(text));
            bytes.ok().map(|bytes| Cel::Bytes(Arc::new(bytes)))
        }
        _ => None,
    };
    converted.unwrap_or_else(|| string(text))
}
