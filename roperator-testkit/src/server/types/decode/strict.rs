//! The errors of a strict decoding. In go a body and what parsing and decoding found in it; out come the errors that the
//! real server tells, in its words and in the order of the document.

use std::collections::{HashMap, HashSet};

use crate::server::field::quote;
use crate::server::types::place::{Place, Step};
use crate::server::types::table::{Form, StructId, TypeId};
use crate::server::types::{Types, json};

/// The real server tells no more than these.
const MOST: usize = 100;

impl Types {
    /// The errors of an object of a built-in kind: `unknown field "spec.foo"`, `duplicate field "spec.replicas"`.
    /// Duplicates where the type knows no fields are not told.
    #[must_use]
    pub fn strict_errors(&self, kind: StructId, body: &[u8], duplicates: &[Place], unknown: &[Place]) -> Vec<String> {
        let duplicates = duplicates.iter().filter(|place| self.has(kind, place));
        let unknown = unknown.iter().map(|place| ("unknown", place));
        let mut problems: Vec<_> = duplicates.map(|place| ("duplicate", place)).chain(unknown).collect();
        if problems.len() > 1 {
            let mut seen: HashMap<Place, Vec<usize>> = HashMap::new();
            for (order, place) in json::keys(body).into_iter().enumerate() {
                seen.entry(place).or_default().push(order);
            }
            problems.sort_by_key(|(what, place)| {
                let nth = usize::from(*what == "duplicate");
                seen.get(place).and_then(|orders| orders.get(nth)).copied()
            });
        }
        let mut told = HashSet::new();
        problems.retain(|problem| told.insert(*problem));
        let words = problems
            .iter()
            .map(|(what, place)| format!("{what} field {}", quote(&place.to_string())));
        words.take(MOST).collect()
    }

    /// Whether a place is a field, or an entry of a map, that a kind has.
    fn has(&self, kind: StructId, place: &Place) -> bool {
        let mut form = Form::Struct(kind);
        for step in &place.0 {
            let next = match (form, step) {
                (Form::Struct(id), Step::Key(key)) => {
                    let known = self.table.get(id).json_field(key);
                    known.map(|known| known.field.of)
                }
                (Form::Map { values }, Step::Key(_)) => Some(values),
                (Form::List(items), Step::Index(_)) => Some(items),
                _ => None,
            };
            match next {
                Some(next) => form = self.target(next),
                None => return false,
            }
        }
        true
    }

    /// What values of a type are, where pointers are followed.
    pub(super) fn target(&self, of: TypeId) -> Form {
        match self.table.of(of).form {
            Form::Pointer(inner) => self.table.of(inner).form,
            other => other,
        }
    }
}
