//! Every key, strategy and option.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an echo server should be.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "EchoServer", namespaced)]
pub struct EchoServerSpec {}

/// Serves echoes.
#[operator(
    previous_names("echo", "echoer"),
    children(
        Pod = recreate(accessor = workers),
        Deployment = replace(on_immutable = recreate, accessor = servers),
        Job = apply(on_immutable = recreate),
        k8s_openapi::api::core::v1::Service = apply,
        k8s_openapi::api::core::v1::ConfigMap = replace,
        k8s_openapi::api::networking::v1::NetworkPolicy = on_delete,
    ),
    finalizer = "example.com/echo",
    field_manager = "echo by example.com",
    name = "echo-server",
    parent = EchoServer,
    crate = ::roperator,
)]
pub struct EchoOperator;

#[sync(EchoOperator, crate = ::roperator)]
async fn converge(operator: &EchoOperator, request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let EchoOperator = operator;
    let children = request.children();
    let (workers, servers) = (children.workers().iter().count(), children.servers().iter().count());
    let _ = (
        workers,
        servers,
        children.jobs(),
        children.services(),
        children.config_maps(),
        children.network_policies(),
    );
    Ok(SyncResponse::new().child(Job {
        metadata: request.child_meta("job"),
        ..Job::default()
    }))
}

#[finalize(EchoOperator)]
fn part(_operator: &EchoOperator, _request: &SyncRequest<EchoOperator>) -> Result<FinalizeResponse<EchoOperator>> {
    Ok(FinalizeResponse::done())
}

fn main() {
    let declaration = EchoOperator::DECLARATION;
    assert_eq!(declaration.name, "echo-server");
    assert_eq!(declaration.field_manager, Some("echo by example.com"));
    assert_eq!(declaration.previous_names, ["echo", "echoer"]);
    assert_eq!(declaration.children.len(), 6);
    let _ = roperator::run(EchoOperator);
}
