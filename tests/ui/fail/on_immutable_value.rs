//! There is one way past an immutable field.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use roperator::prelude::*;

#[operator(
    parent = Deployment,
    children(
        Pod = apply(on_immutable = replace),
        Service = replace(on_immutable),
        Secret = apply(on_immutable = "recreate"),
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
