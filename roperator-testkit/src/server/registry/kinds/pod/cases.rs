//! What the real server made of objects, replayed: each case is an object that was created, or an old object and a new
//! one that replaced it or its status, with the object that came out or the causes of the refusal. Uids and times are
//! made equal. Tests only.

use serde_json::{Map, Value};

use crate::server::registry::strategy::Strategy;

/// Replays all cases of a kind.
pub fn replay(strategy: &Strategy, cases: &str) {
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    let failures: Vec<String> = cases.iter().filter_map(|case| failure(strategy, case)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn failure(strategy: &Strategy, case: &Value) -> Option<String> {
    let old = case.get("old");
    let mut new = case["new"].clone();
    (strategy.default)(&mut new);
    let mut again = new.clone();
    (strategy.default)(&mut again);
    assert_eq!(again, new, "defaults are idempotent: {}", case["name"]);
    let of_status = case.get("of") == Some(&Value::from("status"));
    let errors = match old {
        None => {
            (strategy.prepare_create)(&mut new);
            (strategy.validate_create)(&new)
        }
        Some(old) if of_status => {
            new["spec"] = old["spec"].clone();
            (strategy.validate_status)(&new, old)
        }
        Some(old) => {
            new["status"] = old["status"].clone();
            (strategy.prepare_update)(&mut new, old);
            (strategy.validate_update)(&new, old)
        }
    };
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let expected: Vec<String> = serde_json::from_value(case["causes"].clone()).unwrap_or_default();
    if errors != expected {
        return Some(format!(
            "{}\n  is:     {}\n  should: {}",
            case["name"],
            errors.join("\n          "),
            expected.join("\n          ")
        ));
    }
    let object = case.get("object")?;
    let (is, should) = (comparable(&new), comparable(object));
    (is != should).then(|| format!("{}\n  is:     {is}\n  should: {should}", case["name"]))
}

/// What of an object a kind decides: its spec, its status, and its labels and annotations. Empty metadata counts as
/// none.
fn comparable(object: &Value) -> Value {
    let mut compared = Map::new();
    for name in ["/spec", "/status", "/metadata/labels", "/metadata/annotations"] {
        let part = object.pointer(name).cloned().unwrap_or_default();
        compared.insert(name.to_owned(), without_empty_metadata(part));
    }
    Value::Object(compared)
}

fn without_empty_metadata(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, value)| !(name == "metadata" && value.as_object().is_none_or(Map::is_empty)))
            .map(|(name, value)| (name, without_empty_metadata(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_empty_metadata).collect(),
        other => other,
    }
}
