//! A kind has no arguments.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Boxed<Deployment>, children(Same<Pod> = recreate(accessor = pods)))]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = request.children().pods().first();
    Ok(SyncResponse::new())
}

type Boxed<T> = T;
type Same<T> = T;

fn main() {
    let _ = roperator::run(EchoOperator);
}
