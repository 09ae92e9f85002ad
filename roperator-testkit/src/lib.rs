//! Tests for operators: API servers to run them against. [`server`] is one in the process itself, ready in milliseconds;
//! [`real`] starts a real kube-apiserver.

#[cfg(unix)]
pub mod real;
pub mod server;
