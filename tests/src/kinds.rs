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
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// A namespaced parent.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "tests.example.com",
    version = "v1",
    kind = "Site",
    namespaced,
    status = "SiteStatus"
)]
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

/// The definition of a kind that no Rust type stands for: any spec, any status.
#[must_use]
pub fn definition(kind: &roperator::Kind) -> CustomResourceDefinition {
    let anything = serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    serde_json::from_value(serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name()},
        "spec": {
            "group": kind.group(),
            "names": {"kind": kind.kind(), "plural": kind.plural()},
            "scope": if kind.is_namespaced() { "Namespaced" } else { "Cluster" },
            "versions": [{
                "name": kind.version(), "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
            }],
        },
    }))
    .expect("a definition")
}

/// What most handlers of a [`Site`] come to: `count` ConfigMaps called `NAME-0`, `NAME-1`, … that hold the message, and a
/// status that says it.
pub fn fan_out<O>(request: &SyncRequest<O>) -> SyncResponse<O>
where
    O: Operator<Parent = Site> + roperator::Declares<ConfigMap>,
{
    let spec = &request.parent().spec;
    let config_map = |number: u32| ConfigMap {
        metadata: request.child_meta(&number.to_string()),
        data: Some([("message".to_owned(), spec.message.clone())].into()),
        ..ConfigMap::default()
    };
    let status = SiteStatus {
        message: spec.message.clone(),
        ..SiteStatus::default()
    };
    SyncResponse::from_status(status).children((0..spec.count).map(config_map))
}

/// What a parent says, whatever its type.
#[must_use]
pub fn message_of<O: Operator>(request: &SyncRequest<O>) -> String {
    let parent = request.parent_object().to_value();
    parent
        .pointer("/spec/message")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// A ConfigMap that says what the parent says, as JSON.
#[must_use]
pub fn config_map_of<O: Operator>(request: &SyncRequest<O>, suffix: &str) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("{}-{suffix}", request.parent_object().name())},
        "data": {"message": message_of(request)},
    })
}
