//! A method is no handler function.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct EchoOperator;

impl EchoOperator {
    #[sync]
    fn sync(&self, _: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
        Ok(SyncResponse::new())
    }
}

fn main() {
    let _ = EchoOperator::sync;
}
