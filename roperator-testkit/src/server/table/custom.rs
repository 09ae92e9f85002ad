//! The columns of custom kinds: `additionalPrinterColumns` in, columns out.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::Column;
use super::cell::Cell;
use super::json_path::JsonPath;

/// The columns of a version of a custom kind, from its `additionalPrinterColumns`. Without any, the age is shown. A path
/// that is not understood finds nothing.
#[must_use]
pub fn columns(printed: &[Value]) -> Vec<Column> {
    let age = [json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})];
    let printed = if printed.is_empty() { &age } else { printed };
    let name = Column {
        name: Cow::Borrowed("Name"),
        kind: Cow::Borrowed("string"),
        format: Cow::Borrowed("name"),
        priority: 0,
        description: Cow::Borrowed(""),
        cell: Cell::Name,
    };
    let custom = printed.iter().map(|column| {
        let text = |field: &str| column.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let path = text("jsonPath");
        let description = match text("description") {
            described if described.is_empty() => {
                format!("Custom resource definition column (in JSONPath format): {path}")
            }
            described => described,
        };
        Column {
            name: Cow::Owned(text("name")),
            kind: Cow::Owned(text("type")),
            format: Cow::Owned(text("format")),
            priority: column.get("priority").and_then(Value::as_i64).unwrap_or_default(),
            description: Cow::Owned(description),
            cell: Cell::Custom(JsonPath::parse(&path), text("type")),
        }
    });
    std::iter::once(name).chain(custom).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::table::cells;

    #[test]
    fn custom_columns_are_read_as_their_types_ask() {
        let printed = json!([
            {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Odd", "type": "integer", "jsonPath": ".spec.color"},
            {"name": "Tags", "type": "string", "jsonPath": ".spec.tags"},
            {"name": "Ready", "type": "boolean", "jsonPath": ".status.ready", "priority": 1},
            {"name": "Since", "type": "date", "jsonPath": ".spec.since", "description": "When."},
            {"name": "None", "type": "string", "jsonPath": ".spec.none"},
            {"name": "Null", "type": "string", "jsonPath": ".spec.null"},
            {"name": "Cut", "type": "integer", "jsonPath": ".spec.share"},
            {"name": "Share", "type": "string", "jsonPath": ".spec.share"},
            {"name": "NoDate", "type": "date", "jsonPath": ".spec.color"},
        ]);
        let columns = columns(printed.as_array().unwrap());
        let object = json!({
            "metadata": {"name": "a"},
            "spec": {"color": "red", "size": 3, "tags": ["x"], "since": "2026-01-01T00:00:00Z",
                "null": null, "share": 3.7},
            "status": {"ready": true},
        });
        let now = "2026-01-01T00:05:01Z".parse().unwrap();
        assert_eq!(
            cells(&columns, &object, now),
            [
                json!("a"),
                json!("red"),
                json!(3),
                Value::Null,
                json!("[\"x\"]"),
                json!(true),
                json!("5m1s"),
                Value::Null,
                json!("<no value>"),
                json!(3),
                json!("3.7"),
                json!("<invalid>"),
            ]
        );
        assert_eq!(
            columns[1].description,
            "Custom resource definition column (in JSONPath format): .spec.color"
        );
        assert_eq!(columns[6].description, "When.");
    }

    #[test]
    fn without_columns_the_age_is_shown() {
        let object = json!({"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}});
        let now = "2026-01-01T00:00:07Z".parse().unwrap();
        assert_eq!(cells(&columns(&[]), &object, now), ["a", "7s"]);
    }
}
