//! An operator has a handler.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

async fn run() -> Result<()> {
    roperator::run(EchoOperator).await
}

fn main() {
    let _ = run();
}
