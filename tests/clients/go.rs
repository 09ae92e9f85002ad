//! Programs that are written in Go: the folder of a module goes in, a binary comes out.

use std::{path::Path, process::Command};

use crate::sandbox::{Ended, Process, in_path};

/// Builds a program as `go` and these arguments do, or says why that cannot be expected here.
pub fn build(source: &Path, arguments: &[&str], binary: &Path) -> Result<(), String> {
    let Some(go) = in_path("go") else {
        return Err("it is written in Go, and there is no `go` in the PATH".to_owned());
    };
    let run = |arguments: &[&str]| -> Ended {
        let mut command = Command::new(&go);
        Process::start(command.args(arguments).current_dir(source), "").wait_for_minutes()
    };
    let modules = run(&["mod", "download"]);
    if !modules.status.success() {
        let why = modules.err.lines().next().unwrap_or_default().to_owned();
        // Elsewhere there may be no network; CI passes over nothing.
        assert!(std::env::var_os("CI").is_none(), "its modules cannot be had: {why}");
        return Err(format!("its modules cannot be had: {why}"));
    }
    let built = run(&[arguments, &["-o", binary.to_str().unwrap(), "."]].concat());
    assert!(built.status.success(), "{built:?}");
    Ok(())
}
