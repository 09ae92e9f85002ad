//! A function that finalizes needs a declared finalizer.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::new())
}

#[finalize]
fn finalize(_: &SyncRequest<EchoOperator>) -> Result<FinalizeResponse<EchoOperator>> {
    Ok(FinalizeResponse::done())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
