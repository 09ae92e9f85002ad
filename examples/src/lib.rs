//! Operators written with roperator, one a module.

pub mod config_fanout;
pub mod echo;
pub mod temp_namespace;

use roperator::{Error, OperatorConfig, Result};

/// What the examples log: `RUST_LOG`, or `info` where it is not set. kube would say of every failed request and
/// watch that it failed, beside the operator, which says what it was for and what to do.
#[must_use]
pub fn log_filter() -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "info,kube_client=off,kube_runtime=off".into())
}

/// An operator's configuration, with what its deployment chooses: `SERVER_PORT` is the port of health and metrics, where it
/// is set.
///
/// # Errors
/// When it is no port.
pub fn deployed(declared: OperatorConfig) -> Result<OperatorConfig> {
    let Some(port) = std::env::var_os("SERVER_PORT") else {
        return Ok(declared);
    };
    let parsed = port.to_str().and_then(|port| port.parse().ok());
    let parsed =
        parsed.ok_or_else(|| Error::terminal(format!("SERVER_PORT is {}, which is no port", port.display())))?;
    Ok(declared.with_server_port(parsed))
}
