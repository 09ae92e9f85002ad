//! The OpenAPI v2 document. In go the v3 documents of all groups and versions, out comes one document that says of all of
//! them what v2 can say. Defaults are left out, and what v2 has no words for, as Kubernetes does.

use serde_json::{Map, Value, json, map::Entry};

/// What Kubernetes says about kinds in schemas and operations.
const KINDS: &str = "x-kubernetes-group-version-kind";

/// What says of an object that it may have any fields.
const ANYTHING: &str = "x-kubernetes-preserve-unknown-fields";

/// Makes one document of v3 documents.
pub(super) fn document(info: Value, documents: impl Iterator<Item = Value>) -> Value {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for mut document in documents {
        let items = taken(document.get_mut("paths"));
        paths.extend(items.into_iter().map(|(path, item)| (path, path_item(item))));
        for (name, schema) in taken(document.pointer_mut("/components/schemas")) {
            define(&mut definitions, name, schema);
        }
    }
    json!({
        "swagger": "2.0",
        "info": info,
        "paths": paths,
        "definitions": definitions,
        "security": [{"BearerToken": []}],
        "securityDefinitions": {
            "BearerToken": {
                "type": "apiKey",
                "description": "Bearer Token authentication",
                "name": "authorization",
                "in": "header",
            },
        },
    })
}

/// The members of an object, which leave their place.
fn taken(value: Option<&mut Value>) -> Map<String, Value> {
    match value.map(Value::take) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Adds a schema. Each document that has it tells its own kinds, which are gathered.
fn define(definitions: &mut Map<String, Value>, name: String, mut schema: Value) {
    match definitions.entry(name) {
        Entry::Vacant(place) => drop(place.insert(definition(schema))),
        Entry::Occupied(mut known) => {
            let more = schema.get_mut(KINDS).map(Value::take);
            if let (Some(Value::Array(kinds)), Some(Value::Array(more))) = (known.get_mut().get_mut(KINDS), more) {
                kinds.extend(more);
                kinds.sort_by_key(Value::to_string);
                kinds.dedup();
            }
        }
    }
}

/// A schema that has a name. Of an object that may be anything nothing more is said, or kubectl would refuse the rest.
fn definition(schema: Value) -> Value {
    match schema {
        Value::Object(mut schema) if is_true(&schema, ANYTHING) => {
            schema.retain(|name, _| name == KINDS || name == super::custom::SELECTABLE);
            schema.insert("type".to_owned(), "object".into());
            schema.into()
        }
        other => lowered(other),
    }
}

/// A schema without what v2 cannot say.
fn lowered(schema: Value) -> Value {
    // Additional properties may be just `true`.
    let Value::Object(mut schema) = schema else {
        return schema;
    };
    if let Some(reference) = schema.get("$ref").or_else(|| only_reference(&schema)) {
        let reference = reference.as_str().unwrap_or_default();
        let reference = reference.replacen("#/components/schemas/", "#/definitions/", 1);
        schema.insert("$ref".to_owned(), reference.into());
    }
    // What is one of several types is text: a quantity, or an integer or a string.
    let is_text = schema.contains_key("oneOf") && !schema.keys().any(|name| name == "type" || name.starts_with("x-"));
    if is_text {
        schema.insert("type".to_owned(), "string".into());
    }
    let (is_nullable, is_anything) = (is_true(&schema, "nullable"), is_true(&schema, ANYTHING));
    for name in ["default", "allOf", "anyOf", "oneOf", "not", "nullable"] {
        schema.remove(name);
    }
    if is_nullable || is_anything {
        open(&mut schema, is_anything);
    }
    let is_vague = match schema.get("type").and_then(Value::as_str) {
        // kubectl cannot read an array without a schema of what is in it.
        Some("array") => !schema.contains_key("items"),
        Some("object") => is_anything,
        _ => false,
    };
    if is_nullable || is_vague {
        schema.remove("type");
    }
    relax(&mut schema);
    for (name, inner) in &mut schema {
        match name.as_str() {
            "properties" => {
                let properties = taken(Some(inner)).into_iter();
                *inner = properties.map(|(name, schema)| (name, lowered(schema))).collect();
            }
            "items" | "additionalProperties" => *inner = lowered(inner.take()),
            _ => {}
        }
    }
    schema.into()
}

fn is_true(schema: &Map<String, Value>, name: &str) -> bool {
    schema.get(name) == Some(&Value::Bool(true))
}

/// What a schema refers to that says more beside it: in v3 that is all of one schema.
fn only_reference(schema: &Map<String, Value>) -> Option<&Value> {
    match schema.get("allOf")?.as_array()?.as_slice() {
        [only] => only.get("$ref"),
        _ => None,
    }
}

/// Says no more of what is in a value. Of an object in an object stays what all objects have, unless it may be anything.
fn open(schema: &mut Map<String, Value>, is_anything: bool) {
    schema.remove("items");
    let is_embedded = is_true(schema, "x-kubernetes-embedded-resource");
    match schema.get_mut("properties") {
        Some(Value::Object(properties)) if is_embedded && !is_anything => {
            properties.retain(|name, _| ["apiVersion", "kind", "metadata"].contains(&name.as_str()));
        }
        _ => drop(schema.remove("properties")),
    }
    if is_embedded && is_anything {
        demand(schema, |name| name != "apiVersion" && name != "kind");
    }
}

/// Demands nothing that may be null, for then v2 knows nothing of it.
fn relax(schema: &mut Map<String, Value>) {
    let is_nullable = |schema: &Value| schema.get("nullable") == Some(&Value::Bool(true));
    if schema.get("additionalProperties").is_some_and(is_nullable) {
        schema.remove("required");
    }
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let nullable = properties.filter(|(_, schema)| is_nullable(schema));
    let nullable: Vec<String> = nullable.map(|(name, _)| name.clone()).collect();
    if !nullable.is_empty() {
        demand(schema, |name| nullable.iter().all(|other| other != name));
    }
}

/// Demands only these fields of those that a schema demands.
fn demand(schema: &mut Map<String, Value>, is_kept: impl Fn(&str) -> bool) {
    let Some(Value::Array(names)) = schema.get_mut("required") else {
        return;
    };
    names.retain(|name| name.as_str().is_none_or(&is_kept));
    if names.is_empty() {
        schema.remove("required");
    }
}

fn path_item(item: Value) -> Value {
    let Value::Object(item) = item else { return item };
    let lowered = item.into_iter().map(|(name, value)| match (name.as_str(), value) {
        ("parameters", Value::Array(list)) => (name, list.into_iter().map(parameter).collect()),
        (_, Value::Object(members)) => (name, operation(members)),
        (_, other) => (name, other),
    });
    lowered.collect()
}

/// A parameter, whose schema is not a member of it in v2.
fn parameter(mut parameter: Value) -> Value {
    let schema = taken(parameter.get_mut("schema"));
    if let Value::Object(parameter) = &mut parameter {
        parameter.remove("schema");
        parameter.extend(schema);
    }
    parameter
}

/// An operation, whose body is a parameter in v2, and which tells once what it takes and gives.
fn operation(mut operation: Map<String, Value>) -> Value {
    let mut produces = Vec::new();
    let responses = taken(operation.get_mut("responses")).into_iter();
    let responses: Map<String, Value> = responses
        .map(|(code, answer)| (code, response(answer, &mut produces)))
        .collect();
    let mut consumes = Vec::new();
    let mut parameters = Vec::new();
    if let Some(mut body) = operation.remove("requestBody") {
        let mut parameter = json!({"name": "body", "in": "body"});
        if let (Value::Object(parameter), Some(required)) = (&mut parameter, body.get("required")) {
            parameter.insert("required".to_owned(), required.clone());
        }
        parameters.push(with_schema(parameter, taken(body.get_mut("content")), &mut consumes));
    }
    if let Some(Value::Array(others)) = operation.remove("parameters") {
        parameters.extend(others.into_iter().map(parameter));
    }
    if consumes.is_empty() {
        // Where there is no body, what is built in takes anything, and all else what it gives.
        let is_built_in = produces.iter().any(|kind| kind.contains("protobuf"));
        consumes = if is_built_in {
            vec!["*/*".to_owned()]
        } else {
            produces.clone()
        };
    }
    // Kubernetes tells patches that are applied last.
    consumes.sort_by_key(|media_type| media_type.contains("apply"));
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    operation.insert("responses".to_owned(), responses.into());
    operation.insert("consumes".to_owned(), consumes.into());
    operation.insert("produces".to_owned(), produces.into());
    operation.insert("schemes".to_owned(), json!(["https"]));
    operation.into()
}

fn response(mut response: Value, produces: &mut Vec<String>) -> Value {
    let content = taken(response.get_mut("content"));
    if let Value::Object(response) = &mut response {
        response.remove("content");
    }
    with_schema(response, content, produces)
}

/// What has contents in v3 has one schema in v2; the media types are told elsewhere.
fn with_schema(mut holder: Value, contents: Map<String, Value>, media_types: &mut Vec<String>) -> Value {
    for (media_type, mut content) in contents {
        let schema = content.get_mut("schema").map(Value::take);
        if let (Value::Object(holder), Some(schema)) = (&mut holder, schema) {
            holder.entry("schema").or_insert_with(|| lowered(schema));
        }
        if !media_types.contains(&media_type) {
            media_types.push(media_type);
        }
    }
    holder
}
