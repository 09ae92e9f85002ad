//! The user's code: `sync`, `finalize`, and the functions and closures that can stand in for them.

use std::{future::Future, marker::PhantomData};

use futures::future::BoxFuture;

use crate::{
    error::{BoxError, Error, Result},
    operator::{FinalizeResponse, Operator, SyncRequest, SyncResponse, WithFinalizer, WithoutFinalizer},
};

/// From the observed children to the desired ones.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handler",
    label = "no `sync` for this operator",
    note = "write `#[sync] fn sync(request: &SyncRequest<{Self}>) -> Result<SyncResponse<{Self}>>` (without the attribute it is a \
            function like any other), or `impl Handler for {Self}`"
)]
pub trait Handler<O: Operator = Self>: Send + Sync + 'static {
    /// Returns what should be. It is called whenever the parent or a child changes (for its own writes only if it looked at
    /// the children), and must depend on nothing but the request (and what the operator itself holds).
    ///
    /// # Cancellation
    /// Past its deadline the future is dropped at its next `await`. Code that blocks cannot be stopped: the parent waits
    /// for it, others go on.
    ///
    /// # Errors
    /// An error changes no child; it is reported in the parent's status, and the sync retried.
    fn sync(&self, request: &SyncRequest<O>) -> impl Future<Output = Result<SyncResponse<O>>> + Send;
}

/// What to clean up before a deleted parent goes.
#[diagnostic::on_unimplemented(
    message = "the operator declares a finalizer, but `{Self}` does not implement `finalize`",
    label = "no `finalize` for this operator",
    note = "write `#[finalize] fn finalize(request: &SyncRequest<{Self}>) -> Result<FinalizeResponse<{Self}>>`, `impl Finalize \
            for {Self}`, or remove `finalizer` from its `#[operator(…)]`"
)]
pub trait Finalize<O: Operator<Finalization: FinalizerDeclared> = Self>: Send + Sync + 'static {
    /// Cleans up, and says whether it is done. It is called until it says so.
    ///
    /// # Errors
    /// An error leaves the finalizer where it is; it is reported in the parent's status, and `finalize` retried.
    fn finalize(&self, request: &SyncRequest<O>) -> impl Future<Output = Result<FinalizeResponse<O>>> + Send;
}

/// Holds for [`WithFinalizer`] alone.
#[diagnostic::on_unimplemented(
    message = "this operator declares no finalizer, so `finalize` would never run",
    note = "add `finalizer` to its `#[operator(…)]`"
)]
pub trait FinalizerDeclared {}

impl FinalizerDeclared for WithFinalizer {}

/// How a finalize call is found, if the operator finalizes.
#[doc(hidden)]
pub trait Dispatch<O: Operator, H> {
    const FINALIZES: bool;

    fn finalize<'a>(handler: &'a H, request: &'a SyncRequest<O>) -> Option<BoxFuture<'a, Result<FinalizeResponse<O>>>>;
}

impl<O: Operator, H> Dispatch<O, H> for WithoutFinalizer {
    const FINALIZES: bool = false;

    fn finalize<'a>(_: &'a H, _: &'a SyncRequest<O>) -> Option<BoxFuture<'a, Result<FinalizeResponse<O>>>> {
        None
    }
}

impl<O: Operator<Finalization = WithFinalizer>, H: Finalize<O>> Dispatch<O, H> for WithFinalizer {
    const FINALIZES: bool = true;

    fn finalize<'a>(handler: &'a H, request: &'a SyncRequest<O>) -> Option<BoxFuture<'a, Result<FinalizeResponse<O>>>> {
        Some(Box::pin(handler.finalize(request)))
    }
}

/// Marks a [`Handler`].
pub struct AsHandler;
/// Marks a function of a borrowed request.
pub struct AsFn;
/// Marks an async function of a borrowed request.
pub struct AsAsyncFn;
/// Marks an async function or closure that takes the request.
pub struct AsOwnedAsyncFn;

/// What can handle syncs: a [`Handler`], or a function or closure of one of these shapes:
/// `fn(&SyncRequest<O>) -> Result<SyncResponse<O>, E>`, the same as an `async fn`, and
/// `|request: SyncRequest<O>| async move { … }`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle syncs",
    note = "expected a `Handler`, `fn(&SyncRequest<O>) -> Result<SyncResponse<O>, E>`, an `async fn` of the same shape whose \
            future is `Send`, or `|request: SyncRequest<O>| async move {{ … }}`"
)]
pub trait IntoHandler<O: Operator, Shape> {
    /// The handler that it becomes.
    type Handler: Handler<O>;

    /// Makes it a handler.
    fn into_handler(self) -> Self::Handler;
}

impl<O: Operator, H: Handler<O>> IntoHandler<O, AsHandler> for H {
    type Handler = H;

    fn into_handler(self) -> H {
        self
    }
}

/// A function of a borrowed request as a handler.
pub struct FnHandler<F, E>(F, PhantomData<fn() -> E>);

impl<O, F, E> IntoHandler<O, (AsFn, E)> for F
where
    O: Operator,
    F: Fn(&SyncRequest<O>) -> Result<SyncResponse<O>, E> + Send + Sync + 'static,
    E: Into<BoxError> + 'static,
{
    type Handler = FnHandler<F, E>;

    fn into_handler(self) -> Self::Handler {
        FnHandler(self, PhantomData)
    }
}

#[diagnostic::do_not_recommend]
impl<O, F, E> Handler<O> for FnHandler<F, E>
where
    O: Operator,
    F: Fn(&SyncRequest<O>) -> Result<SyncResponse<O>, E> + Send + Sync + 'static,
    E: Into<BoxError> + 'static,
{
    async fn sync(&self, request: &SyncRequest<O>) -> Result<SyncResponse<O>> {
        (self.0)(request).map_err(|error| Error::from_boxed(error.into()))
    }
}

/// An async function of a borrowed request; its future may borrow the request.
pub trait AsyncSyncFn<'r, O: Operator>: Fn(&'r SyncRequest<O>) -> Self::Future {
    /// The function's future.
    type Future: Future<Output = Result<SyncResponse<O>, Self::Error>> + Send + 'r;
    /// The function's error.
    type Error: Into<BoxError>;
}

impl<'r, O, F, R, E> AsyncSyncFn<'r, O> for F
where
    O: Operator,
    F: Fn(&'r SyncRequest<O>) -> R,
    R: Future<Output = Result<SyncResponse<O>, E>> + Send + 'r,
    E: Into<BoxError>,
{
    type Future = R;
    type Error = E;
}

/// An async function of a borrowed request as a handler.
pub struct AsyncFnHandler<F>(F);

impl<O: Operator, F: for<'r> AsyncSyncFn<'r, O> + Send + Sync + 'static> IntoHandler<O, AsAsyncFn> for F {
    type Handler = AsyncFnHandler<F>;

    fn into_handler(self) -> Self::Handler {
        AsyncFnHandler(self)
    }
}

#[diagnostic::do_not_recommend]
impl<O: Operator, F: for<'r> AsyncSyncFn<'r, O> + Send + Sync + 'static> Handler<O> for AsyncFnHandler<F> {
    fn sync(&self, request: &SyncRequest<O>) -> impl Future<Output = Result<SyncResponse<O>>> + Send {
        let future = (self.0)(request);
        async move { future.await.map_err(|error| Error::from_boxed(error.into())) }
    }
}

/// An async function or closure that takes the request as a handler.
pub struct OwnedAsyncFnHandler<F, R, E>(F, PhantomData<fn() -> (R, E)>);

impl<O, F, R, E> IntoHandler<O, (AsOwnedAsyncFn, R, E)> for F
where
    O: Operator,
    F: Fn(SyncRequest<O>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<SyncResponse<O>, E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    type Handler = OwnedAsyncFnHandler<F, R, E>;

    fn into_handler(self) -> Self::Handler {
        OwnedAsyncFnHandler(self, PhantomData)
    }
}

#[diagnostic::do_not_recommend]
impl<O, F, R, E> Handler<O> for OwnedAsyncFnHandler<F, R, E>
where
    O: Operator,
    F: Fn(SyncRequest<O>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<SyncResponse<O>, E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    fn sync(&self, request: &SyncRequest<O>) -> impl Future<Output = Result<SyncResponse<O>>> + Send {
        let future = (self.0)(request.clone());
        async move { future.await.map_err(|error| Error::from_boxed(error.into())) }
    }
}

/// A handler with a function that finalizes, for operators built without the macro.
///
/// ```no_run
/// # use roperator::prelude::*;
/// # use roperator::{Dynamic, Kind, WithFinalizer, WithFinalize};
/// # async fn example() -> Result<()> {
/// # const SITE: Kind = Kind::namespaced("example.com/v1", "Site", "sites");
/// fn sync(_: &SyncRequest<Dynamic<WithFinalizer>>) -> Result<SyncResponse<Dynamic<WithFinalizer>>> {
///     Ok(SyncResponse::new())
/// }
/// let handler = WithFinalize::new(sync, |_: &SyncRequest<Dynamic<WithFinalizer>>| Ok(FinalizeResponse::done()));
/// run_operator(OperatorConfig::new("site", SITE), handler).await
/// # }
/// ```
pub struct WithFinalize<H, F> {
    handler: H,
    finalize: F,
}

impl<H, F> WithFinalize<H, F> {
    /// A handler out of something that syncs and a function that finalizes.
    pub fn new<O, S>(sync: impl IntoHandler<O, S, Handler = H>, finalize: F) -> Self
    where
        O: Operator,
        F: Fn(&SyncRequest<O>) -> Result<FinalizeResponse<O>> + Send + Sync + 'static,
    {
        Self {
            handler: sync.into_handler(),
            finalize,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<O, H, F> Handler<O> for WithFinalize<H, F>
where
    O: Operator,
    H: Handler<O>,
    F: Send + Sync + 'static,
{
    fn sync(&self, request: &SyncRequest<O>) -> impl Future<Output = Result<SyncResponse<O>>> + Send {
        self.handler.sync(request)
    }
}

#[diagnostic::do_not_recommend]
impl<O, H, F> Finalize<O> for WithFinalize<H, F>
where
    O: Operator<Finalization: FinalizerDeclared>,
    H: Handler<O>,
    F: Fn(&SyncRequest<O>) -> Result<FinalizeResponse<O>> + Send + Sync + 'static,
{
    async fn finalize(&self, request: &SyncRequest<O>) -> Result<FinalizeResponse<O>> {
        (self.finalize)(request)
    }
}
