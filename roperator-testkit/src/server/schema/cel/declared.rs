//! What a schema declares: a place in a schema in; its fields and items, and how long and how many its values may be, out.
//! Where a schema sets no bound, the size of a request does.

use super::super::structural::Node;
use super::escaping::{RESERVED, escape};

/// The size of the largest request that the server takes, in bytes.
pub(super) const MOST_REQUEST_BYTES: u64 = 3 * 1024 * 1024;
/// A character has up to as many bytes.
const MOST_CHARACTER_BYTES: u64 = 4;
/// The brackets, braces or quotes around a value.
const ENCLOSING_BYTES: u64 = 2;
/// The quotes of a key, its colon and the comma.
const KEY_BYTES: u64 = 4;
/// What an entry of a map adds to its value: a key of two characters.
const ENTRY_BYTES: u64 = KEY_BYTES + 2;

/// A place in a schema.
#[derive(Debug, Clone, Copy)]
pub(super) enum Declared<'a> {
    /// A value; whether it is a resource's root.
    Value(&'a Node, bool),
    /// The metadata of a resource, of which only names are seen.
    Metadata,
    /// A text without bounds: the names, the kind and the version of a resource.
    Text,
    /// A key of a map.
    Key,
}

impl PartialEq for Declared<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(one, _), Self::Value(other, _)) => std::ptr::eq(*one, *other),
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        }
    }
}

impl<'a> Declared<'a> {
    /// A value below a resource's root, if rules can see it: values without a type cannot be seen.
    pub(super) fn new(node: &'a Node) -> Option<Self> {
        let seen = node.int_or_string
            || match node.kind.as_str() {
                "" => false,
                "array" => node.items.as_deref().and_then(Self::new).is_some(),
                "object" => node.additional.schema().is_none_or(|inner| Self::new(inner).is_some()),
                _ => true,
            };
        seen.then_some(Self::Value(node, node.embedded))
    }

    /// A field of an object, by the name that expressions have for it.
    pub(super) fn field(self, name: &str) -> Option<Self> {
        match self {
            Self::Value(node, _) if node.int_or_string || node.additional.schema().is_some() => None,
            Self::Value(node, true) if !spells_out_a_resource(node) => match name {
                "metadata" => Some(Self::Metadata),
                "apiVersion" | "kind" => Some(Self::Text),
                _ => property(node, name),
            },
            Self::Value(node, _) => property(node, name),
            Self::Metadata => matches!(name, "name" | "generateName").then_some(Self::Text),
            Self::Text | Self::Key => None,
        }
    }

    /// Every item of a list, or value of a map.
    pub(super) fn element(self) -> Option<Self> {
        let Self::Value(node, _) = self else { return None };
        let element = node.items.as_deref().filter(|_| node.kind == "array");
        element.or_else(|| node.additional.schema()).and_then(Self::new)
    }

    /// Every key of a map.
    pub(super) fn key(self) -> Option<Self> {
        let Self::Value(node, _) = self else { return None };
        node.additional.schema().map(|_| Self::Key)
    }

    /// How many items, entries, or bytes of text the value has at most. What has none of them has zero.
    pub(super) fn most_elements(self) -> u64 {
        let node = match self {
            Self::Value(node, _) => node,
            Self::Text => return MOST_REQUEST_BYTES - ENCLOSING_BYTES,
            Self::Metadata | Self::Key => return 0,
        };
        let bounds = &node.bounds;
        let at_most = |bound: Option<i64>| bound.map(|bound| u64::try_from(bound).unwrap_or_default());
        let fitting = |bytes: u64| (MOST_REQUEST_BYTES - ENCLOSING_BYTES) / bytes;
        let least = || self.element().map_or(0, Self::least_bytes);
        let characters = || at_most(bounds.max_length).map(|most| most.saturating_mul(MOST_CHARACTER_BYTES));
        if node.int_or_string {
            return characters().unwrap_or(fitting(1));
        }
        match (node.kind.as_str(), node.format.as_str()) {
            ("array", _) => at_most(bounds.max_items).unwrap_or_else(|| fitting(least() + 1)),
            ("object", _) if node.additional.schema().is_some() => {
                at_most(bounds.max_properties).unwrap_or_else(|| fitting(least() + ENTRY_BYTES))
            }
            ("string", "byte") => at_most(bounds.max_length).unwrap_or(fitting(1)),
            ("string", "duration" | "date-time") => 32,
            ("string", "date") => 12,
            ("string", _) => characters().unwrap_or_else(|| longest_choice(node).unwrap_or(fitting(1))),
            _ => 0,
        }
    }

    /// How many bytes the value has at least as JSON.
    pub(super) fn least_bytes(self) -> u64 {
        let Self::Value(node, _) = self else {
            return ENCLOSING_BYTES;
        };
        if node.int_or_string {
            return 1;
        }
        match (node.kind.as_str(), node.format.as_str()) {
            ("integer" | "number", _) => 1,
            ("boolean", _) => 4,
            ("string", "duration") => 3,
            ("string", "date") => 12,
            ("string", "date-time") => 21,
            ("object", _) if node.additional.schema().is_none() => ENCLOSING_BYTES + self.least_bytes_of_fields(node),
            _ => ENCLOSING_BYTES,
        }
    }

    /// Only what is required, and has no default that stands for it, is there in any case.
    fn least_bytes_of_fields(self, node: &'a Node) -> u64 {
        let resource = matches!(self, Self::Value(_, true)) && !spells_out_a_resource(node);
        let own = |name: &String| resource && matches!(name.as_str(), "metadata" | "apiVersion" | "kind");
        let least = |name: &String| match node.properties.get(name) {
            _ if own(name) => Some(ENCLOSING_BYTES),
            Some(property) if property.default.is_none() => Self::new(property).map(Self::least_bytes),
            _ => None,
        };
        let mut required: Vec<&String> = node.required.iter().collect();
        required.sort_unstable();
        required.dedup();
        let fields = required
            .into_iter()
            .filter_map(|name| Some(least(name)? + name.len() as u64 + KEY_BYTES));
        fields.sum()
    }
}

/// Whether rules can see values of a schema.
pub(in super::super) fn is_seen(node: &Node) -> bool {
    Declared::new(node).is_some()
}

/// How many values of a schema an object can have where nothing else bounds it: as many as a request has place for.
pub(in super::super) fn most_times(node: &Node, resource: bool) -> u64 {
    MOST_REQUEST_BYTES / (Declared::Value(node, resource).least_bytes() + 1)
}

fn property<'a>(node: &'a Node, name: &str) -> Option<Declared<'a>> {
    let mut properties = node.properties.iter();
    // After a dot, a reserved word is a name like others.
    let is_it = |known: &str| escape(known).as_deref() == Some(name) || known == name && RESERVED.contains(&name);
    let (_, property) = properties.find(|(known, _)| is_it(known))?;
    Declared::new(property)
}

/// Whether a schema declares all that a resource has in any case. If not, none of its words on that count.
fn spells_out_a_resource(node: &Node) -> bool {
    let is = |node: &Node, name: &str, kind: &str| node.properties.get(name).is_some_and(|field| field.kind == kind);
    let names = |metadata: &Node| is(metadata, "name", "string") && is(metadata, "generateName", "string");
    is(node, "kind", "string")
        && is(node, "apiVersion", "string")
        && is(node, "metadata", "object")
        && node.properties.get("metadata").is_some_and(names)
}

/// The bytes of the longest text that is allowed.
fn longest_choice(node: &Node) -> Option<u64> {
    let lengths = node.choices.iter().map(|choice| choice.as_str().map_or(0, str::len));
    lengths.max().map(|longest| longest as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sizes(schema: &Value) -> (u64, u64) {
        let node = Node::new(schema);
        let declared = Declared::Value(&node, false);
        (declared.most_elements(), declared.least_bytes())
    }

    #[test]
    fn what_has_no_bound_is_bounded_by_the_size_of_a_request() {
        let request = 3 * 1024 * 1024 - 2;
        let cases = [
            (json!({"type": "string"}), (request, 2)),
            (json!({"type": "string", "maxLength": 10}), (40, 2)),
            (json!({"type": "string", "maxLength": 10, "format": "byte"}), (10, 2)),
            (json!({"type": "string", "format": "date-time"}), (32, 21)),
            (json!({"type": "string", "enum": ["a", "abc"]}), (3, 2)),
            (json!({"type": "integer"}), (0, 1)),
            (json!({"x-kubernetes-int-or-string": true, "maxLength": 3}), (12, 1)),
            (json!({"type": "array", "items": {"type": "boolean"}}), (request / 5, 2)),
            (
                json!({"type": "array", "maxItems": 7, "items": {"type": "boolean"}}),
                (7, 2),
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
                (request / 8, 2),
            ),
            (
                json!({"type": "object", "required": ["a", "b"], "properties": {
                    "a": {"type": "string"}, "b": {"type": "string", "default": ""}, "c": {"type": "string"}}}),
                (0, 9),
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(sizes(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_resource_has_its_own_metadata_unless_its_schema_says_all_of_it() {
        let name = json!({"type": "string", "maxLength": 5});
        let partly =
            json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": name}}}});
        let wholly = json!({"type": "object", "properties": {"kind": name, "apiVersion": name,
            "metadata": {"type": "object", "properties": {"name": name, "generateName": name}}}});
        for (schema, most) in [(partly, MOST_REQUEST_BYTES - 2), (wholly, 20)] {
            let node = Node::new(&schema);
            let metadata = Declared::Value(&node, true).field("metadata");
            let name = metadata.and_then(|metadata| metadata.field("name"));
            assert_eq!(name.map(Declared::most_elements), Some(most));
        }
    }
}
