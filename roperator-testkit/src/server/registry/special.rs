//! Resources that are no store of objects: [reviews], a Pod's eviction or binding, tokens. What all of these requests have in
//! common is here: what is sent is read, judged and owned as an object that is to be created.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{
    Registry, admission,
    body::{Document, decode_body},
    object::meta,
    options::DeleteOptions,
    resource::{Resource, unstored},
    reviews,
    strategy::Strategy,
    token,
    write::{Target, clean, set_namespace},
};
use crate::server::status::ApiError;

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
    match (target.resource.plural.as_str(), target.subresource) {
        ("pods", "eviction") => registry.evict(target, read_as(&EVICTION, registry, target, document)?),
        ("serviceaccounts", "token") => {
            registry.issue_token(target, read_as(&TOKEN_REQUEST, registry, target, document)?)
        }
        ("pods", "binding") => registry.bind(target, target.name, &read_as(&BINDING, registry, target, document)?),
        ("bindings", _) => {
            let binding = read_as(&BINDING, registry, target, document)?;
            registry.bind(target, meta(&binding, "name"), &binding)
        }
        _ => reviews::answer(registry, target, read(registry, target, document)?),
    }
}

static EVICTION: LazyLock<Option<Resource>> = LazyLock::new(|| unstored("policy", "v1", "Eviction", Strategy::PLAIN));
static BINDING: LazyLock<Option<Resource>> = LazyLock::new(|| unstored("", "v1", "Binding", Strategy::PLAIN));
static TOKEN_REQUEST: LazyLock<Option<Resource>> = LazyLock::new(|| {
    let strategy = Strategy {
        default: token::default,
        ..Strategy::PLAIN
    };
    unstored("authentication.k8s.io", "v1", "TokenRequest", strategy)
});

/// Reads what is sent to an endpoint of another kind.
fn read_as(
    kind: &LazyLock<Option<Resource>>,
    registry: &Registry,
    target: &Target<'_>,
    document: Document<'_>,
) -> Result<Value, ApiError> {
    let kind = kind.as_ref();
    let of_kind = Target {
        resource: kind.ok_or_else(|| ApiError::internal("it is not among the built-in kinds"))?,
        ..*target
    };
    let object = read(registry, &of_kind, document)?;
    let place = target.resource.group_resource();
    admission::may_create(&registry.store, &place, target.namespace, meta(&object, "name"))?;
    Ok(object)
}

/// Reads what is sent as any object that is to be created is read.
fn read(registry: &Registry, target: &Target<'_>, document: Document<'_>) -> Result<Value, ApiError> {
    let decoded = decode_body(target.resource, document, target.options.field_validation)?;
    let complaints = decoded.complaints.into_iter();
    complaints.for_each(|text| target.warnings.add(text));
    let mut object = decoded.object;
    // Bindings and requests for tokens may name the very object that they mean.
    if !matches!(target.resource.kind.as_str(), "Binding" | "TokenRequest") {
        clean(&mut object);
    }
    set_namespace(target, &mut object)?;
    registry.own(target, None, &mut object);
    Ok(object)
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
