//! What is wrong with the requests and limits of containers and pods. Reads only.
//!
//! Left out: claims of devices, and huge pages that are no multiple of their size.

use std::cmp::Ordering;

use super::at::{At, Errors};
use super::{check, quantity};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;

/// The resources without a prefix that Kubernetes knows, quotas included.
const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "persistentvolumeclaims",
    "configmaps",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
    "storage",
];

/// Whose resources are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A container's.
    Container,
    /// A pod's own.
    Pod,
}

/// What is wrong with requests and limits.
pub fn requirements(errors: &mut Errors, at: &At<'_>, of: Of) {
    let limits = at.child("limits");
    let requests = at.child("requests");
    for (name, limit) in limits.entries() {
        amount(
            errors,
            &limits.path.key(name),
            name,
            limit.as_str().unwrap_or_default(),
            of,
        );
    }
    for (name, request) in requests.entries() {
        let request = request.as_str().unwrap_or_default();
        amount(errors, &requests.path.key(name), name, request, of);
        let limit = limits.child(name);
        if limit.is_set() {
            within(errors, &requests.path, name, request, limit.text());
        } else if !may_overcommit(name) {
            let detail = "Limit must be set for non overcommitable resources";
            errors.push(FieldError::required(&limits.path, detail));
        }
    }
    let has = |found: fn(&str) -> bool| limits.entries().chain(requests.entries()).any(|(name, _)| found(name));
    if has(is_huge_page) && !has(|name| matches!(name, "cpu" | "memory")) {
        errors.push(FieldError::forbidden(&at.path, "HugePages require cpu or memory"));
    }
}

fn within(errors: &mut Errors, requests: &FieldPath, name: &str, request: &str, limit: &str) {
    let relation = match (quantity::compare(request, limit), may_overcommit(name)) {
        (Ordering::Less | Ordering::Greater, false) => "equal to",
        (Ordering::Greater, true) => "less than or equal to",
        _ => return,
    };
    let detail = format!("must be {relation} {name} limit of {limit}");
    errors.push(FieldError::invalid(requests, request, detail));
}

fn amount(errors: &mut Errors, path: &FieldPath, name: &str, amount: &str, of: Of) {
    match of {
        Of::Container => container_resource(errors, path, name),
        Of::Pod => pod_resource(errors, path, name),
    }
    if quantity::compare(amount, "0") == Ordering::Less {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(path, amount, detail));
    }
    let counted = is_extended(name) || matches!(name, "pods" | "services" | "secrets" | "configmaps");
    if counted && !quantity::is_whole(amount) {
        errors.push(FieldError::invalid(path, amount, "must be an integer"));
    }
}

fn resource(errors: &mut Errors, path: &FieldPath, name: &str) -> bool {
    let problems = names::qualified(name);
    if !problems.is_empty() {
        check::problems(errors, path, name, problems);
        return false;
    }
    if !name.contains('/') && !STANDARD.contains(&name) && !is_quota_huge_page(name) {
        let detail = "must be a standard resource type or fully qualified";
        errors.push(FieldError::invalid(path, name, detail));
        return false;
    }
    true
}

fn container_resource(errors: &mut Errors, path: &FieldPath, name: &str) {
    resource(errors, path, name);
    let known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name);
    if !name.contains('/') && !known {
        let detail = "must be a standard resource for containers";
        errors.push(FieldError::invalid(path, name, detail));
    } else if name.contains('/') && !is_native(name) && !is_extended(name) {
        let detail = "doesn't follow extended resource name standard";
        errors.push(FieldError::invalid(path, name, detail));
    }
}

fn pod_resource(errors: &mut Errors, path: &FieldPath, name: &str) {
    let known = matches!(name, "cpu" | "memory") || is_huge_page(name);
    if resource(errors, path, name) && !known {
        let supported = ["cpu", "hugepages-", "memory"];
        errors.push(FieldError::not_supported(path, name, &supported));
    }
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

fn is_quota_huge_page(name: &str) -> bool {
    is_huge_page(name) || name.starts_with("requests.hugepages-")
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::qualified(&format!("requests.{name}")).is_empty()
}

fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

/// What is wrong with a pod's own resources, which bound those of its containers.
pub fn of_pod(errors: &mut Errors, spec: &At<'_>) {
    let Some(own) = spec.child("resources").set() else {
        return;
    };
    if own.child("claims").is_set() {
        let detail = "claims may not be set for Resources at pod-level";
        errors.push(FieldError::forbidden(&own.path.child("claims"), detail));
    }
    requirements(errors, &own, Of::Pod);
    let limits = own.child("limits");
    for (index, container) in spec.child("containers").items().iter().enumerate() {
        for (name, limit) in container.child("resources").child("limits").entries() {
            let limit = limit.as_str().unwrap_or_default();
            let most = limits.child(name);
            if most.is_set() && quantity::compare(limit, most.text()) == Ordering::Greater {
                let path = own.path.child("containers").index(index).key(name).child("limits");
                let detail = format!("must be less than or equal to pod limits of {}", most.text());
                errors.push(FieldError::invalid(&path, limit, detail));
            }
        }
    }
}

/// What is wrong with how containers are resized.
pub fn resize_policy(errors: &mut Errors, at: &At<'_>, pod_restarts: &str) {
    let mut seen = Vec::new();
    for (index, policy) in at.items().iter().enumerate() {
        let resource = policy.text_of("resourceName");
        if seen.contains(&resource) {
            errors.push(FieldError::duplicate(&at.path.index(index), resource));
        }
        seen.push(resource);
        let here = |name: &str| policy.child(name).shown_at(at.path.clone());
        check::one_of(errors, &here("resourceName"), &["cpu", "memory"]);
        let restart = here("restartPolicy");
        check::one_of(errors, &restart, &["NotRequired", "RestartContainer"]);
        if pod_restarts == "Never" && restart.text() != "NotRequired" {
            let detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.push(FieldError::invalid(&at.path, restart.text(), detail));
        }
    }
}
