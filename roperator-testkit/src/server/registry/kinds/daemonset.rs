//! Daemon sets: defaults, what is refused and what may change. Whole objects in, changed objects or errors out.
//! Warnings are left out.
//!
//! How often the template has changed is an annotation of the object, which the server keeps.

use serde_json::{Value, json};

use super::pod::at::{At, Errors, same};
use super::pod::{check, labels, spec};
use super::values;
use super::workload::{self, Words};
use crate::server::field::FieldError;
use crate::server::registry::strategy::Strategy;

const WORDS: Words = Words {
    empty: "empty selector is invalid for daemonset",
    unusable: "",
    kind: "DaemonSet",
};

const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// What is special about daemon sets.
pub const STRATEGY: Strategy = Strategy {
    default,
    prepare_create,
    validate_create: |set| {
        let mut errors = Errors::new();
        validate(&mut errors, &At::root(set).child("spec"));
        errors
    },
    prepare_update,
    validate_update,
    validate_status,
    generation: &["spec"],
    has_status: true,
    ..Strategy::PLAIN
};

fn default(set: &mut Value) {
    set_template_generation(set, template_generation(set));
    values::object(set, "spec");
    let Some(spec) = set.get_mut("spec") else {
        return;
    };
    values::object(spec, "updateStrategy");
    if let Some(strategy) = spec.get_mut("updateStrategy") {
        values::default(strategy, "type", "RollingUpdate");
        if strategy.get("type") == Some(&json!("RollingUpdate")) {
            values::object(strategy, "rollingUpdate");
            if let Some(rolling) = strategy.get_mut("rollingUpdate") {
                values::default_absent(rolling, "maxUnavailable", 1);
                values::default_absent(rolling, "maxSurge", 0);
            }
        }
    }
    values::default_absent(spec, "revisionHistoryLimit", 10);
    workload::default_template(spec);
}

fn template_generation(set: &Value) -> i64 {
    let annotations = At::root(set).child("metadata").child("annotations");
    annotations.text_of(TEMPLATE_GENERATION).parse().unwrap_or_default()
}

fn set_template_generation(set: &mut Value, generation: i64) {
    values::object(set, "metadata");
    let annotations = set
        .get_mut("metadata")
        .and_then(|metadata| values::object(metadata, "annotations"));
    if let Some(annotations) = annotations {
        annotations.insert(TEMPLATE_GENERATION.to_owned(), generation.to_string().into());
    }
}

fn prepare_create(set: &mut Value) {
    set_template_generation(set, template_generation(set).max(1));
    let status = json!({
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    });
    values::set(set, "status", status);
}

fn prepare_update(new: &mut Value, old: &Value) {
    let template = |set: &Value| set.pointer("/spec/template").cloned().unwrap_or_default();
    let changed = !same(&template(new), &template(old));
    set_template_generation(new, template_generation(old) + i64::from(changed));
}

fn validate(errors: &mut Errors, spec: &At<'_>) {
    let selector = spec.child("selector");
    let template = spec.child("template");
    labels::selector(errors, &selector);
    if labels::is_usable(selector.value) {
        workload::must_match(errors, &selector, &template);
    }
    workload::asks_for_something(errors, &selector, WORDS);
    spec::template(errors, &template);
    workload::endless(errors, &template, WORDS);
    check::not_negative(errors, &spec.child("minReadySeconds"));
    strategy(errors, &spec.child("updateStrategy"));
    check::not_negative(errors, &spec.child("revisionHistoryLimit"));
}

fn strategy(errors: &mut Errors, at: &At<'_>) {
    match at.text_of("type") {
        "OnDelete" => {}
        "RollingUpdate" => rolling(errors, &at.child("rollingUpdate")),
        _ => {
            let supported = ["RollingUpdate", "OnDelete"];
            errors.push(workload::unknown_strategy(at, "DaemonSetUpdateStrategy", supported));
        }
    }
}

fn rolling(errors: &mut Errors, at: &At<'_>) {
    let unavailable = at.child("maxUnavailable");
    let surge = at.child("maxSurge");
    workload::amount(errors, &unavailable);
    workload::amount(errors, &surge);
    workload::at_most_all(errors, &unavailable);
    workload::at_most_all(errors, &surge);
    match (workload::is_nothing(&unavailable), workload::is_nothing(&surge)) {
        (false, false) => {
            let detail = "may not be set when maxUnavailable is non-zero";
            errors.push(FieldError::invalid(&surge.path, surge.value.clone(), detail));
        }
        (true, true) => {
            let detail = "cannot be 0 when maxSurge is 0";
            errors.push(FieldError::required(&unavailable.path, detail));
        }
        _ => {}
    }
}

fn validate_update(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new).child("spec"), At::root(old).child("spec"));
    labels::immutable_selector(&mut errors, &new, &old);
    validate(&mut errors, &new);
    errors
}

fn validate_status(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let status = At::root(new).child("status");
    let counts = [
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ];
    check::none_negative(&mut errors, &status, &counts);
    workload::collisions_grow(&mut errors, &status, old);
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_the_real_server() {
        crate::server::registry::kinds::pod::cases::replay(&STRATEGY, include_str!("daemonset_cases.json"));
    }
}
