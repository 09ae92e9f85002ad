//! A finalizer under the default name, with a tuple struct.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a bucket should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Bucket", namespaced)]
pub struct BucketSpec {}

/// Keeps buckets at a provider.
#[operator(parent = Bucket, children(Secret = apply), finalizer)]
#[derive(Clone, Debug)]
pub struct BucketOperator(pub String, Duration);

#[sync]
fn sync(_: &SyncRequest<BucketOperator>) -> Result<SyncResponse<BucketOperator>> {
    Ok(SyncResponse::new())
}

#[finalize]
async fn finalize(
    operator: &BucketOperator,
    request: &SyncRequest<BucketOperator>,
) -> Result<FinalizeResponse<BucketOperator>> {
    std::future::ready(()).await;
    Ok(match request.children().secrets().first() {
        Some(_) => FinalizeResponse::retry_after(operator.1),
        None => FinalizeResponse::done(),
    })
}

fn main() {
    let _ = roperator::run(BucketOperator("bucket".to_owned(), Duration::from_secs(1)));
}
