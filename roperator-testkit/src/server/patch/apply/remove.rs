//! Takes fields out of an object. Data in: a valid value, its shape and a set of fields.
//! Data out: what is left.

use serde_json::{Map, Value};

use super::path::PathElement;
use super::schema::{Kind, ListAtom, Schema};
use super::set::{FieldSet, Node};
use crate::server::shape::ShapeId;

impl Schema<'_> {
    /// The object without these fields and all that is below them.
    #[must_use]
    pub fn remove(self, object: &Value, fields: &FieldSet) -> Value {
        if fields.is_empty() {
            return object.clone();
        }
        self.without(self.root, object, fields)
    }

    /// What is atomic, and what has nothing left, becomes null.
    fn without(self, shape: ShapeId, value: &Value, fields: &FieldSet) -> Value {
        match (self.atom(shape).deduce(Some(value)).kind(), value) {
            (Kind::Scalar(_), _) => value.clone(),
            (Kind::Map(map), Value::Object(object)) if !map.is_atomic() => {
                let left: Map<String, Value> = object
                    .iter()
                    .filter_map(|(name, value)| {
                        let value = self.without_one(map.field(name), value, fields.get_field(name))?;
                        Some((name.clone(), value))
                    })
                    .collect();
                or_null(!left.is_empty(), Value::Object(left))
            }
            (Kind::List(list), Value::Array(items)) if !list.is_atomic() => {
                let left: Vec<Value> = items
                    .iter()
                    .filter_map(|item| {
                        let node = node_of(list, item, fields);
                        self.without_one(list.items(), item, node)
                    })
                    .collect();
                or_null(!left.is_empty(), Value::Array(left))
            }
            _ => Value::Null,
        }
    }

    fn without_one(self, shape: ShapeId, value: &Value, node: Option<&Node>) -> Option<Value> {
        match node {
            Some(node) if node.member => None,
            Some(node) => Some(self.without(shape, value, &node.children)),
            None => Some(value.clone()),
        }
    }
}

fn node_of<'s>(list: ListAtom<'_>, item: &Value, fields: &'s FieldSet) -> Option<&'s Node> {
    let element: PathElement = list.element(item).ok()?;
    fields.get(&element)
}

fn or_null(there: bool, value: Value) -> Value {
    if there { value } else { Value::Null }
}
