//! A signature that hides the operator behind aliases, so that the attribute names it.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use k8s_openapi::api::core::v1::Pod;
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an echo server should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced)]
pub struct EchoServerSpec {}

/// Serves echoes.
#[operator(parent = EchoServer, children(Pod = recreate), finalizer)]
pub struct EchoOperator;

type Request = SyncRequest<EchoOperator>;
type Outcome = Result<SyncResponse<EchoOperator>>;

#[sync(EchoOperator)]
fn sync(_: &Request) -> Outcome {
    Ok(SyncResponse::new())
}

#[finalize(crate::EchoOperator)]
fn finalize<'a>(_: &'a EchoOperator, _: &'a SyncRequest<EchoOperator>) -> Result<FinalizeResponse<EchoOperator>> {
    Ok(FinalizeResponse::done())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
