//! Labels, annotations and label selectors: which are wrong, and whether a selector matches labels.

use serde_json::Value;

use super::at::{At, Errors, same};
use super::check;
use crate::server::field::{FieldError, Problem, quote};
use crate::server::names;

/// The most bytes that an object's annotations may have together.
const MOST_ANNOTATION_BYTES: usize = 256 * 1024;

/// What is wrong with a map of labels.
pub fn labels(errors: &mut Errors, at: &At<'_>) {
    for (key, value) in at.entries() {
        check::problems(errors, &at.path, key, names::qualified(key));
        let value = value.as_str().unwrap_or_default();
        check::problems(errors, &at.path, value, names::label_value(value));
    }
}

/// What is wrong with a map of annotations.
pub fn annotations(errors: &mut Errors, at: &At<'_>) {
    let mut bytes = 0;
    for (key, value) in at.entries() {
        check::problems(errors, &at.path, key, names::qualified(&key.to_lowercase()));
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > MOST_ANNOTATION_BYTES {
        errors.push(FieldError::too_long(&at.path, MOST_ANNOTATION_BYTES));
    }
}

/// What is wrong with a label selector.
pub fn selector(errors: &mut Errors, at: &At<'_>) {
    labels(errors, &at.child("matchLabels"));
    for requirement in at.child("matchExpressions").items() {
        let operator = requirement.child("operator");
        let values = requirement.child("values");
        expression_values(errors, &operator, &values, &[]);
        check::text(errors, &requirement.child("key"), names::qualified);
        for value in values.items() {
            check::text(errors, &value, names::label_value);
        }
    }
}

/// What is wrong with an operator and its values. `single` are the operators that take exactly one.
pub fn expression_values(errors: &mut Errors, operator: &At<'_>, values: &At<'_>, single: &[&str]) {
    let count = values.value.as_array().map_or(0, Vec::len);
    match operator.text() {
        "In" | "NotIn" if count == 0 => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&values.path, detail));
        }
        "Exists" | "DoesNotExist" if count > 0 => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&values.path, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other if single.contains(&other) => {
            if count != 1 {
                let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                errors.push(FieldError::required(&values.path, detail));
            }
        }
        other => errors.push(FieldError::invalid(
            &operator.path,
            other,
            "not a valid selector operator",
        )),
    }
}

/// Whether a selector has no requirement.
#[must_use]
pub fn is_empty(selector: &Value) -> bool {
    let none = |name: &str| match selector.get(name) {
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        _ => true,
    };
    none("matchLabels") && none("matchExpressions")
}

/// Whether a selector can be used: a wrong one neither matches nor fails to.
#[must_use]
pub fn is_usable(selector: &Value) -> bool {
    let mut errors = Errors::new();
    self::selector(&mut errors, &At::root(selector));
    errors.is_empty()
}

/// Whether a usable selector matches these labels. An absent one matches nothing, an empty one everything.
#[must_use]
pub fn matches(selector: &Value, labels: &Value) -> bool {
    if selector.is_null() {
        return false;
    }
    let selector = At::root(selector);
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let exact = selector
        .child("matchLabels")
        .entries()
        .all(|(key, value)| label(key).is_some() && label(key) == value.as_str());
    exact
        && selector.child("matchExpressions").items().iter().all(|requirement| {
            let actual = label(requirement.text_of("key"));
            let listed = requirement
                .child("values")
                .items()
                .iter()
                .any(|value| Some(value.text()) == actual);
            match requirement.text_of("operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => actual.is_some(),
                _ => actual.is_none(),
            }
        })
}

/// The selector of a spec is what it was.
pub fn immutable_selector(errors: &mut Errors, new: &At<'_>, old: &At<'_>) {
    let selector = new.child("selector");
    if !same(selector.value, old.child("selector").value) {
        errors.push(bad_selector(&selector, check::IMMUTABLE));
    }
}

/// An error about a selector, which is shown in the order of the real server's fields.
#[must_use]
pub fn bad_selector(at: &At<'_>, detail: &str) -> FieldError {
    let mut error = check::shown(&at.path, Problem::Invalid, &shown(at), detail);
    if detail.is_empty() {
        error.detail = shown(at);
    }
    error
}

fn shown(at: &At<'_>) -> String {
    if !at.is_set() {
        return "null".to_owned();
    }
    let mut fields = Vec::new();
    let labels = at.child("matchLabels");
    if labels.entries().next().is_some() {
        fields.push(format!("\"matchLabels\":{}", labels.value));
    }
    let expressions: Vec<String> = at.child("matchExpressions").items().iter().map(expression).collect();
    if !expressions.is_empty() {
        fields.push(format!("\"matchExpressions\":[{}]", expressions.join(",")));
    }
    format!("{{{}}}", fields.join(","))
}

fn expression(at: &At<'_>) -> String {
    let values = at.child("values");
    let mut text = format!(
        "{{\"key\":{},\"operator\":{}",
        quote(at.text_of("key")),
        quote(at.text_of("operator"))
    );
    if !values.items().is_empty() {
        text.push_str(&format!(",\"values\":{}", values.value));
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_match() {
        let labels = json!({"a": "b", "c": "d"});
        assert!(matches(&json!({"matchLabels": {"a": "b"}}), &labels));
        assert!(!matches(&json!({"matchLabels": {"x": "b"}}), &labels));
        assert!(matches(&json!({}), &labels) && !matches(&Value::Null, &labels));
        let with = |operator: &str, key: &str| {
            let expression = json!({"key": key, "operator": operator, "values": ["d", "e"]});
            json!({ "matchExpressions": [expression] })
        };
        assert!(matches(&with("In", "c"), &labels) && !matches(&with("In", "a"), &labels));
        assert!(matches(&with("NotIn", "x"), &labels) && !matches(&with("NotIn", "c"), &labels));
        assert!(matches(&with("Exists", "c"), &labels) && matches(&with("DoesNotExist", "x"), &labels));
    }

    #[test]
    fn selectors_are_shown_in_the_order_of_their_fields() {
        let selector = json!({"matchExpressions": [{"key": "x", "operator": "Foo"}], "matchLabels": {"a": "b"}});
        let shown = shown(&At::root(&selector));
        let expected = r#"{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"x","operator":"Foo"}]}"#;
        assert_eq!(shown, expected);
    }
}
