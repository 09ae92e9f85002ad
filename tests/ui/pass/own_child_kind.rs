//! A child that is a custom resource too.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a fleet should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Fleet", namespaced)]
pub struct FleetSpec {}

/// What a ferry should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Ferry",
    plural = "ferries",
    namespaced
)]
pub struct FerrySpec {}

/// Keeps a fleet of ferries.
#[operator(parent = Fleet, children(Ferry = apply))]
pub struct FleetOperator;

#[sync]
fn sync(request: &SyncRequest<FleetOperator>) -> Result<SyncResponse<FleetOperator>> {
    let ferries: Vec<&Ferry> = request.children().ferries().into_iter().collect();
    let next = format!("ferry-{}", ferries.len());
    Ok(SyncResponse::new().child(Ferry::new(&next, FerrySpec {})))
}

fn main() {
    let _ = roperator::run(FleetOperator);
}
