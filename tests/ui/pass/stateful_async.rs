//! An operator with fields, which an async function reads.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a counter should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Counter",
    namespaced,
    status = "CounterStatus"
)]
pub struct CounterSpec {}

/// What a counter is.
#[derive(Serialize, Deserialize, Clone, Debug, Default, JsonSchema)]
pub struct CounterStatus {
    count: u64,
}

/// Counts its syncs.
#[operator(parent = Counter, children(ConfigMap = apply))]
#[derive(Debug, Default)]
pub struct CountingOperator {
    /// How many there were.
    pub count: AtomicU64,
}

/// Counts.
#[sync]
pub async fn sync(
    operator: &CountingOperator,
    request: &SyncRequest<CountingOperator>,
) -> std::result::Result<SyncResponse<CountingOperator>, std::io::Error> {
    let before = request.children().config_maps();
    let count = std::future::ready(operator.count.fetch_add(1, Ordering::Relaxed)).await;
    let _ = before.first();
    Ok(SyncResponse::from_status(CounterStatus { count }))
}

fn main() {
    assert_eq!(CountingOperator::DECLARATION.name, "counting");
    let _ = roperator::run(CountingOperator::default());
}
