//! `TempNamespace`: a Namespace for a limited time.
//!
//! A cluster-scoped parent that owns a cluster-scoped child, returns to it by itself when its time has come, and finalizes:
//! it does not go while its Namespace is held.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use kube::{CustomResource, ResourceExt};
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Namespace that is deleted in time.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1alpha1",
    kind = "TempNamespace",
    status = "TempNamespaceStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct TempNamespaceSpec {
    /// How long the Namespace lives, in seconds from the creation of this object.
    #[schemars(range(min = 1))]
    pub delete_after_seconds: u32,
}

/// How the Namespace is.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TempNamespaceStatus {
    /// `Active` while the Namespace lives, `Expired` from then on.
    pub phase: Option<String>,
    /// When the Namespace is deleted, as RFC 3339 has it.
    pub expires: Option<String>,
}

/// Keeps a Namespace of the same name for every [`TempNamespace`], until its time has come.
#[operator(parent = TempNamespace, children(Namespace = apply), finalizer)]
pub struct TempNamespaceOperator;

#[sync]
fn sync(request: &SyncRequest<TempNamespaceOperator>) -> Result<SyncResponse<TempNamespaceOperator>> {
    let expires = expires(request.parent());
    let left = expires.duration_since(request.now());
    let status = |phase: &str| TempNamespaceStatus {
        phase: Some(phase.to_owned()),
        expires: Some(expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
    };
    let left = match Duration::try_from(left) {
        Ok(left) if !left.is_zero() => left,
        // A Namespace that is not returned is deleted.
        _ => return Ok(SyncResponse::from_status(status("Expired"))),
    };
    let namespace = Namespace {
        metadata: request.child_meta(""),
        ..Default::default()
    };
    Ok(SyncResponse::from_status(status("Active"))
        .child(namespace)
        .resync_after(left))
}

/// A Namespace with this label is not deleted, and neither is what keeps it.
pub const HOLD_LABEL: &str = "example.com/hold";

#[finalize]
fn finalize(request: &SyncRequest<TempNamespaceOperator>) -> Result<FinalizeResponse<TempNamespaceOperator>> {
    // The garbage collector deletes the Namespace once this object is gone; so it stays for as long as the label does.
    let is_held = request
        .children()
        .namespaces()
        .iter()
        .any(|namespace| namespace.labels().contains_key(HOLD_LABEL));
    if is_held {
        Ok(FinalizeResponse::retry_after(Duration::from_secs(60)))
    } else {
        Ok(FinalizeResponse::done())
    }
}

fn expires(parent: &TempNamespace) -> Timestamp {
    let created = parent
        .creation_timestamp()
        .map_or(Timestamp::UNIX_EPOCH, |created| created.0);
    let life = SignedDuration::from_secs(i64::from(parent.spec.delete_after_seconds));
    created.checked_add(life).unwrap_or(Timestamp::MAX)
}
