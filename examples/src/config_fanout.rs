//! `ConfigFanout`: any number of ConfigMaps and Deployments, for load.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        core::v1::{ConfigMap, Container, PodSpec, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Many children with the same content.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1alpha1",
    kind = "ConfigFanout",
    namespaced,
    status = "ConfigFanoutStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct ConfigFanoutSpec {
    /// How many ConfigMaps there are.
    #[schemars(range(min = 0, max = 1000))]
    pub config_maps: u32,
    /// How many Deployments there are.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub deployments: u32,
    /// What each of them holds.
    pub message: String,
}

/// What is there.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigFanoutStatus {
    /// How many ConfigMaps hold the message.
    pub config_maps: usize,
    /// How many Deployments there are.
    pub deployments: usize,
}

/// Keeps the children of every [`ConfigFanout`].
#[operator(parent = ConfigFanout, children(ConfigMap = apply, Deployment = apply))]
pub struct ConfigFanoutOperator;

#[sync]
fn sync(request: &SyncRequest<ConfigFanoutOperator>) -> Result<SyncResponse<ConfigFanoutOperator>> {
    let spec = &request.parent().spec;
    let data = BTreeMap::from([("message".to_owned(), spec.message.clone())]);
    let current = request
        .children()
        .config_maps()
        .iter()
        .filter(|child| child.data.as_ref() == Some(&data))
        .count();
    let status = ConfigFanoutStatus {
        config_maps: current,
        deployments: request.children().deployments().count(),
    };
    let config_maps = (0..spec.config_maps).map(|number| ConfigMap {
        metadata: request.child_meta(&number.to_string()),
        data: Some(data.clone()),
        ..Default::default()
    });
    let deployments = (0..spec.deployments).map(|number| Deployment {
        metadata: request.child_meta(&number.to_string()),
        spec: Some(deployment_spec(request.child_meta(&number.to_string()), &spec.message)),
        ..Default::default()
    });
    Ok(SyncResponse::from_status(status)
        .children(config_maps)
        .children(deployments))
}

fn deployment_spec(meta: ObjectMeta, message: &str) -> DeploymentSpec {
    let labels = Some(BTreeMap::from([("fanout".to_owned(), meta.name.unwrap_or_default())]));
    DeploymentSpec {
        replicas: Some(0),
        selector: LabelSelector {
            match_labels: labels.clone(),
            ..Default::default()
        },
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels,
                ..Default::default()
            }),
            spec: Some(PodSpec {
                containers: vec![Container {
                    name: "main".to_owned(),
                    image: Some("registry.k8s.io/pause:3.10".to_owned()),
                    args: Some(vec![message.to_owned()]),
                    ..Default::default()
                }],
                ..Default::default()
            }),
        },
        ..Default::default()
    }
}
