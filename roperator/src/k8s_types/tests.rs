//! The table agrees with `k8s-openapi`, which is generated from the same release's OpenAPI document.

use k8s_openapi::{
    api as types, apiextensions_apiserver::pkg::apis::apiextensions as extended,
    kube_aggregator::pkg::apis::apiregistration as aggregator,
};

use super::*;
use crate::TypedKind;

#[test]
fn constants_equal_the_kinds_of_the_types() {
    let table = [
        // The core group, in both scopes.
        (core::v1::ConfigMap, types::core::v1::ConfigMap::kind_of()),
        (core::v1::Endpoints, types::core::v1::Endpoints::kind_of()),
        (core::v1::Event, types::core::v1::Event::kind_of()),
        (core::v1::Namespace, types::core::v1::Namespace::kind_of()),
        (core::v1::PersistentVolumeClaim, types::core::v1::PersistentVolumeClaim::kind_of()),
        (core::v1::Pod, types::core::v1::Pod::kind_of()),
        // Groups without a dot.
        (apps::v1::Deployment, types::apps::v1::Deployment::kind_of()),
        (apps::v1::StatefulSet, types::apps::v1::StatefulSet::kind_of()),
        (autoscaling::v1::HorizontalPodAutoscaler, types::autoscaling::v1::HorizontalPodAutoscaler::kind_of()),
        (autoscaling::v2::HorizontalPodAutoscaler, types::autoscaling::v2::HorizontalPodAutoscaler::kind_of()),
        (batch::v1::CronJob, types::batch::v1::CronJob::kind_of()),
        (policy::v1::PodDisruptionBudget, types::policy::v1::PodDisruptionBudget::kind_of()),
        // Groups that the module's name cuts short, in both scopes.
        (events::v1::Event, types::events::v1::Event::kind_of()),
        (networking::v1::Ingress, types::networking::v1::Ingress::kind_of()),
        (networking::v1::NetworkPolicy, types::networking::v1::NetworkPolicy::kind_of()),
        (rbac::v1::ClusterRole, types::rbac::v1::ClusterRole::kind_of()),
        (rbac::v1::RoleBinding, types::rbac::v1::RoleBinding::kind_of()),
        (storage::v1::CSIStorageCapacity, types::storage::v1::CSIStorageCapacity::kind_of()),
        (storage::v1::StorageClass, types::storage::v1::StorageClass::kind_of()),
        // Kinds that other servers than the main one define.
        (apiextensions::v1::CustomResourceDefinition, extended::v1::CustomResourceDefinition::kind_of()),
        (apiregistration::v1::APIService, aggregator::v1::APIService::kind_of()),
        // Versions that are not stable.
        (internal::v1alpha1::StorageVersion, types::apiserverinternal::v1alpha1::StorageVersion::kind_of()),
        (resource::v1beta2::DeviceTaintRule, types::resource::v1beta2::DeviceTaintRule::kind_of()),
    ];
    for (constant, of_type) in table {
        assert_eq!(constant, of_type);
    }
}
