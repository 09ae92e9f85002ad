//! What the process says about itself over HTTP: `/health`, `/ready` and `/metrics`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;

use crate::{config::ServerConfig, runtime::metrics::Metrics};

/// What the probes answer.
pub(crate) trait Probe: Send + Sync + 'static {
    /// Why the process should be restarted, if it should.
    fn dead(&self) -> Option<String>;

    /// What it still waits for.
    fn unready(&self) -> Vec<String>;

    /// Brings the gauges up to date.
    fn refresh(&self);
}

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve health and metrics on {address}: {source}; choose another port with `with_server_port`, or 0 for a free one"
)]
pub(crate) struct ServerError {
    address: SocketAddr,
    source: std::io::Error,
}

/// In a cluster the kubelet and Prometheus come from outside; anywhere else nobody should.
fn address(port: u16) -> SocketAddr {
    let is_in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let ip = if is_in_cluster {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    };
    SocketAddr::new(ip, port)
}

/// Takes the port, without serving yet.
///
/// # Errors
/// When the port is taken.
pub(crate) async fn bind(config: ServerConfig) -> Result<Option<TcpListener>, ServerError> {
    if !config.expose_health && !config.expose_metrics {
        return Ok(None);
    }
    let wanted = address(config.port);
    let fallback = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), config.port);
    let listener = match TcpListener::bind(wanted).await {
        // A node without IPv6.
        Err(error) if wanted.is_ipv6() && error.kind() != std::io::ErrorKind::AddrInUse => {
            TcpListener::bind(fallback).await
        }
        other => other,
    };
    listener.map(Some).map_err(|source| ServerError {
        address: wanted,
        source,
    })
}

/// Serves until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, config: ServerConfig, metrics: Arc<Metrics>, probe: Arc<dyn Probe>) {
    let mut router = Router::new();
    if config.expose_health {
        let (health, ready) = (probe.clone(), probe.clone());
        router = router
            .route(
                "/health",
                get(async move || answer(health.dead().into_iter().collect())),
            )
            .route("/ready", get(async move || answer(ready.unready())));
    }
    if config.expose_metrics {
        router = router.route(
            "/metrics",
            get(async move || {
                probe.refresh();
                (
                    [(
                        CONTENT_TYPE,
                        "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    )],
                    metrics.encode(),
                )
            }),
        );
    }
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "health and metrics are no longer served");
    }
}

fn answer(problems: Vec<String>) -> impl IntoResponse {
    if problems.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", problems.join("\n")))
    }
}
