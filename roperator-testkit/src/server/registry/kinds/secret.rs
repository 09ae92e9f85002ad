//! Secrets: `stringData` and the type are filled in, what their types require is checked. Metadata excepted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::configmap::{MOST_BYTES, data_key, decoded_length, immutable};
use super::values::{default, entries, get, invalid, remove, set, text};
use crate::server::field::{FieldError, FieldPath};
use crate::server::patch::go;
use crate::server::registry::strategy::Strategy;
use crate::server::types::json;

/// What is special about Secrets.
pub const STRATEGY: Strategy = Strategy {
    default: defaults,
    validate_create: validate,
    prepare_update: |new, old| {
        let kind = text(old, "type").to_owned();
        default(new, "type", kind);
    },
    validate_update: |new, old| {
        let mut errors = Vec::new();
        if text(new, "type") != text(old, "type") {
            let detail = "field is immutable";
            errors.push(FieldError::invalid(&FieldPath::new("type"), text(new, "type"), detail));
        }
        errors.extend(immutable(new, old, &["data"]));
        errors.extend(validate(new));
        errors
    },
    warnings: |secret, _| unusable_pair(secret).map(str::to_owned).into_iter().collect(),
    selectable: |secret| vec![("type", text(secret, "type").to_owned())],
    ..Strategy::PLAIN
};

fn defaults(secret: &mut Value) {
    default(secret, "type", "Opaque");
    if let Some(Value::Object(plain)) = secret.get_mut("stringData").map(Value::take) {
        let data = get(secret, "data").as_object().cloned();
        let mut data: Map<String, Value> = data.unwrap_or_default();
        for (key, value) in plain {
            let encoded = STANDARD.encode(value.as_str().unwrap_or_default());
            data.insert(key, encoded.into());
        }
        if !data.is_empty() {
            set(secret, "data", data);
        }
    }
    remove(secret, "stringData");
}

fn validate(secret: &Value) -> Vec<FieldError> {
    let path = FieldPath::new("data");
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in entries(secret, "data") {
        errors.extend(invalid(&path.key(key), key, data_key(key)));
        size += decoded_length(value);
    }
    if size > MOST_BYTES {
        errors.push(FieldError::too_long(&path, MOST_BYTES));
    }
    let data = get(secret, "data");
    let missing = |key: &str| get(data, key).is_null();
    let required = |key: &str| FieldError::required(&path.key(key), "");
    match text(secret, "type") {
        "kubernetes.io/service-account-token" => {
            let key = "kubernetes.io/service-account.name";
            if text(get(get(secret, "metadata"), "annotations"), key).is_empty() {
                let place = FieldPath::new("metadata.annotations").key(key);
                errors.push(FieldError::required(&place, ""));
            }
        }
        "kubernetes.io/dockercfg" => errors.extend(json_object(data, ".dockercfg")),
        "kubernetes.io/dockerconfigjson" => errors.extend(json_object(data, ".dockerconfigjson")),
        "kubernetes.io/basic-auth" if missing("username") && missing("password") => {
            errors.extend(["username", "password"].map(required));
        }
        "kubernetes.io/ssh-auth" if text(data, "ssh-privatekey").is_empty() => {
            errors.push(required("ssh-privatekey"));
        }
        "kubernetes.io/tls" => {
            let keys = ["tls.crt", "tls.key"].into_iter();
            errors.extend(keys.filter(|key| missing(key)).map(required));
        }
        _ => {}
    }
    errors
}

/// Why a certificate and its key are none, as far as can be told without reading what is encoded in them.
fn unusable_pair(secret: &Value) -> Option<&'static str> {
    if text(secret, "type") != "kubernetes.io/tls" {
        return None;
    }
    let data = get(secret, "data");
    let is_pem = |key: &str| {
        let decoded = STANDARD.decode(text(data, key)).unwrap_or_default();
        String::from_utf8_lossy(&decoded).contains("-----BEGIN ")
    };
    if !is_pem("tls.crt") {
        return Some("tls: failed to find any PEM data in certificate input");
    }
    (!is_pem("tls.key")).then_some("tls: failed to find any PEM data in key input")
}

/// What is wrong with a value that must be a JSON object.
fn json_object(data: &Value, key: &str) -> Option<FieldError> {
    let path = FieldPath::new("data").key(key);
    let Some(encoded) = get(data, key).as_str() else {
        return Some(FieldError::required(&path, ""));
    };
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    let detail = match json::parse(&bytes).map(|parsed| parsed.value) {
        Ok(Value::Object(_) | Value::Null) => return None,
        Ok(other) => format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go::json_name(&other)
        ),
        Err(why) => why,
    };
    Some(FieldError::invalid(&path, "<secret contents redacted>", detail))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::values::printed;
    use super::*;

    #[test]
    fn plain_data_becomes_data() {
        let mut secret = json!({"stringData": {"a": "b"}, "data": {"a": "eA==", "c": "eQ=="}});
        defaults(&mut secret);
        assert_eq!(secret, json!({"data": {"a": "Yg==", "c": "eQ=="}, "type": "Opaque"}));
    }

    #[test]
    fn refusals_are_those_of_the_real_server() {
        let refused = |kind: &str, data: Value| printed(&validate(&json!({"type": kind, "data": data})));
        assert_eq!(
            refused("kubernetes.io/tls", json!({"a/": "eA=="}))[1..],
            ["data[tls.crt]: Required value", "data[tls.key]: Required value"]
        );
        assert_eq!(
            refused("kubernetes.io/dockercfg", json!({})),
            ["data[.dockercfg]: Required value"]
        );
        assert_eq!(
            refused("kubernetes.io/basic-auth", json!({})),
            ["data[username]: Required value", "data[password]: Required value"]
        );
        assert_eq!(
            refused("kubernetes.io/ssh-auth", json!({})),
            ["data[ssh-privatekey]: Required value"]
        );
        assert_eq!(
            refused("kubernetes.io/service-account-token", json!({})),
            ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]
        );
        let contents = [
            ("eA==", "invalid character 'x' looking for beginning of value"),
            (
                "W10=",
                "json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
            ("", "unexpected end of JSON input"),
        ];
        for (content, detail) in contents {
            assert_eq!(
                refused("kubernetes.io/dockerconfigjson", json!({".dockerconfigjson": content})),
                [format!(
                    "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": {detail}"
                )]
            );
        }
    }

    #[test]
    fn the_type_stays() {
        let old = json!({"type": "Opaque"});
        assert_eq!(
            printed(&(STRATEGY.validate_update)(&json!({"type": "foo"}), &old)),
            ["type: Invalid value: \"foo\": field is immutable"]
        );
    }
}
