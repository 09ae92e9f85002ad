//! A key is one of seven, and nearly right is taken for right.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use roperator::prelude::*;

#[operator(
    parnet = Deployment,
    childen(Pod = recreate),
    nmae = "echo",
    FieldManager = "echo",
    owns(Service = apply),
    color = "red",
    3,
)]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = request.children().pods().first();
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
