//! What the root of a schema may not say if the status is a subresource: a schema in, an error out.

use serde_json::Value;

use crate::server::field::{FieldError, FieldPath};
use crate::server::schema::fields::text;

/// What the root may say if the status is a subresource, by the names of the server's internal type.
const AT_ROOT: [(&str, &str); 22] = [
    ("description", "Description"),
    ("type", "Type"),
    ("format", "Format"),
    ("title", "Title"),
    ("maximum", "Maximum"),
    ("exclusiveMaximum", "ExclusiveMaximum"),
    ("minimum", "Minimum"),
    ("exclusiveMinimum", "ExclusiveMinimum"),
    ("maxLength", "MaxLength"),
    ("minLength", "MinLength"),
    ("pattern", "Pattern"),
    ("maxItems", "MaxItems"),
    ("minItems", "MinItems"),
    ("uniqueItems", "UniqueItems"),
    ("multipleOf", "MultipleOf"),
    ("required", "Required"),
    ("items", "Items"),
    ("properties", "Properties"),
    ("externalDocs", "ExternalDocs"),
    ("example", "Example"),
    ("x-kubernetes-preserve-unknown-fields", "XPreserveUnknownFields"),
    ("x-kubernetes-validations", "XValidations"),
];

/// What is wrong with the root.
pub(super) fn root_with_status(schema: &Value, path: &FieldPath) -> Option<FieldError> {
    let kind = text(schema, "type");
    if kind != "object" && !kind.is_empty() {
        let why =
            "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
        return Some(FieldError::invalid(&path.child("type"), kind, why));
    }
    let allowed = |name: &str| AT_ROOT.iter().any(|(known, _)| *known == name);
    let set = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
    schema
        .as_object()?
        .iter()
        .find(|(name, value)| set(value) && !allowed(name))?;
    let names: Vec<&str> = AT_ROOT.iter().map(|(_, name)| *name).collect();
    let why = format!(
        "only [{}] fields are allowed at the root of the schema if the status subresource is enabled",
        names.join(" ")
    );
    Some(FieldError::omitted(path, why))
}
