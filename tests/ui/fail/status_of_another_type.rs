//! The status is the parent's own.

use k8s_openapi::api::core::v1::Pod;
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced, status = "EchoServerStatus")]
pub struct EchoServerSpec {}

#[derive(Serialize, Deserialize, Clone, Debug, JsonSchema)]
pub struct EchoServerStatus {
    ready: bool,
}

#[operator(parent = EchoServer, children(Pod = recreate))]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::from_status(true))
}

fn later(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let response = SyncResponse::new();
    Ok(response.with_status(EchoServerSpec {}))
}

fn main() {}
