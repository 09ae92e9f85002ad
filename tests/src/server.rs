//! The API servers that scenarios run on: `ROPERATOR_TEST_API` goes in, a running server comes out. What a scenario asks of
//! it is the same for all; what only a real one can do is asked of [`Server::real`].

use std::{net::Ipv4Addr, path::Path};

use kube::{Client, Config, config::KubeConfigOptions, config::Kubeconfig};
use roperator_testkit::{
    real::{RealServer, available},
    server::{ApiServer, serve::Served},
};

/// Which API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The one in this process.
    Embedded,
    /// kube-apiserver with etcd and two controllers, on loopback.
    Real,
}

/// Why there is no server.
pub type ServerError = Box<dyn std::error::Error + Send + Sync>;

impl Backend {
    /// What `ROPERATOR_TEST_API` asks for: the one in this process unless it says otherwise.
    ///
    /// # Errors
    ///
    /// When what it asks for is not to be had.
    pub fn asked() -> Result<Self, String> {
        let asked = std::env::var("ROPERATOR_TEST_API").unwrap_or_default();
        match (asked.as_str(), available()) {
            ("" | "embedded", _) => Ok(Self::Embedded),
            ("real", Ok(_)) => Ok(Self::Real),
            ("real", Err(reason)) => Err(format!("ROPERATOR_TEST_API=real: {reason}")),
            (other, _) => Err(format!(
                "ROPERATOR_TEST_API={other}: these tests start a server of their own; set it to `embedded` (the default) or \
                 to `real`"
            )),
        }
    }

    /// Starts a server.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub async fn start(self) -> Result<Server, ServerError> {
        match self {
            Self::Real => Ok(Server::Real(RealServer::start().await?)),
            Self::Embedded => {
                let server = ApiServer::start();
                // Over the network, as operators are in a cluster.
                let served = server.serve((Ipv4Addr::LOCALHOST, 0).into()).await?;
                let kubeconfig = Kubeconfig::from_yaml(&served.kubeconfig())?;
                let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
                Ok(Server::Embedded { server, served, config })
            }
        }
    }
}

/// A running server.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are few of them, and they are not moved about"
)]
pub enum Server {
    /// The one in this process, and its way in.
    Embedded {
        /// The server.
        server: ApiServer,
        /// Its way in.
        served: Served,
        /// The administrator's.
        config: Config,
    },
    /// A real one.
    Real(RealServer),
}

impl Server {
    /// Which one it is.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        match self {
            Self::Embedded { .. } => Backend::Embedded,
            Self::Real(_) => Backend::Real,
        }
    }

    /// The administrator's way in.
    #[must_use]
    pub fn admin(&self) -> Config {
        match self {
            Self::Embedded { config, .. } => config.clone(),
            Self::Real(server) => server.admin(),
        }
    }

    /// The administrator's client.
    ///
    /// # Errors
    ///
    /// When there can be none.
    pub async fn client(&self) -> Result<Client, ServerError> {
        match self {
            Self::Embedded { config, .. } => Ok(Client::try_from(config.clone())?),
            Self::Real(server) => Ok(server.client().await?),
        }
    }

    /// Writes the administrator's kubeconfig.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub async fn kubeconfig(&self, path: &Path) -> Result<(), ServerError> {
        match self {
            Self::Embedded { served, .. } => served.write_kubeconfig(path)?,
            Self::Real(server) => server.kubeconfig(path).await?,
        }
        Ok(())
    }

    /// Ends all watches and forgets history: those that go on from before expire.
    ///
    /// # Errors
    ///
    /// When it cannot.
    pub async fn forget_history(&mut self) -> Result<(), ServerError> {
        match self {
            Self::Embedded { server, .. } => {
                server.forget_history();
                server.end_watches();
            }
            Self::Real(server) => server.forget_history().await?,
        }
        Ok(())
    }

    /// Makes the garbage collector look for new kinds, which a real one does only now and then.
    ///
    /// # Errors
    ///
    /// When it does not come back.
    pub async fn notice_kinds(&mut self) -> Result<(), ServerError> {
        if let Self::Real(server) = self {
            server.restart_controllers().await?;
        }
        Ok(())
    }

    /// The real server, for scenarios that stop and start it.
    ///
    /// # Panics
    ///
    /// On the one in this process.
    pub fn real(&mut self) -> &mut RealServer {
        match self {
            Self::Real(server) => server,
            Self::Embedded { .. } => unreachable!("the harness runs such scenarios on a real server alone"),
        }
    }
}
