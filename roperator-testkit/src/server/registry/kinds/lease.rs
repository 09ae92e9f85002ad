//! Leases: what is refused. Objects in, field errors out; metadata excepted.

use serde_json::Value;

use super::values::{get, remove};
use crate::server::field::{FieldError, FieldPath};
use crate::server::registry::strategy::Strategy;

/// What is special about Leases.
pub const STRATEGY: Strategy = Strategy {
    prepare_create: drop_coordination,
    validate_create: validate,
    prepare_update: |new, _| drop_coordination(new),
    validate_update: |new, _| validate(new),
    creates_on_update: true,
    unconditional_update: false,
    ..Strategy::PLAIN
};

/// Coordinated leader election is off unless the real server is told otherwise: its fields are dropped.
fn drop_coordination(lease: &mut Value) {
    if let Some(spec) = lease.get_mut("spec") {
        remove(spec, "strategy");
        remove(spec, "preferredHolder");
    }
}

fn validate(lease: &Value) -> Vec<FieldError> {
    let least = [
        ("leaseDurationSeconds", 1, "must be greater than 0"),
        ("leaseTransitions", 0, "must be greater than or equal to 0"),
    ];
    let spec = get(lease, "spec");
    let mut errors = Vec::new();
    for (field, least, detail) in least {
        if let Some(value) = get(spec, field).as_i64().filter(|value| *value < least) {
            let path = FieldPath::new("spec").child(field);
            errors.push(FieldError::invalid(&path, value, detail));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::values::printed;
    use super::*;

    #[test]
    fn refusals_are_those_of_the_real_server() {
        let lease = json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}});
        assert_eq!(
            printed(&validate(&lease)),
            [
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ]
        );
        assert!(validate(&json!({"spec": {"leaseTransitions": 0}})).is_empty());
    }
}
