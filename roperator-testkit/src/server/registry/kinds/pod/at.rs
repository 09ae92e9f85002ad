//! A place in an object: its value together with its path, so that what is wrong there can be said. Reads only;
//! whatever is absent, `null` or of another type than asked for reads as Go's zero value, as it does in a decoded
//! object.

use serde_json::{Map, Value};

use super::super::values;

use crate::server::field::{FieldError, FieldPath};

/// What is found wrong with an object, in the order of the real server.
pub type Errors = Vec<FieldError>;

static ABSENT: Value = Value::Null;

/// A value in an object, and where it is.
#[derive(Debug, Clone)]
pub struct At<'a> {
    /// The value; `Null` when there is none.
    pub value: &'a Value,
    /// Where it is.
    pub path: FieldPath,
}

impl<'a> At<'a> {
    /// The object itself.
    #[must_use]
    pub const fn root(object: &'a Value) -> Self {
        Self {
            value: object,
            path: FieldPath::root(),
        }
    }

    /// A field of what is here.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self {
            value: self.value.get(name).unwrap_or(&ABSENT),
            path: self.path.child(name),
        }
    }

    /// The same value, spoken of as if it were elsewhere.
    #[must_use]
    pub fn shown_at(&self, path: FieldPath) -> Self {
        Self {
            value: self.value,
            path,
        }
    }

    /// Whether there is a value.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// The place, if there is a value.
    #[must_use]
    pub fn set(self) -> Option<Self> {
        self.is_set().then_some(self)
    }

    /// The text here, or the empty one.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The text of a field, or the empty one.
    #[must_use]
    pub fn text_of(&self, name: &str) -> &'a str {
        values::text(self.value, name)
    }

    /// The number here, if there is one.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        self.value.as_i64()
    }

    /// The number of a field, if there is one.
    #[must_use]
    pub fn number_of(&self, name: &str) -> Option<i64> {
        self.value.get(name).and_then(Value::as_i64)
    }

    /// Whether a field is `true`.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.value.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The items of the list here.
    #[must_use]
    pub fn items(&self) -> Vec<Self> {
        let each = self.value.as_array().into_iter().flatten().enumerate();
        each.map(|(index, value)| Self {
            value,
            path: self.path.index(index),
        })
        .collect()
    }

    /// The entries of the map here, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value))
    }
}

/// Whether two values are the same as the real server compares them: an absent field, a null one and an empty list are.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let within = |a: &Map<String, Value>, b: &Map<String, Value>| {
                a.iter().all(|(key, value)| same(value, b.get(key).unwrap_or(&ABSENT)))
            };
            within(one, other) && within(other, one)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Null, Value::Array(list)) | (Value::Array(list), Value::Null) => list.is_empty(),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_reads_as_zero() {
        let object = json!({"a": {"b": [{"c": "d"}], "n": 3}});
        let a = At::root(&object).child("a");
        assert_eq!(a.child("x").child("y").text(), "");
        assert_eq!(a.number_of("n"), Some(3));
        let items = a.child("b").items();
        assert_eq!(items[0].child("c").path.as_str(), "a.b[0].c");
        assert_eq!(items[0].text_of("c"), "d");
    }

    #[test]
    fn absent_null_and_empty_lists_are_the_same() {
        assert!(same(&json!({"a": null, "b": []}), &json!({})));
        assert!(!same(&json!({"a": {}}), &json!({})));
        assert!(!same(&json!([1]), &json!([1, 2])));
    }
}
