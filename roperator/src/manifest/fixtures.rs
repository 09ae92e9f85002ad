//! The seed's two examples, as the tests of this module see them.

use crate::config::ServerConfig;
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChildVerbs, ManifestInput, ManifestKind, Manifests, crd};

/// What an EchoServer should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1alpha1",
    kind = "EchoServer",
    namespaced,
    status = "EchoServerStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct EchoServerSpec {
    /// The name of the Service.
    pub service_name: String,
    /// How many Pods there are, one when absent.
    pub replicas: Option<u16>,
}

/// What became of an EchoServer.
#[derive(Serialize, Deserialize, Clone, Debug, JsonSchema)]
pub struct EchoServerStatus {
    /// Whether the server answers.
    pub ready: bool,
}

/// A namespace that goes away by itself.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1alpha1", kind = "TempNamespace")]
pub struct TempNamespaceSpec {
    /// How long it stays.
    pub seconds: u32,
}

pub fn echo() -> (Manifests, ManifestInput) {
    let input = ManifestInput {
        name: "echo".to_owned(),
        parent: ManifestKind::namespaced("example.com", "echoservers"),
        children: vec![
            (ManifestKind::namespaced("", "services"), ChildVerbs::APPLY),
            (ManifestKind::namespaced("", "pods"), ChildVerbs::RECREATE),
        ],
        namespaces: Vec::new(),
        server: ServerConfig::default(),
    };
    (
        Manifests::new("EchoOperator", &input, crd::graft(EchoServer::crd())),
        input,
    )
}

pub fn temp_namespace() -> (Manifests, ManifestInput) {
    let input = ManifestInput {
        name: "temp-namespace".to_owned(),
        parent: ManifestKind::cluster("example.com", "tempnamespaces"),
        children: vec![(ManifestKind::cluster("", "namespaces"), ChildVerbs::APPLY)],
        namespaces: Vec::new(),
        server: ServerConfig::default(),
    };
    (
        Manifests::new("TempNamespaceOperator", &input, crd::graft(TempNamespace::crd())),
        input,
    )
}

/// `insta::assert_snapshot!` for tests in `manifest/MODULE/tests.rs`; all snapshots lie in `manifest/snapshots`.
macro_rules! assert_manifest {
    ($text:expr) => {
        insta::with_settings!({ snapshot_path => "../snapshots" }, { insta::assert_snapshot!($text) })
    };
}
pub(super) use assert_manifest;
