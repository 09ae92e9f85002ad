//! Replica sets: defaults, what is refused and what may change. Whole objects in, changed objects or errors out.
//! Warnings are left out.

use serde_json::{Value, json};

use super::pod::at::{At, Errors};
use super::pod::check;
use super::values;
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
    prepare_create: |set| values::set(set, "status", json!({ "replicas": 0 })),
    validate_create: |set| {
        let mut errors = Errors::new();
        spec(&mut errors, &At::root(set).child("spec"));
        errors
    },
    validate_update: |new, old| workload::update(new, old, spec),
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
    values::object(set, "spec");
    let Some(spec) = set.get_mut("spec") else {
        return;
    };
    values::default_absent(spec, "replicas", 1);
    workload::default_template(spec);
}

fn spec(errors: &mut Errors, spec: &At<'_>) {
    check::none_negative(errors, spec, &["replicas", "minReadySeconds"]);
    workload::selector_and_template(errors, spec, WORDS);
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
    let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    workload::replicas(&mut errors, status, &parts, "readyReplicas");
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
