//! An accessor hides no method that all children have.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use roperator::prelude::*;

#[operator(
    parent = Deployment,
    children(Pod = recreate(accessor = iter), Service = apply(accessor = len)),
)]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = request.children().iter();
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
