//! All that decoding does to a custom resource before defaulting: an object in; the object as its types and its schema hold
//! it, and what they do not know, out.

use serde_json::{Map, Value};

use super::objectmeta::decode_object_meta;
use super::structural::{Node, Structural};
use crate::server::field::{FieldError, FieldPath};

impl Structural {
    /// All that decoding does to a custom resource before defaulting: metadata is read by its types, also in embedded
    /// resources, and everything else is pruned. Says which fields were unknown, in the words of strict decoding.
    ///
    /// # Errors
    ///
    /// Metadata of a wrong type. The server answers 400 with this text after `… cannot be handled as a …: `.
    pub fn decode(&self, object: &mut Value) -> Result<Vec<String>, String> {
        let mut unknown = Vec::new();
        let metadata = object.get("metadata").map(decode_object_meta).transpose()?;
        let metadata = metadata.map(|(metadata, fields)| {
            unknown.extend(fields.iter().map(|field| format!("unknown field \"metadata.{field}\"")));
            metadata
        });
        unknown.extend(self.prune(object));
        let mut embedded = Vec::new();
        coerce(object, self.root(), &FieldPath::root(), &mut embedded).map_err(|error| error.to_string())?;
        embedded.sort();
        unknown.extend(embedded.iter().map(|field| format!("unknown field \"{field}\"")));
        if let (Some(metadata), Some(map)) = (metadata, object.as_object_mut()) {
            map.insert("metadata".to_owned(), metadata);
        }
        whole_numbers(object);
        Ok(unknown)
    }
}

/// Go writes whole numbers without a fraction, so that they are integers when they are read again.
pub(super) fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().filter(|_| number.is_f64());
            if let Some(whole) = float.and_then(super::numbers::whole) {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Reads the metadata of embedded resources by their types.
pub(super) fn coerce(
    value: &mut Value,
    node: &Node,
    path: &FieldPath,
    unknown: &mut Vec<String>,
) -> Result<(), FieldError> {
    match value {
        Value::Object(map) => {
            if node.embedded {
                coerce_type_and_metadata(map, path, unknown)?;
            }
            for (name, field) in map {
                if let Some(property) = node.properties.get(name) {
                    coerce(field, property, &path.child(name), unknown)?;
                } else if let Some(additional) = node.additional.schema() {
                    coerce(field, additional, &path.key(name), unknown)?;
                }
            }
        }
        Value::Array(items) => {
            if let Some(inner) = node.items.as_deref() {
                for (index, item) in items.iter_mut().enumerate() {
                    coerce(item, inner, &path.index(index), unknown)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn coerce_type_and_metadata(
    map: &mut Map<String, Value>,
    path: &FieldPath,
    unknown: &mut Vec<String>,
) -> Result<(), FieldError> {
    for name in ["apiVersion", "kind"] {
        if let Some(value) = map.get(name).filter(|value| !value.is_string()) {
            return Err(FieldError::invalid(
                &path.child(name),
                value.clone(),
                "must be a string",
            ));
        }
    }
    if let Some(metadata) = map.get_mut("metadata") {
        let here = path.child("metadata");
        let decoded = decode_object_meta(metadata);
        let (decoded, fields) = decoded.map_err(|error| FieldError::invalid(&here, metadata.clone(), error))?;
        unknown.extend(fields.iter().map(|field| format!("{here}.{field}")));
        *metadata = decoded;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_are_told_as_the_server_tells_them() {
        let template = json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true});
        let spec = json!({"type": "object", "properties": {"a": {"type": "integer"}, "t": template}});
        let schema = Structural::new(&json!({"type": "object", "properties": {"spec": spec}}));
        let owner = json!({"zz": 1, "apiVersion": "v1", "kind": "a", "name": "b", "uid": "c"});
        let mut object = json!({
            "apiVersion": "a/v1", "kind": "K", "bar": 1,
            "metadata": {"name": "x", "bogus": 1, "ownerReferences": [owner]},
            "spec": {"t": {"apiVersion": "v1", "kind": "P", "metadata": {"q": 1, "creationTimestamp": null}, "f": 2.0}, "zz": 1, "a": null},
        });
        let unknown = schema.decode(&mut object).unwrap().join(", ");
        let told = "unknown field \"metadata.bogus\", unknown field \"metadata.ownerReferences[0].zz\", unknown field \"bar\", \
            unknown field \"spec.zz\", unknown field \"spec.t.metadata.q\"";
        assert_eq!(unknown, told);
        assert_eq!(
            object["spec"],
            json!({"t": {"apiVersion": "v1", "kind": "P", "metadata": {}, "f": 2}})
        );
        let mut wrong = json!({"spec": {"t": {"apiVersion": 5}}});
        assert_eq!(
            schema.decode(&mut wrong),
            Err("spec.t.apiVersion: Invalid value: 5: must be a string".to_owned())
        );
    }
}
