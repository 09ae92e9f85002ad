//! The peers as programs: their names go in; binaries, and processes that are sure to end, come out.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{Result, process};

/// How long a peer may take to stop after SIGTERM, before it is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// How much of what a peer logged is shown when a run fails.
const TAIL_LINES: usize = 8;

/// Who does the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    Roperator,
    /// Roperator on tokio's current-thread runtime.
    RoperatorOneThread,
    Kube,
    /// kube-rs on tokio's current-thread runtime.
    KubeOneThread,
    ControllerRuntime,
    /// No operator: the writes alone.
    Writes,
}

impl Peer {
    /// In the order of the table's columns.
    pub const ALL: [Self; 6] = [
        Self::Roperator,
        Self::RoperatorOneThread,
        Self::Kube,
        Self::KubeOneThread,
        Self::ControllerRuntime,
        Self::Writes,
    ];
    /// Those that are compared unless others are named.
    pub const DEFAULT: [Self; 4] = [Self::Roperator, Self::Kube, Self::ControllerRuntime, Self::Writes];

    pub fn name(self) -> &'static str {
        match self {
            Self::Roperator => "roperator",
            Self::RoperatorOneThread => "roperator-one-thread",
            Self::Kube => "kube",
            Self::KubeOneThread => "kube-one-thread",
            Self::ControllerRuntime => "controller-runtime",
            Self::Writes => "writes",
        }
    }

    pub fn is_operator(self) -> bool {
        self != Self::Writes
    }

    fn binary(self) -> String {
        format!("site-{}", self.name())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where the binaries are.
pub struct Binaries(PathBuf);

/// Builds the peers, optimised, beside the driver's own binary.
pub async fn build(peers: &[Peer]) -> Result<Binaries> {
    let driver = std::env::current_exe()?;
    let folder = driver.parent().ok_or("the driver lies in no folder")?;
    let target = folder.parent().ok_or("the driver lies in no target folder")?;
    let sources =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    // The cargo that runs the driver, or any.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--quiet", "--target-dir"])
        .arg(target)
        .current_dir(&sources);
    let mut is_rust = false;
    for peer in peers {
        if *peer == Peer::ControllerRuntime {
            let mut go = Command::new("go");
            go.args(["build", "-trimpath", "-o"])
                .arg(folder.join(peer.binary()))
                .arg(".");
            succeed(go.current_dir(sources.join(peer.binary())), "go build").await?;
        } else {
            is_rust = true;
            cargo.args(["--bin", &peer.binary()]);
        }
    }
    if is_rust {
        succeed(&mut cargo, "cargo build").await?;
    }
    Ok(Binaries(folder.to_owned()))
}

async fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().await.map_err(|error| format!("{what}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what}: {status}").into())
    }
}

/// A peer that runs. Dropping it kills it.
pub struct Running {
    child: Child,
    id: u32,
    log: PathBuf,
    pub since: Instant,
}

impl Running {
    /// Starts a peer. What it logs is appended to a file in `folder`.
    pub fn start(binaries: &Binaries, peer: Peer, kubeconfig: &Path, folder: &Path) -> Result<Self> {
        let log = folder.join(peer.name()).with_extension("log");
        let file = std::fs::File::options().create(true).append(true).open(&log)?;
        let since = Instant::now();
        let child = Command::new(binaries.0.join(peer.binary()))
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().ok_or("the peer ended at once")?;
        Ok(Self { child, id, log, since })
    }

    /// The processor time that it has used, in seconds. An error once it has ended by itself.
    pub fn cpu(&mut self) -> Result<f64> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("the peer ended: {status}{}", self.logged()).into());
        }
        process::cpu_seconds(self.id)
    }

    pub fn memory(&self) -> Result<process::Memory> {
        process::memory(self.id)
    }

    /// The last lines that it logged, if any.
    pub fn logged(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(TAIL_LINES));
        let tail: String = tail.map(|line| format!("\n    {line}")).collect();
        if tail.is_empty() {
            tail
        } else {
            format!("; {} lines logged, the last:{tail}", lines.len())
        }
    }

    /// How many lines it logged.
    pub fn lines_logged(&self) -> usize {
        std::fs::read_to_string(&self.log).map_or(0, |text| text.lines().count())
    }

    /// Stops it with SIGTERM, and says how long it took. A peer that does not stop is killed.
    pub async fn stop(&mut self) -> Result<Duration> {
        let asked = Instant::now();
        let id = i32::try_from(self.id)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or("a process id out of range")?;
        kill_process(id, Signal::TERM)?;
        if tokio::time::timeout(STOP_DEADLINE, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(asked.elapsed())
    }
}
