//! An operator has no parameters.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator<T>(T);

#[sync]
fn sync(request: &SyncRequest<EchoOperator<u8>>) -> Result<SyncResponse<EchoOperator<u8>>> {
    let _ = request.children().pods().first();
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator(0_u8));
}
