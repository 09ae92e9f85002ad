//! What is wrong with the specification of a pod, of its own or in a template. Reads only.
//!
//! Left out: pods of Windows, scheduling groups, claims of devices, and the annotations of old clusters.

use super::at::{At, Errors};
use super::{affinity, check, containers, labels, resources, scheduling, security, volumes};
use crate::server::field::FieldError;
use crate::server::names;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What is wrong with a pod: its own annotations and its specification.
pub fn pod(errors: &mut Errors, pod: &At<'_>) {
    let metadata = pod.child("metadata");
    let spec = pod.child("spec");
    annotations(errors, &metadata.child("annotations"), &spec);
    self::spec(errors, &spec, Some(metadata.text_of("name")));
    volumes::tokens_need_account(errors, &spec);
    for list in ["containers", "initContainers"] {
        for container in spec.child(list).items() {
            containers::image_is_trimmed(errors, &container);
        }
    }
}

/// What is wrong with a pod template. The labels and annotations of its metadata are named as if they were its own.
pub fn template(errors: &mut Errors, template: &At<'_>) {
    let metadata = template.child("metadata");
    let labels = metadata.child("labels").shown_at(template.path.child("labels"));
    labels::labels(errors, &labels);
    let annotations = metadata.child("annotations");
    let annotations = annotations.shown_at(template.path.child("annotations"));
    labels::annotations(errors, &annotations);
    let spec = template.child("spec");
    self::annotations(errors, &annotations, &spec);
    self::spec(errors, &spec, None);
    let ephemeral = spec.child("ephemeralContainers");
    if !ephemeral.items().is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.push(FieldError::forbidden(&ephemeral.path, detail));
    }
}

/// What is wrong with the annotations that mean something for pods.
pub fn annotations(errors: &mut Errors, at: &At<'_>, spec: &At<'_>) {
    let mirror = at.child(MIRROR);
    if mirror.is_set() && spec.text_of("nodeName").is_empty() {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errors.push(FieldError::invalid(&at.path.key(MIRROR), mirror.text(), detail));
    }
    let cost = at.child(DELETION_COST);
    let canonical = cost.text().parse::<i32>().is_ok()
        && !cost.text().starts_with('+')
        && (cost.text() == "0" || !cost.text().starts_with('0'));
    if cost.is_set() && !canonical {
        let path = at.path.key(DELETION_COST);
        errors.push(FieldError::invalid(&path, cost.text(), "must be a 32bit integer"));
    }
}

/// What is wrong with a pod's specification. `pod` is the pod's name; templates have none.
fn spec(errors: &mut Errors, spec: &At<'_>, pod: Option<&str>) {
    let volumes = volumes::volumes(errors, &spec.child("volumes"), pod);
    containers::containers(errors, spec, &volumes);
    resources::of_pod(errors, spec);
    containers::host_network_ports(errors, spec, pod.is_some());
    let restart = spec.child("restartPolicy");
    check::one_of(errors, &restart, &["Always", "OnFailure", "Never"]);
    let dns = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    check::one_of(errors, &spec.child("dnsPolicy"), &dns);
    labels::labels(errors, &spec.child("nodeSelector"));
    security::pod(errors, spec);
    affinity::affinity(errors, &spec.child("affinity"));
    scheduling::dns(errors, spec);
    scheduling::gates(errors, spec);
    scheduling::spread(errors, &spec.child("topologySpreadConstraints"));
    scheduling::host_users(errors, spec);
    scheduling::hostname_override(errors, spec);
    names_of_others(errors, spec);
    volumes::files_need_empty_dir(errors, spec);
}

/// The names of other objects and the single values in a specification.
fn names_of_others(errors: &mut Errors, spec: &At<'_>) {
    let named = |errors: &mut Errors, name: &str, rule: fn(&str) -> Vec<String>| {
        let at = spec.child(name);
        if !at.text().is_empty() {
            check::text(errors, &at, rule);
        }
    };
    named(errors, "serviceAccountName", names::subdomain);
    named(errors, "nodeName", names::subdomain);
    let deadline = spec.child("activeDeadlineSeconds");
    check::in_range(errors, &deadline, 1, i64::from(i32::MAX));
    named(errors, "hostname", names::label);
    named(errors, "subdomain", names::label);
    scheduling::tolerations(errors, &spec.child("tolerations"));
    scheduling::host_aliases(errors, &spec.child("hostAliases"));
    named(errors, "priorityClassName", names::subdomain);
    let runtime = spec.child("runtimeClassName");
    if runtime.is_set() {
        check::text(errors, &runtime, names::subdomain);
    }
    let preemption = spec.child("preemptionPolicy");
    if preemption.is_set() {
        check::one_of(errors, &preemption, &["PreemptLowerPriority", "Never"]);
    }
    let system = spec.child("os");
    let name = system.child("name");
    if system.is_set() && name.text().is_empty() {
        errors.push(FieldError::required(&name.path, ""));
    } else if system.is_set() {
        let here = name.shown_at(system.path);
        check::known(errors, &here, &["linux", "windows"]);
    }
}
