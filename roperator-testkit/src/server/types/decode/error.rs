//! Why an object cannot be decoded, in the words of Go's decoder. In go places and types, out come messages.

use std::collections::HashMap;
use std::fmt::{self, Display};

use serde_json::{Number, Value};
use thiserror::Error;

use crate::server::types::json::{self, go_word};
use crate::server::types::place::{Path, Place, Step};
use crate::server::types::table::JsonField;

/// Why an object cannot be decoded. Shown is one reason; which one Go tells of several depends on the document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct DecodeError(pub(super) Vec<Failure>);

/// Why one value cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) place: Place,
    pub(super) message: String,
    /// Go stops here and tells of it, and not of what it found before.
    pub(super) stops: bool,
}

/// What is wrong with a value, in the words of Go's decoder.
#[derive(Debug)]
pub(super) struct Wrong(pub String);

impl Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = self.0.iter().find(|failure| failure.stops).or(self.0.first());
        f.write_str(failure.map_or("", |failure| &failure.message))
    }
}

impl DecodeError {
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
                Self(format!(
                    "json: cannot unmarshal {word} into Go struct field {owner}.{path} of type {go}"
                ))
            }
            None => Self(format!("json: cannot unmarshal {word} into Go value of type {go}")),
        }
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
