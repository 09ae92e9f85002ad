//! The command lines of the three processes: ports and files go in, arguments come out. All listen on loopback only.

use std::path::{Path, PathBuf};

/// Where the files of one server lie, in its temporary folder.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn etcd_data(&self) -> PathBuf {
        self.root.join("etcd")
    }

    fn certificates(&self) -> PathBuf {
        self.root.join("certificates")
    }

    /// The serving certificate that kube-apiserver makes, followed by the authority that signed it.
    pub(super) fn certificate(&self) -> PathBuf {
        self.certificates().join("apiserver.crt")
    }

    /// The key of the certificate. It also signs service account tokens: both are made and gone together.
    pub(super) fn key(&self) -> PathBuf {
        self.certificates().join("apiserver.key")
    }

    pub(super) fn tokens(&self) -> PathBuf {
        self.root.join("tokens.csv")
    }

    /// The kubeconfig of kube-controller-manager.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.root.join("controller-manager.kubeconfig")
    }
}

/// Arguments of etcd.
pub(super) fn etcd(layout: &Layout, port: u16) -> Vec<String> {
    let client = format!("http://127.0.0.1:{port}");
    vec![
        format!("--data-dir={}", layout.etcd_data().display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        // A member without peers; the port is never used, so any will do.
        "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
        // The data need not survive a power cut.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

/// Arguments of kube-apiserver.
pub(super) fn apiserver(layout: &Layout, port: u16, etcd: u16) -> Vec<String> {
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        // The history goes when a test says so, not by the clock.
        "--etcd-compaction-interval=0".to_owned(),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        // Otherwise it looks for an interface with a route, which a build machine need not have.
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--cert-dir={}", layout.certificates().display()),
        format!("--token-auth-file={}", layout.tokens().display()),
        "--authorization-mode=RBAC".to_owned(),
        // Off by default, on in OpenShift and others: operators have to cope with it.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement".to_owned(),
        // No controller makes the `default` ServiceAccount of each namespace here, and Pods shall be accepted without.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--service-account-issuer=https://localhost".to_owned(),
        format!("--service-account-key-file={}", layout.key().display()),
        format!("--service-account-signing-key-file={}", layout.key().display()),
        "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--profiling=false".to_owned(),
    ]
}

/// Arguments of kube-controller-manager: garbage collection and the end of namespaces, nothing else.
pub(super) fn controller_manager(layout: &Layout) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.kubeconfig().display()),
        "--controllers=garbage-collector-controller,namespace-controller".to_owned(),
        "--leader-elect=false".to_owned(),
        // No listener.
        "--secure-port=0".to_owned(),
        // The defaults, 20 and 30, would make the garbage of a thousand parents take minutes.
        "--kube-api-qps=2000".to_owned(),
        "--kube-api-burst=4000".to_owned(),
        "--profiling=false".to_owned(),
    ]
}
