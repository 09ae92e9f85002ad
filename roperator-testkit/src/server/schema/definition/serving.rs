//! What is wrong with how a version is served: its subresources, columns and selectable fields; a version in, errors out.

use serde_json::Value;

use crate::server::field::{FieldError, FieldPath};
use crate::server::schema::fieldpath;
use crate::server::schema::fields::text;
use crate::server::schema::structural::Node;

const MOST_SELECTABLE_FIELDS: usize = 8;
const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: [&str; 8] = [
    "byte",
    "date",
    "date-time",
    "double",
    "float",
    "int32",
    "int64",
    "password",
];

/// What is wrong with the scale.
pub(super) fn subresources(version: &Value, path: &FieldPath) -> Vec<FieldError> {
    let Some(scale) = version.pointer("/subresources/scale").filter(|scale| scale.is_object()) else {
        return Vec::new();
    };
    let below = |name: &str, prefixes: &[&str], required: bool, why: &str| {
        let (value, here) = (text(scale, name), path.child("scale").child(name));
        if value.is_empty() {
            return required.then(|| FieldError::required(&here, ""));
        }
        if let Some(error) = simple_path(&value, &here) {
            return Some(error);
        }
        let fits = prefixes.iter().any(|prefix| value.starts_with(prefix));
        (!fits).then(|| FieldError::invalid(&here, value, why))
    };
    let checks = [
        below(
            "specReplicasPath",
            &[".spec."],
            true,
            "should be a json path under .spec",
        ),
        below(
            "statusReplicasPath",
            &[".status."],
            true,
            "should be a json path under .status",
        ),
        below(
            "labelSelectorPath",
            &[".spec.", ".status."],
            false,
            "should be a json path under either .spec or .status",
        ),
    ];
    checks.into_iter().flatten().collect()
}

fn simple_path(path: &str, here: &FieldPath) -> Option<FieldError> {
    let why = "must be a simple json path starting with .";
    (!path.starts_with('.')).then(|| FieldError::invalid(here, path, why))
}

/// What is wrong with the columns.
pub(super) fn columns(version: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let columns = version.get("additionalPrinterColumns").and_then(Value::as_array);
    for (index, column) in columns.into_iter().flatten().enumerate() {
        let here = path.index(index);
        if text(column, "name").is_empty() {
            found.push(FieldError::required(&here.child("name"), ""));
        }
        let (kind, format, json_path) = (text(column, "type"), text(column, "format"), text(column, "jsonPath"));
        let types = format!("must be one of {}", COLUMN_TYPES.join(","));
        if kind.is_empty() {
            found.push(FieldError::required(&here.child("type"), types));
        } else if !COLUMN_TYPES.contains(&kind.as_str()) {
            found.push(FieldError::invalid(&here.child("type"), kind, types));
        }
        if !format.is_empty() && !COLUMN_FORMATS.contains(&format.as_str()) {
            let formats = format!("must be one of {}", COLUMN_FORMATS.join(","));
            found.push(FieldError::invalid(&here.child("format"), format, formats));
        }
        if json_path.is_empty() {
            found.push(FieldError::required(&here.child("JSONPath"), ""));
        }
        found.extend(
            Some(&json_path)
                .filter(|path| !path.is_empty())
                .and_then(|path| simple_path(path, &here.child("JSONPath"))),
        );
    }
    found
}

/// What is wrong with the selectable fields.
pub(super) fn selectable_fields(version: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let fields = version
        .get("selectableFields")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let Some(schema) = version
        .pointer("/schema/openAPIV3Schema")
        .filter(|_| !fields.is_empty())
    else {
        return found;
    };
    let node = Node::new(schema);
    let mut seen: Vec<FieldPath> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let (value, here) = (text(field, "jsonPath"), path.index(index).child("jsonPath"));
        if value.is_empty() {
            found.push(FieldError::required(&here, ""));
            continue;
        }
        let (place, target) = match fieldpath::resolve(&value, &node, false) {
            Ok(resolved) => resolved,
            Err(why) => {
                found.push(FieldError::invalid(&here, value, format!("is an invalid path: {why}")));
                continue;
            }
        };
        if place.as_str().split(['.', '[']).next() == Some("metadata") {
            found.push(FieldError::invalid(
                &here,
                value.as_str(),
                "must not point to fields in metadata",
            ));
        }
        if !target.is_some_and(|target| matches!(target.kind.as_str(), "string" | "boolean" | "integer")) {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats \
                are allowed.";
            found.push(FieldError::invalid(&here, value.as_str(), why));
        }
        if seen.contains(&place) {
            found.push(FieldError::duplicate(&here, value));
        } else {
            seen.push(place);
        }
    }
    if seen.len() > MOST_SELECTABLE_FIELDS {
        found.push(FieldError::too_many(path, seen.len(), MOST_SELECTABLE_FIELDS));
    }
    found
}
