//! An operator with two children and a plain function.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an echo server should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "EchoServer",
    namespaced,
    status = "EchoServerStatus"
)]
pub struct EchoServerSpec {}

/// What an echo server is.
#[derive(Serialize, Deserialize, Clone, Debug, Default, JsonSchema)]
pub struct EchoServerStatus {
    ready: bool,
}

/// Serves echoes.
#[operator(parent = EchoServer, children(Pod = recreate, Service = apply(on_immutable = recreate)))]
pub struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let ready = request.children().pods().first().is_some();
    let service = request.children().services().first().is_none().then(|| Service {
        metadata: request.child_meta("service"),
        ..Service::default()
    });
    Ok(SyncResponse::from_status(EchoServerStatus { ready })
        .child(Pod {
            metadata: request.child_meta("pod"),
            ..Pod::default()
        })
        .children(service))
}

fn main() {
    assert_eq!(EchoOperator::DECLARATION.name, "echo");
    assert_eq!(EchoOperator::DECLARATION.children.len(), 2);
    let _ = roperator::run(EchoOperator);
}
