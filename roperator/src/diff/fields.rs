//! Managed fields: what a field manager owns of an object, in the API server's `fieldsV1` format.
//!
//! In: the `fieldsV1` of our own entries in `metadata.managedFields`, a desired and a live object as JSON. Out: which parts
//! of desired we do not own (any more), and desired laid over the live object. Knows no schema, asks no server.
//!
//! # The format
//!
//! A tree of maps. A member's name is a step into the object: `f:name` into a map's member, `k:{"name":"a"}` to the item of a
//! keyed list, `v:"x"` to the element of a set, `i:0` to an item by index. `.` says that the node itself is owned and not only
//! things below it; `{}` is short for `{".": {}}`. Steps of other kinds are ignored, as the API server ignores them.
//!
//! # What a bare node means
//!
//! `"f:selector": {}` has two meanings that `fieldsV1` does not tell apart:
//!
//! 1. a scalar or something *atomic*, which has one owner as a whole: everything below it is ours;
//! 2. a map or list of which only `.` is left. It was ours and empty, or another manager took its last member: a ConfigMap that
//!    we POSTed with one key has `"f:data": {".": {}, "f:key": {}}`, and `"f:data": {}` after somebody edited that key.
//!
//! In an `Apply` entry it is the first: apply writes `.` for list items, and for maps only where the schema does not name
//! them. [`FieldSet::parse`] therefore trusts bare nodes. In an `Update` entry (a POST or PUT leaves one) both are common:
//! [`FieldSet::parse_update`] marks its bare nodes, and [`FieldSet::drifted`] asks the live object about these.

mod cover;
mod element;
mod lay;

#[cfg(test)]
mod tests;

use std::borrow::{Borrow, Cow};
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use element::{Key, Scalar, Texts};

/// Why a text is no `fieldsV1`.
#[derive(Debug, thiserror::Error)]
#[error("managed fields are not in the format fieldsV1")]
pub(crate) struct FieldsError(#[source] serde_json::Error);

/// A set of fields: what one manager owns of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    /// The object itself. That is nobody's, so its own `own` is always [`Own::Nothing`].
    root: Node,
}

/// Whether `live` says everything that `desired` says, in the server's own words for it.
pub(crate) fn says(live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            let in_spec = cover::in_spec(desired);
            desired.iter().all(|(name, value)| {
                let texts = if name == "spec" { in_spec } else { Texts::Exactly };
                element::contains(live.get(name), value, texts)
            })
        }
        _ => live == desired,
    }
}

/// A place in the object: how it is owned, and what is known below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    own: Own,
    fields: Steps<String>,
    keys: Steps<Key>,
    values: Steps<Scalar>,
    indexes: Steps<u64>,
}

/// The nodes below one, by step and in their order. Most have a few or none: a tree of maps would be mostly empty room.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Steps<K>(Vec<(K, Node)>);

impl<K> Default for Steps<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord> Steps<K> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &Node)> {
        self.0.iter().map(|(step, node)| (step, node))
    }

    fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(step, _)| step)
    }

    fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.0.iter_mut().map(|(_, node)| node)
    }

    fn get<Q: Ord + ?Sized>(&self, step: &Q) -> Option<&Node>
    where
        K: Borrow<Q>,
    {
        let place = self.0.binary_search_by(|(other, _)| other.borrow().cmp(step)).ok()?;
        self.0.get(place).map(|(_, node)| node)
    }

    fn absorb(&mut self, step: K, node: Node) {
        // `fieldsV1` is sorted.
        if self.0.last().is_none_or(|(last, _)| *last < step) {
            self.0.push((step, node));
            return;
        }
        match self.0.binary_search_by(|(other, _)| other.cmp(&step)) {
            Ok(place) => {
                if let Some((_, known)) = self.0.get_mut(place) {
                    known.absorb(node);
                }
            }
            Err(place) => self.0.insert(place, (step, node)),
        }
    }
}

/// How a node is owned. Ordered: a union takes the greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Own {
    /// Only things below it are.
    #[default]
    Nothing,
    /// `.` beside children: itself and those.
    Itself,
    /// Bare in an `Update` entry: all that is below, or nothing but itself.
    Perhaps,
    /// Bare in an `Apply` entry: all that is below.
    All,
}

impl FieldSet {
    /// Reads the `fieldsV1` of an entry whose operation is `Apply`. `{}` is the empty set.
    ///
    /// # Errors
    ///
    /// The text is not JSON, not a tree of maps, or a step in it is malformed.
    pub(crate) fn parse(raw: &str) -> Result<Self, FieldsError> {
        let mut root: Node = serde_json::from_str(raw).map_err(FieldsError)?;
        root.own = Own::Nothing;
        Ok(Self { root })
    }

    /// Reads the `fieldsV1` of an entry whose operation is `Update`, whose bare nodes are in doubt (see the module).
    ///
    /// # Errors
    ///
    /// Those of [`FieldSet::parse`].
    pub(crate) fn parse_update(raw: &str) -> Result<Self, FieldsError> {
        let mut set = Self::parse(raw)?;
        set.root.doubt();
        Ok(set)
    }

    /// The set as `fieldsV1`. Of a union of entries that disagree about a bare node only `.` is left of that; apart from
    /// this, and from whether bare nodes are in doubt, [`FieldSet::parse`] reads the same set back.
    pub(crate) fn to_value(&self) -> Value {
        self.root.to_value()
    }

    /// What either of both owns. Bare nodes keep their meaning beside the children that the other set has there.
    pub(crate) fn union(mut self, other: Self) -> Self {
        self.root.absorb(other.root);
        self
    }
}

impl Node {
    fn is_bare(&self) -> bool {
        self.fields.is_empty() && self.keys.is_empty() && self.values.is_empty() && self.indexes.is_empty()
    }

    fn children_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        let lists = self.keys.nodes_mut().chain(self.values.nodes_mut());
        self.fields.nodes_mut().chain(lists).chain(self.indexes.nodes_mut())
    }

    fn doubt(&mut self) {
        if self.own == Own::All {
            self.own = Own::Perhaps;
        }
        self.children_mut().for_each(Self::doubt);
    }

    fn absorb(&mut self, other: Self) {
        fn merge<K: Ord>(into: &mut Steps<K>, from: Steps<K>) {
            from.0.into_iter().for_each(|(step, node)| into.absorb(step, node));
        }
        self.own = self.own.max(other.own);
        merge(&mut self.fields, other.fields);
        merge(&mut self.keys, other.keys);
        merge(&mut self.values, other.values);
        merge(&mut self.indexes, other.indexes);
    }

    fn to_value(&self) -> Value {
        let mut map = Map::new();
        if self.own != Own::Nothing && !self.is_bare() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        map.extend(
            self.fields
                .iter()
                .map(|(name, node)| (format!("f:{name}"), node.to_value())),
        );
        map.extend(
            self.keys
                .iter()
                .map(|(key, node)| (format!("k:{}", key.to_value()), node.to_value())),
        );
        map.extend(
            self.values
                .iter()
                .map(|(value, node)| (format!("v:{}", value.to_value()), node.to_value())),
        );
        map.extend(
            self.indexes
                .iter()
                .map(|(index, node)| (format!("i:{index}"), node.to_value())),
        );
        Value::Object(map)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NodeVisitor)
    }
}

/// A step's text, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Step<'a>(#[serde(borrow)] Cow<'a, str>);

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a map of path elements")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut node = Node::default();
        while let Some(Step(step)) = map.next_key()? {
            let wrong = |why: &dyn fmt::Display| A::Error::custom(format_args!("path element {step:?}: {why}"));
            match step.split_once(':') {
                Some(("f", name)) => node.fields.absorb(name.to_owned(), map.next_value()?),
                Some(("k", key)) => {
                    let key = Key::parse(key).map_err(|error| wrong(&error))?;
                    node.keys.absorb(key, map.next_value()?);
                }
                Some(("v", value)) => {
                    let value = Scalar::parse(value).map_err(|error| wrong(&error))?;
                    node.values.absorb(value, map.next_value()?);
                }
                Some(("i", index)) => {
                    let index = index.parse().map_err(|error| wrong(&error))?;
                    node.indexes.absorb(index, map.next_value()?);
                }
                None if step == "." => {
                    node.own = Own::Itself;
                    map.next_value::<IgnoredAny>()?;
                }
                // The API server drops elements of kinds that it does not know: a later version may.
                _ if step.get(1..2) == Some(":") => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => return Err(wrong(&"has no kind")),
            }
        }
        if node.is_bare() {
            node.own = Own::All;
        }
        Ok(node)
    }
}
