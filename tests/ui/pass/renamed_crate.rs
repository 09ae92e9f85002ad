//! A program that reaches the library by another path.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

/// A platform team's own library.
pub mod platform {
    pub use roperator as operators;
}

use k8s_openapi::api::core::v1::Pod;
use kube::CustomResource;
use platform::operators::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an echo server should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced)]
pub struct EchoServerSpec {}

/// Serves echoes.
#[operator(
    parent = EchoServer,
    children(Pod = recreate),
    finalizer,
    previous_names("old"),
    crate = crate::platform::operators,
)]
pub struct EchoOperator;

#[sync(crate = crate::platform::operators)]
fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::new())
}

#[finalize(crate = platform::operators)]
fn finalize(_: &SyncRequest<EchoOperator>) -> Result<FinalizeResponse<EchoOperator>> {
    Ok(FinalizeResponse::done())
}

fn main() {
    let _ = platform::operators::run(EchoOperator);
}
