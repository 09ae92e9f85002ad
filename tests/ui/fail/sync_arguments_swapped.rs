//! The operator comes before the request.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>, _: &EchoOperator) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
