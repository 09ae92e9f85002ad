//! A handler function returns a response.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) {}

fn main() {
    let _ = roperator::run(EchoOperator);
}
