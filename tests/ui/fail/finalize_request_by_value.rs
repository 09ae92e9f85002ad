//! The request is passed by reference, to `finalize` too.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate), finalizer)]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::new())
}

#[finalize]
fn finalize(_: SyncRequest<EchoOperator>) {}

fn main() {
    let _ = roperator::run(EchoOperator);
}
