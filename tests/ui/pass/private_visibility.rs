//! Operators that are not public, in modules that are not either; no lint about it comes from an expansion.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    private_interfaces,
    private_bounds,
    dead_code,
    clippy::all
)]

mod inner {
    use k8s_openapi::api::core::v1::Pod;
    use kube::CustomResource;
    use roperator::prelude::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
    #[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced)]
    pub(super) struct EchoServerSpec {}

    // No accessor is called.
    #[operator(parent = EchoServer, children(Pod = recreate))]
    struct PrivateOperator;

    #[sync]
    fn sync(_: &SyncRequest<PrivateOperator>) -> Result<SyncResponse<PrivateOperator>> {
        Ok(SyncResponse::new())
    }

    #[operator(parent = EchoServer, children(Pod = recreate))]
    pub(super) struct OuterOperator;

    #[operator(parent = EchoServer, children(Pod = recreate))]
    pub(crate) struct CrateOperator;

    pub(super) fn run() {
        let _ = roperator::run(PrivateOperator);
    }
}

use inner::{CrateOperator, OuterOperator};
use roperator::prelude::*;

#[sync]
fn outer(request: &SyncRequest<OuterOperator>) -> Result<SyncResponse<OuterOperator>> {
    let _ = request.children().pods();
    Ok(SyncResponse::new())
}

#[sync]
fn inside(request: &SyncRequest<CrateOperator>) -> Result<SyncResponse<CrateOperator>> {
    let _ = request.children().pods();
    Ok(SyncResponse::new())
}

fn main() {
    inner::run();
    let _ = (roperator::run(OuterOperator), roperator::run(CrateOperator));
}
