//! Why an object cannot be decoded, in the words of Go's decoder. In go places and types, out come messages.

use std::collections::HashMap;
use std::fmt::{self, Display};

use serde_json::{Number, Value};
use thiserror::Error;

use crate::server::types::json::{self, go_word};
use crate::server::types::place::{Path, Place, Step};
use crate::server::types::table::{Form, JsonField};

/// Why an object cannot be decoded. Shown is one reason; which one Go tells of several depends on the document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct DecodeError(pub(super) Vec<Failure>);

/// Why one value cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) place: Place,
    pub(super) message: String,
    /// The same in the words of Go's converter, where it has others.
    pub(super) converted: Option<String>,
    /// Go stops here and tells of it, and not of what it found before.
    pub(super) stops: bool,
}

/// What is wrong with a value, in the words of Go's decoder.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) message: String,
    /// The same in the words of Go's converter, where it has others.
    pub(super) converted: Option<String>,
}

impl Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = self.0.iter().find(|failure| failure.stops).or(self.0.first());
        f.write_str(failure.map_or("", |failure| &failure.message))
    }
}

impl DecodeError {
    /// One reason in the words of Go's converter, which reads objects that are no text.
    #[must_use]
    pub fn converted(&self) -> String {
        let first = self.0.first().and_then(|failure| failure.converted.clone());
        first.unwrap_or_else(|| self.to_string())
    }

    /// The reason that Go tells of several when it decodes this document.
    #[must_use]
    pub fn told(&self, body: &[u8]) -> String {
        if self.0.len() < 2 {
            return self.to_string();
        }
        let keys = json::keys(body).into_iter().enumerate();
        let orders: HashMap<Place, usize> = keys.map(|(order, place)| (place, order)).collect();
        let first = self.0.iter().min_by_key(|failure| {
            // Only keys have an order of their own; items of a list are in that of their numbers.
            let steps = &failure.place.0;
            let items = steps
                .iter()
                .rev()
                .take_while(|step| matches!(step, Step::Index(_)))
                .count();
            let (key, items) = steps.split_at_checked(steps.len() - items).unwrap_or_default();
            let numbers: Vec<usize> = items.iter().filter_map(Step::number).collect();
            (!failure.stops, orders.get(&Place(key.to_vec())).copied(), numbers)
        });
        first.map_or_else(|| self.to_string(), |failure| failure.message.clone())
    }
}

/// Where the decoder is.
pub(super) type At<'a> = Path<'a, Here<'a>>;

/// A step into an object whose type is known.
#[derive(Clone, Copy)]
pub(super) enum Here<'a> {
    Field { owner: &'static str, known: &'a JsonField },
    Entry(&'a str),
    Index(usize),
}

impl Wrong {
    /// Something in words.
    pub(super) fn plain(message: String) -> Self {
        Self {
            message,
            converted: None,
        }
    }

    /// The same, of a value that is to have this form.
    pub(super) fn in_form(mut self, form: Form, value: &Value) -> Self {
        let is = go_kind(value);
        self.converted = match (form, value) {
            (Form::Map { .. }, _) => Some(format!("cannot restore map from {is}")),
            (Form::List(_), _) => Some(format!("cannot restore slice from {is}")),
            (Form::Struct(_), _) => Some(format!("cannot restore struct from: {is}")),
            (Form::String, Value::Number(number)) if number.is_i64() => Some(format!("cannot convert {is} to string")),
            (Form::Int32 | Form::Int64, Value::Number(number)) if number.is_f64() => {
                Some(format!("cannot convert {is} to {}", plain_type(form)))
            }
            (Form::String | Form::Bool | Form::Int32 | Form::Int64 | Form::Float64, _) => {
                Some(format!("unrecognized type: {}", plain_type(form)))
            }
            _ => None,
        };
        self
    }

    /// A value is of another type than Go's.
    pub(super) fn mismatch(at: &At<'_>, value: &Value, go: &str) -> Self {
        Self::new(at, go_word(value), go)
    }

    /// A number is not one of a Go type's.
    pub(super) fn number(at: &At<'_>, number: &Number, go: &str) -> Self {
        Self::new(at, &format!("number {number}"), go)
    }

    fn new(at: &At<'_>, word: &str, go: &str) -> Self {
        // Pointers are followed before their target's type is looked at.
        let go = go.trim_start_matches('*');
        let mut owner = None;
        let mut names = Vec::new();
        for step in at.backwards() {
            if let Here::Field { owner: of, known } = step {
                owner = owner.or(Some(of));
                names.push(known.field.name);
                names.extend(known.embedded.iter().rev());
            }
        }
        names.reverse();
        match owner {
            Some(owner) => {
                let path = names.join(".");
                Self::plain(format!(
                    "json: cannot unmarshal {word} into Go struct field {owner}.{path} of type {go}"
                ))
            }
            None => Self::plain(format!("json: cannot unmarshal {word} into Go value of type {go}")),
        }
    }
}

const fn plain_type(form: Form) -> &'static str {
    match form {
        Form::Int32 => "int32",
        Form::Int64 => "int64",
        Form::Float64 => "float64",
        Form::Bool => "bool",
        _ => "string",
    }
}

/// What kind of thing a value is to Go.
fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

/// The place for those who do not know the type.
pub(super) fn place(at: &At<'_>) -> Place {
    let mut steps: Vec<Step> = at
        .backwards()
        .map(|step| match step {
            Here::Field { known, .. } => Step::Key(known.field.name.to_owned()),
            Here::Entry(key) => Step::Key((*key).to_owned()),
            Here::Index(index) => Step::Index(*index),
        })
        .collect();
    steps.reverse();
    Place(steps)
}
