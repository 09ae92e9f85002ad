//! A child has a strategy.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod, Service(apply), Secret =))]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = (
        request.children().pods(),
        request.children().services(),
        request.children().secrets(),
    );
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
