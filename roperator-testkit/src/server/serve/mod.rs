//! The server on the network: HTTPS on loopback, with a certificate authority and a token of its own. In goes a server, out
//! come an address and a kubeconfig. Nobody but whoever has the token can do anything, and no other machine can connect.

mod identity;
mod kubeconfig;

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use self::identity::Identity;
use crate::server::{
    ApiServer,
    http::{access, respond},
};

/// How long a client may take to greet.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be silent between two requests: longer than clients keep one that they do not use.
const IDLE: Duration = Duration::from_secs(120);

/// Why a server is not served.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Only this machine may connect.
    #[error("{0} is not a loopback address, and other machines are not served; use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error(
        "cannot listen on {address}: {source}; is another server there? choose another port, or port 0 for a free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is a file that is not to be lost.
    #[error(
        "{path} exists and is no kubeconfig of a server like this: it is left as it is; choose another path, or remove it"
    )]
    Foreign {
        /// Where it is.
        path: String,
    },
    /// There is the kubeconfig of another server, which would no longer be found.
    #[error(
        "{path} is the kubeconfig of a server that still runs at {address}: it is left as it is; choose another path (the \
         sandbox's --kubeconfig), or stop that server first"
    )]
    InUse {
        /// Where it is.
        path: String,
        /// Where somebody answers.
        address: SocketAddr,
    },
    /// The kubeconfig cannot be written.
    #[error("cannot write the kubeconfig to {path}: {source}; choose a path in a folder that exists and is yours")]
    Kubeconfig {
        /// Where to.
        path: String,
        /// Why not.
        source: io::Error,
    },
}

/// A server that is served. It is no longer when this is dropped.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    identity: Identity,
    accepting: JoinHandle<()>,
}

impl ApiServer {
    /// Serves over HTTPS on a loopback address; port 0 chooses a free one.
    ///
    /// # Errors
    ///
    /// When the address is not loopback's, or cannot be had.
    pub async fn serve(&self, address: SocketAddr) -> Result<Served, ServeError> {
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        let identity = Identity::new(address.ip()).map_err(ServeError::Certificate)?;
        let listen = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.tls));
        let accepting = tokio::spawn(accept(self.clone(), listener, acceptor, identity.token.clone()));
        Ok(Served {
            address,
            identity,
            accepting,
        })
    }
}

impl Served {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A kubeconfig with everything that a client needs.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        self.identity.kubeconfig(&self.url())
    }

    /// Writes the kubeconfig to a file that only its owner can read.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or there is one that no server like this wrote, or that of one that still runs.
    pub fn write_kubeconfig(&self, path: &Path) -> Result<(), ServeError> {
        kubeconfig::write(path, &self.kubeconfig(), self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The connections are the task's, and go with it.
        self.accepting.abort();
    }
}

async fn accept(server: ApiServer, listener: TcpListener, acceptor: TlsAcceptor, token: Arc<str>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(server.clone(), stream, acceptor.clone(), Arc::clone(&token)));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: some are given back in a while.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Speaks with one client until it leaves.
async fn converse(server: ApiServer, stream: TcpStream, acceptor: TlsAcceptor, token: Arc<str>) {
    let _ = stream.set_nodelay(true);
    let stream = match timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a client does not speak TLS as it should"),
        Err(_) => return tracing::debug!("a client says nothing"),
    };
    let service = tower::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let server = server.clone();
        let token = Arc::clone(&token);
        async move {
            let (head, body) = request.into_parts();
            if let Err(error) = access::check(&head, &token) {
                return Ok(respond::error(&error));
            }
            server.oneshot(http::Request::from_parts(head, body)).await
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    let mut http2 = builder.http2();
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(IDLE))
        .keep_alive_timeout(PATIENCE);
    let conversation = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = conversation.await {
        tracing::debug!(%error, "a client left in the middle");
    }
}
