//! What is decided of a write by what else there is: objects live in namespaces that exist and are not on their way out.
//! Data in: the store and the request. Data out: leave or refusal. It changes nothing.

mod priority;

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::object::text;
use crate::server::{
    status::{ApiError, Cause, GroupResource},
    store::{Object, Store},
};

/// Namespaces that are always there.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Where namespaces are stored.
pub static NAMESPACES: LazyLock<GroupResource> = LazyLock::new(|| GroupResource::new("", "namespaces"));

/// Whether something may be created in a namespace; the namespace, beside which alone it may be written.
///
/// # Errors
///
/// 404 if there is no such namespace, 403 if it is being deleted.
pub fn may_create(
    store: &Store,
    resource: &GroupResource,
    namespace: &str,
    name: &str,
) -> Result<Option<Arc<Object>>, ApiError> {
    let Some(found) = may_write(store, namespace)? else {
        return Ok(None);
    };
    let object: Value = serde_json::from_slice(&found.content.json).map_err(ApiError::internal)?;
    if text(&object, "/status/phase") != "Terminating" {
        return Ok(Some(found));
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let message = format!("namespace {namespace} is being terminated");
    let cause = Cause::new("NamespaceTerminating", message, "metadata.namespace");
    Err(ApiError::forbidden(resource, name, &why).with_cause(cause))
}

/// Whether something may be changed in a namespace; the namespace.
///
/// # Errors
///
/// 404 if there is no such namespace.
pub fn may_write(store: &Store, namespace: &str) -> Result<Option<Arc<Object>>, ApiError> {
    if namespace.is_empty() {
        return Ok(None);
    }
    let found = store.get(&NAMESPACES, namespace);
    found
        .map(Some)
        .ok_or_else(|| ApiError::not_found(&NAMESPACES, namespace))
}

/// What admission makes of an object to create.
///
/// # Errors
///
/// 403 for what asks for something that is not there.
pub fn admit(store: &Store, resource: &GroupResource, object: &mut Value) -> Result<(), ApiError> {
    match (resource.group.as_str(), resource.resource.as_str()) {
        ("", "pods") => priority::admit(store, resource, object),
        _ => Ok(()),
    }
}

/// Whether an object may be deleted.
///
/// # Errors
///
/// 403 for the namespaces that are always there.
pub fn may_delete(resource: &GroupResource, name: &str) -> Result<(), ApiError> {
    let is_namespace = resource.group.is_empty() && resource.resource == "namespaces";
    if is_namespace && IMMORTAL.contains(&name) {
        return Err(ApiError::forbidden(resource, name, "this namespace may not be deleted"));
    }
    Ok(())
}
