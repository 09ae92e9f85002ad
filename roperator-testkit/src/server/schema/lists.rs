//! Items that must be unique: an object and its schema in, what is there twice out.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::structural::{ListType, Node};
use crate::server::field::{FieldError, FieldPath};

/// What is there twice in the lists of an object.
pub(super) fn duplicates(node: &Node, value: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    visit(node, value, path, &mut found);
    found
}

fn visit(node: &Node, value: &Value, path: &FieldPath, found: &mut Vec<FieldError>) {
    match value {
        Value::Object(map) => {
            if let Some(additional) = node.additional.schema() {
                map.iter()
                    .for_each(|(key, value)| visit(additional, value, &path.key(key), found));
            }
            for (name, property) in &node.properties {
                if let Some(value) = map.get(name) {
                    visit(property, value, &path.child(name), found);
                }
            }
        }
        Value::Array(items) => {
            match &node.list {
                ListType::Atomic => {}
                ListType::Set => found.extend(repeated(items).map(|index| duplicate(path, index, items.get(index)))),
                ListType::Map(keys) => found.extend(repeated_keys(keys, items, path)),
            }
            if let Some(inner) = node.items.as_deref() {
                let items = items.iter().enumerate();
                items.for_each(|(index, item)| visit(inner, item, &path.index(index), found));
            }
        }
        _ => {}
    }
}

fn repeated_keys(keys: &[String], items: &[Value], path: &FieldPath) -> Vec<FieldError> {
    let wrong = items
        .iter()
        .enumerate()
        .find(|(_, item)| !item.is_null() && !item.is_object());
    if let Some((index, item)) = wrong {
        let why = "must be an object for an array of list-type map";
        return vec![FieldError::invalid(&path.index(index), item.clone(), why)];
    }
    let identities: Vec<Value> = items.iter().map(|item| identity(keys, item)).collect();
    repeated(&identities)
        .map(|index| duplicate(path, index, identities.get(index)))
        .collect()
}

fn identity(keys: &[String], item: &Value) -> Value {
    let given = keys
        .iter()
        .filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
    Value::Object(given.collect::<Map<_, _>>())
}

fn duplicate(path: &FieldPath, index: usize, value: Option<&Value>) -> FieldError {
    FieldError::duplicate(&path.index(index), value.cloned().unwrap_or_default())
}

/// Where values are there for the second time. A third time is not told.
fn repeated(items: &[Value]) -> impl Iterator<Item = usize> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    items.iter().enumerate().filter_map(move |(index, item)| {
        let times = seen.entry(item.to_string()).or_default();
        *times += 1;
        (*times == 2).then_some(index)
    })
}
