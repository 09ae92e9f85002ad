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
//! - `http`: requests and answers, discovery, watches;
//! - `controllers`: garbage collection and the end of namespaces, which write like anybody else;
//! - `registry`: what is served, how it is written, what is special about kinds;
//! - `patch`, `table`, `selector`: patches and server-side apply, columns and rows, selectors;
//! - `schema`, `types`: what objects look like, custom and built in;
//! - `store`: versions, lists and watches;
//! - `shape`, `status`, `names`, `field`, `go`, `clock`: what all of them share.

mod clock;
mod controllers;
mod field;
mod go;
mod http;
mod names;
mod patch;
mod registry;
mod schema;
mod selector;
pub mod serve;
mod shape;
mod status;
mod store;
mod table;
mod types;

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use ::http::{Request, Response};
use bytes::Bytes;
use futures::FutureExt as _;
use tokio::task::JoinHandle;

pub use self::{http::body::Body, store::Limits};
use self::{
    http::{catalog::Catalogs, respond},
    registry::Registry,
    status::ApiError,
};

/// A running API server. Clones are the same server; it ends with the last of them.
///
/// It is a [`tower::Service`] of HTTP requests, so that a client can be given the server itself: no sockets, and tokio's
/// clock may be paused.
///
/// Should its controllers panic, which is a bug of theirs, it says so instead of everything else: requests are answered with
/// 500, and watches end.
#[derive(Debug, Clone)]
pub struct ApiServer {
    registry: Arc<Registry>,
    catalogs: Arc<Catalogs>,
    controllers: Arc<Controllers>,
}

#[derive(Debug)]
struct Controllers {
    registry: Arc<Registry>,
    task: JoinHandle<()>,
    /// What they panicked with.
    failure: Arc<OnceLock<String>>,
}

impl Controllers {
    fn start(registry: &Arc<Registry>, run: impl Future<Output = ()> + Send + 'static) -> Self {
        let failure = Arc::new(OnceLock::new());
        let (told, watched) = (Arc::clone(&failure), Arc::clone(registry));
        let task = tokio::spawn(async move {
            let Err(panic) = AssertUnwindSafe(run).catch_unwind().await else {
                return;
            };
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "they do not say why".to_owned());
            tracing::error!(panic = %text, "the controllers of the API server panicked: it answers nothing any more");
            let _ = told.set(text);
            watched.store.end_watches();
        });
        Self {
            registry: Arc::clone(registry),
            task,
            failure,
        }
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.task.abort();
        self.registry.store.end_watches();
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
        let run = controllers::run(Arc::clone(&registry));
        Self::with_controllers(registry, run)
    }

    fn with_controllers(registry: Arc<Registry>, run: impl Future<Output = ()> + Send + 'static) -> Self {
        let controllers = Controllers::start(&registry, run);
        Self {
            registry,
            catalogs: Arc::default(),
            controllers: Arc::new(controllers),
        }
    }

    /// The number of the newest write, whoever made it: the `resourceVersion` of what it wrote.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.registry.store.revision()
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
        if let Some(why) = self.controllers.failure.get() {
            let error = ApiError::internal(format!("the controllers of this API server panicked: {why}"));
            return Box::pin(async move { Ok(respond::error(&error)) });
        }
        let (registry, catalogs) = (Arc::clone(&self.registry), Arc::clone(&self.catalogs));
        Box::pin(async move { Ok(http::answer(registry, catalogs, request).await) })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Empty};
    use tower::ServiceExt as _;

    use super::*;

    async fn get(server: &ApiServer, path: &str) -> (u16, Bytes) {
        let request = Request::get(path).body(Empty::<Bytes>::new()).unwrap();
        let response = server.clone().oneshot(request).await.unwrap();
        let code = response.status().as_u16();
        (code, response.into_body().collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn watches_end_with_the_server() {
        let server = ApiServer::start();
        let request = Request::get("/api/v1/pods?watch=true&resourceVersion=1").body(Empty::<Bytes>::new());
        let watch = server.clone().oneshot(request.unwrap()).await.unwrap();
        drop(server);
        let told = watch.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(told, Bytes::new());
    }

    #[tokio::test]
    async fn a_panic_of_the_controllers_is_told_to_everybody() {
        let registry = Arc::new(Registry::new(Limits::default()));
        let server = ApiServer::with_controllers(registry, async {
            tokio::task::yield_now().await;
            panic!("they trip");
        });
        let watch = get(&server, "/api/v1/namespaces?watch=true");
        let (code, _) = watch.await;
        assert_eq!(code, 200, "it began before, and it ended");
        let (code, body) = get(&server, "/api/v1/namespaces").await;
        assert_eq!(code, 500);
        assert!(String::from_utf8_lossy(&body).contains("panicked: they trip"));
    }
}
