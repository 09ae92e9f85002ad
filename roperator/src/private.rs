//! What expansions call. Not for users, and free to change with every release.

use crate::{
    error::{BoxError, Error, Result},
    operator::{FinalizeResponse, Operator, SyncResponse},
};

pub use crate::operator::UnknownParent;

/// The outcome of a user's `sync`, whatever its error type.
///
/// # Errors
/// The user's error.
pub fn outcome<O: Operator, E: Into<BoxError>>(result: Result<SyncResponse<O>, E>) -> Result<SyncResponse<O>> {
    result.map_err(|error| Error::from_boxed(error.into()))
}

/// The outcome of a user's `finalize`, whatever its error type.
///
/// # Errors
/// The user's error.
pub fn finalized<O: Operator, E: Into<BoxError>>(
    result: Result<FinalizeResponse<O>, E>,
) -> Result<FinalizeResponse<O>> {
    result.map_err(|error| Error::from_boxed(error.into()))
}
