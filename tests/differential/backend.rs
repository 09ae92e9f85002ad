//! The API servers that are judged: a name goes in, a client comes out. A server is started when the first case needs it,
//! and all cases share it.

use std::time::Duration;

use kube::Client;
use roperator_testkit::{
    real::{RealServer, available},
    server::ApiServer,
};
use tokio::sync::OnceCell;

/// An API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// kube-apiserver, with etcd and the controllers for garbage and namespaces.
    Real,
    /// Ours, in this process.
    Embedded,
}

static EMBEDDED: OnceCell<ApiServer> = OnceCell::const_new();
static REAL: OnceCell<RealServer> = OnceCell::const_new();

impl Backend {
    /// The one that `ROPERATOR_TEST_API` names.
    pub fn asked(variable: Option<&str>) -> Result<Self, String> {
        match variable {
            None | Some("" | "embedded") => Ok(Self::Embedded),
            Some("real") => Ok(Self::Real),
            Some(other) => Err(format!("ROPERATOR_TEST_API={other}: set it to `real` or `embedded`")),
        }
    }

    /// Why it is not to be had, if so.
    pub fn unavailable(self) -> Option<String> {
        match self {
            Self::Real => available().err(),
            Self::Embedded => None,
        }
    }

    /// How long it may take for what comes eventually. The real controller of namespaces waits between its attempts, each
    /// time longer.
    pub fn patience(self) -> Duration {
        match self {
            Self::Real => Duration::from_secs(120),
            Self::Embedded => Duration::from_secs(10),
        }
    }

    /// A client that may do everything and tries nothing twice.
    pub async fn client(self) -> Result<Client, String> {
        match self {
            Self::Real => {
                let server = REAL
                    .get_or_try_init(RealServer::start)
                    .await
                    .map_err(|error| error.to_string())?;
                let mut config = server.admin();
                config.default_retry = false;
                Client::try_from(config).map_err(|error| error.to_string())
            }
            Self::Embedded => {
                let server = EMBEDDED.get_or_init(async || ApiServer::start()).await;
                Ok(Client::new(server.clone(), "default"))
            }
        }
    }
}
