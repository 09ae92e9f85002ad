//! A strategy is one of four.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret, Service};
use roperator::prelude::*;

#[operator(
    parent = Deployment,
    children(
        Pod = recrate,
        Service = Apply,
        Secret = Strategy::Replace,
        Node = 4,
        ConfigMap = magic,
    ),
)]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = (request.children().pods(), request.children().config_maps());
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
