//! Where in an object something is wrong, and what: the paths and messages of Kubernetes' field errors. Data only.

use std::fmt::{self, Display, Write as _};

use serde_json::Value;

use super::go;
pub use super::go::quote;

/// A place in an object, as Kubernetes writes it: `spec.containers[0].name`, `metadata.labels[app]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    /// The object itself. Errors there are at `<nil>`, or at the first [`child`](Self::child).
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// A path from its text.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// A field of what is here.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            return Self(name.to_owned());
        }
        Self(format!("{}.{name}", self.0))
    }

    /// An item of the list that is here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// An entry of the map that is here.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }

    /// The path's text; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// What is wrong at a place. Kubernetes' own classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// A value that must be given is absent.
    Required,
    /// A value that cannot be.
    Invalid,
    /// A value of the wrong JSON type.
    TypeInvalid,
    /// A value that is not among those possible.
    NotSupported,
    /// A value that must be unique is there twice.
    Duplicate,
    /// A value that may not be given, or may not change.
    Forbidden,
    /// A string or map that is too long.
    TooLong,
    /// A list with too many items.
    TooMany,
    /// A reference to something that is not there.
    NotFound,
    /// The server's own failure.
    Internal,
}

impl Problem {
    /// The `reason` of the cause in a status.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::NotFound => "FieldValueNotFound",
            Self::Internal => "InternalError",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::NotFound => "Not found",
            Self::Internal => "Internal error",
        }
    }

    const fn shows_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong | Self::Internal)
    }
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// Where.
    pub path: FieldPath,
    /// What.
    pub problem: Problem,
    /// The value that is there, if it is to be shown.
    pub value: Option<Value>,
    /// Why it is wrong; empty when the problem says it all.
    pub detail: String,
}

impl FieldError {
    fn new(path: &FieldPath, problem: Problem, value: Option<Value>, detail: impl Into<String>) -> Self {
        Self {
            path: path.clone(),
            problem,
            value,
            detail: detail.into(),
        }
    }

    /// A value must be given.
    #[must_use]
    pub fn required(path: &FieldPath, detail: impl Into<String>) -> Self {
        Self::new(path, Problem::Required, None, detail)
    }

    /// The value cannot be.
    #[must_use]
    pub fn invalid(path: &FieldPath, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(path, Problem::Invalid, Some(value.into()), detail)
    }

    /// The value cannot be, and is not shown, or is part of the detail.
    #[must_use]
    pub fn omitted(path: &FieldPath, detail: impl Into<String>) -> Self {
        Self::new(path, Problem::Invalid, None, detail)
    }

    /// The server's own failure.
    #[must_use]
    pub fn internal(path: &FieldPath, detail: impl Into<String>) -> Self {
        Self::new(path, Problem::Internal, None, detail)
    }

    /// The value is not one of these; `None` if it is. That there is none is said first.
    #[must_use]
    pub fn unless_one_of<S: AsRef<str>>(path: &FieldPath, value: &str, choices: &[S]) -> Option<Self> {
        if value.is_empty() {
            return Some(Self::required(path, ""));
        }
        let is_known = choices.iter().any(|choice| choice.as_ref() == value);
        (!is_known).then(|| Self::not_supported(path, value, choices))
    }

    /// The value is of the wrong type; `shown` is what Kubernetes prints in its place.
    #[must_use]
    pub fn type_invalid(path: &FieldPath, shown: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(path, Problem::TypeInvalid, Some(shown.into()), detail)
    }

    /// The value is not one of these. They are printed in the order given.
    #[must_use]
    pub fn not_supported<S: AsRef<str>>(path: &FieldPath, value: impl Into<Value>, supported: &[S]) -> Self {
        let mut detail = String::new();
        if !supported.is_empty() {
            let quoted: Vec<String> = supported.iter().map(|value| quote(value.as_ref())).collect();
            detail = format!("supported values: {}", quoted.join(", "));
        }
        Self::new(path, Problem::NotSupported, Some(value.into()), detail)
    }

    /// The value is there already.
    #[must_use]
    pub fn duplicate(path: &FieldPath, value: impl Into<Value>) -> Self {
        Self::new(path, Problem::Duplicate, Some(value.into()), "")
    }

    /// The value may not be given, or may not change.
    #[must_use]
    pub fn forbidden(path: &FieldPath, detail: impl Into<String>) -> Self {
        Self::new(path, Problem::Forbidden, None, detail)
    }

    /// The value is longer than `most` bytes.
    #[must_use]
    pub fn too_long(path: &FieldPath, most: usize) -> Self {
        Self::new(
            path,
            Problem::TooLong,
            None,
            format!("may not be more than {most} bytes"),
        )
    }

    /// The list has `actual` items, more than `most`.
    #[must_use]
    pub fn too_many(path: &FieldPath, actual: usize, most: usize) -> Self {
        let items = if most == 1 { "item" } else { "items" };
        let detail = format!("must have at most {most} {items}");
        Self::new(path, Problem::TooMany, Some(actual.into()), detail)
    }

    /// What the value refers to is not there.
    #[must_use]
    pub fn not_found(path: &FieldPath, value: impl Into<Value>) -> Self {
        Self::new(path, Problem::NotFound, Some(value.into()), "")
    }

    /// The message without the path: the `message` of a cause.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = self.problem.words().to_owned();
        if let Some(value) = self.value.as_ref().filter(|_| self.problem.shows_value()) {
            let shown = match value {
                Value::String(text) => quote(text),
                Value::Number(number) => go::number(number),
                other => go::json(other),
            };
            let _ = write!(body, ": {shown}");
        }
        if !self.detail.is_empty() {
            let _ = write!(body, ": {}", self.detail);
        }
        body
    }
}

impl Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_as_kubernetes_writes_them() {
        let path = FieldPath::root()
            .child("spec")
            .child("containers")
            .index(0)
            .child("name");
        let cases = [
            (
                FieldError::required(&path, ""),
                "spec.containers[0].name: Required value",
            ),
            (
                FieldError::invalid(&path, "A\"", "must be lower case"),
                r#"spec.containers[0].name: Invalid value: "A\"": must be lower case"#,
            ),
            (
                FieldError::invalid(&path, -1, "must be positive"),
                "spec.containers[0].name: Invalid value: -1: must be positive",
            ),
            (
                FieldError::not_supported(&path, "x", &["a", "b"]),
                r#"spec.containers[0].name: Unsupported value: "x": supported values: "a", "b""#,
            ),
            (
                FieldError::forbidden(&path.key("app"), "may not change"),
                "spec.containers[0].name[app]: Forbidden: may not change",
            ),
            (
                FieldError::too_many(&path, 3, 1),
                "spec.containers[0].name: Too many: 3: must have at most 1 item",
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }
}
