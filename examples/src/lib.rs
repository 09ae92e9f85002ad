//! Operators written with roperator, one a module.

pub mod config_fanout;
pub mod echo;
pub mod temp_namespace;

/// What the examples log: `RUST_LOG`, or `info` where it is not set.
#[must_use]
pub fn log_filter() -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into())
}
