//! A copy of this program starts a server and is killed with SIGKILL: no process and no folder may be left.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use roperator_testkit::real::RealServer;
use rustix::process::{Pid, test_kill_process};

use crate::{Outcome, eventually};

const VARIABLE: &str = "ROPERATOR_TEST_HOLD_A_SERVER";

pub fn is_the_one_to_kill() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Prints the folder and the process ids, then waits for the end.
pub async fn hold_a_server() -> ExitCode {
    match RealServer::start().await {
        Ok(server) => {
            println!("{}", server.folder().display());
            println!(
                "{}",
                server
                    .process_ids()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            );
            std::future::pending().await
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

pub async fn nothing_is_left() -> Outcome {
    let mut holder = Command::new(std::env::current_exe()?)
        .env(VARIABLE, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(holder.stdout.take().ok_or("no pipe")?).lines();
    let folder = lines.next().ok_or("the server did not start")??;
    let ids = lines.next().ok_or("the server did not start")??;
    let ids = ids.split(' ').map(str::parse).collect::<Result<Vec<i32>, _>>()?;
    let ids: Vec<Pid> = ids.into_iter().filter_map(Pid::from_raw).collect();
    assert_eq!(ids.len(), 3);
    assert!(Path::new(&folder).join("kube-apiserver.log").exists());

    holder.kill()?;
    holder.wait()?;
    eventually("all servers are gone", async || Ok(ids.iter().all(has_ended))).await?;
    eventually("the folder is gone", async || Ok(!Path::new(&folder).exists())).await
}

/// Where nobody reaps orphans (a container without an init process), a dead one stays in the table, without arguments.
fn has_ended(id: &Pid) -> bool {
    let arguments = std::fs::read(format!("/proc/{}/cmdline", id.as_raw_nonzero()));
    test_kill_process(*id).is_err() || arguments.is_ok_and(|arguments| arguments.is_empty())
}
