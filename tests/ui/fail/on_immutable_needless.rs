//! Only a strategy that updates can meet an immutable field.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use roperator::prelude::*;

#[operator(
    parent = Deployment,
    children(Pod = recreate(on_immutable = recreate), Service = on_delete(on_immutable = recreate)),
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
