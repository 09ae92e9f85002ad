//! An alias does not tell the operator.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

type Request = SyncRequest<EchoOperator>;

#[sync]
fn sync(_: &Request) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::new())
}

fn main() {
    let _ = sync;
}
