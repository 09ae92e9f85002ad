//! What a handler fails with is an error.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> std::result::Result<SyncResponse<EchoOperator>, u8> {
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
