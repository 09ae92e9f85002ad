//! Why a turn failed, as one value, whatever failed.

use std::time::Duration;

use crate::{
    api::ApiError, apply::ApplyError, desired::DesiredError, error::Retry, object::DecodeError, status::Verdict,
    sync::HandlerError,
};

/// Why a turn failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub retry: Retry,
    pub retry_after: Option<Duration>,
    pub reason: &'static str,
    pub message: String,
}

impl Failure {
    pub(super) fn verdict(&self) -> Verdict {
        let (reason, message) = (self.reason, self.message.clone());
        match self.retry {
            Retry::Transient => Verdict::Failing { reason, message },
            Retry::Terminal => Verdict::Stalled { reason, message },
        }
    }
}

impl From<&HandlerError> for Failure {
    fn from(error: &HandlerError) -> Self {
        Self {
            retry: error.retry(),
            retry_after: None,
            reason: error.reason(),
            message: error.to_string(),
        }
    }
}

impl From<DesiredError> for Failure {
    fn from(error: DesiredError) -> Self {
        Self {
            retry: Retry::Terminal,
            retry_after: None,
            reason: "InvalidResponse",
            message: error.to_string(),
        }
    }
}

impl Failure {
    pub(super) fn api(reason: &'static str, error: &ApiError) -> Self {
        Self {
            retry: error.retry(),
            retry_after: error.retry_after(),
            reason,
            message: error.to_string(),
        }
    }

    pub(super) fn parent(error: &DecodeError) -> Self {
        Self {
            retry: Retry::Terminal,
            retry_after: None,
            reason: "InvalidParent",
            message: error.to_string(),
        }
    }

    pub(super) fn child(error: &DecodeError) -> Self {
        let message = format!("{error}; the response was discarded, because it was made without this child");
        Self {
            retry: Retry::Terminal,
            retry_after: None,
            reason: "UndecodableChild",
            message,
        }
    }

    /// All that went wrong with the children: transient if any of it may go away.
    pub(super) fn children(errors: &[ApplyError]) -> Option<Self> {
        let first = errors.first()?;
        let is_transient = errors.iter().any(|error| error.retry() == Retry::Transient);
        Some(Self {
            retry: if is_transient {
                Retry::Transient
            } else {
                Retry::Terminal
            },
            retry_after: errors.iter().filter_map(ApplyError::retry_after).max(),
            reason: first.reason(),
            message: errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })
    }
}

pub(super) fn unreachable_failure() -> Failure {
    Failure {
        retry: Retry::Transient,
        retry_after: None,
        reason: "HandlerFailed",
        message: "a child did not decode".to_owned(),
    }
}
