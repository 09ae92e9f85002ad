//! ConfigMaps: what is refused. Objects in, field errors out; metadata excepted.

use serde_json::Value;

use super::values::{entries, flag, get, invalid, same};
use crate::server::field::{FieldError, FieldPath};
use crate::server::registry::strategy::Strategy;

/// What is special about ConfigMaps.
pub const STRATEGY: Strategy = Strategy {
    validate_create: validate,
    validate_update: |new, old| {
        let mut errors = immutable(new, old, &["data", "binaryData"]);
        errors.extend(validate(new));
        errors
    },
    ..Strategy::PLAIN
};

/// How many bytes the values of a ConfigMap or a Secret may have.
pub(super) const MOST_BYTES: usize = 1024 * 1024;

fn validate(map: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in entries(map, "data") {
        let path = FieldPath::new("data").key(key);
        errors.extend(invalid(&path, key, data_key(key)));
        if !get(get(map, "binaryData"), key).is_null() {
            errors.push(FieldError::invalid(
                &path,
                key,
                "duplicate of key present in binaryData",
            ));
        }
        size += value.as_str().map_or(0, str::len);
    }
    for (key, value) in entries(map, "binaryData") {
        errors.extend(invalid(&FieldPath::new("binaryData").key(key), key, data_key(key)));
        size += decoded_length(value);
    }
    if size > MOST_BYTES {
        errors.push(FieldError::too_long(&FieldPath::new("[]"), MOST_BYTES));
    }
    errors
}

/// What an update changes although the object says that it never changes.
pub(super) fn immutable(new: &Value, old: &Value, fields: &[&str]) -> Vec<FieldError> {
    if !flag(old, "immutable") {
        return Vec::new();
    }
    let detail = "field is immutable when `immutable` is set";
    let changed = fields.iter().filter(|field| !same(get(new, field), get(old, field)));
    let unset = (!flag(new, "immutable")).then_some(&"immutable");
    let wrong = unset.into_iter().chain(changed);
    wrong
        .map(|field| FieldError::forbidden(&FieldPath::new(field), detail))
        .collect()
}

/// What is wrong with the key of a ConfigMap's or a Secret's value.
pub(super) fn data_key(key: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if key.len() > 253 {
        problems.push("must be no more than 253 characters".to_owned());
    }
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if key.is_empty() || !key.bytes().all(usable) {
        let problem = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
            'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
        problems.push(problem.to_owned());
    }
    match key {
        "." | ".." => problems.push(format!("must not be '{key}'")),
        _ if key.starts_with("..") => problems.push("must not start with '..'".to_owned()),
        _ => {}
    }
    problems
}

/// How many bytes a value in base64 stands for.
pub(super) fn decoded_length(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default();
    text.trim_end_matches('=').len() * 3 / 4
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::values::printed;
    use super::*;

    #[test]
    fn refusals_are_those_of_the_real_server() {
        let map = json!({
            "data": {"a/b": "1", "..x": "2", "k": "v"},
            "binaryData": {"k": "eA==", ".": "eA=="},
        });
        assert_eq!(
            printed(&validate(&map)),
            [
                "data[..x]: Invalid value: \"..x\": must not start with '..'",
                "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
                "data[k]: Invalid value: \"k\": duplicate of key present in binaryData",
                "binaryData[.]: Invalid value: \".\": must not be '.'",
            ]
        );
        let large = json!({"data": {"a": "x".repeat(MOST_BYTES + 1)}});
        assert_eq!(
            printed(&validate(&large)),
            ["[]: Too long: may not be more than 1048576 bytes"]
        );
    }

    #[test]
    fn immutable_maps_stay() {
        let old = json!({"immutable": true, "data": {"a": "x"}});
        let new = json!({"data": {"a": "y"}, "binaryData": {"b": "eA=="}});
        assert_eq!(
            printed(&(STRATEGY.validate_update)(&new, &old)),
            ["immutable", "data", "binaryData"]
                .map(|field| format!("{field}: Forbidden: field is immutable when `immutable` is set"))
        );
        assert!((STRATEGY.validate_update)(&old, &old).is_empty());
    }
}
