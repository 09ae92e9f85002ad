//! Kubeconfigs of served servers: what a client needs goes in, a file comes out. A file that is somebody else's is not
//! written over: neither one that no server like this wrote, nor that of a server that still runs.

use std::{
    io::{self, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::ServeError;

/// The name of everything in a kubeconfig of ours.
const NAME: &str = "sandbox";
/// How long a server on this machine may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(1);

/// A kubeconfig. JSON is YAML, so kubectl and everyone else reads it.
pub(super) fn text(url: &str, authority: &str, token: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": NAME,
            "cluster": {"server": url, "certificate-authority-data": STANDARD.encode(authority)},
        }],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "current-context": NAME,
    });
    format!("{config:#}\n")
}

/// Writes the kubeconfig of the server at this address.
pub(super) fn write(path: &Path, text: &str, own: SocketAddr) -> Result<(), ServeError> {
    let shown = || path.display().to_string();
    if let Ok(there) = std::fs::read_to_string(path) {
        match written_by(&there) {
            None => return Err(ServeError::Foreign { path: shown() }),
            Some(address) if address != own && answers(address) => {
                return Err(ServeError::InUse { path: shown(), address });
            }
            Some(_) => {}
        }
    }
    write_private(path, text).map_err(|source| ServeError::Kubeconfig { path: shown(), source })
}

/// The address of the server like this that wrote a kubeconfig, if one did.
fn written_by(kubeconfig: &str) -> Option<SocketAddr> {
    let config: Value = serde_json::from_str(kubeconfig).ok()?;
    let url = config.pointer("/clusters/0/cluster/server")?.as_str()?;
    let is_ours = config.get("current-context")?.as_str()? == NAME;
    url.strip_prefix("https://").filter(|_| is_ours)?.parse().ok()
}

fn answers(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, PATIENCE).is_ok()
}

/// Writes a file of its own beside the place, which nobody else may read, and moves it there: whatever was there before,
/// nobody can read the token through it.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    std::fs::metadata(folder)?;
    let file = NamedTempFile::new_in(folder);
    // What is wrong is wrong with the folder: the other name, which the error has, would only confuse.
    let mut file = file.map_err(|error| io::Error::from(error.kind()))?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn of(address: SocketAddr) -> String {
        text(&format!("https://{address}"), "authority", "token")
    }

    #[test]
    fn a_kubeconfig_says_who_wrote_it() {
        for address in ["127.0.0.1:6443", "[::1]:1"] {
            let address = address.parse().unwrap();
            assert_eq!(written_by(&of(address)), Some(address));
        }
        for foreign in [
            "",
            "apiVersion: v1\nkind: Config\n",
            "{}",
            &of("127.0.0.1:1".parse().unwrap()).replace(NAME, "kind"),
        ] {
            assert_eq!(written_by(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn one_that_somebody_answers_for_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (theirs, own) = (other.local_addr().unwrap(), "127.0.0.1:1".parse().unwrap());
        write(&path, &of(theirs), theirs).unwrap();
        write(&path, &of(theirs), theirs).unwrap();
        let refused = write(&path, &of(own), own).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("still runs at {theirs}: it is left as it is")),
            "{refused}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), of(theirs));
        drop(other);
        write(&path, &of(own), own).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), of(own));
    }

    #[test]
    fn who_cannot_be_written_is_told_by_the_name_that_was_given() {
        let own = "127.0.0.1:1".parse().unwrap();
        let refused = write(Path::new("no/such/folder"), "", own).unwrap_err().to_string();
        assert!(
            refused.starts_with(
                "cannot write the kubeconfig to no/such/folder: No such file or directory (os error 2); choose"
            ),
            "{refused}"
        );
    }
}
