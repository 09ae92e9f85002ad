//! One server process: a command line goes in; a child process that cannot outlive this one comes out.
//!
//! The child is started through a few lines of shell. They fork a watchdog, which waits for the end of a pipe whose other
//! end only this process holds, and then become the server (so the server is our direct child). When this process ends
//! in whatever way, SIGKILL included, the kernel closes the pipe; the watchdog then kills the server and removes the
//! temporary folder. Server and watchdog form a process group of their own: a Ctrl-C in the terminal does not reach them,
//! and the server's process id cannot be given to anyone else for as long as the watchdog, a member of the group that
//! bears this id, is there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::error::RealError;

/// `$1` is the folder to remove, the rest is the server's command line. The pause is for the other servers of the same
/// folder, which end at the same time and may still be writing.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
(read -r _ <&3; kill -KILL $$; sleep 1; rm -rf -- "$1") &
exec 3<&-
shift
exec "$@"
"#;

const TAIL_LINES: usize = 30;

/// A running server. Dropping it kills it, without a chance to clean up: the data is temporary.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// Never written to; its closing is the signal. Must live as long as `child`.
    _leash: Option<ChildStdin>,
}

impl Process {
    /// Starts `binary`, named `name` in errors, with its output appended to `NAME.log` in `folder`.
    pub(super) fn spawn(
        name: &'static str,
        binary: &Path,
        arguments: &[String],
        folder: &Path,
    ) -> Result<Self, RealError> {
        use std::os::unix::process::CommandExt as _;

        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let file = file.map_err(RealError::io(format!("write {}", log.display())))?;
        let copy = file.try_clone().map_err(RealError::io("duplicate a file descriptor"))?;
        let mut child = Command::new("sh")
            .args(["-c", WATCHED, "sh"])
            .arg(folder)
            .arg(binary)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(file)
            .stderr(copy)
            .process_group(0)
            .spawn()
            .map_err(RealError::io(format!("start {}", binary.display())))?;
        let leash = child.stdin.take();
        Ok(Self {
            name,
            child,
            log,
            _leash: leash,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error once the process has ended by itself.
    pub(super) fn check(&mut self) -> Result<(), RealError> {
        let status: Option<ExitStatus> = self
            .child
            .try_wait()
            .map_err(RealError::io(format!("watch {}", self.name)))?;
        match status {
            None => Ok(()),
            Some(status) => Err(RealError::Ended {
                binary: self.name,
                status,
                log: self.log.clone(),
                tail: self.tail(),
            }),
        }
    }

    /// The error for a process that has had enough time.
    pub(super) fn not_ready(&self, waited: Duration) -> RealError {
        RealError::NotReady {
            binary: self.name,
            waited,
            log: self.log.clone(),
            tail: self.tail(),
        }
    }

    /// Stops the process where it stands (SIGSTOP), and returns once it does stand.
    pub(super) async fn freeze(&mut self) -> Result<(), RealError> {
        self.check()?;
        self.signal(Signal::STOP)?;
        loop {
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
            match rustix::process::waitid(WaitId::Pid(self.pid()), options) {
                Ok(None) => self.check()?,
                Ok(Some(_)) => return Ok(()),
                Err(error) => return Err(RealError::io(format!("pause {}", self.name))(error.into())),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets a frozen process go on (SIGCONT).
    pub(super) fn thaw(&mut self) -> Result<(), RealError> {
        self.check()?;
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), RealError> {
        rustix::process::kill_process(self.pid(), signal)
            .map_err(|error| RealError::io(format!("send {signal:?} to {}", self.name))(error.into()))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(TAIL_LINES)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group: with the watchdog, lest it remove the folder of a server that is only being restarted. The id is
        // still ours, see above. Neither call can fail in a way that leaves something to do.
        _ = rustix::process::kill_process_group(self.pid(), Signal::KILL);
        _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn sleeper(folder: &Path) -> Process {
        Process::spawn("sleeper", Path::new("sleep"), &["1000".to_owned()], folder).unwrap()
    }

    fn eventually(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !condition() {
            assert!(Instant::now() < deadline, "not within 20 s: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_running(group: Pid) -> bool {
        rustix::process::test_kill_process_group(group).is_ok()
    }

    #[test]
    fn dropping_kills_server_and_watchdog_and_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(folder.path());
        let group = process.pid();
        assert!(is_running(group));
        drop(process);
        eventually("the group is gone", || !is_running(group));
        assert!(folder.path().exists());
    }

    #[test]
    fn the_end_of_the_pipe_kills_the_server_and_removes_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(folder.path());
        process._leash = None;
        eventually("the folder is gone", || !folder.path().exists());
        assert!(
            process.child.try_wait().unwrap().is_some(),
            "the server should have been killed before the folder went"
        );
    }

    #[test]
    fn a_process_that_ends_is_reported_with_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-c", "seq 100; echo told you >&2; exit 7"].map(str::to_owned);
        let mut process = Process::spawn("teller", Path::new("sh"), &arguments, folder.path()).unwrap();
        _ = process.child.wait().unwrap();
        let text = process.check().unwrap_err().to_string();
        assert!(text.contains("teller ended (exit status: 7)"), "{text}");
        assert!(text.contains("\n100\ntold you"), "{text}");
        assert!(!text.contains("\n50\n"), "{text}");
    }

    #[tokio::test]
    async fn a_frozen_process_goes_on_after_thaw() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(folder.path());
        for _ in 0..3 {
            process.freeze().await.unwrap();
            process.thaw().unwrap();
        }
        process.check().unwrap();
    }
}
