//! A cluster-scoped parent, which may own kinds of both scopes.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a tenant should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Tenant")]
pub struct TenantSpec {}

/// Gives each tenant a namespace.
#[operator(parent = Tenant, children(Namespace = apply, ResourceQuota = apply))]
pub struct TenantOperator;

#[sync]
fn sync(request: &SyncRequest<TenantOperator>) -> Result<SyncResponse<TenantOperator>> {
    Ok(SyncResponse::new().child(Namespace {
        metadata: request.child_meta(""),
        ..Namespace::default()
    }))
}

fn main() {
    let _ = roperator::run(TenantOperator);
}
