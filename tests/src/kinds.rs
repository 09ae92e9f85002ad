//! The parents of the scenarios.

use kube::CustomResource;
use roperator::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Namespace, Pod, Secret, Service},
};

/// A namespaced parent.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(group = "tests.example.com", version = "v1", kind = "Site", namespaced, status = "SiteStatus")]
#[serde(rename_all = "camelCase")]
pub struct SiteSpec {
    /// What children hold.
    pub message: String,
    /// How many children there are, where a scenario has several.
    #[serde(default)]
    pub count: u32,
    /// Anything a scenario needs beside: a child as JSON, a mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub extra: Option<serde_json::Value>,
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// The status of a [`Site`].
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SiteStatus {
    /// What children hold.
    #[serde(default)]
    pub message: String,
    /// How many children were observed.
    #[serde(default)]
    pub observed: usize,
    /// What the runtime writes; a handler leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub conditions: Option<Vec<serde_json::Value>>,
    /// What the runtime writes; a handler leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub observed_generation: Option<i64>,
}

/// A cluster-scoped parent.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(group = "tests.example.com", version = "v1", kind = "Realm", status = "SiteStatus")]
#[serde(rename_all = "camelCase")]
pub struct RealmSpec {
    /// The namespaces that children are made in.
    pub namespaces: Vec<String>,
    /// What children hold.
    pub message: String,
}

/// An operator with the children that scenarios use most, all applied.
#[operator(parent = Site, children(ConfigMap = apply, Service = apply, Deployment = apply, Secret = apply))]
pub struct SiteOperator;

/// As [`SiteOperator`], with other strategies.
#[operator(parent = Site, children(
    Pod = recreate,
    ConfigMap = replace,
    Secret = on_delete,
    Job = apply(on_immutable = recreate),
    Deployment = apply,
))]
pub struct StrategyOperator;

/// Finalizes.
#[operator(parent = Site, children(ConfigMap = apply), finalizer)]
pub struct FinalizingOperator;

/// A cluster-scoped parent with children of both scopes.
#[operator(parent = Realm, children(ConfigMap = apply, Namespace = apply))]
pub struct RealmOperator;
