//! How the server's OpenAPI validator words what is wrong: a place and a reason in, an error out. It judges nothing.

use serde_json::Value;

use crate::server::field::{FieldError, FieldPath};

/// An error, and the text by which it is told apart from others.
#[derive(Debug, Clone)]
pub(super) struct Violation {
    pub(super) text: String,
    pub(super) error: FieldError,
}

/// The body that is judged: makes violations at a named place below `base`, with the name as the validator writes it.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) base: &'a FieldPath,
}

impl Body<'_> {
    /// An error in what the body has there.
    pub(super) fn invalid(self, name: &str, value: &Value, why: &str) -> Violation {
        self.described(name, value, &format!("{name} in body {why}"))
    }

    /// An error with a text of its own.
    pub(super) fn described(self, name: &str, value: &Value, text: &str) -> Violation {
        let error = FieldError::invalid(&self.at(name), value.clone(), text);
        let text = text.to_owned();
        Violation { text, error }
    }

    /// An error that names its place in its text only.
    pub(super) fn composite(self, text: &str) -> Violation {
        Violation {
            text: text.to_owned(),
            error: FieldError::invalid(self.base, "", text),
        }
    }

    pub(super) fn too_many(self, name: &str, size: usize, most: i64, what: &str) -> Violation {
        Violation {
            text: format!("{name} in body should have at most {most} {what}"),
            error: FieldError::too_many(&self.at(name), size, usize::try_from(most).unwrap_or_default()),
        }
    }

    /// The place with this name.
    pub(super) fn at(self, name: &str) -> FieldPath {
        match name.strip_prefix('.').unwrap_or(name) {
            "" => self.base.clone(),
            name => self.base.child(name),
        }
    }
}
