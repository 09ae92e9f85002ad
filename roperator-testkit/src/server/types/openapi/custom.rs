//! The schemas of custom kinds in an OpenAPI document. In goes what a definition says, out comes what is published: with
//! what Kubernetes knows of all objects, of objects in objects, and of what is an integer or a string.

use serde_json::{Map, Value, json};

use super::{
    CustomKind,
    schemas::{MACHINERY, Schemas, reference, with},
};

/// What tells by which fields can be selected.
pub(super) const SELECTABLE: &str = "x-kubernetes-selectable-fields";

/// Where Kubernetes explains its objects.
pub(super) const CONVENTIONS: &str =
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should \
                           convert recognized schemas to the latest internal value, and may reject unrecognized values";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this \
                    from the endpoint the client submits requests to. Cannot be updated. In CamelCase";
const EMBEDDED_API_VERSION: &str = "apiVersion defines the versioned schema of this representation of an object";
const EMBEDDED_KIND: &str = "kind is a string value representing the type of this object. In CamelCase";

impl Schemas<'_> {
    /// Adds the schemas of a custom kind and of its lists, and tells the name of the former.
    pub(super) fn custom(&mut self, kind: &CustomKind) -> String {
        let mut domain: Vec<&str> = self.group.split('.').collect();
        domain.reverse();
        let prefix = format!("{}.{}", domain.join("."), self.version);
        let (name, list) = (
            format!("{prefix}.{}", kind.kind),
            format!("{prefix}.{}", kind.list_kind),
        );
        for meta in ["ObjectMeta", "ListMeta"] {
            if let Some(id) = self.types.table.named(&meta_type(meta)) {
                self.object(id);
            }
        }
        let mut schema = kind.schema.clone();
        complete(&mut schema);
        if let Value::Object(schema) = &mut schema {
            schema.entry("type").or_insert("object".into());
            set_properties(schema, of_object(API_VERSION, KIND));
        }
        let items = json!({
            "description": format!("List of {}. More info: {CONVENTIONS}", kind.plural),
            "type": "array",
            "items": reference(&name),
        });
        let mut lists = json!({
            "description": format!("{} is a list of {}", kind.list_kind, kind.kind),
            "type": "object",
            "required": ["items"],
            "properties": {"items": items},
        });
        if let Value::Object(lists) = &mut lists {
            set_properties(lists, of_list());
        }
        for (name, mut schema, of) in [(&name, schema, &kind.kind), (&list, lists, &kind.list_kind)] {
            if let Value::Object(schema) = &mut schema {
                let told = json!([{"group": self.group, "version": self.version, "kind": of}]);
                schema.insert("x-kubernetes-group-version-kind".to_owned(), told);
                if !kind.selectable.is_empty() {
                    let fields = kind.selectable.iter().map(|path| json!({"fieldPath": path}));
                    schema.insert(SELECTABLE.to_owned(), fields.collect());
                }
            }
            self.found.insert(name.clone(), schema);
        }
        name
    }
}

fn meta_type(name: &str) -> String {
    format!("{MACHINERY}.apis.meta.v1.{name}")
}

/// What every custom object has; how its version and its kind are described depends on where it is.
fn of_object(api_version: &str, kind: &str) -> [(&'static str, Value); 3] {
    let metadata = property(
        reference(&meta_type("ObjectMeta")),
        "Standard object's metadata",
        "metadata",
    );
    of_all(api_version, kind, metadata)
}

fn of_list() -> [(&'static str, Value); 3] {
    let metadata = property(
        reference(&meta_type("ListMeta")),
        "Standard list metadata",
        "types-kinds",
    );
    of_all(API_VERSION, KIND, metadata)
}

fn of_all(api_version: &str, kind: &str, metadata: Value) -> [(&'static str, Value); 3] {
    let text = || json!({"type": "string"});
    [
        ("apiVersion", property(text(), api_version, "resources")),
        ("kind", property(text(), kind, "types-kinds")),
        ("metadata", metadata),
    ]
}

/// A described property; a chapter of the conventions says more.
fn property(schema: Value, words: &str, chapter: &str) -> Value {
    let words = format!("{words}. More info: {CONVENTIONS}#{chapter}");
    with(schema, Map::from_iter([("description".to_owned(), words.into())]))
}

fn set_properties(schema: &mut Map<String, Value>, properties: [(&'static str, Value); 3]) {
    if let Value::Object(known) = schema.entry("properties").or_insert(json!({})) {
        known.extend(properties.map(|(name, value)| (name.to_owned(), value)));
    }
}

/// Says what the extensions of a schema, and of those in it, imply.
fn complete(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    for (name, inner) in schema.iter_mut() {
        match (name.as_str(), inner) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(complete),
            ("items" | "additionalProperties", inner) => complete(inner),
            _ => {}
        }
    }
    let is = |name| schema.get(name) == Some(&Value::Bool(true));
    let (is_int_or_string, is_embedded) = (is("x-kubernetes-int-or-string"), is("x-kubernetes-embedded-resource"));
    if is_int_or_string {
        say_int_or_string(schema);
    }
    if is_embedded {
        set_properties(schema, of_object(EMBEDDED_API_VERSION, EMBEDDED_KIND));
        if let Value::Array(required) = schema.entry("required").or_insert(json!([])) {
            for name in ["kind", "apiVersion"] {
                if !required.iter().any(|known| known == name) {
                    required.push(name.into());
                }
            }
        }
    }
}

/// Says in plain JSON schema that a value is an integer or a string, unless it is said.
fn say_int_or_string(schema: &mut Map<String, Value>) {
    let both = json!([{"type": "integer"}, {"type": "string"}]);
    let all = schema.get("allOf").and_then(Value::as_array);
    let in_all = all.and_then(|all| all.first()).and_then(|first| first.get("anyOf"));
    if schema.get("anyOf") == Some(&both) || in_all == Some(&both) {
        return;
    }
    if !schema.contains_key("anyOf") {
        schema.insert("anyOf".to_owned(), both);
        return;
    }
    if let Value::Array(all) = schema.entry("allOf").or_insert(json!([])) {
        all.insert(0, json!({"anyOf": both}));
    }
}
