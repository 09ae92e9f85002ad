//! The table agrees with `k8s-openapi`, which is generated from the OpenAPI document of the same minor release.

use crate::TypedKind;

/// The types, in modules of the same names as the constants'.
mod types {
    pub use k8s_openapi::{
        api::{apiserverinternal as internal, *},
        apiextensions_apiserver::pkg::apis::apiextensions,
        kube_aggregator::pkg::apis::apiregistration,
    };
}

macro_rules! assert_agree {
    ($($group:ident::$version:ident::$kind:ident;)*) => {$(
        assert_eq!(super::$group::$version::$kind, types::$group::$version::$kind::kind_of());
    )*};
}

#[test]
fn constants_equal_the_kinds_of_the_types() {
    // The core group, in both scopes.
    assert_agree! {
        core::v1::ConfigMap;
        core::v1::Endpoints;
        core::v1::Event;
        core::v1::Namespace;
        core::v1::PersistentVolumeClaim;
        core::v1::Pod;
    }
    // Groups without a dot.
    assert_agree! {
        apps::v1::Deployment;
        apps::v1::StatefulSet;
        autoscaling::v1::HorizontalPodAutoscaler;
        autoscaling::v2::HorizontalPodAutoscaler;
        batch::v1::Job;
        policy::v1::PodDisruptionBudget;
    }
    // Groups that the module's name cuts short, in both scopes.
    assert_agree! {
        events::v1::Event;
        networking::v1::Ingress;
        networking::v1::NetworkPolicy;
        rbac::v1::ClusterRole;
        rbac::v1::RoleBinding;
        storage::v1::CSIStorageCapacity;
        storage::v1::StorageClass;
    }
    // Kinds that the extension and aggregation servers serve.
    assert_agree! {
        apiextensions::v1::CustomResourceDefinition;
        apiregistration::v1::APIService;
    }
    // Versions that are not stable.
    assert_agree! {
        internal::v1alpha1::StorageVersion;
        resource::v1beta2::DeviceTaintRule;
    }
}
