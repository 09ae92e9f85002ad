//! What an update of a pod may change: almost nothing. The new and the old pod in, errors out. The refusal shows how
//! the specs differ, as the real server writes them.

use serde_json::Value;

use super::super::values::{items, items_mut};
use super::at::{At, Errors, same};
use super::{check, containers, diff, gated, go_json, scheduling, spec};
use crate::server::field::FieldError;

const REFUSAL: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n";
const MIRROR: &str = "kubernetes.io/config.mirror";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// What is wrong with an update of a pod.
pub fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new), At::root(old));
    spec::pod(&mut errors, &new);
    annotations(&mut errors, &new, &old);
    let (new, old) = (new.child("spec"), old.child("spec"));
    for list in ["containers", "initContainers"] {
        if !same_containers(&mut errors, &new.child(list), &old.child(list)) {
            return errors;
        }
    }
    if !deadline(&mut errors, &new, &old) {
        return errors;
    }
    tolerations(&mut errors, &new, &old);
    scheduling_gates(&mut errors, &new, &old);
    let judged = without_allowed_changes(&mut errors, &new, &old);
    if !same(&judged, old.value) {
        let difference = diff::unified(&go_json::spec_lines(old.value), &go_json::spec_lines(&judged));
        errors.push(FieldError::forbidden(&new.path, format!("{REFUSAL}{difference}")));
    }
    errors
}

/// What is wrong with a change of annotations that mean something for pods.
pub fn annotations(errors: &mut Errors, new: &At<'_>, old: &At<'_>) {
    let new = new.child("metadata").child("annotations");
    let old = old.child("metadata").child("annotations");
    for (changed, what) in [(&old, "remove or update"), (&new, "add")] {
        for (key, value) in changed.entries() {
            let other = if what == "add" { old.child(key) } else { new.child(key) };
            let untouched = if what == "add" {
                other.is_set()
            } else {
                other.value == value
            };
            let whose = if key.starts_with(APP_ARMOR) {
                "AppArmor annotations"
            } else if key == MIRROR {
                "mirror pod annotation"
            } else {
                continue;
            };
            if !untouched {
                let detail = format!("may not {what} {whose}");
                errors.push(FieldError::forbidden(&new.path.key(key), detail));
            }
        }
    }
}

fn same_containers(errors: &mut Errors, new: &At<'_>, old: &At<'_>) -> bool {
    let containers = new.items();
    if containers.len() != old.items().len() {
        let detail = "pod updates may not add or remove containers";
        errors.push(FieldError::forbidden(&new.path, detail));
        return false;
    }
    for container in containers {
        check::required(errors, &container.child("image"));
        containers::image_is_trimmed(errors, &container);
    }
    true
}

fn deadline(errors: &mut Errors, new: &At<'_>, old: &At<'_>) -> bool {
    let at = new.child("activeDeadlineSeconds");
    match (at.number(), old.number_of("activeDeadlineSeconds")) {
        (Some(seconds), _) if !(0..=i64::from(i32::MAX)).contains(&seconds) => {
            check::in_range(errors, &at, 0, i64::from(i32::MAX));
            false
        }
        (Some(seconds), Some(before)) if before < seconds => {
            let detail = "must be less than or equal to previous value";
            errors.push(FieldError::invalid(&at.path, seconds, detail));
            false
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            errors.push(FieldError::invalid(&at.path, Value::Null, detail));
            true
        }
        _ => true,
    }
}

fn tolerations(errors: &mut Errors, new: &At<'_>, old: &At<'_>) {
    let at = new.child("tolerations");
    let but_seconds = |toleration: &Value| {
        let mut toleration = toleration.clone();
        if let Some(fields) = toleration.as_object_mut() {
            fields.remove("tolerationSeconds");
        }
        toleration
    };
    let kept: Vec<Value> = items(new.value, "tolerations").iter().map(but_seconds).collect();
    if items(old.value, "tolerations")
        .iter()
        .any(|before| !kept.contains(&but_seconds(before)))
    {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(FieldError::forbidden(&at.path, detail));
        return;
    }
    scheduling::tolerations(errors, &at);
}

fn scheduling_gates(errors: &mut Errors, new: &At<'_>, old: &At<'_>) {
    let before: Vec<&Value> = items(old.value, "schedulingGates").iter().collect();
    for gate in new.child("schedulingGates").items() {
        let name = gate.child("name");
        if !before.iter().any(|before| before.get("name") == Some(name.value)) {
            let detail = format!(
                "only deletion is allowed, but found new scheduling gate '{}'",
                name.text()
            );
            errors.push(FieldError::forbidden(&name.path, detail));
        }
    }
}

/// The new spec with the fields that may change as they were.
fn without_allowed_changes(errors: &mut Errors, new: &At<'_>, old: &At<'_>) -> Value {
    let mut judged = new.value.clone();
    for list in ["containers", "initContainers"] {
        for (container, before) in items_mut(&mut judged, list).iter_mut().zip(items(old.value, list)) {
            gated::restore(container, "image", before.get("image").unwrap_or(&Value::Null));
        }
    }
    for name in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        gated::restore(&mut judged, name, old.child(name).value);
    }
    let name = "terminationGracePeriodSeconds";
    if old.number_of(name).is_some_and(|seconds| seconds < 0) && new.number_of(name) == Some(1) {
        gated::restore(&mut judged, name, old.child(name).value);
    }
    if !old.child("schedulingGates").items().is_empty() {
        gated::changes(errors, new, old, &mut judged);
    }
    judged
}
