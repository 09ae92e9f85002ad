//! Objects as the real server's messages show them: JSON with the fields in the order of its own types, which a sorted
//! map has lost. Values in, text and field errors out.

use serde_json::Value;

use crate::server::{
    field::{FieldError, FieldPath, Problem},
    go,
};

/// An object with its fields in this order; those that are absent are left out.
#[must_use]
pub fn object(object: &Value, order: &[&str]) -> String {
    pairs(
        order
            .iter()
            .filter_map(|field| Some((*field, go::json(object.get(field)?)))),
    )
}

/// An object made of fields and their JSON, in this order.
#[must_use]
pub fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs = pairs.into_iter().map(|(field, value)| format!("\"{field}\":{value}"));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

/// A list of what is shown already.
#[must_use]
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(","))
}

/// A label selector.
#[must_use]
pub fn label_selector(selector: &Value) -> String {
    let expressions = selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let expressions = expressions.map(|expression| {
        let text = |field: &'static str| {
            let value = expression.get(field).and_then(Value::as_str).unwrap_or_default();
            (field, go::json(&Value::from(value)))
        };
        let values = expression.get("values").filter(|values| !is_empty(values));
        let values = values.map(|values| ("values", go::json(values)));
        pairs([text("key"), text("operator")].into_iter().chain(values))
    });
    let expressions: Vec<String> = expressions.collect();
    let labels = selector.get("matchLabels").filter(|labels| !is_empty(labels));
    let labels = labels.map(|labels| ("matchLabels", go::json(labels)));
    let expressions = (!expressions.is_empty()).then(|| ("matchExpressions", list(expressions)));
    pairs(labels.into_iter().chain(expressions))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        other => other.is_null(),
    }
}

/// An error that shows this text as its value.
#[must_use]
pub fn error(path: &FieldPath, problem: Problem, shown: &str, detail: &str) -> FieldError {
    let detail = match detail {
        "" => shown.to_owned(),
        detail => format!("{shown}: {detail}"),
    };
    FieldError {
        path: path.clone(),
        problem,
        value: None,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_keep_their_order() {
        let reference = json!({"uid": "u", "name": "n", "controller": true});
        let shown = object(&reference, &["name", "uid", "missing", "controller"]);
        assert_eq!(shown, r#"{"name":"n","uid":"u","controller":true}"#);
        let error = error(&FieldPath::new("a"), Problem::Invalid, &shown, "why");
        assert_eq!(
            error.to_string(),
            r#"a: Invalid value: {"name":"n","uid":"u","controller":true}: why"#
        );
    }

    #[test]
    fn selectors_are_shown() {
        let selector =
            json!({"matchLabels": {}, "matchExpressions": [{"values": ["x"], "operator": "In", "key": "a"}]});
        assert_eq!(
            label_selector(&selector),
            r#"{"matchExpressions":[{"key":"a","operator":"In","values":["x"]}]}"#
        );
        assert_eq!(
            label_selector(&json!({"matchLabels": {"a": "b"}})),
            r#"{"matchLabels":{"a":"b"}}"#
        );
    }
}
