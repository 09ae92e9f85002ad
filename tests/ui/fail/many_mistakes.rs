//! Mistakes that have nothing to do with each other are reported together.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use roperator::prelude::*;

#[operator(
    parent: Deployment,
    children(Pod = recrate, Service, Secret = apply(on_immutable = replace)),
    name = "Echo",
    field_manger = "echo",
    finalizer = "cleanup",
    previous_names = ["old"],
)]
enum EchoOperator {
    Only,
}

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = request.children().pods().first();
    Ok(SyncResponse::new())
}

#[finalize]
fn finalize(_: EchoOperator, _: SyncRequest<EchoOperator>) {}

fn main() {
    let _ = roperator::run(EchoOperator::Only);
}
