//! What is wrong with labels and with a `LabelSelector` inside an object: JSON in, field errors out, in the real
//! server's words and order (maps by key, where the real server's order is random). It never changes anything.

use serde_json::Value;

use crate::server::field::{FieldError, FieldPath};
use crate::server::names;

/// What is wrong with a map of labels.
#[must_use]
pub fn labels(labels: Option<&Value>, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels.and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        errors.extend(label_name(key, path));
        errors.extend(invalid(path, value, names::label_value(value)));
    }
    errors
}

/// What is wrong with a label's key.
#[must_use]
pub fn label_name(key: &str, path: &FieldPath) -> Vec<FieldError> {
    invalid(path, key, names::qualified(key)).collect()
}

/// What is wrong with a `LabelSelector`.
#[must_use]
pub fn label_selector(selector: Option<&Value>, path: &FieldPath) -> Vec<FieldError> {
    let Some(selector) = selector else {
        return Vec::new();
    };
    let mut errors = labels(selector.get("matchLabels"), &path.child("matchLabels"));
    let expressions = selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for (index, expression) in expressions.enumerate() {
        errors.extend(label_requirement(
            expression,
            &path.child("matchExpressions").index(index),
        ));
    }
    errors
}

fn label_requirement(expression: &Value, path: &FieldPath) -> Vec<FieldError> {
    let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
    let no_values = Vec::new();
    let values = expression.get("values").and_then(Value::as_array).unwrap_or(&no_values);
    let mut errors = Vec::new();
    match text("operator") {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&path.child("values"), detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&path.child("values"), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => {
            let detail = "not a valid selector operator";
            errors.push(FieldError::invalid(&path.child("operator"), other, detail));
        }
    }
    errors.extend(label_name(text("key"), &path.child("key")));
    for (index, value) in values.iter().enumerate() {
        let value = value.as_str().unwrap_or_default();
        errors.extend(invalid(
            &path.child("values").index(index),
            value,
            names::label_value(value),
        ));
    }
    errors
}

fn invalid(path: &FieldPath, value: &str, problems: Vec<String>) -> impl Iterator<Item = FieldError> {
    problems
        .into_iter()
        .map(move |problem| FieldError::invalid(path, value, problem))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(errors: &[FieldError]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn selectors_are_judged_as_by_the_real_server() {
        let selector = json!({
            "matchLabels": {"a": "b"},
            "matchExpressions": [
                {"key": "a", "operator": "In"},
                {"key": "a", "operator": "Exists", "values": ["x"]},
                {"key": "", "operator": "Is"},
            ]
        });
        let path = FieldPath::new("spec.selector");
        assert_eq!(
            texts(&label_selector(Some(&selector), &path)),
            [
                "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                "spec.selector.matchExpressions[2].operator: Invalid value: \"Is\": not a valid selector operator",
                "spec.selector.matchExpressions[2].key: Invalid value: \"\": name part must be non-empty",
                "spec.selector.matchExpressions[2].key: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ]
        );
        assert!(label_selector(None, &path).is_empty());
    }

    #[test]
    fn labels_are_judged() {
        let path = FieldPath::new("metadata.labels");
        let wrong = labels(Some(&json!({"/x": "y", "z": "-"})), &path);
        let texts = texts(&wrong);
        assert_eq!(
            texts[0],
            "metadata.labels: Invalid value: \"/x\": prefix part must be non-empty"
        );
        assert!(
            texts[1].starts_with("metadata.labels: Invalid value: \"-\": a valid label must be an empty string or")
        );
    }
}
