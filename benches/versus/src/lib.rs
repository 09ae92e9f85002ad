//! The job that all peers do, as types: what the parent looks like and which objects it shall own. How they get to the API
//! server is each peer's own business.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{ConfigMap, Service, ServicePort, ServiceSpec},
    apimachinery::pkg::{
        apis::meta::v1::{Condition, Time},
        util::intstr::IntOrString,
    },
    jiff::Timestamp,
};
use kube::{CustomResource, api::ObjectMeta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many parents every peer works on at a time.
pub const CONCURRENCY: u16 = 8;

/// The parent: a message in a ConfigMap, and a port of a Service.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "bench.example.com",
    version = "v1",
    kind = "Site",
    namespaced,
    status = "SiteStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct SiteSpec {
    /// What the ConfigMap says.
    pub message: String,
    /// The Service's port.
    pub port: i32,
}

/// It depends on the spec alone, so that every change of a spec is one change of a status.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SiteStatus {
    /// Always true.
    pub ready: bool,
    /// The spec's message.
    pub observed_message: String,
    /// The generation that all this is about. Roperator writes it by itself, the others by hand.
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One condition, `Ready`. Roperator writes it by itself, the others by hand.
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
}

impl SiteStatus {
    /// The status that a spec leads to.
    #[must_use]
    pub fn of(spec: &SiteSpec) -> Self {
        Self {
            ready: true,
            observed_message: spec.message.clone(),
            ..Self::default()
        }
    }

    /// The same with what the API conventions ask for: the observed generation, and a condition that keeps the time at which
    /// it became what it is.
    #[must_use]
    pub fn conventional(site: &Site) -> Self {
        let known = site
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_ref()?.first());
        let since = known.map_or_else(|| Time(Timestamp::now()), |known| known.last_transition_time.clone());
        let ready = Condition {
            type_: "Ready".to_owned(),
            status: "True".to_owned(),
            reason: "Reconciled".to_owned(),
            message: String::new(),
            last_transition_time: since,
            observed_generation: site.metadata.generation,
        };
        Self {
            observed_generation: site.metadata.generation,
            conditions: Some(vec![ready]),
            ..Self::of(&site.spec)
        }
    }
}

/// The ConfigMap of a parent, with this metadata.
#[must_use]
pub fn config_map(metadata: ObjectMeta, spec: &SiteSpec) -> ConfigMap {
    let data = BTreeMap::from([("message".to_owned(), spec.message.clone())]);
    ConfigMap {
        metadata,
        data: Some(data),
        ..Default::default()
    }
}

/// The Service of a parent, with this metadata.
#[must_use]
pub fn service(metadata: ObjectMeta, site: &str, spec: &SiteSpec) -> Service {
    let port = ServicePort {
        name: Some("http".to_owned()),
        protocol: Some("TCP".to_owned()),
        port: spec.port,
        target_port: Some(IntOrString::Int(8080)),
        ..Default::default()
    };
    let spec = ServiceSpec {
        selector: Some(BTreeMap::from([("site".to_owned(), site.to_owned())])),
        ports: Some(vec![port]),
        ..Default::default()
    };
    Service {
        metadata,
        spec: Some(spec),
        ..Default::default()
    }
}

/// Logs errors and nothing else, on stderr, as every peer does; `RUST_LOG` says otherwise.
pub fn log_errors() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "error".into()))
        .with_writer(std::io::stderr)
        .init();
}
