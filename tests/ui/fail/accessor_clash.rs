//! Two kinds of one name need two accessors.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::{core, events};
use roperator::prelude::*;

#[operator(parent = Deployment, children(core::v1::Event = apply, events::v1::Event = apply))]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _: Option<&core::v1::Event> = request.children().events().first();
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
