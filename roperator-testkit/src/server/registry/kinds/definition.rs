//! CustomResourceDefinitions: their defaults and what is refused, as the schemas' room knows it.

use crate::server::{field::quote, registry::strategy::Strategy, schema::definition};

/// What is special about CustomResourceDefinitions.
pub const STRATEGY: Strategy = Strategy {
    default: definition::default,
    prepare_create: definition::prepare_create,
    validate_create: definition::validate_create,
    prepare_update: definition::prepare_update,
    validate_update: definition::validate_update,
    validate_status: |new, _| definition::validate_status(new),
    warnings: |new, old| {
        let known = old.map(definition::unrecognized_formats).unwrap_or_default();
        let mut formats = definition::unrecognized_formats(new);
        formats.retain(|format| !known.contains(format));
        formats
            .iter()
            .map(|format| format!("unrecognized format {}", quote(format)))
            .collect()
    },
    generation: &["spec"],
    has_status: true,
    unconditional_update: false,
    ..Strategy::PLAIN
};
