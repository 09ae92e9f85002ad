//! A handler in three stages, of which the last one sees how the others went.
//!
//! `validate` → `sync_children` → `determine_status`: the status is determined even when the parent is invalid or the
//! children cannot be made, and then the children stay as they are. Delays between attempts are the runtime's
//! ([`OperatorConfig::with_backoff`](crate::OperatorConfig::with_backoff)), and so is a regular resync.

use std::future::Future;

use crate::{
    error::{Error, Result},
    operator::{
        Finalize, FinalizeResponse, FinalizerDeclared, Handler, Operator, StatusOf, SyncRequest, SyncResponse,
        WithStatus,
    },
};

/// A handler in three stages. [`Failable`] makes it a [`Handler`].
///
/// ```
/// # use roperator::{prelude::*, Dynamic, Failable, FailableHandler};
/// # use serde_json::{Value, json};
/// struct Sites;
///
/// impl FailableHandler<Dynamic> for Sites {
///     type Validated = String;
///
///     async fn validate(&self, request: &SyncRequest) -> Result<String> {
///         let spec = &request.parent().to_value()["spec"];
///         spec["host"].as_str().map(str::to_owned).ok_or_else(|| Error::terminal("spec.host is missing"))
///     }
///
///     async fn sync_children(&self, request: &SyncRequest, host: String) -> Result<SyncResponse> {
///         let child = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": request.child_meta("host"), "data": {"host": host}});
///         Ok(SyncResponse::new().child(child))
///     }
///
///     fn determine_status(&self, _: &SyncRequest, outcome: Result<(), &Error>) -> Value {
///         json!({"phase": if outcome.is_ok() { "Running" } else { "Broken" }})
///     }
/// }
///
/// let handler = Failable(Sites); // for `run_operator` or `Runtime::add_with`
/// # let _ = handler;
/// ```
pub trait FailableHandler<O: Operator<Parent: WithStatus>>: Send + Sync + 'static {
    /// What validation makes of the parent.
    type Validated: Send;

    /// Checks the parent.
    ///
    /// # Errors
    /// What is wrong with it; [`Error::terminal`] if only a change of the parent can mend it.
    fn validate(&self, request: &SyncRequest<O>) -> impl Future<Output = Result<Self::Validated>> + Send;

    /// The desired children. A status in the response is overwritten by [`Self::determine_status`].
    ///
    /// # Errors
    /// As [`Handler::sync`].
    fn sync_children(
        &self,
        request: &SyncRequest<O>,
        validated: Self::Validated,
    ) -> impl Future<Output = Result<SyncResponse<O>>> + Send;

    /// The status, whatever came of the stages before.
    fn determine_status(&self, request: &SyncRequest<O>, outcome: Result<(), &Error>) -> StatusOf<O>;
}

/// A [`FailableHandler`] as a [`Handler`].
pub struct Failable<H>(pub H);

#[diagnostic::do_not_recommend]
impl<O: Operator<Parent: WithStatus>, H: FailableHandler<O>> Handler<O> for Failable<H> {
    async fn sync(&self, request: &SyncRequest<O>) -> Result<SyncResponse<O>> {
        let children = match self.0.validate(request).await {
            Ok(validated) => self.0.sync_children(request, validated).await,
            Err(error) => Err(error),
        };
        let status = self.0.determine_status(request, children.as_ref().map(|_| ()));
        Ok(match children {
            Ok(response) => response.with_status(status),
            Err(error) => SyncResponse::from_status(status).failed(error),
        })
    }
}

#[diagnostic::do_not_recommend]
impl<O, H> Finalize<O> for Failable<H>
where
    O: Operator<Parent: WithStatus, Finalization: FinalizerDeclared>,
    H: FailableHandler<O> + Finalize<O>,
{
    fn finalize(&self, request: &SyncRequest<O>) -> impl Future<Output = Result<FinalizeResponse<O>>> + Send {
        self.0.finalize(request)
    }
}
