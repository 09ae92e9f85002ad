//! Metadata as the server's types read it: JSON in; what the types hold, and which fields they do not know, out. A wrong
//! type is an error in the words of Go's decoder. Whether names and labels are allowed is not judged here.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Decodes the metadata of an object: what it holds in the end, and the unknown fields' paths below it.
///
/// # Errors
///
/// A field of a wrong type, as Go's decoder puts it.
pub fn decode_object_meta(metadata: &Value) -> Result<(Value, Vec<String>), String> {
    if !metadata.is_object() && !metadata.is_null() {
        let found = go_kind(metadata);
        return Err(format!(
            "json: cannot unmarshal {found} into Go value of type v1.ObjectMeta"
        ));
    }
    let mut decoder = Decoder::default();
    let decoded = decoder.fields(metadata, "ObjectMeta", "", OBJECT_META);
    match decoder.error {
        Some(error) => Err(error),
        None => Ok((Value::Object(decoded), decoder.unknown)),
    }
}

/// The Go type of a field. `Text` carries its name.
#[derive(Clone, Copy)]
enum Type {
    Text(&'static str),
    Int,
    Bool,
    Time,
    Texts,
    List(&'static str),
    Structs(&'static str, &'static [Field]),
    Raw,
}

/// A field: its name, its type, and whether it is written where it is empty.
type Field = (&'static str, Type, bool);

const OBJECT_META: &[Field] = &[
    ("annotations", Type::Texts, false),
    ("creationTimestamp", Type::Time, false),
    ("deletionGracePeriodSeconds", Type::Int, true),
    ("deletionTimestamp", Type::Time, false),
    ("finalizers", Type::List("string"), false),
    ("generateName", Type::Text("string"), false),
    ("generation", Type::Int, false),
    ("labels", Type::Texts, false),
    (
        "managedFields",
        Type::Structs("ManagedFieldsEntry", MANAGED_FIELDS),
        false,
    ),
    ("name", Type::Text("string"), false),
    ("namespace", Type::Text("string"), false),
    (
        "ownerReferences",
        Type::Structs("OwnerReference", OWNER_REFERENCE),
        false,
    ),
    ("resourceVersion", Type::Text("string"), false),
    ("selfLink", Type::Text("string"), false),
    ("uid", Type::Text("types.UID"), false),
];

const OWNER_REFERENCE: &[Field] = &[
    ("apiVersion", Type::Text("string"), true),
    ("blockOwnerDeletion", Type::Bool, true),
    ("controller", Type::Bool, true),
    ("kind", Type::Text("string"), true),
    ("name", Type::Text("string"), true),
    ("uid", Type::Text("types.UID"), true),
];

const MANAGED_FIELDS: &[Field] = &[
    ("apiVersion", Type::Text("string"), false),
    ("fieldsType", Type::Text("string"), false),
    ("fieldsV1", Type::Raw, true),
    ("manager", Type::Text("string"), false),
    ("operation", Type::Text("v1.ManagedFieldsOperationType"), false),
    ("subresource", Type::Text("string"), false),
    ("time", Type::Time, false),
];

/// Decoding goes on after an error, as Go's does, but only the first one is told.
#[derive(Default)]
struct Decoder {
    error: Option<String>,
    unknown: Vec<String>,
}

impl Decoder {
    fn fields(&mut self, value: &Value, owner: &str, path: &str, fields: &[Field]) -> Map<String, Value> {
        let mut decoded = Map::new();
        let empty = Map::new();
        let map = value.as_object().unwrap_or(&empty);
        for (name, value) in map {
            let Some((_, kind, written)) = fields.iter().find(|(known, ..)| known == name) else {
                self.unknown.push(format!("{path}{name}"));
                continue;
            };
            if value.is_null() {
                continue;
            }
            if let Some(value) = self.field(value, *kind, owner, &format!("{path}{name}"))
                && (*written || !is_empty(&value))
            {
                decoded.insert(name.clone(), value);
            }
        }
        // Texts that are always written are also written where they were not given.
        for (name, kind, written) in fields {
            if *written && matches!(kind, Type::Text(_)) && !decoded.contains_key(*name) {
                decoded.insert((*name).to_owned(), "".into());
            }
        }
        decoded
    }

    fn field(&mut self, value: &Value, kind: Type, owner: &str, path: &str) -> Option<Value> {
        match (kind, value) {
            (Type::Raw, _) | (Type::Text(_), Value::String(_)) | (Type::Bool, Value::Bool(_)) => Some(value.clone()),
            (Type::Int, Value::Number(number)) if number.is_i64() => Some(value.clone()),
            (Type::Time, Value::String(text)) => self.time(text),
            (Type::Texts, Value::Object(map)) => {
                let entries = map.iter().filter_map(|(key, text)| {
                    let text = self.text(text, owner, path)?;
                    Some((key.clone(), text))
                });
                Some(Value::Object(entries.collect()))
            }
            (Type::List(_), Value::Array(items)) => {
                Some(items.iter().filter_map(|item| self.text(item, owner, path)).collect())
            }
            (Type::Structs(name, fields), Value::Array(items)) => {
                let mut decoded = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    if !item.is_object() && !item.is_null() {
                        self.mismatch(item, owner, path, &format!("v1.{name}"));
                        continue;
                    }
                    decoded.push(self.structure(item, name, fields, path, index));
                }
                Some(Value::Array(decoded))
            }
            (kind, value) => {
                self.mismatch(value, owner, path, &kind.go_name());
                None
            }
        }
    }

    fn structure(&mut self, item: &Value, name: &str, fields: &[Field], path: &str, index: usize) -> Value {
        let known = self.unknown.len();
        let decoded = self.fields(item, name, &format!("{path}."), fields);
        // Errors name the field without the index, unknown fields with it.
        for unknown in self.unknown.iter_mut().skip(known) {
            *unknown = unknown.replacen(path, &format!("{path}[{index}]"), 1);
        }
        Value::Object(decoded)
    }

    fn text(&mut self, value: &Value, owner: &str, path: &str) -> Option<Value> {
        if value.is_null() {
            return Some("".into());
        }
        self.field(value, Type::Text("string"), owner, path)
    }

    fn time(&mut self, text: &str) -> Option<Value> {
        match text.parse::<Timestamp>() {
            Ok(time) => Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()),
            Err(_) => {
                self.error.get_or_insert_with(|| time_error(text));
                None
            }
        }
    }

    fn mismatch(&mut self, value: &Value, owner: &str, path: &str, wanted: &str) {
        let mut found = go_kind(value).to_owned();
        if let (Value::Number(number), "int64") = (value, wanted) {
            found = format!("number {number}");
        }
        let error = || format!("json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {wanted}");
        self.error.get_or_insert_with(error);
    }
}

impl Type {
    fn go_name(self) -> String {
        match self {
            Self::Text(name) => name.to_owned(),
            Self::Int => "int64".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Time | Self::Raw => "string".to_owned(),
            Self::Texts => "map[string]string".to_owned(),
            Self::List(item) => format!("[]{item}"),
            Self::Structs(name, _) => format!("[]v1.{name}"),
        }
    }
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}

/// What Go's `time.Parse` says of a text that is no RFC 3339 time: the part of the layout where it stopped.
fn time_error(text: &str) -> String {
    const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
    const PARTS: [&str; 12] = ["2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05", "Z07:00"];
    let mut rest = text;
    let mut stopped = "";
    for part in PARTS {
        stopped = part;
        let digits = part.starts_with(|first: char| first.is_ascii_digit());
        let taken = rest.get(..part.len()).filter(|taken| {
            if digits {
                taken.bytes().all(|byte| byte.is_ascii_digit())
            } else {
                *taken == part
            }
        });
        match taken {
            Some(taken) => rest = rest.get(taken.len()..).unwrap_or_default(),
            None => break,
        }
    }
    format!("parsing time \"{text}\" as \"{LAYOUT}\": cannot parse \"{rest}\" as \"{stopped}\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_read_by_its_types() {
        let field = "json: cannot unmarshal number into Go struct field";
        let errors = [
            (json!({"labels": {"a": 1}}), format!("{field} ObjectMeta.labels of type string")),
            (json!({"name": 1}), format!("{field} ObjectMeta.name of type string")),
            (json!({"uid": 1}), format!("{field} ObjectMeta.uid of type types.UID")),
            (json!({"creationTimestamp": 1}), format!("{field} ObjectMeta.creationTimestamp of type string")),
            (json!({"finalizers": [1]}), format!("{field} ObjectMeta.finalizers of type string")),
            (
                json!({"ownerReferences": [{"uid": 1}]}),
                format!("{field} OwnerReference.ownerReferences.uid of type types.UID"),
            ),
            (
                json!({"ownerReferences": ["a"]}),
                "json: cannot unmarshal string into Go struct field ObjectMeta.ownerReferences of type v1.OwnerReference"
                    .to_owned(),
            ),
            (
                json!({"generation": 1.5}),
                "json: cannot unmarshal number 1.5 into Go struct field ObjectMeta.generation of type int64".to_owned(),
            ),
            (json!("x"), "json: cannot unmarshal string into Go value of type v1.ObjectMeta".to_owned()),
            (
                json!({"creationTimestamp": "bad"}),
                "parsing time \"bad\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"bad\" as \"2006\"".to_owned(),
            ),
        ];
        for (metadata, error) in errors {
            assert_eq!(decode_object_meta(&metadata), Err(error));
        }
        let given = json!({
            "name": "x", "generateName": "", "labels": {"a": null}, "annotations": {}, "bogus": 1, "generation": 0,
            "deletionGracePeriodSeconds": 0, "creationTimestamp": "2020-01-01T02:00:00.5+02:00",
            "ownerReferences": [{"uid": "u", "zz": 1, "controller": false}], "managedFields": [{"fieldsV1": "a"}],
        });
        let decoded = json!({
            "name": "x", "labels": {"a": ""}, "deletionGracePeriodSeconds": 0, "creationTimestamp": "2020-01-01T00:00:00Z",
            "ownerReferences": [{"apiVersion": "", "kind": "", "name": "", "uid": "u", "controller": false}],
            "managedFields": [{"fieldsV1": "a"}],
        });
        let unknown = vec!["bogus".to_owned(), "ownerReferences[0].zz".to_owned()];
        assert_eq!(decode_object_meta(&given), Ok((decoded, unknown)));
    }
}
