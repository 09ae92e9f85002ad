//! The strategies of Metacontroller have other names here.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Pod, Secret, Service};
use roperator::prelude::*;

#[operator(
    parent = Deployment,
    children(
        Pod = rolling_recreate,
        Service = in_place,
        Secret = RollingInPlace,
        ConfigMap = InPlace,
        Endpoints = OnDelete,
    ),
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
