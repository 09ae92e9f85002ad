//! A parent without a status gets none.

use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced)]
pub struct EchoServerSpec {}

#[operator(parent = EchoServer)]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::from_status(true))
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
