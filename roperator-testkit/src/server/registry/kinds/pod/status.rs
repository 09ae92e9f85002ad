//! What stays at an update of a pod's status, and what is wrong with one. The new and the old pod in, a changed pod or
//! errors out.
//!
//! Left out: the statuses of claims of devices, of users, of allocated resources and of image volumes; and rules by
//! which single containers restart.

use serde_json::Value;

use super::super::values::{self, items, items_mut, text};
use super::at::{At, Errors};
use super::{check, go_json, update};
use crate::server::field::FieldError;
use crate::server::names;
use crate::server::registry::object::copy_meta;

const SYSTEM_CONDITIONS: [&str; 3] = ["PodScheduled", "Ready", "Initialized"];

/// Keeps what a writer of the status may leave out: the quality of service class, and which generations were observed.
pub fn prepare(new: &mut Value, old: &Value) {
    copy_meta(old, new, "ownerReferences");
    values::object(new, "status");
    let none = Value::Null;
    let before = old.get("status").unwrap_or(&none);
    let Some(status) = new.get_mut("status") else {
        return;
    };
    for field in ["qosClass", "observedGeneration"] {
        if let Some(value) = before.get(field) {
            values::default(status, field, value.clone());
        }
    }
    let mut known: Vec<&Value> = items(before, "conditions").iter().collect();
    for condition in items_mut(status, "conditions") {
        let same_type = known
            .iter()
            .position(|known| text(known, "type") == text(condition, "type"));
        let of_old = same_type.map(|place| known.remove(place));
        if let Some(generation) = of_old.and_then(|old| old.get("observedGeneration")) {
            values::default(condition, "observedGeneration", generation.clone());
        }
    }
}

/// What is wrong with an update of a pod's status.
pub fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new), At::root(old));
    update::annotations(&mut errors, &new, &old);
    let (status, before) = (new.child("status"), old.child("status"));
    conditions(&mut errors, &status.child("conditions"));
    nominated_node(&mut errors, &status, &before, &old.child("spec"));
    generation(&mut errors, &status.child("observedGeneration"));
    quality(&mut errors, &status, &before);
    container_states(&mut errors, &status, &before, &old.child("spec"));
    for name in ["podIPs", "hostIPs"] {
        ips(&mut errors, &status.child(name), &before.child(name));
    }
    errors
}

fn generation(errors: &mut Errors, at: &At<'_>) {
    if let Some(number) = at.number().filter(|number| *number < 0) {
        let detail = "must be a non-negative integer";
        errors.push(FieldError::invalid(&at.path, number, detail));
    }
}

fn conditions(errors: &mut Errors, at: &At<'_>) {
    for condition in at.items() {
        generation(errors, &condition.child("observedGeneration"));
        let kind = condition.child("type");
        if !SYSTEM_CONDITIONS.contains(&kind.text()) {
            // The real server's own spelling.
            check::text(errors, &kind.shown_at(condition.path.child("Type")), names::qualified);
        }
    }
}

fn nominated_node(errors: &mut Errors, status: &At<'_>, before: &At<'_>, spec: &At<'_>) {
    let node = status.child("nominatedNodeName");
    if node.text().is_empty() || node.text() == before.text_of("nominatedNodeName") {
        return;
    }
    check::text(errors, &node, names::subdomain);
    if !spec.text_of("nodeName").is_empty() {
        let detail = "may not be set on pods that are already bound to a node";
        errors.push(FieldError::forbidden(&node.path, detail));
    }
}

/// The class never changes; a status without one keeps it.
fn quality(errors: &mut Errors, status: &At<'_>, before: &At<'_>) {
    let class = status.child("qosClass");
    if !class.text().is_empty() && class.text() != before.text_of("qosClass") {
        errors.push(FieldError::invalid(&class.path, class.text(), "field is immutable"));
    }
}

/// Containers that have ended and are not restarted stay ended.
fn container_states(errors: &mut Errors, status: &At<'_>, before: &At<'_>, spec: &At<'_>) {
    let policy = spec.text_of("restartPolicy");
    for (list, specs) in [
        ("containerStatuses", "containers"),
        ("initContainerStatuses", "initContainers"),
        ("ephemeralContainerStatuses", ""),
    ] {
        let old = before.child(list);
        for (index, was) in old.items().iter().enumerate() {
            let ended = was.child("state").child("terminated");
            if !ended.is_set() {
                continue;
            }
            let name = was.text_of("name");
            let own = items(spec.value, specs)
                .iter()
                .find(|container| text(container, "name") == name)
                .map(|container| text(container, "restartPolicy"))
                .filter(|own| !own.is_empty());
            let failed = ended.number_of("exitCode").unwrap_or_default() != 0;
            let restarts = match own.unwrap_or(policy) {
                "Always" => true,
                "OnFailure" => failed,
                _ => false,
            };
            let runs_again = items(status.value, list)
                .iter()
                .any(|now| text(now, "name") == name && now.pointer("/state/terminated").is_none_or(Value::is_null));
            if runs_again && (specs.is_empty() || !restarts) {
                let path = old.path.index(index).child("state");
                let detail = "may not be transitioned to non-terminated state";
                errors.push(FieldError::forbidden(&path, detail));
            }
        }
    }
}

fn ips(errors: &mut Errors, at: &At<'_>, before: &At<'_>) {
    let known: Vec<&str> = before.items().iter().map(|ip| ip.text_of("ip")).collect();
    let given = at.items();
    for ip in &given {
        if !known.contains(&ip.text_of("ip")) {
            check::text(
                errors,
                &ip.child("ip").shown_at(ip.path.clone()),
                super::text::ip_address,
            );
        }
    }
    let unread = given
        .iter()
        .position(|ip| !super::text::ip_address(ip.text_of("ip")).is_empty());
    if let Some((index, ip)) = unread
        .filter(|_| given.len() > 1)
        .and_then(|index| Some((index, given.get(index)?)))
    {
        let text = ip.text_of("ip");
        let detail = format!("failed to check for dual stack with error:invalid IP[{index}]: {text}");
        errors.push(FieldError::internal(&at.path, detail));
    }
    let new_style = |ip: &&At<'_>| ip.text_of("ip").contains(':');
    let of_six = given.iter().filter(new_style).count();
    if given.len() > 2 || (given.len() == 2 && of_six != 1) {
        let name = if at.path.as_str().ends_with("podIPs") {
            "PodIP"
        } else {
            "HostIP"
        };
        let shown: Vec<String> = given.iter().map(|ip| go_json::compact(name, ip.value)).collect();
        let detail = "may specify no more than one IP for each IP family";
        let value = format!("[{}]", shown.join(","));
        let problem = crate::server::field::Problem::Invalid;
        errors.push(check::shown(&at.path, problem, &value, detail));
    }
}
