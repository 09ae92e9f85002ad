//! What is special about the kinds that operators meet most; all others are served with schema checks alone.

pub mod autoscaling;
pub mod configmap;
pub mod cronjob;
pub mod daemonset;
pub mod definition;
pub mod deployment;
pub mod endpoints;
pub mod event;
pub mod job;
pub mod lease;
pub mod namespace;
pub mod networking;
pub mod node;
pub mod pod;
pub mod policy;
pub mod rbac;
pub mod replicaset;
pub mod secret;
pub mod service;
pub mod serviceaccount;
pub mod statefulset;
pub mod storage;
pub mod template;
pub mod twins;
pub mod values;
pub mod workload;

use super::strategy::Strategy;

/// What is special about a kind.
#[must_use]
pub fn strategy(group: &str, version: &str, kind: &str) -> Strategy {
    match (group, kind) {
        ("", "Pod") => pod::STRATEGY,
        ("", "Service") => service::STRATEGY,
        ("", "ConfigMap") => configmap::STRATEGY,
        ("", "Secret") => secret::STRATEGY,
        ("", "Namespace") => namespace::STRATEGY,
        ("", "ServiceAccount") => serviceaccount::STRATEGY,
        ("", "Event") => event::STRATEGY,
        ("events.k8s.io", "Event") => event::STRATEGY_EVENTS,
        ("apps", "Deployment") => deployment::STRATEGY,
        ("apps", "ReplicaSet") => replicaset::STRATEGY,
        ("apps", "StatefulSet") => statefulset::STRATEGY,
        ("apps", "DaemonSet") => daemonset::STRATEGY,
        ("batch", "Job") => job::STRATEGY,
        ("batch", "CronJob") => cronjob::STRATEGY,
        ("coordination.k8s.io", "Lease") => lease::STRATEGY,
        ("rbac.authorization.k8s.io", "Role") => rbac::ROLE,
        ("rbac.authorization.k8s.io", "ClusterRole") => rbac::CLUSTER_ROLE,
        ("rbac.authorization.k8s.io", "RoleBinding") => rbac::ROLE_BINDING,
        ("rbac.authorization.k8s.io", "ClusterRoleBinding") => rbac::CLUSTER_ROLE_BINDING,
        ("", "PersistentVolumeClaim") => storage::PERSISTENT_VOLUME_CLAIM,
        ("", "PersistentVolume") => storage::PERSISTENT_VOLUME,
        ("storage.k8s.io", "StorageClass") => storage::STORAGE_CLASS,
        ("networking.k8s.io", "Ingress") => networking::INGRESS,
        ("networking.k8s.io", "NetworkPolicy") => networking::NETWORK_POLICY,
        ("policy", "PodDisruptionBudget") => policy::POD_DISRUPTION_BUDGET,
        ("scheduling.k8s.io", "PriorityClass") => policy::PRIORITY_CLASS,
        ("autoscaling", "HorizontalPodAutoscaler") if version == "v1" => autoscaling::V1,
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::V2,
        ("", "Node") => node::STRATEGY,
        ("", "PodTemplate") => template::POD_TEMPLATE,
        ("", "ReplicationController") => template::REPLICATION_CONTROLLER,
        ("", "Endpoints") => endpoints::ENDPOINTS,
        ("discovery.k8s.io", "EndpointSlice") => endpoints::ENDPOINT_SLICE,
        ("networking.k8s.io", "IngressClass") => networking::INGRESS_CLASS,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::STRATEGY,
        _ => Strategy::PLAIN,
    }
}
