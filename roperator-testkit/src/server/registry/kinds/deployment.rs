//! Deployments: defaults, what is refused and what may change. Whole objects in, changed objects or errors out.
//! Rollbacks by annotation, which old clusters knew, are left out, and so are warnings.

use serde_json::{Value, json};

use super::pod::at::{At, Errors};
use super::pod::check;
use super::values;
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
    prepare_create: |deployment| values::set(deployment, "status", json!({})),
    validate_create: |deployment| {
        let mut errors = Errors::new();
        spec(&mut errors, &At::root(deployment).child("spec"));
        errors
    },
    prepare_update,
    validate_update: |new, old| workload::update(new, old, spec),
    prepare_status: |new, old| copy_meta(old, new, "labels"),
    validate_status,
    generation: &["spec"],
    has_status: true,
    ..Strategy::PLAIN
};

fn default(deployment: &mut Value) {
    values::object(deployment, "spec");
    let Some(spec) = deployment.get_mut("spec") else {
        return;
    };
    values::default_absent(spec, "replicas", 1);
    values::default_absent(spec, "revisionHistoryLimit", 10);
    values::default_absent(spec, "progressDeadlineSeconds", 600);
    values::object(spec, "strategy");
    if let Some(strategy) = spec.get_mut("strategy") {
        values::default(strategy, "type", "RollingUpdate");
        if strategy.get("type") == Some(&json!("RollingUpdate")) {
            values::object(strategy, "rollingUpdate");
            if let Some(rolling) = strategy.get_mut("rollingUpdate") {
                values::default_absent(rolling, "maxUnavailable", "25%");
                values::default_absent(rolling, "maxSurge", "25%");
            }
        }
    }
    workload::default_template(spec);
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
        values::set(metadata, "generation", generation + 1);
    }
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
    let parts = ["updatedReplicas", "readyReplicas", "availableReplicas"];
    workload::replicas(&mut errors, &status, &parts, "readyReplicas");
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
