//! What an update of a job may change: how many pods run and how long, and where those of a suspended job run and what
//! they need. The new and the old job in, errors out.
//!
//! Known difference: where the template may not change, the real server shows it with the names of its own structs, and
//! here it is shown as it is.

use serde_json::Value;

use super::{NAME_LABELS, UID_LABELS, indexes::is_indexed, policy, spec};
use crate::server::field::{FieldError, Problem};
use crate::server::registry::kinds::pod::at::{At, Errors, same};
use crate::server::registry::kinds::pod::{check, go_json, labels};
use crate::server::registry::kinds::values::{items, items_mut, text};

/// What is wrong with an update of a job.
pub fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new), At::root(old));
    let labels = old.child("spec").child("template").child("metadata").child("labels");
    let [_, name] = NAME_LABELS;
    let [_, uid] = UID_LABELS;
    let had_prefixed = labels.child(name).is_set() && labels.child(uid).is_set();
    spec::job(&mut errors, &new, had_prefixed);
    let (now, before) = (new.child("spec"), old.child("spec"));
    // The real server judges the spec a second time.
    spec::spec(&mut errors, &now);
    completions(&mut errors, &now, &before);
    labels::immutable_selector(&mut errors, &now, &before);
    template(&mut errors, &now, &before, may_change_template(&old));
    let policy = |errors: &mut Errors, field: &str, name: &str| {
        policy::stays(errors, &now.child(field), &before.child(field), name);
    };
    check::immutable(
        &mut errors,
        &now.child("completionMode"),
        &before.child("completionMode"),
    );
    policy(&mut errors, "podFailurePolicy", "PodFailurePolicy");
    for name in ["backoffLimitPerIndex", "managedBy"] {
        check::immutable(&mut errors, &now.child(name), &before.child(name));
    }
    policy(&mut errors, "successPolicy", "SuccessPolicy");
    errors
}

/// Only jobs of indexes can be scaled, and then together with how many run at once.
fn completions(errors: &mut Errors, new: &At<'_>, old: &At<'_>) {
    let (now, before) = (new.child("completions"), old.child("completions"));
    if !is_indexed(new) {
        check::immutable(errors, &now, &before);
        return;
    }
    let Some(number) = now.number().filter(|number| Some(*number) != before.number()) else {
        return;
    };
    if Some(number) != new.number_of("parallelism") {
        let detail = "can only be modified in tandem with spec.parallelism";
        errors.push(FieldError::invalid(&now.path, number, detail));
    }
}

/// Whether a job is suspended and nothing of it runs.
fn may_change_template(job: &At<'_>) -> bool {
    let status = job.child("status");
    let suspended = status
        .child("conditions")
        .items()
        .iter()
        .any(|condition| condition.text_of("type") == "Suspended" && condition.text_of("status") == "True");
    job.child("spec").is_true("suspend")
        && (!status.child("startTime").is_set() || suspended)
        && status.number_of("active").unwrap_or_default() == 0
}

fn template(errors: &mut Errors, new: &At<'_>, old: &At<'_>, may_change: bool) {
    let (now, before) = (new.child("template"), old.child("template"));
    if !may_change {
        if !same(now.value, before.value) {
            let shown = go_json::compact_template(now.value);
            errors.push(check::shown(&now.path, Problem::Invalid, &shown, check::IMMUTABLE));
        }
        return;
    }
    let (now, before) = (now.child("spec"), before.child("spec"));
    let (mut kept, mut expected) = (now.value.clone(), before.value.clone());
    for spec in [&mut kept, &mut expected] {
        let Some(fields) = spec.as_object_mut() else {
            continue;
        };
        for name in ["nodeSelector", "tolerations", "schedulingGates"] {
            fields.remove(name);
        }
        if let Some(affinity) = fields.get_mut("affinity").and_then(Value::as_object_mut) {
            affinity.remove("nodeAffinity");
            if affinity.is_empty() {
                fields.remove("affinity");
            }
        }
    }
    for list in ["containers", "initContainers"] {
        take_resources(&mut expected, &kept, list);
    }
    if !same(&kept, &expected) {
        // The real server's own path.
        let path = new.path.child("template.spec");
        let shown = go_json::compact_spec(now.value);
        errors.push(check::shown(&path, Problem::Invalid, &shown, check::IMMUTABLE));
    }
}

fn take_resources(expected: &mut Value, kept: &Value, list: &str) {
    let resources: Vec<(String, Option<Value>)> = items(kept, list)
        .iter()
        .map(|container| (text(container, "name").to_owned(), container.get("resources").cloned()))
        .collect();
    if items_mut(expected, list).len() != resources.len() {
        return;
    }
    for (container, (name, resources)) in items_mut(expected, list).iter_mut().zip(resources) {
        let own = text(container, "name") == name;
        if let (true, Some(fields), Some(resources)) = (own, container.as_object_mut(), resources) {
            fields.insert("resources".to_owned(), resources);
        }
    }
}
