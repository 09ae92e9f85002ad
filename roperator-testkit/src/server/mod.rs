//! A Kubernetes API server in miniature: HTTP requests in, the answers of a real kube-apiserver out. In memory, in process,
//! ready in milliseconds. It knows nothing of operators.
//!
//! ```
//! use roperator_testkit::server::ApiServer;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ApiServer::start(); // ready at once
//! let client = kube::Client::new(server.clone(), "default"); // no sockets: tokio's clock may be paused
//! let served = server.serve("127.0.0.1:0".parse()?).await?; // for kubectl and every other client
//! println!("{}", served.kubeconfig());
//! # assert_eq!(client.apiserver_version().await?.minor, "36");
//! # Ok(())
//! # }
//! ```
//!
//! Layers, each of which imports only those below it:
//!
//! - [`http`]: requests and answers, discovery, watches;
//! - [`controllers`]: garbage collection and the end of namespaces, which write like anybody else;
//! - [`registry`]: what is served, how it is written, what is special about kinds;
//! - [`patch`], [`table`], [`selector`]: patches and server-side apply, columns and rows, selectors;
//! - [`schema`], [`types`]: what objects look like, custom and built in;
//! - [`store`]: versions, lists and watches;
//! - [`shape`], [`status`], [`names`], [`field`], [`go`], [`clock`]: what all of them share.

pub mod clock;
pub mod controllers;
pub mod field;
pub mod go;
pub mod http;
pub mod names;
pub mod patch;
pub mod registry;
pub mod schema;
pub mod selector;
pub mod serve;
pub mod shape;
pub mod status;
pub mod store;
pub mod table;
pub mod types;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::http::{Request, Response};
use bytes::Bytes;
use tokio::task::JoinHandle;

pub use self::store::Limits;
use self::{
    http::{body::Body, catalog::Catalogs},
    registry::Registry,
};

/// A running API server. Clones are the same server; it ends with the last of them.
///
/// It is a [`tower::Service`] of HTTP requests, so that a client can be given the server itself: no sockets, and tokio's
/// clock may be paused.
#[derive(Debug, Clone)]
pub struct ApiServer {
    registry: Arc<Registry>,
    catalogs: Arc<Catalogs>,
    _controllers: Arc<Controllers>,
}

#[derive(Debug)]
struct Controllers(JoinHandle<()>);

impl Drop for Controllers {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ApiServer {
    /// Starts a server with what every cluster has from its start. Its controllers are a task of the current runtime, and
    /// end with it: a server that several tests share, each of which has a runtime of its own, must be started in a runtime
    /// that outlives them all, or nothing is collected any more.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start() -> Self {
        Self::with_limits(Limits::default())
    }

    /// Starts a server that keeps no more of the past than these limits say.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        let registry = Arc::new(Registry::new(limits));
        let controllers = tokio::spawn(controllers::run(Arc::clone(&registry)));
        Self {
            registry,
            catalogs: Arc::default(),
            _controllers: Arc::new(Controllers(controllers)),
        }
    }

    /// What the server knows: for tests that look behind its answers.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Forgets history: lists of older states expire, and so do watches that go on from before.
    pub fn forget_history(&self) {
        self.registry.store.compact(self.registry.store.revision());
    }

    /// Ends all watches that run, as a server does that stops.
    pub fn end_watches(&self) {
        self.registry.store.end_watches();
    }
}

impl<B> tower::Service<Request<B>> for ApiServer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (registry, catalogs) = (Arc::clone(&self.registry), Arc::clone(&self.catalogs));
        Box::pin(async move { Ok(http::answer(registry, catalogs, request).await) })
    }
}
