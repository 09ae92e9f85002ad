//! An accessor is a word, and not one of Rust's own.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Pod, Secret, Service};
use roperator::prelude::*;

#[operator(
    parent = Deployment,
    children(
        Pod = recreate(accessor = type),
        Service = apply(accessor = self),
        Secret = apply(accessor = "secret"),
        ConfigMap = apply(accessor = a::b),
        Endpoints = apply(accessor),
    ),
)]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = (request.children().pods(), request.children().secret());
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
