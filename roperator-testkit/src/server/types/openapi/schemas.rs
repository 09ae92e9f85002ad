//! The schemas in an OpenAPI document. In go types of the table, out come their schemas and all that they refer to.

use serde_json::{Map, Value, json};

use crate::server::types::Types;
use crate::server::types::table::{Field, Form, Special, StructId, TypeId};

/// Where in OpenAPI Kubernetes' own machinery is.
pub(super) const MACHINERY: &str = "io.k8s.apimachinery.pkg";

/// The schemas of a document.
pub(super) struct Schemas<'t> {
    pub(super) types: &'t Types,
    pub(super) group: &'t str,
    pub(super) version: &'t str,
    pub(super) found: Map<String, Value>,
}

impl<'t> Schemas<'t> {
    pub(super) fn new(types: &'t Types, group: &'t str, version: &'t str) -> Self {
        let found = Map::new();
        Self {
            types,
            group,
            version,
            found,
        }
    }

    /// The name of a kind's schema, which is added if it is not there yet.
    pub(super) fn kind(&mut self, group: &str, version: &str, kind: &str) -> Option<&'static str> {
        let id = self.types.kind(group, version, kind)?;
        self.object(id);
        let name = self.types.table.get(id).name;
        let told = match self.found.get_mut(name) {
            Some(Value::Object(schema)) => schema.entry("x-kubernetes-group-version-kind").or_insert(json!([])),
            _ => return Some(name),
        };
        let this = json!({"group": group, "version": version, "kind": kind});
        if let Value::Array(told) = told
            && !told.contains(&this)
        {
            told.push(this);
        }
        Some(name)
    }

    /// The name of the schema of patches, which are anything.
    pub(super) fn patch(&mut self) -> String {
        let name = format!("{MACHINERY}.apis.meta.v1.Patch");
        self.found.insert(name.clone(), json!({"type": "object"}));
        name
    }

    pub(super) fn object(&mut self, id: StructId) {
        let found = self.types.table.get(id);
        if self.found.contains_key(found.name) {
            return;
        }
        // The place is taken before the fields are looked at, for they may refer to it.
        self.found.insert(found.name.to_owned(), Value::Null);
        let mut schema = Map::from_iter([("type".to_owned(), "object".into())]);
        let fields = found.json.iter();
        let properties: Map<String, Value> = fields
            .map(|json| (json.field.name.to_owned(), self.field(&json.field)))
            .collect();
        let required = self.required(id);
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), properties.into());
        }
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if found.atomic {
            schema.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
        }
        self.found.insert(found.name.to_owned(), schema.into());
    }

    /// The fields that must be there, as they are declared.
    fn required(&self, id: StructId) -> Vec<&'t str> {
        let fields = self.types.table.get(id).fields.iter();
        let required = fields.flat_map(|field| match self.types.table.of(field.of).form {
            Form::Struct(embedded) if field.inline => self.required(embedded),
            _ if field.required => vec![field.name],
            _ => Vec::new(),
        });
        required.collect()
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut hints = Map::new();
        let mut hint = |name: &str, value: Value| hints.insert(name.to_owned(), value);
        match field.list.map(|list| list.split_once(':').unwrap_or((list, ""))) {
            Some(("map", keys)) => {
                hint("x-kubernetes-list-type", "map".into());
                hint("x-kubernetes-list-map-keys", keys.split(',').collect());
            }
            Some((list, _)) => drop(hint("x-kubernetes-list-type", list.into())),
            None => {}
        }
        for (name, value) in [
            ("x-kubernetes-map-type", field.map),
            ("x-kubernetes-patch-strategy", field.patch_strategy),
            ("x-kubernetes-patch-merge-key", field.patch_key),
        ] {
            if let Some(value) = value {
                hint(name, value.into());
            }
        }
        if let Some(default) = self.types.default(field) {
            hint("default", default);
        }
        with(self.value(field.of), hints)
    }

    fn value(&mut self, of: TypeId) -> Value {
        match self.types.table.of(of).form {
            Form::String => json!({"type": "string"}),
            Form::Bool => json!({"type": "boolean"}),
            Form::Int32 => json!({"type": "integer", "format": "int32"}),
            Form::Int64 => json!({"type": "integer", "format": "int64"}),
            Form::Float64 => json!({"type": "number", "format": "double"}),
            Form::Bytes => json!({"type": "string", "format": "byte"}),
            Form::Special(special) => self.special(special),
            Form::Struct(id) => {
                self.object(id);
                reference(self.types.table.get(id).name)
            }
            Form::Pointer(inner) => self.value(inner),
            Form::List(items) => json!({"type": "array", "items": self.inner(items)}),
            Form::Map { values } => json!({"type": "object", "additionalProperties": self.inner(values)}),
        }
    }

    /// What is in a list or a map, which is never absent and so has a default.
    fn inner(&mut self, of: TypeId) -> Value {
        let default = match self.types.table.of(of).form {
            Form::String => json!(""),
            Form::Bool => json!(false),
            Form::Int32 | Form::Int64 | Form::Float64 => json!(0),
            Form::Struct(_) => json!({}),
            _ => return self.value(of),
        };
        with(self.value(of), Map::from_iter([("default".to_owned(), default)]))
    }

    fn special(&mut self, special: Special) -> Value {
        let definitions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";
        let (name, schema) = match special {
            Special::Quantity => (
                format!("{MACHINERY}.api.resource.Quantity"),
                json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
            ),
            Special::Time => (
                format!("{MACHINERY}.apis.meta.v1.Time"),
                json!({"type": "string", "format": "date-time"}),
            ),
            Special::MicroTime => (
                format!("{MACHINERY}.apis.meta.v1.MicroTime"),
                json!({"type": "string", "format": "date-time"}),
            ),
            Special::IntOrString => (
                format!("{MACHINERY}.util.intstr.IntOrString"),
                json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}),
            ),
            Special::Raw => (format!("{MACHINERY}.runtime.RawExtension"), json!({"type": "object"})),
            Special::Fields => (format!("{MACHINERY}.apis.meta.v1.FieldsV1"), json!({"type": "object"})),
            Special::Json => (format!("{definitions}.JSON"), json!({})),
            Special::SchemaOrBool => (format!("{definitions}.JSONSchemaPropsOrBool"), json!({})),
            Special::SchemaOrArray => (format!("{definitions}.JSONSchemaPropsOrArray"), json!({})),
            Special::SchemaOrStrings => (format!("{definitions}.JSONSchemaPropsOrStringArray"), json!({})),
        };
        let reference = reference(&name);
        self.found.insert(name, schema);
        reference
    }
}

/// The schema of what `/version` answers.
pub(super) fn version_info() -> Value {
    let required = [
        "major",
        "minor",
        "gitVersion",
        "gitCommit",
        "gitTreeState",
        "buildDate",
        "goVersion",
        "compiler",
        "platform",
    ];
    let others = [
        "emulationMajor",
        "emulationMinor",
        "minCompatibilityMajor",
        "minCompatibilityMinor",
    ];
    let given = required.map(|name| (name.to_owned(), json!({"type": "string", "default": ""})));
    let others = others.map(|name| (name.to_owned(), json!({"type": "string"})));
    let properties: Map<String, Value> = given.into_iter().chain(others).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// A reference to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A schema with hints beside it, which a reference cannot have.
pub(super) fn with(mut schema: Value, mut hints: Map<String, Value>) -> Value {
    if hints.is_empty() {
        return schema;
    }
    if schema.get("$ref").is_some() {
        schema = json!({"allOf": [schema]});
    }
    if let Value::Object(schema) = &mut schema {
        schema.append(&mut hints);
    }
    schema
}
