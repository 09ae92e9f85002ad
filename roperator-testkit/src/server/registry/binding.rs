//! Bindings: a Pod is put on a node, as schedulers do it. A Binding in; a Pod that is written, or a refusal, out.

use serde_json::{Value, json};

use super::{
    Registry,
    kinds::pod::condition,
    object::{child_mut, is_deleted, meta, text},
    resource::Resource,
    special::{done, precondition_failed},
    write::Target,
};
use crate::server::{
    clock::seconds,
    field::{FieldError, FieldPath},
    status::{ApiError, GroupResource},
    store::key,
};

impl Registry {
    /// Puts a Pod on the node that a Binding names.
    ///
    /// # Errors
    ///
    /// The refusal: the Binding says nothing, or the Pod is not there, is not the one that is meant, or is placed already.
    pub(super) fn bind(&self, target: &Target<'_>, name: &str, binding: &Value) -> Result<Value, ApiError> {
        if meta(binding, "name") != name {
            return Err(ApiError::bad_request(
                "name in URL does not match name in Binding object",
            ));
        }
        let node = text(binding, "/target/name");
        if let Some(error) = wrong_target(text(binding, "/target/kind"), node) {
            return Err(ApiError::unexpected(error.to_string()));
        }
        let pods = self.resource("", "v1", "pods").ok_or_else(ApiError::no_such_resource)?;
        let place_key = key(target.namespace, name);
        let now = seconds(self.clock.now());
        let change = |pod: &mut Value| {
            check_preconditions(&pods, &place_key, pod, binding)?;
            if let Some(why) = hindrance(pod) {
                return Err(ApiError::conflict(&GroupResource::new("", "pods/binding"), name, &why));
            }
            place(pod, node, binding, &now);
            Ok(())
        };
        let placed = self.alter(&pods, &place_key, target.options.dry_run, &change)?;
        placed.ok_or_else(|| ApiError::not_found(&pods.group_resource(), name))?;
        Ok(done())
    }
}

fn wrong_target(kind: &str, node: &str) -> Option<FieldError> {
    let target = FieldPath::new("target");
    if !matches!(kind, "" | "Node") {
        return Some(FieldError::not_supported(
            &target.child("kind"),
            kind,
            &["Node", "<empty>"],
        ));
    }
    node.is_empty().then(|| FieldError::required(&target.child("name"), ""))
}

/// A client that names a uid or a version means that Pod.
fn check_preconditions(pods: &Resource, key: &str, pod: &Value, binding: &Value) -> Result<(), ApiError> {
    for (field, shown) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let (wanted, is) = (meta(binding, field), meta(pod, field));
        if !wanted.is_empty() && wanted != is {
            let why = format!("{shown} in precondition: {wanted}, {shown} in object meta: {is}");
            return Err(precondition_failed(pods, key, meta(pod, "name"), &why));
        }
    }
    Ok(())
}

fn hindrance(pod: &Value) -> Option<String> {
    let name = meta(pod, "name");
    let node = text(pod, "/spec/nodeName");
    let gates = pod.pointer("/spec/schedulingGates").and_then(Value::as_array);
    if is_deleted(pod) {
        Some(format!("pod {name} is being deleted, cannot be assigned to a host"))
    } else if !node.is_empty() {
        Some(format!("pod {name} is already assigned to node \"{node}\""))
    } else if gates.is_some_and(|gates| !gates.is_empty()) {
        Some(format!("pod {name} has non-empty .spec.schedulingGates"))
    } else {
        None
    }
}

fn place(pod: &mut Value, node: &str, binding: &Value, now: &str) {
    child_mut(pod, "spec").insert("nodeName".to_owned(), node.into());
    for field in ["annotations", "labels"] {
        let added = binding
            .pointer(&format!("/metadata/{field}"))
            .and_then(Value::as_object);
        for (key, value) in added.into_iter().flatten() {
            let metadata = child_mut(pod, "metadata");
            let map = metadata.entry(field).or_insert_with(|| json!({}));
            if let Some(map) = map.as_object_mut() {
                map.insert(key.clone(), value.clone());
            }
        }
    }
    let status = child_mut(pod, "status");
    status.remove("nominatedNodeName");
    condition::hold(pod, "PodScheduled", None, now);
}
