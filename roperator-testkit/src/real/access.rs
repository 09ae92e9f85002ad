//! Who may call: random tokens go in, and come out as the server's token file, as kubeconfigs and as client
//! configurations. Nothing here is permitted by itself, save to the administrator: RBAC objects are the test's business.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use kube::config::Kubeconfig;
use serde_json::json;

use super::error::RealError;

pub(super) const ADMIN: &str = "admin";
/// Users outside `system:masters`, whom RBAC binds.
const OPERATORS: usize = 16;
const OPERATORS_GROUP: &str = "operators";

/// The bearer tokens of one server.
#[derive(Debug)]
pub(super) struct Tokens {
    admin: String,
    operators: Vec<(String, String)>,
}

impl Tokens {
    pub(super) fn random() -> Result<Self, RealError> {
        let operators = (0..OPERATORS).map(|number| Ok((format!("operator-{number}"), random_token()?)));
        Ok(Self {
            admin: random_token()?,
            operators: operators.collect::<Result<_, RealError>>()?,
        })
    }

    /// The lines that kube-apiserver reads: token, user, uid, groups.
    pub(super) fn csv(&self) -> String {
        let mut lines = format!("{},{ADMIN},{ADMIN},\"system:masters\"\n", self.admin);
        for (name, token) in &self.operators {
            _ = writeln!(lines, "{token},{name},{name},\"{OPERATORS_GROUP}\"");
        }
        lines
    }

    /// The token of a user; of a user that does not exist one that no server knows.
    pub(super) fn of(&self, user: &str) -> &str {
        if user == ADMIN {
            return &self.admin;
        }
        self.operators
            .iter()
            .find(|(name, _)| name == user)
            .map_or("unknown", |(_, token)| token)
    }
}

/// A kubeconfig with one user. JSON is YAML, so kubectl and everything else reads it.
pub(super) fn kubeconfig(url: &str, authority: &[u8], user: &str, token: &str) -> serde_json::Value {
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "real", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "real", "context": {"cluster": "real", "user": user, "namespace": "default"}}],
        "current-context": "real",
    })
}

/// The client configuration that a kubeconfig stands for.
pub(super) fn config(kubeconfig: serde_json::Value) -> Result<kube::Config, RealError> {
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).map_err(RealError::config)?;
    kube::Config::try_from(kubeconfig).map_err(RealError::config)
}

/// Writes a file that holds secrets: for its owner alone.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), RealError> {
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(RealError::io(format!("write {}", path.display())))
}

fn random_token() -> Result<String, RealError> {
    let mut bytes = [0_u8; 24];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(RealError::io("read random bytes"))?;
    Ok(base64::engine::general_purpose::URL_SAFE.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_has_a_token_of_its_own() {
        let tokens = Tokens::random().unwrap();
        let csv = tokens.csv();
        let mut seen: Vec<&str> = csv.lines().map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(seen.len(), 1 + OPERATORS);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1 + OPERATORS);
        assert!(
            csv.contains(&format!(
                "{},operator-3,operator-3,\"operators\"\n",
                tokens.of("operator-3")
            )),
            "{csv}"
        );
        assert_eq!(tokens.of("nobody"), "unknown");
    }

    #[test]
    fn a_kubeconfig_becomes_a_configuration() {
        let config = config(kubeconfig("https://127.0.0.1:20001", b"", "operator-1", "secret")).unwrap();
        assert_eq!(config.cluster_url.to_string(), "https://127.0.0.1:20001/");
        assert_eq!(config.default_namespace, "default");
    }
}
