//! What can go wrong with a real API server, in terms that say what to do.

use std::path::PathBuf;
use std::time::Duration;

/// An error of [`RealServer`](super::RealServer).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RealError {
    /// There are no binaries to run. The text says how to get them.
    #[error("{0}")]
    Unavailable(String),
    /// A file, folder, port or process of the server could not be made, read or signalled.
    #[error("cannot {what}")]
    Io {
        /// What was attempted, in words.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// One of the three processes ended although nobody asked it to.
    #[error("{binary} ended ({status}); the last lines of {}:\n{tail}", log.display())]
    Ended {
        /// Which process.
        binary: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// Its whole log; gone with the server's folder.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A process runs, but does not answer.
    #[error("{binary} was not ready after {waited:?}; the last lines of {}:\n{tail}", log.display())]
    NotReady {
        /// Which process.
        binary: &'static str,
        /// How long it had.
        waited: Duration,
        /// Its whole log; gone with the server's folder.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The API server was needed while it was stopped.
    #[error("the API server is stopped: call start_apiserver() first")]
    Stopped,
    /// No client could be made for the server's address and certificate.
    #[error("cannot make a client configuration")]
    Config(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A request of this module failed.
    #[error("cannot {what}")]
    Request {
        /// What was asked for, in words.
        what: &'static str,
        /// The client's error.
        #[source]
        source: Box<kube::Error>,
    },
}

impl RealError {
    /// For `map_err`: names what was attempted.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        |source| Self::Io {
            what: what.into(),
            source,
        }
    }

    /// For `map_err`: names what was asked for.
    pub(super) fn request(what: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Request {
            what,
            source: Box::new(source),
        }
    }

    /// For `map_err`: any failure to build a client's configuration.
    pub(super) fn config(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Config(Box::new(source))
    }

    /// True when a process could not have its port: worth another try with other ports.
    pub(super) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Ended { tail, .. } if tail.contains("address already in use"))
    }
}
