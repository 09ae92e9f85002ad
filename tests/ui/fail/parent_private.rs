//! A parent is as visible as its operator.

use kinds::EchoOperator;
use roperator::prelude::*;

pub mod kinds {
    use kube::CustomResource;
    use roperator::prelude::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
    #[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced)]
    struct EchoServerSpec {}

    #[operator(parent = EchoServer)]
    pub struct EchoOperator;
}

#[sync]
fn sync(_: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
