//! An operator that only writes a status, for parents of which the kind is given by its path.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

/// Custom resources.
pub mod v1 {
    use kube::CustomResource;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    /// What a probe should be.
    #[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
    #[kube(
        group = "example.com",
        version = "v1",
        kind = "Probe",
        namespaced,
        status = "ProbeStatus"
    )]
    pub struct ProbeSpec {}

    /// What a probe found.
    #[derive(Serialize, Deserialize, Clone, Debug, Default, JsonSchema)]
    pub struct ProbeStatus {
        /// How many children it has.
        pub children: usize,
    }
}

use roperator::prelude::*;

/// Looks after probes.
#[operator(parent = crate::v1::Probe)]
pub struct HTTPProbeOperator;

/// The same with an empty list.
#[operator(parent = v1::Probe, children())]
pub struct OtherProbe;

#[roperator::sync]
fn sync(request: &roperator::SyncRequest<HTTPProbeOperator>) -> Result<SyncResponse<HTTPProbeOperator>> {
    let children = request.children().iter().count();
    Ok(SyncResponse::from_status(v1::ProbeStatus { children }))
}

#[sync]
fn other(_: &SyncRequest<OtherProbe>) -> Result<SyncResponse<OtherProbe>> {
    Ok(SyncResponse::new())
}

fn main() {
    assert_eq!(HTTPProbeOperator::DECLARATION.name, "http-probe");
    assert_eq!(OtherProbe::DECLARATION.name, "other-probe");
    let _ = (roperator::run(HTTPProbeOperator), roperator::run(OtherProbe));
}
