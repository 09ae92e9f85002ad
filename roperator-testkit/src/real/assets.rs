//! The environment goes in; the folder of binaries, or a sentence that says how to get them, comes out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::RealError;

/// The environment variable that names the folder. It is envtest's, so one setting serves both.
const VARIABLE: &str = "KUBEBUILDER_ASSETS";
/// How to set it.
const REMEDY: &str = "run `export KUBEBUILDER_ASSETS=$(scripts/real-apiserver)`";

const APISERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const ETCD: &str = "etcd";

/// Where the three binaries are.
#[derive(Clone, Debug)]
pub(super) struct Assets {
    pub apiserver: PathBuf,
    pub controller_manager: PathBuf,
    pub etcd: PathBuf,
}

/// The folder that `KUBEBUILDER_ASSETS` names, if all binaries are there. Tests that need a real API server ask this
/// first, and are listed as ignored with the reason otherwise.
///
/// # Errors
///
/// A sentence for the user: what is missing and which command provides it.
pub fn available() -> Result<PathBuf, String> {
    judge(std::env::var_os(VARIABLE))
}

impl Assets {
    /// The binaries in the folder that the environment names.
    pub(super) fn find() -> Result<Self, RealError> {
        Self::of(std::env::var_os(VARIABLE))
    }

    /// The binaries in a folder.
    pub(super) fn of(folder: Option<OsString>) -> Result<Self, RealError> {
        let folder = judge(folder).map_err(RealError::Unavailable)?;
        Ok(Self {
            apiserver: folder.join(APISERVER),
            controller_manager: folder.join(CONTROLLER_MANAGER),
            etcd: folder.join(ETCD),
        })
    }
}

fn judge(value: Option<OsString>) -> Result<PathBuf, String> {
    let folder = match value {
        Some(value) if !value.is_empty() => PathBuf::from(value),
        _ => return Err(format!("{VARIABLE} is not set: {REMEDY}")),
    };
    match [APISERVER, CONTROLLER_MANAGER, ETCD]
        .iter()
        .find(|binary| !folder.join(binary).is_file())
    {
        None => Ok(absolute(&folder)),
        Some(binary) => Err(format!(
            "{VARIABLE} names {}, where there is no {binary}: {REMEDY}",
            folder.display()
        )),
    }
}

/// The processes run in a folder of their own.
fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unset_or_empty_variable_says_what_to_run() {
        for value in [None, Some(OsString::new())] {
            let reason = judge(value).unwrap_err();
            assert_eq!(
                reason,
                "KUBEBUILDER_ASSETS is not set: run `export KUBEBUILDER_ASSETS=$(scripts/real-apiserver)`"
            );
        }
    }

    #[test]
    fn the_first_missing_binary_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for binary in ["kube-apiserver", "etcd"] {
            std::fs::write(folder.path().join(binary), "").unwrap();
        }
        let reason = judge(Some(folder.path().into())).unwrap_err();
        assert!(
            reason.contains("there is no kube-controller-manager: run `export"),
            "{reason}"
        );

        std::fs::write(folder.path().join("kube-controller-manager"), "").unwrap();
        assert_eq!(judge(Some(folder.path().into())).unwrap(), folder.path());
    }
}
