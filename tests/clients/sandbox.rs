//! The `sandbox` binary as a process that is sure to end, and other processes beside it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A binary of this workspace, which cargo put beside this test.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.is_file(),
        "there is no {}: `cargo build --workspace --bins` makes it, and so does `cargo test --workspace`",
        path.display()
    );
    path
}

/// A process. It is killed when this is dropped.
pub struct Process {
    child: Child,
    folder: TempDir,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Process {
    /// Starts a process that reads from `input`. What it says goes to files, so that it never waits for a reader.
    pub fn start(command: &mut Command, input: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join("in"), input).unwrap();
        let child = command
            .stdin(File::open(folder.path().join("in")).unwrap())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, folder }
    }

    /// What it wrote to stdout so far.
    pub fn out(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("out")).unwrap()
    }

    /// What it wrote to stderr so far.
    pub fn err(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("err")).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits until it ends by itself.
    pub fn wait(self) -> Ended {
        self.wait_within(PATIENCE)
    }

    /// Waits for what is not quick, such as a compiler.
    pub fn wait_for_minutes(self) -> Ended {
        self.wait_within(10 * PATIENCE)
    }

    fn wait_within(mut self, patience: Duration) -> Ended {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                since.elapsed() < patience,
                "it does not end\n{}{}",
                self.out(),
                self.err()
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        Ended {
            status,
            out: self.out(),
            err: self.err(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A sandbox that is ready.
pub struct Sandbox {
    pub process: Process,
    pub url: String,
    pub folder: TempDir,
}

impl Sandbox {
    /// Starts a sandbox, and waits until it is ready.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary("sandbox"));
        command.arg("--kubeconfig").arg(folder.path().join("kubeconfig"));
        let process = Process::start(&mut command, "");
        eventually("the sandbox is ready", || process.out().ends_with("\nready\n"));
        let out = process.out();
        let url = out.lines().find_map(|line| line.strip_prefix("serving ")).unwrap();
        Self {
            url: url.to_owned(),
            process,
            folder,
        }
    }

    /// Waits for its end. What was in its folder is there as long as the folder is.
    pub fn wait(self) -> (Ended, TempDir) {
        (self.process.wait(), self.folder)
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The host and the port.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("https://").unwrap()
    }

    /// What clients are told.
    pub async fn config(&self) -> Config {
        config(&self.kubeconfig()).await
    }

    pub async fn client(&self) -> Client {
        client(&self.kubeconfig()).await
    }
}

async fn config(kubeconfig: &Path) -> Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()
}

/// A client with this kubeconfig.
pub async fn client(kubeconfig: &Path) -> Client {
    Client::try_from(config(kubeconfig).await).unwrap()
}

/// Waits until it is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until it is so.
pub async fn soon(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !is_so().await {
        assert!(since.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The first program of this name in the PATH.
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
