//! Deployments: defaults, what is refused and what may change. Whole objects in, changed objects or errors out.
//! Rollbacks by annotation, which old clusters knew, are left out, and so are warnings.

use serde_json::{Value, json};

use super::pod::at::{At, Errors, object_in, put, put_if_absent, put_if_zero};
use super::pod::{check, defaults};
use super::workload::{self, Words};
use crate::server::field::FieldError;
use crate::server::registry::object::copy_meta;
use crate::server::registry::strategy::Strategy;

const WORDS: Words = Words {
    empty: "empty selector is invalid for deployment",
    unusable: "invalid label selector",
    kind: "ReplicaSet",
};

/// What is special about deployments.
pub const STRATEGY: Strategy = Strategy {
    default,
    prepare_create: |deployment| put(deployment, "status", json!({})),
    validate_create: |deployment| {
        let mut errors = Errors::new();
        spec(&mut errors, &At::root(deployment).child("spec"));
        errors
    },
    prepare_update,
    validate_update,
    prepare_status: |new, old| copy_meta(old, new, "labels"),
    validate_status,
    generation: &["spec"],
    has_status: true,
    ..Strategy::PLAIN
};

fn default(deployment: &mut Value) {
    object_in(deployment, "spec");
    let Some(spec) = deployment.get_mut("spec") else {
        return;
    };
    put_if_absent(spec, "replicas", 1);
    put_if_absent(spec, "revisionHistoryLimit", 10);
    put_if_absent(spec, "progressDeadlineSeconds", 600);
    object_in(spec, "strategy");
    if let Some(strategy) = spec.get_mut("strategy") {
        put_if_zero(strategy, "type", "RollingUpdate");
        if strategy.get("type") == Some(&json!("RollingUpdate")) {
            object_in(strategy, "rollingUpdate");
            if let Some(rolling) = strategy.get_mut("rollingUpdate") {
                put_if_absent(rolling, "maxUnavailable", "25%");
                put_if_absent(rolling, "maxSurge", "25%");
            }
        }
    }
    object_in(spec, "template");
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
}

fn spec(errors: &mut Errors, spec: &At<'_>) {
    check::not_negative(errors, &spec.child("replicas"));
    workload::selector_and_template(errors, spec, WORDS);
    strategy(errors, &spec.child("strategy"));
    check::none_negative(
        errors,
        spec,
        &["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"],
    );
    let deadline = spec.child("progressDeadlineSeconds");
    let ready = spec.number_of("minReadySeconds").unwrap_or_default();
    if let Some(seconds) = deadline.number().filter(|seconds| *seconds <= ready) {
        let detail = "must be greater than minReadySeconds";
        errors.push(FieldError::invalid(&deadline.path, seconds, detail));
    }
}

fn strategy(errors: &mut Errors, at: &At<'_>) {
    let rolling = at.child("rollingUpdate");
    match at.text_of("type") {
        "Recreate" if rolling.is_set() => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            errors.push(FieldError::forbidden(&rolling.path, detail));
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let unavailable = rolling.child("maxUnavailable");
            let surge = rolling.child("maxSurge");
            workload::amount(errors, &unavailable);
            workload::amount(errors, &surge);
            if workload::is_nothing(&unavailable) && workload::is_nothing(&surge) {
                let detail = "may not be 0 when `maxSurge` is 0";
                errors.push(FieldError::invalid(
                    &unavailable.path,
                    unavailable.value.clone(),
                    detail,
                ));
            }
            workload::at_most_all(errors, &unavailable);
        }
        _ => {
            let supported = ["Recreate", "RollingUpdate"];
            errors.push(workload::unknown_strategy(at, "DeploymentStrategy", supported));
        }
    }
}

/// Annotations count as a new generation, too: the controller copies them to replica sets.
fn prepare_update(new: &mut Value, old: &Value) {
    let annotations = |deployment: &Value| deployment.pointer("/metadata/annotations").cloned().unwrap_or_default();
    let generation = At::root(old)
        .child("metadata")
        .number_of("generation")
        .unwrap_or_default();
    if annotations(new) != annotations(old)
        && let Some(metadata) = new.get_mut("metadata")
    {
        put(metadata, "generation", generation + 1);
    }
}

fn validate_update(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new).child("spec"), At::root(old).child("spec"));
    spec(&mut errors, &new);
    check::immutable_selector(&mut errors, &new, &old);
    errors
}

fn validate_status(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let status = At::root(new).child("status");
    let counts = [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ];
    check::none_negative(&mut errors, &status, &counts);
    for part in ["updatedReplicas", "readyReplicas", "availableReplicas"] {
        let detail = "cannot be greater than status.replicas";
        workload::no_more(&mut errors, &status, part, "replicas", detail);
    }
    let detail = "cannot be greater than readyReplicas";
    workload::no_more(&mut errors, &status, "availableReplicas", "readyReplicas", detail);
    workload::collisions_grow(&mut errors, &status, old);
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_count_as_a_generation() {
        let old = json!({"metadata": {"generation": 3}});
        let mut new = json!({"metadata": {"generation": 3, "annotations": {"a": "b"}}});
        prepare_update(&mut new, &old);
        assert_eq!(new["metadata"]["generation"], 4);
        let mut new = json!({"metadata": {"generation": 3, "labels": {"a": "b"}}});
        prepare_update(&mut new, &old);
        assert_eq!(new["metadata"]["generation"], 3);
    }

    #[test]
    fn cases_of_the_real_server() {
        crate::server::registry::kinds::pod::cases::replay(&STRATEGY, include_str!("deployment_cases.json"));
    }
}
