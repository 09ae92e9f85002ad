//! A handler function runs on the cluster's data.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

#[sync]
const fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    loop {}
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
