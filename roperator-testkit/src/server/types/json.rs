//! JSON documents as Go's strict decoder reads them. In go bytes, out come a value and the keys that were there twice, of
//! which the last one counts. What a key means is not known here.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::place::{Path, Place, Step};
use super::syntax;

/// A document that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What it says.
    pub value: Value,
    /// The keys that were there more than once.
    pub duplicates: Vec<Place>,
}

/// Reads a document.
///
/// # Errors
///
/// When it is no JSON, in the words of Go's decoder.
pub fn parse(body: &[u8]) -> Result<Parsed, String> {
    let mut duplicates = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let seed = Build {
        path: &Path::Root,
        duplicates: &mut duplicates,
    };
    let parsed = seed.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    match parsed {
        Ok(value) => Ok(Parsed { value, duplicates }),
        Err(error) => Err(syntax::error(body).unwrap_or_else(|| error.to_string())),
    }
}

/// So many lists and objects may be in one another: what is deeper could be written, but not read again.
pub const MOST_LEVELS: usize = 127;

/// Whether a value has more lists and objects in one another than `levels`. It looks no deeper than that.
#[must_use]
pub fn is_deeper(value: &Value, levels: usize) -> bool {
    if !value.is_array() && !value.is_object() {
        return false;
    }
    let Some(levels) = levels.checked_sub(1) else {
        return true;
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, levels)),
        Value::Object(fields) => fields.values().any(|field| is_deeper(field, levels)),
        _ => false,
    }
}

/// The `apiVersion` and the kind that an object says it is of; empty where it says nothing.
///
/// # Errors
///
/// When it is no object, or they are no strings, in the words of Go's decoder.
pub fn version_and_kind(object: &Value) -> Result<(&str, &str), String> {
    let word = match object {
        Value::Object(map) => {
            let text = |name: &str| match map.get(name) {
                None | Some(Value::Null) => Ok(""),
                Some(Value::String(text)) => Ok(text.as_str()),
                Some(other) => {
                    let word = go_word(other);
                    Err(format!(
                        "json: cannot unmarshal {word} into Go struct field .{name} of type string"
                    ))
                }
            };
            return Ok((text("apiVersion")?, text("kind")?));
        }
        Value::Null => return Ok(("", "")),
        other => go_word(other),
    };
    let api_version = r#"APIVersion string "json:\"apiVersion,omitempty\"""#;
    let kind = r#"Kind string "json:\"kind,omitempty\"""#;
    Err(format!(
        "json: cannot unmarshal {word} into Go value of type struct {{ {api_version}; {kind} }}"
    ))
}

/// What Go's decoder calls a value.
pub(super) const fn go_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// All keys of a document in its order, each as often as it is there.
pub(super) fn keys(body: &[u8]) -> Vec<Place> {
    let mut found = Vec::new();
    let walk = Walk {
        path: &Path::Root,
        found: &mut found,
    };
    // What is left of a document that is no JSON was found before.
    let _ = walk.deserialize(&mut serde_json::Deserializer::from_slice(body));
    found
}

/// A step while the document is walked.
#[derive(Clone, Copy)]
enum Here<'a> {
    Key(&'a str),
    Index(usize),
}

fn place(path: &Path<'_, Here<'_>>) -> Place {
    let mut steps: Vec<Step> = path
        .backwards()
        .map(|step| match step {
            Here::Key(key) => Step::Key((*key).to_owned()),
            Here::Index(index) => Step::Index(*index),
        })
        .collect();
    steps.reverse();
    Place(steps)
}

/// Builds a value and notes duplicates.
struct Build<'a> {
    path: &'a Path<'a, Here<'a>>,
    duplicates: &'a mut Vec<Place>,
}

impl<'de> DeserializeSeed<'de> for Build<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Build<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let seed = Build {
                path: &Path::At(self.path, Here::Index(list.len())),
                duplicates: self.duplicates,
            };
            match items.next_element_seed(seed)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let path = Path::At(self.path, Here::Key(&key));
            if map.contains_key(&key) {
                self.duplicates.push(place(&path));
            }
            let value = entries.next_value_seed(Build {
                path: &path,
                duplicates: self.duplicates,
            })?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Notes all keys.
struct Walk<'a> {
    path: &'a Path<'a, Here<'a>>,
    found: &'a mut Vec<Place>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let path = Path::At(self.path, Here::Index(index));
            let seed = Walk {
                path: &path,
                found: self.found,
            };
            if items.next_element_seed(seed)?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            let path = Path::At(self.path, Here::Key(&key));
            self.found.push(place(&path));
            entries.next_value_seed(Walk {
                path: &path,
                found: self.found,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn duplicates(body: &str) -> Vec<String> {
        let parsed = parse(body.as_bytes()).unwrap();
        parsed.duplicates.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keys_that_are_there_twice_are_told_and_the_last_one_counts() {
        let body = r#"{"spec":{"replicas":1,"replicas":2,"list":[{"a":1},{"a":1,"a":3}]},"spec":{"x":1}}"#;
        assert_eq!(duplicates(body), ["spec.replicas", "spec.list[1].a", "spec"]);
        assert_eq!(parse(body.as_bytes()).unwrap().value, json!({"spec": {"x": 1}}));
        assert_eq!(duplicates(r#"{"a":{"b":1},"b":1}"#), [""; 0]);
    }

    #[test]
    fn objects_say_what_they_are_or_are_refused() {
        assert_eq!(
            version_and_kind(&json!({"kind": "Pod", "apiVersion": "v1"})),
            Ok(("v1", "Pod"))
        );
        assert_eq!(version_and_kind(&json!({})), Ok(("", "")));
        let error = version_and_kind(&json!({"kind": 5})).unwrap_err();
        assert_eq!(
            error,
            "json: cannot unmarshal number into Go struct field .kind of type string"
        );
        let error = version_and_kind(&json!([])).unwrap_err();
        let of =
            r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
        assert_eq!(
            error,
            format!("json: cannot unmarshal array into Go value of type {of}")
        );
    }

    #[test]
    fn keys_come_in_the_order_of_the_document() {
        let found = keys(br#"{"z":{"b":[{"c":1}]},"a":null,"z":1}"#);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["z", "z.b", "z.b[0].c", "a", "z"]);
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_is_read_the_same(body in "[\\[\\]{}\",:0-9a-c. ]{0,20}|\\PC{0,20}") {
            let theirs: Result<Value, _> = serde_json::from_str(&body);
            let ours = parse(body.as_bytes()).map(|parsed| parsed.value);
            prop_assert_eq!(ours.ok(), theirs.ok());
        }
    }
}
