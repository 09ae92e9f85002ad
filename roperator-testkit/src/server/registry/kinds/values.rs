//! Reading and writing fields of objects that may not be there: absent, `null` and Go's zero values are the same.

use serde_json::{Map, Value};

use crate::server::field::{FieldError, FieldPath};

static NULL: Value = Value::Null;

/// A field, or `null`.
pub fn get<'a>(value: &'a Value, field: &str) -> &'a Value {
    value.get(field).unwrap_or(&NULL)
}

/// A field's text, or the empty one.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    get(value, field).as_str().unwrap_or_default()
}

/// A field's number, or zero.
pub fn number(value: &Value, field: &str) -> i64 {
    get(value, field).as_i64().unwrap_or_default()
}

/// Whether a field is `true`.
pub fn flag(value: &Value, field: &str) -> bool {
    get(value, field).as_bool().unwrap_or_default()
}

/// A field's items, or none.
pub fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    get(value, field).as_array().map_or(&[], Vec::as_slice)
}

/// A field's texts, or none.
pub fn texts<'a>(value: &'a Value, field: &str) -> Vec<&'a str> {
    let items = items(value, field).iter();
    items.map(|item| item.as_str().unwrap_or_default()).collect()
}

/// A field's items to change, or none.
pub fn items_mut<'a>(value: &'a mut Value, field: &str) -> &'a mut [Value] {
    match value.get_mut(field) {
        Some(Value::Array(items)) => items,
        _ => &mut [],
    }
}

/// A field's entries, or none.
pub fn entries<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let entries = get(value, field).as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.as_str(), value))
}

/// A field that holds an object, made if it is not there. What is no object has no fields to change.
pub fn object<'a>(value: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    let place = value.as_object_mut()?.entry(field).or_insert(Value::Null);
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    place.as_object_mut()
}

/// Sets a field of an object.
pub fn set(value: &mut Value, field: &str, to: impl Into<Value>) {
    if let Some(object) = value.as_object_mut() {
        object.insert(field.to_owned(), to.into());
    }
}

/// Removes a field of an object.
pub fn remove(value: &mut Value, field: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(field);
    }
}

/// Sets a field that is absent, an empty text or zero.
pub fn default(value: &mut Value, field: &str, to: impl Into<Value>) {
    let given = get(value, field);
    if is_unset(given) || given.as_i64() == Some(0) {
        set(value, field, to);
    }
}

/// Sets a field that is absent; an empty text is a value, and so is zero.
pub fn default_absent(value: &mut Value, field: &str, to: impl Into<Value>) {
    if get(value, field).is_null() {
        set(value, field, to);
    }
}

/// Whether a value is absent or an empty text.
pub fn is_unset(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// Whether two values are the same, if absent and empty ones are too.
pub fn same(a: &Value, b: &Value) -> bool {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    a == b || (empty(a) && empty(b))
}

/// The error of a value that is not among these, or is not given at all.
pub fn one_of(value: &str, path: &FieldPath, supported: &[&str]) -> Option<FieldError> {
    (!supported.contains(&value)).then(|| FieldError::not_supported(path, value, supported))
}

/// An error per problem.
pub fn invalid(path: &FieldPath, value: &str, problems: Vec<String>) -> Vec<FieldError> {
    let errors = problems.into_iter();
    errors
        .map(|problem| FieldError::invalid(path, value, problem))
        .collect()
}

/// What is wrong with the name of a port.
pub fn port_name(name: &str) -> Vec<String> {
    let usable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let problems = [
        (name.len() > 15, "must be no more than 15 characters"),
        (
            name.is_empty() || !name.bytes().all(usable),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (
            !name.bytes().any(|byte| byte.is_ascii_lowercase()),
            "must contain at least one letter (a-z)",
        ),
        (name.contains("--"), "must not contain consecutive hyphens"),
        (
            name.starts_with('-') || name.ends_with('-'),
            "must not begin or end with a hyphen",
        ),
    ];
    let wrong = problems.into_iter().filter(|(wrong, _)| *wrong);
    wrong.map(|(_, problem)| problem.to_owned()).collect()
}

/// What is wrong with a port, given by its number or its name.
pub fn port(path: &FieldPath, port: &Value) -> Vec<FieldError> {
    match port {
        Value::String(name) => invalid(path, name, port_name(name)),
        number => port_number(path, number.as_i64().unwrap_or_default())
            .into_iter()
            .collect(),
    }
}

/// What is wrong with a port's number.
pub fn port_number(path: &FieldPath, port: i64) -> Option<FieldError> {
    let detail = "must be between 1 and 65535, inclusive";
    (!(1..=65535).contains(&port)).then(|| FieldError::invalid(path, port, detail))
}

/// Errors as they are printed, for tests.
#[cfg(test)]
pub fn printed(errors: &[FieldError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
