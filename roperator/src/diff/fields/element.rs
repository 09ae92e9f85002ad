//! What list items are known by in `fieldsV1`: the scalars of a set, and the keys of a keyed list.
//!
//! In: JSON. Out: ordered values that compare as JSON does, numbers by value (80 is 80.0, but not "80").

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// A value that identifies something. Mostly a scalar; the format allows any JSON, so that none is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scalar {
    Text(String),
    Whole(i128),
    /// Anything else, as JSON text.
    Other(String),
}

impl Scalar {
    pub(super) fn parse(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json).map(|value| Self::of(&value))
    }

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Number(number) => whole(number).map_or_else(|| Self::Other(number.to_string()), Self::Whole),
            other => Self::Other(other.to_string()),
        }
    }

    /// Whether `value` is this one.
    pub(super) fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(text), Value::String(other)) => text == other,
            (Self::Text(_), _) | (_, Value::String(_)) => false,
            _ => *self == Self::of(value),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Whole(whole) => i64::try_from(*whole)
                .map(Value::from)
                .or_else(|_| u64::try_from(*whole).map(Value::from))
                .unwrap_or(Value::Null),
            Self::Other(json) => serde_json::from_str(json).unwrap_or(Value::Null),
        }
    }
}

impl fmt::Display for Scalar {
    /// As in the path of an item: JSON.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.to_value())
    }
}

/// The key of an item of a keyed list: its key members. One that the item leaves out, and that has no default, is not in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(BTreeMap<String, Scalar>);

impl Key {
    pub(super) fn parse(json: &str) -> serde_json::Result<Self> {
        let members: Map<String, Value> = serde_json::from_str(json)?;
        Ok(Self(
            members
                .iter()
                .map(|(name, value)| (name.clone(), Scalar::of(value)))
                .collect(),
        ))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a desired item asks for the item of this key: it states at least one member of the key, and those that it
    /// states are equal. One that it leaves out matches any value, for the server fills in a default that we do not know.
    pub(super) fn is_asked_for_by(&self, item: &Map<String, Value>) -> bool {
        let mut stated = self
            .0
            .iter()
            .filter_map(|(name, value)| Some((value, member(item, name)?)))
            .peekable();
        stated.peek().is_some() && stated.all(|(value, member)| value.is(member))
    }

    /// Whether a live item is the one of this key.
    pub(super) fn is_of(&self, item: &Map<String, Value>) -> bool {
        self.0
            .iter()
            .all(|(name, value)| member(item, name).is_some_and(|member| value.is(member)))
    }

    pub(super) fn to_value(&self) -> Value {
        Value::Object(
            self.0
                .iter()
                .map(|(name, value)| (name.clone(), value.to_value()))
                .collect(),
        )
    }
}

/// A member that is not `null`, which is the same as none.
pub(super) fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name).filter(|value| !value.is_null())
}

/// Whether two scalars are the same as JSON values.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    Scalar::of(one).is(other)
}

/// How texts are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// Each is what it is: in data, labels and annotations.
    Exactly,
    /// As in a spec: those that are quantities by their amount, since the server writes `1024Mi` as `1Gi`; and a zero that is
    /// left out is one that is there.
    InSpec,
}

/// Maps of texts, of which servers keep every member, an empty one too.
const TEXT_MAPS: [&str; 10] = [
    "annotations",
    "attributes",
    "binaryData",
    "data",
    "labels",
    "matchLabels",
    "nodeSelector",
    "parameters",
    "selector",
    "volumeAttributes",
];

impl Texts {
    /// How texts are compared in a member of a map.
    pub(super) fn inside(self, member: &str) -> Self {
        if TEXT_MAPS.contains(&member) {
            Self::Exactly
        } else {
            self
        }
    }
}

/// Whether `live` says everything that `desired` says. Whatever asks for nothing is contained everywhere; the items of a
/// list may stand in any order and among others.
pub(super) fn contains(live: Option<&Value>, desired: &Value, texts: Texts) -> bool {
    match (desired, live) {
        (Value::Null, _) => true,
        (Value::Object(desired), Some(Value::Object(live))) => desired
            .iter()
            .all(|(name, value)| contains(live.get(name), value, texts)),
        (Value::Object(desired), None | Some(Value::Null)) => {
            desired.values().all(|value| contains(None, value, texts))
        }
        (Value::Array(desired), Some(Value::Array(live))) => desired
            .iter()
            .all(|item| live.iter().any(|other| contains(Some(other), item, texts))),
        (Value::Array(desired), None | Some(Value::Null)) => desired.is_empty(),
        (Value::String(desired), Some(Value::String(live))) => {
            live == desired || texts == Texts::InSpec && same_quantity(live, desired)
        }
        (desired, Some(live)) => !live.is_object() && !live.is_array() && same(live, desired),
        // Of what the API calls optional, servers keep no zero.
        (desired, None) => texts == Texts::InSpec && is_zero(desired),
    }
}

/// Whether a value is its type's zero: `false`, `0`, `""`.
pub(super) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Whether two texts are one quantity, such as `1024Mi` and `1Gi`, which the server writes in one way.
fn same_quantity(one: &str, other: &str) -> bool {
    match (quantity(one), quantity(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= one.abs() * 1e-12,
        _ => false,
    }
}

fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let found = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1.0));
    let is_number = number.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
    is_number
        .then(|| number.parse::<f64>().ok())
        .flatten()
        .map(|number| number * factor)
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    /// Up to here a float is exactly the whole number that it shows.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(whole) = number.as_i64() {
        return Some(whole.into());
    }
    if let Some(whole) = number.as_u64() {
        return Some(whole.into());
    }
    let float = number.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it was just checked to be a whole number in range"
    )]
    (float.trunc() == float && float.abs() <= EXACT).then_some(float as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_compared_by_what_they_say() {
        assert!(same_quantity("1024Mi", "1Gi") && same_quantity("1000m", "1") && same_quantity("0.1", "100m"));
        assert!(!same_quantity("1Gi", "1G") && !same_quantity("a", "b") && !same_quantity("1", "one"));
    }
}
