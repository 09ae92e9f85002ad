//! YAML documents as sigs.k8s.io/yaml reads them. In go bytes, out come a value and the keys that were there twice, of which
//! the last one counts, with their lines. What a key means is not known here.
//!
//! Where a document is no YAML, the words of the complaint are those of the parser that is used here; most are those of
//! libyaml, and so of the real server's.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Error, Options, Spanned};

/// A document that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What it says.
    pub value: Value,
    /// What a strict reader complains of: `line 7: key "k" already set in map`.
    pub complaints: Vec<String>,
}

/// Reads a document.
///
/// # Errors
///
/// When it is no YAML: `yaml: line 2: …`.
pub fn parse(body: &[u8]) -> Result<Parsed, String> {
    let text = std::str::from_utf8(body).map_err(|_| "yaml: invalid leading UTF-8 octet".to_owned())?;
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
    read(text, options).map_err(|error| told(&error, text))
}

fn read(text: &str, options: Options) -> Result<Parsed, Error> {
    let mut complaints = Vec::new();
    let value = serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        Build(&mut complaints).deserialize(deserializer)
    })?;
    Ok(Parsed { value, complaints })
}

/// The one complaint that a strict reader makes of several.
#[must_use]
pub fn strict(complaints: &[String]) -> String {
    format!("yaml: unmarshal errors:\n  {}", complaints.join("\n  "))
}

fn told(error: &Error, text: &str) -> String {
    let why = match error.without_snippet() {
        Error::ExternalMessage { msg, .. } | Error::Message { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    // What is open at the end is told of there.
    for (open, close) in [('[', ']'), ('{', '}')] {
        if why.starts_with(&format!("unclosed bracket '{open}'")) {
            let line = text.lines().count();
            return format!("yaml: line {line}: did not find expected ',' or '{close}'");
        }
    }
    // The real parser tells no line when it is the first one.
    match error.location().map(|location| location.line()) {
        Some(line) if line > 1 => format!("yaml: line {line}: {why}"),
        _ => format!("yaml: {why}"),
    }
}

/// Builds a value and notes duplicates.
struct Build<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Build<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Build<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Build(self.0))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = entries.next_value_seed(Build(self.0))?;
            let line = key.defined.line();
            let key = key.value;
            if map.contains_key(&key) {
                let quoted = crate::server::field::quote(&key);
                self.0.push(format!("line {line}: key {quoted} already set in map"));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_read() {
        let text = "a: 1\nb: [x, 1.5, true, null]\n1: {c: \"d\"}\n";
        let parsed = parse(text.as_bytes()).unwrap();
        assert_eq!(
            parsed.value,
            json!({"a": 1, "b": ["x", 1.5, true, null], "1": {"c": "d"}})
        );
        assert_eq!(parsed.complaints, [""; 0]);
    }

    #[test]
    fn keys_that_are_there_twice_are_told_and_the_last_one_counts() {
        let parsed = parse(b"data:\n  k: v\n  k: w\n  l: 1\n  l: 2\n").unwrap();
        assert_eq!(parsed.value, json!({"data": {"k": "w", "l": 2}}));
        assert_eq!(
            strict(&parsed.complaints),
            "yaml: unmarshal errors:\n  line 3: key \"k\" already set in map\n  line 5: key \"l\" already set in map"
        );
    }

    #[test]
    fn what_is_no_yaml_is_told() {
        let told = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            told("apiVersion: v1\n  kind: [ConfigMap\n"),
            "yaml: line 2: mapping values are not allowed in this context"
        );
        assert!(told("a: \"b\n").starts_with("yaml: "));
    }
}
