//! The fields that selectors know of custom resources: a version of a definition and an object in, names and values out.

use serde_json::Value;

use super::fields::text;

/// The values of `selectableFields` of a version of a definition in an object, by the names that field selectors use. A
/// field that is absent is selected as an empty text.
#[must_use]
pub fn selectable_fields(version: &Value, object: &Value) -> Vec<(String, String)> {
    let fields = version.get("selectableFields").and_then(Value::as_array);
    let fields = fields.into_iter().flatten().map(|field| {
        let path = text(field, "jsonPath");
        let name = path.strip_prefix('.').unwrap_or(&path);
        // Definitions may only select scalars, by the names of fields.
        let value = name.split('.').try_fold(object, |value, field| value.get(field));
        let shown = match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        (name.to_owned(), shown)
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_fields_are_empty() {
        let version = json!({"selectableFields": [{"jsonPath": ".spec.b"}, {"jsonPath": ".spec.none"}]});
        let wanted = [
            ("spec.b".to_owned(), "true".to_owned()),
            ("spec.none".to_owned(), String::new()),
        ];
        assert_eq!(selectable_fields(&version, &json!({"spec": {"b": true}})), wanted);
    }
}
