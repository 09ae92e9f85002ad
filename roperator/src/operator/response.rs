//! What a handler returns.

use std::{marker::PhantomData, time::Duration};

use serde_json::Value;

use crate::{
    error::Error,
    operator::{ChildOf, Dynamic, IsStatus, Operator, StatusOf, WithStatus},
};

/// `True`, `False` or `Unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// The condition holds.
    True,
    /// It does not.
    False,
    /// Nobody can tell.
    Unknown,
}

impl ConditionStatus {
    /// The word that the API uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition of the parent's status. The runtime adds the time of its last transition and the observed generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The condition's type, such as `Ready`.
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word in CamelCase for programs.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

impl Condition {
    /// A condition from its parts.
    pub fn new(
        type_: impl Into<String>,
        status: ConditionStatus,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            type_: type_.into(),
            status,
            reason: reason.into(),
            message: message.into(),
        }
    }
}

/// The desired children and the parent's status.
///
/// Children that exist and are not in the response are deleted.
#[must_use = "a response does nothing unless the handler returns it"]
pub struct SyncResponse<O: Operator = Dynamic> {
    pub(crate) desired: Desired,
    operator: PhantomData<fn() -> O>,
}

/// A response without the operator's type.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    pub status: Option<Value>,
    pub children: Vec<Value>,
    pub conditions: Vec<Condition>,
    pub resync_after: Option<Duration>,
    /// What the handler failed with, or what could not be written as JSON.
    pub error: Option<Error>,
}

impl Desired {
    fn encode<T: serde::Serialize>(&mut self, what: &T) -> Option<Value> {
        serde_json::to_value(what)
            .map_err(|error| self.error.get_or_insert(Error::terminal(error)).retry())
            .ok()
    }
}

impl<O: Operator> Default for SyncResponse<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Operator> SyncResponse<O> {
    /// No children, and the status's own fields as they are.
    pub fn new() -> Self {
        Self {
            desired: Desired::default(),
            operator: PhantomData,
        }
    }

    /// A status, and no children yet. `observedGeneration` and the conditions are added by the runtime.
    pub fn from_status<S>(status: S) -> Self
    where
        O::Parent: WithStatus,
        StatusOf<O>: IsStatus<S>,
    {
        Self::new().with_status(status)
    }

    /// The same response with this status.
    pub fn with_status<S>(mut self, status: S) -> Self
    where
        O::Parent: WithStatus,
        StatusOf<O>: IsStatus<S>,
    {
        self.desired.status = self.desired.encode(&StatusOf::<O>::is(status));
        self
    }

    /// Adds a child.
    pub fn child<K: ChildOf<O>>(mut self, child: K) -> Self {
        if let Some(child) = self.desired.encode(&child) {
            self.desired.children.push(child);
        }
        self
    }

    /// Adds children: an `Option` or anything else that iterates.
    pub fn children<K: ChildOf<O>>(self, children: impl IntoIterator<Item = K>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// Runs the sync again after this time, even if nothing changes.
    pub fn resync_after(mut self, delay: Duration) -> Self {
        self.desired.resync_after = Some(delay);
        self
    }

    /// Adds a condition to the status. One of type `Ready`, `Reconciling` or `Stalled` replaces the runtime's own, unless
    /// the runtime has an error to report in it.
    pub fn condition(mut self, condition: Condition) -> Self {
        self.desired.conditions.push(condition);
        self
    }

    /// The parent is not ready yet: `Ready` becomes `False` and `Reconciling` `True`, for this reason (one word in
    /// CamelCase) and with this message.
    pub fn not_ready(self, reason: impl Into<String>, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.into(), message.into());
        self.condition(Condition::new(
            "Ready",
            ConditionStatus::False,
            reason.clone(),
            message.clone(),
        ))
        .condition(Condition::new("Reconciling", ConditionStatus::True, reason, message))
    }

    /// The sync failed, and yet has a status to show: the status's fields are written, the error is reported and the sync
    /// retried as if it had been returned as `Err`, and the children stay as they are, whatever this response says of
    /// them.
    pub fn failed(mut self, error: impl Into<Error>) -> Self {
        self.desired.error = Some(error.into());
        self
    }

    /// The desired children as JSON, for unit tests of handlers.
    #[must_use]
    pub fn desired_children(&self) -> &[Value] {
        &self.desired.children
    }

    /// The status as JSON, for unit tests of handlers.
    #[must_use]
    pub fn desired_status(&self) -> Option<&Value> {
        self.desired.status.as_ref()
    }
}

/// Whether a deleted parent may go.
#[must_use = "a response does nothing unless the handler returns it"]
pub struct FinalizeResponse<O: Operator = Dynamic> {
    pub(crate) finalized: Finalized,
    operator: PhantomData<fn() -> O>,
}

/// A finalize response without the operator's type.
#[derive(Debug)]
pub(crate) struct Finalized {
    /// `None`: done.
    pub retry_after: Option<Duration>,
    pub status: Option<Value>,
    pub error: Option<Error>,
}

impl<O: Operator> FinalizeResponse<O> {
    /// All is cleaned up: the finalizer is removed and the parent goes.
    pub fn done() -> Self {
        Self::new(None)
    }

    /// Not yet: `finalize` is called again after this time, or earlier when something changes.
    pub fn retry_after(delay: Duration) -> Self {
        Self::new(Some(delay))
    }

    fn new(retry_after: Option<Duration>) -> Self {
        Self {
            finalized: Finalized {
                retry_after,
                status: None,
                error: None,
            },
            operator: PhantomData,
        }
    }

    /// The parent's status while it waits.
    pub fn with_status<S>(mut self, status: S) -> Self
    where
        O::Parent: WithStatus,
        StatusOf<O>: IsStatus<S>,
    {
        match serde_json::to_value(StatusOf::<O>::is(status)) {
            Ok(status) => self.finalized.status = Some(status),
            Err(error) => self.finalized.error = Some(Error::terminal(error)),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_type_a_status_has_need_not_be_said() {
        let response: SyncResponse = SyncResponse::from_status(Default::default());
        assert_eq!(response.desired_status(), Some(&Value::Null));
    }
}
