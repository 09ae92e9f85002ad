//! The steps of a path into an object as managed fields know them: a field, a list's item by its keys, by its value or
//! by its index; and the order, equality and text of JSON values that they need. Data only.

use std::cmp::Ordering;
use std::fmt::{self, Display, Write as _};
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::server::field::quote;

/// One step of a path. Cheap to clone; ordered as the real server orders them.
#[derive(Debug, Clone)]
pub enum PathElement {
    /// A field of an object: `f:name`.
    Field(Arc<str>),
    /// The item of a list whose fields have these values, sorted by name: `k:{"name":"web"}`.
    Key(Arc<[(String, Value)]>),
    /// The item of a set that has this value: `v:"a"`.
    Value(Arc<Value>),
    /// The item of a list at this place: `i:0`.
    Index(i64),
}

/// Why a text is not a path element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathElementError {
    /// A kind of element that may exist one day; whoever reads a set skips it.
    #[error("unknown path element type")]
    Unknown,
    /// Something else, in words.
    #[error("{0}")]
    Malformed(String),
}

impl PathElement {
    /// A field.
    #[must_use]
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }

    /// An item by its keys, which need not be sorted.
    #[must_use]
    pub fn key(mut fields: Vec<(String, Value)>) -> Self {
        fields.sort_by(|left, right| left.0.cmp(&right.0));
        Self::Key(fields.into())
    }

    /// An item of a set.
    #[must_use]
    pub fn value(value: Value) -> Self {
        Self::Value(Arc::new(value))
    }

    /// An element from its text in `fieldsV1`.
    ///
    /// # Errors
    ///
    /// See [`PathElementError`].
    pub fn parse(text: &str) -> Result<Self, PathElementError> {
        let malformed = |message: String| PathElementError::Malformed(message);
        let Some((kind, rest)) = text.split_at_checked(2) else {
            return Err(malformed("key must be 2 characters long:".to_owned()));
        };
        match kind {
            "f:" => Ok(Self::field(rest)),
            "v:" => serde_json::from_str(rest)
                .map(Self::value)
                .map_err(|error| malformed(error.to_string())),
            "k:" => {
                let fields: Map<String, Value> =
                    serde_json::from_str(rest).map_err(|error| malformed(error.to_string()))?;
                Ok(Self::key(fields.into_iter().collect()))
            }
            "i:" => rest
                .parse()
                .map(Self::Index)
                .map_err(|_| malformed(format!("strconv.Atoi: parsing {}: invalid syntax", quote(rest)))),
            other if other.ends_with(':') => Err(PathElementError::Unknown),
            _ => Err(malformed(format!("missing colon: {text}"))),
        }
    }

    /// The element's text in `fieldsV1`.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Index(index) => format!("i:{index}"),
            Self::Value(value) => {
                let mut text = "v:".to_owned();
                write_json(&mut text, value);
                text
            }
            Self::Key(fields) => {
                let mut text = "k:{".to_owned();
                for (position, (name, value)) in fields.iter().enumerate() {
                    if position > 0 {
                        text.push(',');
                    }
                    let _ = write!(text, "{}:", Value::from(name.as_str()));
                    write_json(&mut text, value);
                }
                text.push('}');
                text
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(left), Self::Field(right)) => left.cmp(right),
            (Self::Key(left), Self::Key(right)) => compare_fields(
                left.iter().map(|(name, value)| (name, value)),
                right.iter().map(|(name, value)| (name, value)),
            ),
            (Self::Value(left), Self::Value(right)) => compare_values(left, right),
            (Self::Index(left), Self::Index(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PathElement {}

/// As conflicts name it: `.spec`, `[name="web"]`, `[="a"]`, `[0]`.
impl Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Value(value) => write!(f, "[={}]", shown(value)),
            Self::Key(fields) => {
                let shown: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("{name}={}", shown(value)))
                    .collect();
                write!(f, "[{}]", shown.join(","))
            }
        }
    }
}

/// Whether two values are equal where whole numbers equal their floating-point twins.
#[must_use]
pub fn equal_values(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right) == Ordering::Equal,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal_values(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|((left_key, left), (right_key, right))| left_key == right_key && equal_values(left, right))
        }
        _ => left == right,
    }
}

fn compare_values(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => left
            .iter()
            .zip(right)
            .map(|(left, right)| compare_values(left, right))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| left.len().cmp(&right.len())),
        (Value::Object(left), Value::Object(right)) => compare_fields(left.iter(), right.iter()),
        _ => value_rank(left).cmp(&value_rank(right)),
    }
}

fn compare_fields<'a>(
    mut left: impl Iterator<Item = (&'a String, &'a Value)>,
    mut right: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Ordering {
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => left.0.cmp(right.0).then_with(|| compare_values(left.1, right.1)),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return left.cmp(&right);
    }
    let (left, right) = (left.as_f64().unwrap_or(0.0), right.as_f64().unwrap_or(0.0));
    left.partial_cmp(&right).unwrap_or(Ordering::Equal)
}

fn value_rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

/// A value as conflicts show it: strings quoted, the rest as Go prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name}={}", shown(value)))
            .collect(),
        other => crate::server::patch::go::print(other),
    }
}

/// JSON as the real server writes keys and values into path elements: compact, without `<`, `>` and `&`.
fn write_json(text: &mut String, value: &Value) {
    let float = value.as_f64().filter(|_| value.is_f64());
    if let Some(whole) = float.filter(|float| float.fract() == 0.0 && float.abs() < 1e21) {
        let _ = write!(text, "{whole:.0}");
        return;
    }
    for character in value.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_round_trip() {
        let texts = [
            "f:",
            "f:spec",
            "f: with spaces ",
            r#"k:{"name":"web"}"#,
            r#"k:{"port":8080,"protocol":"TCP"}"#,
            r#"k:{"optional":null}"#,
            r#"k:{"name":"app-🚀"}"#,
            r#"k:{"list":["1",2],"map":{"A":1,"B":null}}"#,
            r#"v:"text""#,
            r#"v:"a\u003cb\u003e\u0026""#,
            "v:1234",
            "v:true",
            "v:null",
            "i:12",
        ];
        for text in texts {
            assert_eq!(PathElement::parse(text).unwrap().to_text(), text);
        }
    }

    #[test]
    fn what_is_no_element_is_refused() {
        for text in ["", "f", "name", "i:x", "i:1.2", "i:", "v:", "v:nope", "k:nope", "k:[]"] {
            assert!(
                matches!(PathElement::parse(text), Err(PathElementError::Malformed(_))),
                "{text}"
            );
        }
        assert_eq!(PathElement::parse("r:x"), Err(PathElementError::Unknown));
    }

    #[test]
    fn elements_are_ordered_by_kind_and_then_by_content() {
        let ordered = [
            PathElement::field("a"),
            PathElement::field("b"),
            PathElement::key(vec![("name".into(), json!("a"))]),
            PathElement::key(vec![("name".into(), json!("a")), ("port".into(), json!(1))]),
            PathElement::key(vec![("name".into(), json!("b"))]),
            PathElement::value(json!(1)),
            PathElement::value(json!(2.5)),
            PathElement::value(json!(10)),
            PathElement::value(json!("1")),
            PathElement::value(json!(false)),
            PathElement::value(json!(true)),
            PathElement::Index(0),
            PathElement::Index(3),
        ];
        for (position, left) in ordered.iter().enumerate() {
            for (other, right) in ordered.iter().enumerate() {
                assert_eq!(left.cmp(right), position.cmp(&other), "{left} {right}");
            }
        }
        assert_eq!(PathElement::value(json!(1)), PathElement::value(json!(1.0)));
    }

    #[test]
    fn paths_read_as_in_conflicts() {
        let keys = vec![("protocol".into(), json!("TCP")), ("port".into(), json!(80))];
        assert_eq!(PathElement::key(keys).to_string(), r#"[port=80,protocol="TCP"]"#);
        assert_eq!(PathElement::value(json!("a\"b")).to_string(), r#"[="a\"b"]"#);
        assert_eq!(PathElement::Index(2).to_string(), "[2]");
        assert_eq!(PathElement::field("spec").to_string(), ".spec");
    }
}
