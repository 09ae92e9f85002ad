//! A name can be made of the struct's.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::{Result, SyncRequest, SyncResponse, operator, sync};

#[operator(parent = Deployment, children(Pod = recreate))]
struct Operator;

#[sync]
fn sync(request: &SyncRequest<Operator>) -> Result<SyncResponse<Operator>> {
    let _ = request.children().pods().first();
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(Operator);
}
