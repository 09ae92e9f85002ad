//! What Go leaves out of a definition when it writes it: fields that are empty and mean nothing so; a definition's `spec` in,
//! the same without them out. Fields that no definition has are not dropped here.

use serde_json::{Map, Value};

use crate::server::schema::decode::whole_numbers;

/// Flags, texts, lists and objects of a schema that are left out where they are empty.
const SCHEMA: [&str; 25] = [
    "allOf",
    "anyOf",
    "definitions",
    "dependencies",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "id",
    "nullable",
    "oneOf",
    "pattern",
    "patternProperties",
    "properties",
    "required",
    "title",
    "type",
    "uniqueItems",
    "$schema",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "externalDocs",
];

/// Drops what is empty.
pub(super) fn normalize(spec: &mut Value) {
    whole_numbers(spec);
    if let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) {
        drop_empty(names, &["categories", "shortNames", "singular", "listKind"]);
    }
    if let Some(spec) = spec.as_object_mut() {
        drop_empty(spec, &["preserveUnknownFields"]);
    }
    for version in spec
        .get_mut("versions")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(version) = version.as_object_mut() {
            drop_empty(
                version,
                &["additionalPrinterColumns", "selectableFields", "deprecated", "schema"],
            );
        }
        for column in version
            .get_mut("additionalPrinterColumns")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(column) = column.as_object_mut() {
                drop_empty(column, &["description", "format", "priority"]);
            }
        }
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
            normalize_schema(schema);
        }
    }
}

fn normalize_schema(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    drop_empty(map, &SCHEMA);
    for name in ["items", "additionalProperties", "not"] {
        map.get_mut(name).into_iter().for_each(normalize_schema);
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        map.get_mut(name)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .for_each(normalize_schema);
    }
    let properties = map.get_mut("properties").and_then(Value::as_object_mut);
    properties
        .into_iter()
        .flatten()
        .for_each(|(_, property)| normalize_schema(property));
    let rules = map.get_mut("x-kubernetes-validations").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten().filter_map(Value::as_object_mut) {
        drop_empty(rule, &["message", "messageExpression", "fieldPath"]);
    }
}

fn drop_empty(map: &mut Map<String, Value>, names: &[&str]) {
    map.retain(|name, value| !names.contains(&name.as_str()) || !is_empty(value));
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_empty_goes() {
        let property = json!({"type": "string", "nullable": false, "description": "", "default": "", "minLength": 0.0, "enum": []});
        let schema = json!({"type": "object", "required": [], "properties": {"a": property}});
        let column = json!({"name": "A", "type": "string", "jsonPath": ".a", "priority": 0, "description": ""});
        let version = json!({"name": "v1", "served": true, "storage": false, "selectableFields": [],
            "additionalPrinterColumns": [column], "schema": {"openAPIV3Schema": schema}, "subresources": {}});
        let mut spec =
            json!({"names": {"plural": "as", "kind": "A", "shortNames": [], "categories": []}, "versions": [version]});
        normalize(&mut spec);
        let schema = json!({"type": "object", "properties": {"a": {"type": "string", "default": "", "minLength": 0}}});
        let column = json!({"name": "A", "type": "string", "jsonPath": ".a"});
        let version = json!({"name": "v1", "served": true, "storage": false, "additionalPrinterColumns": [column],
            "schema": {"openAPIV3Schema": schema}, "subresources": {}});
        assert_eq!(
            spec,
            json!({"names": {"plural": "as", "kind": "A"}, "versions": [version]})
        );
    }
}
