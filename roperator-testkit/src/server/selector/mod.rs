//! Which objects a request is about: label selectors and field selectors.
//!
//! In: the text of a query parameter, or a `LabelSelector` object. Out: a selector that matches, or the refusal in the
//! real server's words. It never looks at a store, and knows of a kind only which fields can be selected.

pub mod fields;
pub mod labels;
pub mod requirement;
pub mod validate;

use crate::server::status::ApiError;

/// Why a selector cannot be understood, in the real server's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

impl SelectorError {
    /// A refusal with this message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<SelectorError> for ApiError {
    fn from(error: SelectorError) -> Self {
        Self::bad_request(error.0)
    }
}
