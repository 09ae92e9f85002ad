//! Pods: what the server fills in, what it sets when one is created, what it refuses, and what may change. Whole
//! objects in, changed objects or errors out. The specifications of pods in the templates of other workloads are judged
//! here, too.
//!
//! The default admission plugins are part of it as far as they look at nothing but the pod: tolerations of 300 seconds
//! and the priority zero. Service accounts are not filled in, since that plugin is off. Warnings are not made. What
//! single rules leave out is said in the modules that have them.

pub mod at;
pub mod check;
pub mod condition;
pub mod defaults;
pub mod go_json;
pub mod labels;
pub mod spec;
pub mod text;

#[cfg(test)]
pub mod cases;

mod affinity;
mod claim;
mod containers;
mod create;
mod diff;
mod env;
mod files;
mod gated;
mod handlers;
mod image;
mod mounts;
mod parts;
mod projected;
mod quantity;
mod resources;
mod scheduling;
mod security;
mod status;
mod update;
mod volumes;

use serde_json::Value;

use self::at::{At, Errors};
use crate::server::field::FieldError;
use crate::server::registry::strategy::Strategy;

pub use self::claim::spec as claim_spec;

/// What is special about pods.
pub const STRATEGY: Strategy = Strategy {
    default: defaults::pod,
    prepare_create: create::prepare,
    validate_create,
    prepare_update: |new, old| create::admit(new, Some(old)),
    validate_update: update::validate,
    prepare_status: status::prepare,
    validate_status: status::validate,
    parts: parts::ALL,
    selectable,
    generation: &["spec"],
    has_status: true,
    grace_seconds,
    ..Strategy::PLAIN
};

fn validate_create(pod: &Value) -> Errors {
    let mut errors = Errors::new();
    let at = At::root(pod);
    spec::pod(&mut errors, &at);
    let spec = at.child("spec");
    let ephemeral = spec.child("ephemeralContainers");
    if !ephemeral.items().is_empty() {
        errors.push(FieldError::forbidden(&ephemeral.path, "cannot be set on create"));
    }
    let node = spec.child("nodeName");
    if !node.text().is_empty() && !spec.child("schedulingGates").items().is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.push(FieldError::forbidden(&node.path, detail));
    }
    errors
}

fn selectable(pod: &Value) -> Vec<(&'static str, String)> {
    let root = At::root(pod);
    let (spec, status) = (root.child("spec"), root.child("status"));
    let ip = status.child("podIPs").items().first().map(|ip| ip.text_of("ip"));
    let text = |at: &At<'_>, name: &str| at.text_of(name).to_owned();
    vec![
        ("spec.nodeName", text(&spec, "nodeName")),
        ("spec.restartPolicy", text(&spec, "restartPolicy")),
        ("spec.schedulerName", text(&spec, "schedulerName")),
        ("spec.serviceAccountName", text(&spec, "serviceAccountName")),
        ("spec.hostNetwork", spec.is_true("hostNetwork").to_string()),
        ("status.phase", text(&status, "phase")),
        ("status.podIP", ip.unwrap_or_default().to_owned()),
        ("status.nominatedNodeName", text(&status, "nominatedNodeName")),
    ]
}

/// How long a pod has to end: nothing while it is on no node, or when it has ended already.
fn grace_seconds(pod: &Value, asked: Option<i64>) -> Option<i64> {
    let root = At::root(pod);
    let (spec, status) = (root.child("spec"), root.child("status"));
    if spec.text_of("nodeName").is_empty() || matches!(status.text_of("phase"), "Failed" | "Succeeded") {
        return Some(0);
    }
    let own = spec.number_of("terminationGracePeriodSeconds");
    match asked.or(own).unwrap_or_default() {
        seconds if seconds < 0 => Some(1),
        seconds => Some(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_the_real_server() {
        cases::replay(&STRATEGY, include_str!("cases.json"));
    }
}
