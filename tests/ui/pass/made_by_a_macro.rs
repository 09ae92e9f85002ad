//! Operators that another macro writes.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use k8s_openapi::api::core::v1::Pod;
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an echo server should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced)]
pub struct EchoServerSpec {}

macro_rules! operators {
    ($($operator:ident $name:literal: $parent:ty => $child:path;)*) => {$(
        /// Serves echoes.
        #[operator(parent = $parent, children($child = recreate(accessor = all)), name = $name)]
        pub struct $operator;

        const _: () = {
            #[sync]
            fn sync(request: &SyncRequest<$operator>) -> Result<SyncResponse<$operator>> {
                let _ = request.children().all().first();
                Ok(SyncResponse::new())
            }
        };
    )*};
}

operators! {
    First "first": EchoServer => Pod;
    Second "second": crate::EchoServer => k8s_openapi::api::core::v1::Service;
}

fn main() {
    assert_eq!(Second::DECLARATION.name, "second");
    let _ = (roperator::run(First), roperator::run(Second));
}
