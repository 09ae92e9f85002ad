//! The server as a whole: starts the three processes in order, waits until each serves, and offers tests what they need:
//! clients, counts, and ways to break it.

use std::future::ready;
use std::path::Path;

use http::Request;
use tempfile::TempDir;

use super::access::{self, ADMIN, Tokens};
use super::assets::Assets;
use super::error::RealError;
use super::etcd::Etcd;
use super::flags::{self, Layout};
use super::port::Port;
use super::process::Process;
use super::readiness::{is_serving, is_up, until_ready};
use super::requests::Requests;

/// How often other ports are tried when someone took one in the moment between choosing and listening.
const ATTEMPTS: usize = 3;

/// An etcd, a kube-apiserver and a kube-controller-manager of its own, on loopback, with all data in a temporary folder.
///
/// Authorisation is RBAC, and the admission plugin `OwnerReferencesPermissionEnforcement` is on. Of the controllers only
/// garbage collection and namespace deletion run: no Pod starts, no Deployment makes a ReplicaSet. Two of their delays
/// are fixed in Kubernetes: a namespace is gone 5 s after its deletion at the earliest, and kinds that came with a CRD are
/// known to the garbage collector up to 30 s later ([`restart_controllers`](Self::restart_controllers) is the way around).
///
/// Several can run at once. One takes about 400 MB of memory.
///
/// Dropping it kills the processes and removes the folder; when this process is killed instead, a watchdog does so.
#[derive(Debug)]
pub struct RealServer {
    // Fields are dropped in this order: clients of a process go before it.
    controller_manager: Option<Process>,
    apiserver: Option<Process>,
    etcd: Process,
    assets: Assets,
    layout: Layout,
    folder: TempDir,
    tokens: Tokens,
    port: Port,
    etcd_port: u16,
    /// The certificates, PEM, once the API server has made them.
    authority: Vec<u8>,
    /// Without a token: `user` fills it in.
    config: kube::Config,
}

impl RealServer {
    /// Starts a server from the binaries in the folder that `KUBEBUILDER_ASSETS` names. Takes about four seconds.
    ///
    /// # Errors
    ///
    /// [`RealError::Unavailable`] says what to run when there are no binaries. When a process fails, the error holds the
    /// last lines of its log.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends what was started.
    pub async fn start() -> Result<Self, RealError> {
        Self::with_assets(Assets::find()?).await
    }

    /// Starts it from the binaries in a folder, whatever the environment says.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_from(folder: impl Into<std::path::PathBuf>) -> Result<Self, RealError> {
        Self::with_assets(Assets::of(Some(folder.into().into_os_string()))?).await
    }

    async fn with_assets(assets: Assets) -> Result<Self, RealError> {
        let mut attempt = 1;
        loop {
            match Self::attempt(&assets).await {
                Err(error) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn attempt(assets: &Assets) -> Result<Self, RealError> {
        let folder = tempfile::Builder::new().prefix("roperator-real-").tempdir();
        let folder = folder.map_err(RealError::io("make a temporary folder"))?;
        let layout = Layout::new(folder.path());
        let tokens = Tokens::random()?;
        access::write_secret(&layout.tokens(), &tokens.csv())?;

        let port = Port::take()?;
        let mut etcd_port = Port::take()?;
        etcd_port.release();
        let etcd_port = etcd_port.number();
        let arguments = flags::etcd(&layout, etcd_port);
        let mut etcd = Process::spawn("etcd", &assets.etcd, &arguments, folder.path())?;
        let gateway = Etcd::new(etcd_port)?;
        until_ready(&mut etcd, || is_up(gateway.clone())).await?;

        let mut server = Self {
            controller_manager: None,
            apiserver: None,
            etcd,
            assets: assets.clone(),
            layout,
            folder,
            tokens,
            config: access::config(access::kubeconfig(&url(&port), &[], ADMIN, ""))?,
            port,
            etcd_port,
            authority: Vec::new(),
        };
        server.start_apiserver().await?;
        server.restart_controllers().await?;
        Ok(server)
    }

    /// The configuration of a client that may do everything: its group is `system:masters`, which RBAC does not bind.
    #[must_use]
    pub fn admin(&self) -> kube::Config {
        self.user(ADMIN)
    }

    /// A client that may do everything.
    ///
    /// # Errors
    ///
    /// [`RealError::Request`] when no client can be made.
    pub async fn client(&self) -> Result<kube::Client, RealError> {
        kube::Client::try_from(self.admin()).map_err(RealError::request("make a client"))
    }

    /// The configuration of a client that may do only what RBAC objects of the caller permit: users `operator-0` to
    /// `operator-15`, all of group `operators`. The server answers 401 to any other name.
    #[must_use]
    pub fn user(&self, name: &str) -> kube::Config {
        let mut config = self.config.clone();
        config.auth_info.token = Some(self.tokens.of(name).to_owned().into());
        config
    }

    /// Writes the administrator's kubeconfig, for kubectl and other processes. The file is readable by its owner only.
    ///
    /// # Errors
    ///
    /// [`RealError::Io`] when the file cannot be written.
    pub async fn kubeconfig(&self, path: impl AsRef<Path>) -> Result<(), RealError> {
        let kubeconfig = access::kubeconfig(&self.url(), &self.authority, ADMIN, self.tokens.of(ADMIN));
        access::write_secret(path.as_ref(), &format!("{kubeconfig:#}\n"))
    }

    /// The server's address, `https://127.0.0.1:PORT`. It stays the same over restarts.
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.port)
    }

    /// The temporary folder; the logs are `etcd.log`, `kube-apiserver.log` and `kube-controller-manager.log` in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id of kube-apiserver, unless it is stopped: for measurements.
    #[must_use]
    pub fn apiserver_id(&self) -> Option<u32> {
        self.apiserver.as_ref().map(Process::id)
    }

    /// The process ids of all that run.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        let others = self.apiserver.iter().chain(&self.controller_manager);
        std::iter::once(&self.etcd).chain(others).map(Process::id).collect()
    }

    /// Counts of all requests since the API server was started or restarted; subtract two of them.
    ///
    /// # Errors
    ///
    /// [`RealError::Request`] when the API server does not answer.
    pub async fn requests(&self) -> Result<Requests, RealError> {
        let request = Request::get("/metrics").body(Vec::new()).map_err(RealError::config)?;
        let metrics = self.client().await?.request_text(request).await;
        Ok(Requests::parse(&metrics.map_err(RealError::request("read /metrics"))?))
    }

    /// Kills kube-apiserver (SIGKILL): connections break, no request is finished.
    pub async fn stop_apiserver(&mut self) {
        self.apiserver = None;
    }

    /// Starts kube-apiserver again, on the same port and data, and waits until it is ready. What it remembered of the past
    /// is forgotten: a watch from a resource version before the start is answered with 410. No effect when it runs.
    ///
    /// # Errors
    ///
    /// With the last lines of its log when it ends or is not ready in time.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves it stopped.
    pub async fn start_apiserver(&mut self) -> Result<(), RealError> {
        if self.apiserver.as_mut().is_some_and(|process| process.check().is_ok()) {
            return Ok(());
        }
        self.apiserver = None;
        self.port.release();
        let arguments = flags::apiserver(&self.layout, self.port.number(), self.etcd_port);
        let binary = &self.assets.apiserver;
        let mut process = Process::spawn("kube-apiserver", binary, &arguments, self.folder.path())?;

        let certificates = || ready(self.read_certificates());
        (self.authority, self.config) = until_ready(&mut process, certificates).await?;
        let mut config = self.admin();
        config.default_retry = false;
        let client = kube::Client::try_from(config).map_err(RealError::request("make a client"))?;
        until_ready(&mut process, || is_serving(client.clone())).await?;
        self.apiserver = Some(process);
        Ok(())
    }

    /// Stops kube-apiserver where it stands (SIGSTOP): connections stay open, nothing is answered. Returns once it stands.
    ///
    /// # Errors
    ///
    /// [`RealError::Stopped`] when it does not run.
    pub async fn pause(&mut self) -> Result<(), RealError> {
        self.apiserver.as_mut().ok_or(RealError::Stopped)?.freeze().await
    }

    /// Lets kube-apiserver go on after [`pause`](Self::pause): it answers what has come in meanwhile.
    ///
    /// # Errors
    ///
    /// [`RealError::Stopped`] when it does not run.
    pub async fn resume(&mut self) -> Result<(), RealError> {
        self.apiserver.as_mut().ok_or(RealError::Stopped)?.thaw()
    }

    /// Makes etcd forget all history up to now (nothing, if nothing was written since the last time). The API server still serves watches from what it remembers by itself:
    /// [`forget_history`](Self::forget_history) is for tests that want to see a 410.
    ///
    /// # Errors
    ///
    /// [`RealError::Request`] when etcd refuses.
    pub async fn compact(&self) -> Result<(), RealError> {
        Etcd::new(self.etcd_port)?.compact().await
    }

    /// Kills the API server, compacts etcd and starts the API server again: running watches break, and a watch from
    /// any resource version before this is answered with 410.
    ///
    /// # Errors
    ///
    /// Those of [`compact`](Self::compact) and [`start_apiserver`](Self::start_apiserver).
    pub async fn forget_history(&mut self) -> Result<(), RealError> {
        self.stop_apiserver().await;
        self.compact().await?;
        self.start_apiserver().await
    }

    /// Starts kube-controller-manager anew. Its garbage collector looks for new kinds at its start and then every 30 s: a
    /// test that has just installed a CRD and waits for garbage of that kind saves that time.
    ///
    /// # Errors
    ///
    /// [`RealError::Io`] when it cannot be started.
    pub async fn restart_controllers(&mut self) -> Result<(), RealError> {
        self.controller_manager = None;
        self.kubeconfig(self.layout.kubeconfig()).await?;
        let arguments = flags::controller_manager(&self.layout);
        let binary = &self.assets.controller_manager;
        let process = Process::spawn("kube-controller-manager", binary, &arguments, self.folder.path())?;
        self.controller_manager = Some(process);
        Ok(())
    }

    /// Ends all processes and removes the folder, as dropping does.
    pub async fn shutdown(self) {
        drop(self);
    }

    /// The certificates and a configuration that trusts them, once they are written: the key comes last.
    fn read_certificates(&self) -> Option<(Vec<u8>, kube::Config)> {
        std::fs::metadata(self.layout.key()).ok()?;
        let authority = std::fs::read(self.layout.certificate()).ok()?;
        let config = access::config(access::kubeconfig(&self.url(), &authority, ADMIN, "")).ok()?;
        Some((authority, config))
    }
}

fn url(port: &Port) -> String {
    format!("https://127.0.0.1:{}", port.number())
}
