//! Which old value a new value replaces: two values and their schema in, the pair one level deeper out. Errors in what did
//! not change are tolerated on updates, and rules that compare see the old value.

use serde_json::{Map, Value};

use super::structural::{ListType, Node};

/// A new value, the old value it replaces, and their schema.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    new: &'a Value,
    old: &'a Value,
    node: &'a Node,
}

impl<'a> Pair<'a> {
    /// Two values that are versions of each other.
    #[must_use]
    pub const fn new(new: &'a Value, old: &'a Value, node: &'a Node) -> Self {
        Self { new, old, node }
    }

    /// The pair at a field; `None` where the old object, or the schema, does not have it.
    #[must_use]
    pub fn key(self, name: &str) -> Option<Self> {
        let new = self.new.as_object()?.get(name)?;
        let old = self.old.as_object()?.get(name)?;
        Some(Self::new(new, old, self.node.field(name)?))
    }

    /// The pair at an item; `None` unless the list tells its items apart by keys and the old list has the item.
    #[must_use]
    pub fn index(self, index: usize) -> Option<Self> {
        let new = self.new.as_array()?.get(index)?;
        let old = same_item(self.node, self.old.as_array()?, new)?;
        Some(Self::new(new, old, self.node.items.as_deref()?))
    }

    /// Whether nothing changed, but for the order of items that are told apart by keys.
    #[must_use]
    pub fn is_unchanged(self) -> bool {
        match (self.new, self.old) {
            (Value::Array(new), Value::Array(old)) => {
                let by_key = matches!(self.node.list, ListType::Map(_));
                new.len() == old.len()
                    && if by_key {
                        (0..new.len()).all(|index| self.index(index).is_some_and(Self::is_unchanged))
                    } else {
                        new == old
                    }
            }
            (Value::Object(new), Value::Object(old)) => {
                new.len() == old.len() && new.keys().all(|name| self.key(name).is_some_and(Self::is_unchanged))
            }
            (new, old) => new == old,
        }
    }
}

/// The first item of an old list with the keys of a new item, where the list tells its items apart by keys.
pub fn same_item<'a>(node: &Node, old: &'a [Value], new: &Value) -> Option<&'a Value> {
    let ListType::Map(keys) = &node.list else { return None };
    let wanted = identity(keys, new.as_object()?)?;
    old.iter().find(|item| {
        let identity = item.as_object().and_then(|item| identity(keys, item));
        identity.as_ref() == Some(&wanted)
    })
}

/// The values of the keys; `None` where one is absent or no scalar.
fn identity<'a>(keys: &[String], item: &'a Map<String, Value>) -> Option<Vec<&'a Value>> {
    if keys.is_empty() {
        return None;
    }
    let scalar = |value: &&Value| matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_));
    keys.iter().map(|key| item.get(key).filter(scalar)).collect()
}
