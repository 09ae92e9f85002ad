//! Replica sets: defaults, what is refused and what may change. Whole objects in, changed objects or errors out.
//! Warnings are left out.

use serde_json::{Value, json};

use super::pod::at::{At, Errors, object_in, put, put_if_absent};
use super::pod::{check, defaults};
use super::workload::{self, Words};
use crate::server::registry::strategy::Strategy;

const WORDS: Words = Words {
    empty: "empty selector is invalid for deployment",
    unusable: "invalid label selector",
    kind: "ReplicaSet",
};

/// What is special about replica sets.
pub const STRATEGY: Strategy = Strategy {
    default,
    prepare_create: |set| put(set, "status", json!({ "replicas": 0 })),
    validate_create: |set| {
        let mut errors = Errors::new();
        spec(&mut errors, &At::root(set).child("spec"));
        errors
    },
    validate_update,
    validate_status: |new, _| status(&At::root(new).child("status")),
    selectable: |set| {
        let replicas = At::root(set).child("status").number_of("replicas");
        vec![("status.replicas", replicas.unwrap_or_default().to_string())]
    },
    generation: &["spec"],
    has_status: true,
    ..Strategy::PLAIN
};

fn default(set: &mut Value) {
    object_in(set, "spec");
    let Some(spec) = set.get_mut("spec") else {
        return;
    };
    put_if_absent(spec, "replicas", 1);
    object_in(spec, "template");
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
}

fn spec(errors: &mut Errors, spec: &At<'_>) {
    check::none_negative(errors, spec, &["replicas", "minReadySeconds"]);
    workload::selector_and_template(errors, spec, WORDS);
}

fn validate_update(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new).child("spec"), At::root(old).child("spec"));
    spec(&mut errors, &new);
    check::immutable_selector(&mut errors, &new, &old);
    errors
}

fn status(status: &At<'_>) -> Errors {
    let mut errors = Errors::new();
    let counts = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    ];
    check::none_negative(&mut errors, status, &counts);
    for part in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        let detail = "cannot be greater than status.replicas";
        workload::no_more(&mut errors, status, part, "replicas", detail);
    }
    let detail = "cannot be greater than readyReplicas";
    workload::no_more(&mut errors, status, "availableReplicas", "readyReplicas", detail);
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_the_real_server() {
        crate::server::registry::kinds::pod::cases::replay(&STRATEGY, include_str!("replicaset_cases.json"));
    }
}
