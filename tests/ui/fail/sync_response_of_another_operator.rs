//! A response is for the operator of the request.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

#[operator(parent = Deployment)]
struct Other;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<Other>> {
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
