//! Children of an iterator are declared.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret};
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::new().children(Some(Secret::default())))
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
