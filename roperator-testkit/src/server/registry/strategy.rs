//! What is special about a kind, as data: how it is defaulted, what clients may not set or change, what is refused.
//! What all kinds have in common (metadata, generations, the status's isolation) is not here.

use serde_json::Value;

use crate::server::field::FieldError;

/// What is special about a kind. Every function works on whole objects (`apiVersion`, `kind`, `metadata`, `spec`, …).
#[derive(Debug, Clone, Copy)]
pub struct Strategy {
    /// Fills in defaults, as the real server does whenever it decodes an object. Must be idempotent.
    pub default: fn(&mut Value),
    /// Before a creation: beyond what every kind has (the status is dropped, the generation is 1).
    pub prepare_create: fn(&mut Value),
    /// What is wrong with an object to create, metadata excepted.
    pub validate_create: fn(&Value) -> Vec<FieldError>,
    /// Before an update (`new`, `old`): keeps what clients may not change but may send (status and metadata excepted).
    pub prepare_update: fn(&mut Value, &Value),
    /// What is wrong with an update (`new`, `old`): immutable fields, and everything that creation would refuse.
    pub validate_update: fn(&Value, &Value) -> Vec<FieldError>,
    /// Before an update of the status (`new`, `old`), which changes the status and metadata alone: what else stays.
    pub prepare_status: fn(&mut Value, &Value),
    /// What is wrong with an update of the status (`new`, `old`).
    pub validate_status: fn(&Value, &Value) -> Vec<FieldError>,
    /// The parts beside the status that can be written alone.
    pub parts: &'static [Part],
    /// What a write (`new`, `old`) is to be warned of.
    pub warnings: fn(&Value, Option<&Value>) -> Vec<String>,
    /// The fields that field selectors know beside `metadata.name` and `metadata.namespace`, with their values.
    pub selectable: fn(&Value) -> Vec<(&'static str, String)>,
    /// What is wrong with the name, or `None`: a DNS subdomain unless the kind asks for less or more.
    pub validate_name: fn(&str) -> Vec<String>,
    /// The top-level fields whose change counts as a new generation; none for kinds without generations.
    pub generation: &'static [&'static str],
    /// Whether the status is a subresource: dropped by writes of the object, alone written by writes of the status.
    pub has_status: bool,
    /// Whether a creation may bring the status along though it is a subresource.
    pub created_with_status: bool,
    /// Whether an update of an object that does not exist creates it.
    pub creates_on_update: bool,
    /// Whether an update without a `resourceVersion` is taken.
    pub unconditional_update: bool,
    /// How long an object that is deleted has to end, given what the client asks for; `None` for kinds that know no such
    /// time.
    pub grace_seconds: fn(&Value, Option<i64>) -> Option<i64>,
    /// What a deletion does with dependents when the client does not say.
    pub orphans_by_default: bool,
}

/// A part of objects that can be written alone, as a subresource.
#[derive(Debug)]
pub struct Part {
    /// Its name in paths.
    pub name: &'static str,
    /// Puts everything else back to what it was (`new`, `old`).
    pub prepare: fn(&mut Value, &Value),
    /// What is wrong with the new object (`new`, `old`).
    pub validate: fn(&Value, &Value) -> Vec<FieldError>,
}

impl Strategy {
    /// Nothing special: a kind without generations, without a status subresource, deleted at once.
    pub const PLAIN: Self = Self {
        default: |_| {},
        prepare_create: |_| {},
        validate_create: |_| Vec::new(),
        prepare_update: |_, _| {},
        validate_update: |_, _| Vec::new(),
        prepare_status: |_, _| {},
        validate_status: |_, _| Vec::new(),
        parts: &[],
        warnings: |_, _| Vec::new(),
        selectable: |_| Vec::new(),
        validate_name: crate::server::names::subdomain,
        generation: &[],
        has_status: false,
        created_with_status: false,
        creates_on_update: false,
        unconditional_update: true,
        grace_seconds: |_, _| None,
        orphans_by_default: false,
    };

    /// The part of this name.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&'static Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}
