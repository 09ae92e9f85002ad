//! From `kubectl apply` on the client's side to that on the server's: what `kubectl` says in its annotation that it has
//! applied is no conflict, and the annotation is kept up to date. Data in and out: objects.

use serde_json::{Value, json};

use super::schema::Schema;
use super::set::FieldSet;

/// The only manager for which the annotation counts.
pub(super) const KUBECTL: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
const MOST_BYTES: usize = 256 * 1024;

/// The fields that the annotation says were applied and that still are what they were; `None` if it says nothing.
pub(super) fn allowed(schema: Schema<'_>, api_version: &str, live: &Value) -> Option<FieldSet> {
    let config: Value = serde_json::from_str(annotation(live)?).ok()?;
    if config.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    schema.validate(live, false).ok()?;
    schema.validate(&config, false).ok()?;
    let differences = schema.compare(&config, live);
    let same = schema
        .field_set(&config)
        .difference(&differences.modified)
        .difference(&differences.added)
        .difference(&differences.removed);
    Some(same)
}

/// Writes the applied configuration into the annotation, if the object has it.
pub(super) fn renew(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(annotations) = annotations_mut(&mut config) {
        annotations.remove(ANNOTATION);
    }
    let text = escape(&format!("{config}\n"));
    let Some(annotations) = annotations_mut(object) else {
        return;
    };
    annotations.insert(ANNOTATION.to_owned(), json!(text));
    let size: usize = annotations
        .iter()
        .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
        .sum();
    if size > MOST_BYTES {
        annotations.remove(ANNOTATION);
    }
}

fn annotation(object: &Value) -> Option<&str> {
    let text = object.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

fn annotations_mut(object: &mut Value) -> Option<&mut serde_json::Map<String, Value>> {
    object.get_mut("metadata")?.get_mut("annotations")?.as_object_mut()
}

/// JSON as Go writes it: fit for HTML.
fn escape(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
