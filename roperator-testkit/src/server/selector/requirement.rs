//! One requirement of a label selector: a key, an operator and values in, whether labels meet it out. It never parses.

use std::fmt::{self, Display};

use super::SelectorError;
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;

/// How a label's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `key in (a,b)`.
    In,
    /// `key notin (a,b)`: also where there is no such label.
    NotIn,
    /// `key=a`.
    Equals,
    /// `key==a`.
    DoubleEquals,
    /// `key!=a`: also where there is no such label.
    NotEquals,
    /// `key`.
    Exists,
    /// `!key`.
    DoesNotExist,
    /// `key>1`.
    GreaterThan,
    /// `key<1`.
    LessThan,
}

/// What a label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub(super) key: String,
    operator: Operator,
    values: Vec<String>,
}

impl Requirement {
    /// A requirement, if it makes sense. `values` are in the order in which messages number them.
    ///
    /// # Errors
    /// All that is wrong with the key and the values, as one message.
    pub fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Self, SelectorError> {
        let problems = problems(key, operator, &values);
        match problems.as_slice() {
            [] => Ok(Self {
                key: key.to_owned(),
                operator,
                values,
            }),
            [one] => Err(SelectorError::new(one.clone())),
            many => Err(SelectorError::new(format!("[{}]", many.join(", ")))),
        }
    }

    /// A label must have this value; neither is checked.
    pub(super) fn equals(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            operator: Operator::Equals,
            values: vec![value.to_owned()],
        }
    }

    /// Whether the label with this requirement's key, if there is one, meets it.
    #[must_use]
    pub fn meets(&self, label: Option<&str>) -> bool {
        let listed = |label: &str| self.values.iter().any(|value| value == label);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => label.is_some_and(listed),
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(listed),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compare(label, |label, bound| label > bound),
            Operator::LessThan => self.compare(label, |label, bound| label < bound),
        }
    }

    fn compare(&self, label: Option<&str>, holds: fn(i64, i64) -> bool) -> bool {
        let label = label.and_then(|label| label.parse().ok());
        let bound = self.values.first().and_then(|value| value.parse().ok());
        matches!((label, bound), (Some(label), Some(bound)) if holds(label, bound))
    }
}

fn problems(key: &str, operator: Operator, values: &[String]) -> Vec<String> {
    let mut errors = Vec::new();
    if let Some(error) = key_error(key, &FieldPath::new("key")) {
        errors.push(error);
    }
    let path = FieldPath::new("values");
    let counted = match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            Some("for 'in', 'notin' operators, values set can't be empty")
        }
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
            Some("exact-match compatibility requires one single value")
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            Some("values set must be empty for exists and does not exist")
        }
        Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
            Some("for 'Gt', 'Lt' operators, exactly one value is required")
        }
        _ => None,
    };
    errors.extend(counted.map(|detail| FieldError::invalid(&path, values.to_vec(), detail)));
    if matches!(operator, Operator::GreaterThan | Operator::LessThan) {
        let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
        for (index, value) in values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.parse::<i64>().is_err())
        {
            errors.push(FieldError::invalid(&path.index(index), value.as_str(), detail));
        }
    }
    for (index, value) in values.iter().enumerate() {
        let problems = names::label_value(value);
        if !problems.is_empty() {
            let place = path.index(index).key(key);
            errors.push(FieldError::invalid(&place, value.as_str(), problems.join("; ")));
        }
    }
    errors.iter().map(ToString::to_string).collect()
}

/// What is wrong with a label's key, said of a place.
pub(super) fn key_error(key: &str, path: &FieldPath) -> Option<FieldError> {
    let problems = names::qualified(key);
    (!problems.is_empty()).then(|| FieldError::invalid(path, key, problems.join("; ")))
}

impl Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values = self.values.clone();
        values.sort();
        let (key, values) = (&self.key, values.join(","));
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}
