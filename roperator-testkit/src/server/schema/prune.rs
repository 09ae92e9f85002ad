//! What decoding does to a custom resource's fields: an object in; without unknown fields, without nulls that mean
//! nothing, and with defaults out. Metadata is not touched here.

use serde_json::{Map, Value};

use super::structural::{Additional, Node, Structural};

const TYPE_AND_METADATA: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Structural {
    /// Drops fields that the schema does not know, and nulls that are neither allowed nor to be defaulted. Says which
    /// fields were unknown, in the words of strict decoding and in its order.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut unknown = Unknown::default();
        unknown.value(object, Some(Schema::root(self.root())));
        prune_nulls(object, Some(self.root()));
        unknown.into_messages()
    }

    /// Fills in defaults.
    pub fn default(&self, object: &mut Value) {
        default(object, self.root());
    }
}

/// Drops what a schema does not know from a value of its own.
pub(super) fn prune_value(value: &mut Value, node: &Node) {
    Unknown::default().value(value, Some(Schema::of(node)));
}

/// A schema as pruning sees it: a resource's root is an embedded resource, whatever the schema says.
#[derive(Clone, Copy)]
struct Schema<'a> {
    node: &'a Node,
    embedded: bool,
}

impl<'a> Schema<'a> {
    const fn root(node: &'a Node) -> Self {
        Self { node, embedded: true }
    }

    const fn of(node: &'a Node) -> Self {
        Self {
            node,
            embedded: node.embedded,
        }
    }
}

/// The unknown fields found so far, and where the search is.
#[derive(Default)]
struct Unknown {
    paths: Vec<String>,
    path: String,
}

impl Unknown {
    fn into_messages(mut self) -> Vec<String> {
        self.paths.sort();
        self.paths
            .iter()
            .map(|path| format!("unknown field \"{path}\""))
            .collect()
    }

    fn value(&mut self, value: &mut Value, schema: Option<Schema<'_>>) {
        match (value, schema) {
            (value, Some(schema)) if schema.node.preserves_unknown => self.preserved(value, schema),
            (Value::Object(map), schema) => map.retain(|name, field| self.keeps(name, field, schema)),
            (Value::Array(items), schema) => {
                let item = schema.and_then(|schema| schema.node.items.as_deref()).map(Schema::of);
                self.items(items, |unknown, value| unknown.value(value, item));
            }
            _ => {}
        }
    }

    /// Whether a field stays; what is inside of one that stays is pruned.
    fn keeps(&mut self, name: &str, field: &mut Value, schema: Option<Schema<'_>>) -> bool {
        let known = match schema {
            None => None,
            Some(schema) if schema.embedded && TYPE_AND_METADATA.contains(&name) => return true,
            Some(schema) => known_field(schema.node, name),
        };
        match known {
            Some(inner) => self.within(name, |unknown| unknown.value(field, inner.map(Schema::of))),
            None => self.within(name, |unknown| unknown.paths.push(unknown.path.clone())),
        }
        known.is_some()
    }

    /// Unknown fields stay here, but what is known may be pruned inside.
    fn preserved(&mut self, value: &mut Value, schema: Schema<'_>) {
        match value {
            Value::Object(map) => {
                for (name, field) in map {
                    if schema.embedded && TYPE_AND_METADATA.contains(&name.as_str()) {
                        continue;
                    }
                    if let Some(inner) = known_field(schema.node, name) {
                        self.within(name, |unknown| unknown.value(field, inner.map(Schema::of)));
                    }
                }
            }
            Value::Array(items) => {
                if let Some(item) = schema.node.items.as_deref() {
                    self.items(items, |unknown, value| unknown.preserved(value, Schema::of(item)));
                }
            }
            _ => {}
        }
    }

    fn items(&mut self, items: &mut [Value], mut visit: impl FnMut(&mut Self, &mut Value)) {
        let length = self.path.len();
        for (index, item) in items.iter_mut().enumerate() {
            self.path.push_str(&format!("[{index}]"));
            visit(self, item);
            self.path.truncate(length);
        }
    }

    fn within(&mut self, name: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        visit(self);
        self.path.truncate(length);
    }
}

/// `None` for an unknown field; inside of `Some`, the field's schema, where it has one.
fn known_field<'a>(node: &'a Node, name: &str) -> Option<Option<&'a Node>> {
    match (node.properties.get(name), &node.additional) {
        (Some(property), _) => Some(Some(property)),
        (None, Additional::Unset) => None,
        (None, additional) => Some(additional.schema()),
    }
}

fn prune_nulls(value: &mut Value, node: Option<&Node>) {
    match value {
        Value::Object(map) => map.retain(|name, field| {
            let inner = node.and_then(|node| node.field(name));
            let meaningless = inner.is_some_and(|inner| !inner.nullable && inner.default.is_none());
            if field.is_null() && meaningless {
                return false;
            }
            prune_nulls(field, inner);
            true
        }),
        Value::Array(items) => {
            let inner = node.and_then(|node| node.items.as_deref());
            items.iter_mut().for_each(|item| prune_nulls(item, inner));
        }
        _ => {}
    }
}

fn default(value: &mut Value, node: &Node) {
    match value {
        Value::Object(map) => default_fields(map, node),
        Value::Array(items) => {
            if let Some(inner) = node.items.as_deref() {
                items.iter_mut().for_each(|item| default_here(item, inner));
            }
        }
        _ => {}
    }
}

fn default_fields(map: &mut Map<String, Value>, node: &Node) {
    for (name, property) in &node.properties {
        if let Some(default) = &property.default
            && map.get(name).is_none_or(|value| value.is_null() && !property.nullable)
        {
            map.insert(name.clone(), default.clone());
        }
    }
    for (name, value) in map {
        if let Some(property) = node.properties.get(name) {
            default(value, property);
        } else if let Some(additional) = node.additional.schema() {
            default_here(value, additional);
        }
    }
}

fn default_here(value: &mut Value, node: &Node) {
    if let (true, false, Some(default)) = (value.is_null(), node.nullable, &node.default) {
        *value = default.clone();
    }
    default(value, node);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Structural {
        Structural::new(
            &json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
                "a": {"type": "string", "default": "x"},
                "n": {"type": "string", "nullable": true, "default": "y"},
                "list": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "integer", "default": 1}}}},
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"c": {"type": "integer"}}}},
                "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
                    "known": {"type": "object", "properties": {"d": {"type": "integer"}}}}},
                "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}},
            }}}}),
        )
    }

    #[test]
    fn unknown_fields_go_and_are_named_in_order() {
        let mut object = json!({
            "apiVersion": "a/v1", "kind": "K", "metadata": {"x": 1}, "status": {},
            "spec": {
                "z": 1, "a": null, "n": null,
                "list": [{"b": null, "q": 1}, {"b": 2}],
                "map": {"k": {"c": null, "e": 1}},
                "any": {"free": {"x": 1}, "known": {"d": 1, "e": 2}},
                "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"y": 1}, "spec": {"f": 1}, "g": 1},
            },
        });
        let unknown = schema().prune(&mut object);
        let paths = [
            "spec.any.known.e",
            "spec.list[0].q",
            "spec.map.k.e",
            "spec.pod.g",
            "spec.pod.spec.f",
            "spec.z",
            "status",
        ];
        assert_eq!(unknown, paths.map(|path| format!("unknown field \"{path}\"")));
        schema().default(&mut object);
        let spec = json!({
            "a": "x", "n": null, "list": [{"b": 1}, {"b": 2}], "map": {"k": {}}, "any": {"free": {"x": 1}, "known": {"d": 1}},
            "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"y": 1}, "spec": {}},
        });
        assert_eq!(
            object,
            json!({"apiVersion": "a/v1", "kind": "K", "metadata": {"x": 1}, "spec": spec})
        );
    }
}
