//! A handler function that waits is async.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> impl Future<Output = Result<SyncResponse<EchoOperator>>> {
    async { Ok(SyncResponse::new()) }
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
