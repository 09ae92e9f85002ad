//! The error that handlers return: any error, and whether retrying helps.
//!
//! [`Error`] is anyhow's way: it takes every standard error through `?` and is none itself. The class
//! ([`Retry`]) survives `?` through other error types that box it.

use std::{error::Error as StdError, fmt, ops::Deref};

/// A boxed standard error.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// The result of handlers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether the same attempt may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It may: retried with growing delays.
    Transient,
    /// It will not until something changes: retried at the maximal delay alone.
    Terminal,
}

/// What a handler failed with. Any standard error becomes a transient one through `?`.
///
/// ```
/// use roperator::{Error, ResultExt, Retry};
///
/// fn port(text: &str) -> roperator::Result<u16> {
///     Ok(text.parse::<u16>().terminal()?) // no retry mends a port that is no number
/// }
/// assert_eq!(port("http").unwrap_err().retry(), Retry::Terminal);
/// ```
pub struct Error {
    retry: Retry,
    source: BoxError,
}

impl Error {
    /// An error that may go away by itself.
    pub fn transient(error: impl Into<BoxError>) -> Self {
        Self {
            retry: Retry::Transient,
            source: error.into(),
        }
    }

    /// An error that stays until the parent or something else changes.
    pub fn terminal(error: impl Into<BoxError>) -> Self {
        Self {
            retry: Retry::Terminal,
            source: error.into(),
        }
    }

    /// Whether retrying helps.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// An error out of a box, with its class if it had one.
    #[doc(hidden)]
    #[must_use]
    pub fn from_boxed(error: BoxError) -> Self {
        match error.downcast::<Classified>() {
            Ok(classified) => classified.0,
            Err(error) => Self::transient(error),
        }
    }

    /// The whole chain of causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(&*self.source)
    }
}

/// An error and its causes in one line, without saying twice what an error repeats of its cause.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self::from_boxed(Box::new(error))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

impl Deref for Error {
    type Target = dyn StdError + Send + Sync + 'static;

    fn deref(&self) -> &Self::Target {
        &*self.source
    }
}

/// Carries an [`Error`] and its class through a box.
struct Classified(Error);

impl fmt::Debug for Classified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Classified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for Classified {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.source()
    }
}

impl From<Error> for BoxError {
    fn from(error: Error) -> Self {
        Box::new(Classified(error))
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        Box::new(Classified(error))
    }
}

/// Says of any result whether retrying helps.
pub trait ResultExt<T> {
    /// The error may go away by itself.
    ///
    /// # Errors
    /// The same error, as a transient one.
    fn transient(self) -> Result<T>;

    /// The error stays until something changes.
    ///
    /// # Errors
    /// The same error, as a terminal one.
    fn terminal(self) -> Result<T>;
}

impl<T, E: Into<BoxError>> ResultExt<T> for std::result::Result<T, E> {
    fn transient(self) -> Result<T> {
        self.map_err(Error::transient)
    }

    fn terminal(self) -> Result<T> {
        self.map_err(Error::terminal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_survives_a_box_and_a_question_mark() {
        fn boxed() -> std::result::Result<(), BoxError> {
            Err(Error::terminal("no"))?;
            Ok(())
        }
        fn through() -> Result<()> {
            boxed().map_err(Error::from_boxed)
        }
        assert_eq!(through().unwrap_err().retry(), Retry::Terminal);
    }

    #[test]
    fn a_chain_is_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::num::ParseIntError);
        let error = Error::transient(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(error.chain(), "outer: invalid digit found in string");
    }
}
