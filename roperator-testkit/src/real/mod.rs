//! A real API server: the folder that `KUBEBUILDER_ASSETS` names goes in; a running etcd, kube-apiserver and
//! kube-controller-manager on loopback, and clients for them, come out. It never touches a cluster of anyone's, and it
//! leaves nothing behind, not even when the test process is killed.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use roperator_testkit::real::RealServer;
//!
//! let server = RealServer::start().await?;
//! let client = server.client().await?;
//! // … tests …
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod access;
mod assets;
mod error;
mod etcd;
mod flags;
mod port;
mod process;
mod readiness;
mod requests;
mod server;

pub use self::assets::available;
pub use self::error::RealError;
pub use self::requests::{RequestKind, Requests};
pub use self::server::RealServer;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(dead_code, clippy::manual_async_fn, reason = "compiling `Send` is the test")]
    fn futures_are_send(server: &mut RealServer) -> impl Future<Output = Result<(), RealError>> + Send {
        async {
            drop(RealServer::start().await?);
            server.requests().await?;
            server.forget_history().await?;
            server.pause().await?;
            server.restart_controllers().await?;
            server.start_apiserver().await
        }
    }
}
