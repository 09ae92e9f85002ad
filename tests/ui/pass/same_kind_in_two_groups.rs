//! Two kinds of one name, told apart by an accessor, and kinds with unusual plurals.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use k8s_openapi::api as k8s;
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an echo server should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced)]
pub struct EchoServerSpec {}

/// Serves echoes.
#[operator(
    parent = EchoServer,
    children(
        k8s::core::v1::Event = apply,
        k8s::events::v1::Event = apply(accessor = r#yield),
        k8s::core::v1::Endpoints = apply,
        k8s::discovery::v1::EndpointSlice = apply,
        k8s::networking::v1::Ingress = apply,
    ),
)]
pub struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let children = request.children();
    let _: Option<&k8s::core::v1::Event> = children.events().first();
    let _: Option<&k8s::events::v1::Event> = children.r#yield().first();
    let _ = (children.endpoints(), children.endpoint_slices(), children.ingresses());
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
