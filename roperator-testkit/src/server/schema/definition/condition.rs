//! A condition of a definition: what the server's controllers say of it. Data only.

/// A condition of a definition, without its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: &'static str,
    /// Whether it is `True`; it is `False` else.
    pub status: bool,
    /// Its reason.
    pub reason: &'static str,
    /// Its message.
    pub message: String,
}

impl Condition {
    pub(super) fn new(kind: &'static str, status: bool, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            status,
            reason,
            message: message.into(),
        }
    }
}
