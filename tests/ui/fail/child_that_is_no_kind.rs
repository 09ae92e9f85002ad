//! A child is a path.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children("Pod" = recreate, 7 = apply, &Service = apply))]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = request.children().pods().first();
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
