//! Tests for operators: API servers to run them against.

#[cfg(unix)]
pub mod real;
