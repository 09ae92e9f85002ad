//! `EchoServer`: a Pod that answers, behind a Service.
//!
//! The Pod is recreated when it has to change, since most of a Pod is immutable; the Service is applied.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, ContainerPort, Pod, PodSpec, Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A server that echoes what it is sent.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1alpha1",
    kind = "EchoServer",
    namespaced,
    status = "EchoServerStatus",
    shortname = "echo",
    printcolumn = r#"{"name":"Ready","type":"boolean","jsonPath":".status.ready"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct EchoServerSpec {
    /// The name of the Service that the server is reached by.
    pub service_name: String,
    /// The server's image.
    #[serde(default = "default_image")]
    pub image: String,
}

fn default_image() -> String {
    "registry.k8s.io/e2e-test-images/agnhost:2.53".to_owned()
}

/// How the server is.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
pub struct EchoServerStatus {
    /// Whether the Pod answers.
    #[serde(default)]
    pub ready: bool,
}

/// Keeps a Pod and a Service for every [`EchoServer`].
#[operator(parent = EchoServer, children(Pod = recreate, Service = apply))]
pub struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let echo = request.parent();
    let ready = request.children().pods().first().is_some_and(is_ready);
    let labels = BTreeMap::from([("app".to_owned(), request.parent_object().name().to_owned())]);

    let mut pod = Pod {
        metadata: request.child_meta("server"),
        spec: Some(pod_spec(echo)),
        ..Default::default()
    };
    pod.metadata.labels = Some(labels.clone());
    let mut service = Service {
        metadata: request.child_meta(""),
        spec: Some(service_spec(labels)),
        ..Default::default()
    };
    service.metadata.name = Some(echo.spec.service_name.clone());

    let response = SyncResponse::from_status(EchoServerStatus { ready })
        .child(pod)
        .child(service);
    Ok(if ready {
        response
    } else {
        response.not_ready("PodNotReady", "its Pod is not ready yet")
    })
}

fn pod_spec(echo: &EchoServer) -> PodSpec {
    PodSpec {
        containers: vec![Container {
            name: "echo".to_owned(),
            image: Some(echo.spec.image.clone()),
            args: Some(vec!["netexec".to_owned(), "--http-port=8080".to_owned()]),
            ports: Some(vec![ContainerPort {
                container_port: 8080,
                ..Default::default()
            }]),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn service_spec(selector: BTreeMap<String, String>) -> ServiceSpec {
    ServiceSpec {
        selector: Some(selector),
        ports: Some(vec![ServicePort {
            port: 80,
            target_port: Some(IntOrString::Int(8080)),
            ..Default::default()
        }]),
        ..Default::default()
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
