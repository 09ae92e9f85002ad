//! Resources that are no store of objects: [reviews], a Pod's eviction or binding, tokens. A request in, its answer out.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Registry,
    body::Document,
    delete::Deleted,
    kinds::values,
    object::{child_mut, meta},
    options::DeleteOptions,
    resource::Resource,
    reviews,
    write::Target,
};
use crate::server::{clock::seconds, status::ApiError};

/// Whether what is created here is answered and forgotten.
#[must_use]
pub fn is_virtual(resource: &Resource, subresource: &str) -> bool {
    matches!(
        (resource.group.as_str(), resource.plural.as_str(), subresource),
        ("authorization.k8s.io" | "authentication.k8s.io", _, _)
            | ("", "bindings", _)
            | ("", "pods", "eviction" | "binding")
            | ("", "serviceaccounts", "token")
    )
}

/// Whether a deletion is answered with the object instead of a status.
#[must_use]
pub fn answers_with_object(resource: &Resource) -> bool {
    matches!(
        (resource.group.as_str(), resource.plural.as_str()),
        (
            "",
            "pods"
                | "services"
                | "serviceaccounts"
                | "persistentvolumeclaims"
                | "persistentvolumes"
                | "podtemplates"
                | "resourcequotas"
        ) | (
            "storage.k8s.io",
            "csidrivers" | "csinodes" | "storageclasses" | "volumeattachments" | "volumeattributesclasses"
        ) | (
            "resource.k8s.io",
            "deviceclasses"
                | "devicetaintrules"
                | "resourceclaims"
                | "resourceclaimtemplates"
                | "resourcepoolstatusrequests"
                | "resourceslices"
        )
    )
}

/// What a deletion is to be warned of.
#[must_use]
pub fn deletion_warning(resource: &Resource, options: &DeleteOptions) -> Option<&'static str> {
    let is_silent = options.propagation_policy.is_none() && options.orphan_dependents.is_none();
    let is_job = resource.group == "batch" && resource.plural == "jobs";
    (is_job && is_silent).then_some(
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set \
         propagationPolicy=Orphan to suppress this warning",
    )
}

/// Where the real server stores objects: messages name it.
#[must_use]
fn storage_path(resource: &Resource) -> String {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "services") => "services/specs".to_owned(),
        ("", "endpoints") => "services/endpoints".to_owned(),
        ("", "nodes") => "minions".to_owned(),
        ("", "replicationcontrollers") => "controllers".to_owned(),
        ("networking.k8s.io", "ingresses") => "ingress".to_owned(),
        (group, plural) if resource.is_custom() => format!("{group}/{plural}"),
        (_, plural) => plural.to_owned(),
    }
}

/// The conflict of a write whose precondition does not hold.
#[must_use]
pub fn precondition_failed(resource: &Resource, key: &str, name: &str, why: &str) -> ApiError {
    let path = storage_path(resource);
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{path}/{key}, ResourceVersion: 0, AdditionalErrorMsg: \
         Precondition failed: {why}"
    );
    ApiError::conflict(&resource.group_resource(), name, &why)
}

/// Answers a creation that stores nothing.
///
/// # Errors
///
/// The refusal.
pub fn create(registry: &Registry, target: &Target<'_>, document: Document<'_>) -> Result<Value, ApiError> {
    let (resource, namespace, name) = (target.resource, target.namespace, target.name);
    match (resource.plural.as_str(), target.subresource) {
        ("pods", "eviction") => evict(registry, target, &document.value),
        ("serviceaccounts", "token") => token(registry, resource, namespace, name, document.value),
        ("pods", "binding") => registry.bind(namespace, name, &document.value),
        ("bindings", _) => registry.bind(namespace, meta(&document.value, "name"), &document.value),
        _ => reviews::answer(registry, target, document),
    }
}

fn evict(registry: &Registry, target: &Target<'_>, eviction: &Value) -> Result<Value, ApiError> {
    let (pods, namespace, name) = (target.resource, target.namespace, target.name);
    let given = meta(eviction, "name");
    if !given.is_empty() && given != name {
        return Err(ApiError::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let number = |pointer: &str| eviction.pointer(pointer).and_then(Value::as_i64);
    let owned = |pointer: &str| eviction.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let options = DeleteOptions {
        dry_run: target.options.dry_run || eviction.pointer("/deleteOptions/dryRun/0").is_some(),
        grace_period_seconds: number("/deleteOptions/gracePeriodSeconds"),
        propagation_policy: owned("/deleteOptions/propagationPolicy"),
        uid: owned("/deleteOptions/preconditions/uid"),
        resource_version: owned("/deleteOptions/preconditions/resourceVersion"),
        ..DeleteOptions::default()
    };
    match registry.delete(pods, namespace, name, &options)? {
        Deleted::Gone(_) | Deleted::Marked(_) => Ok(done()),
    }
}

/// What is answered where nothing is shown.
pub(super) fn done() -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    })
}

/// A token that says whose it is; nobody checks it yet.
fn token(
    registry: &Registry,
    accounts: &Resource,
    namespace: &str,
    name: &str,
    mut request: Value,
) -> Result<Value, ApiError> {
    registry.get(accounts, namespace, name, "")?;
    let asked = request
        .pointer("/spec/expirationSeconds")
        .and_then(Value::as_i64)
        .unwrap_or(3600);
    let ends = registry
        .clock
        .now()
        .saturating_add(jiff::SignedDuration::from_secs(asked));
    let ends = ends.unwrap_or(jiff::Timestamp::MAX);
    let spec = child_mut(&mut request, "spec");
    spec.entry("audiences").or_insert_with(|| json!(["https://localhost"]));
    spec.entry("expirationSeconds").or_insert_with(|| asked.into());
    let status = json!({
        "token": format!("{namespace}:{name}:{}", Uuid::new_v4()),
        "expirationTimestamp": seconds(ends),
    });
    values::set(&mut request, "status", status);
    Ok(request)
}
