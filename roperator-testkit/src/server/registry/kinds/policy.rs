//! PodDisruptionBudgets and PriorityClasses: defaults, and what is refused. Metadata excepted.

pub mod disruption;

use serde_json::{Value, json};

use super::values::{get, number, set, text};
use crate::server::field::{FieldError, FieldPath, Problem};
use crate::server::names;
use crate::server::registry::shown;
use crate::server::registry::strategy::Strategy;
use crate::server::selector::validate::label_selector;

/// What is special about PodDisruptionBudgets.
pub const POD_DISRUPTION_BUDGET: Strategy = Strategy {
    prepare_create: |budget| {
        let none = json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0});
        set(budget, "status", none);
    },
    validate_create: budget,
    validate_update: |new, _| budget(new),
    validate_status: |new, _| counts(new),
    validate_name: names::path_segment,
    generation: &["spec"],
    has_status: true,
    unconditional_update: false,
    ..Strategy::PLAIN
};

/// What is special about PriorityClasses. Names with the system's prefix are refused but for those of the two system
/// classes, whose values are not checked.
pub const PRIORITY_CLASS: Strategy = Strategy {
    default: |class| {
        if get(class, "preemptionPolicy").is_null() {
            set(class, "preemptionPolicy", "PreemptLowerPriority");
        }
    },
    validate_create: class,
    validate_update: |new, old| {
        let mut errors = Vec::new();
        if number(new, "value") != number(old, "value") {
            let detail = "may not be changed in an update.";
            errors.push(FieldError::forbidden(&FieldPath::new("value"), detail));
        }
        let policy = text(new, "preemptionPolicy");
        if policy != text(old, "preemptionPolicy") {
            let path = FieldPath::new("preemptionPolicy");
            errors.push(FieldError::invalid(&path, policy, "field is immutable"));
        }
        errors
    },
    // The value may not be changed, and so the generation stays the first.
    generation: &["value"],
    ..Strategy::PLAIN
};

const SYSTEM_CLASSES: [&str; 2] = ["system-node-critical", "system-cluster-critical"];
const MOST_PRIORITY: i64 = 1_000_000_000;

fn budget(budget: &Value) -> Vec<FieldError> {
    let spec = get(budget, "spec");
    let path = FieldPath::new("spec");
    let mut errors = Vec::new();
    let (least, most) = (get(spec, "minAvailable"), get(spec, "maxUnavailable"));
    let policy = get(spec, "unhealthyPodEvictionPolicy");
    if !least.is_null() && !most.is_null() {
        let selector = match get(spec, "selector") {
            Value::Null => "null".to_owned(),
            selector => shown::label_selector(selector),
        };
        let shown = shown::pairs([
            ("MinAvailable", least.to_string()),
            ("Selector", selector),
            ("MaxUnavailable", most.to_string()),
            ("UnhealthyPodEvictionPolicy", policy.to_string()),
        ]);
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errors.push(shown::error(&path, Problem::Invalid, &shown, detail));
    }
    for field in ["minAvailable", "maxUnavailable"] {
        errors.extend(amount(get(spec, field), &path.child(field)));
    }
    errors.extend(label_selector(spec.get("selector"), &path.child("selector")));
    if let Some(policy) = policy.as_str() {
        let supported = ["AlwaysAllow", "IfHealthyBudget"];
        if !supported.contains(&policy) {
            let place = path.child("unhealthyPodEvictionPolicy");
            errors.push(FieldError::not_supported(&place, policy, &supported));
        }
    }
    errors
}

/// What is wrong with the counts of a budget's status. Its conditions are not judged.
fn counts(budget: &Value) -> Vec<FieldError> {
    let (status, path) = (get(budget, "status"), FieldPath::new("status"));
    let fields = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
    let negative = fields.into_iter().filter(|field| number(status, field) < 0);
    negative
        .map(|field| {
            FieldError::invalid(
                &path.child(field),
                number(status, field),
                "must be greater than or equal to 0",
            )
        })
        .collect()
}

/// What is wrong with a number of pods, or a share of them.
fn amount(amount: &Value, path: &FieldPath) -> Option<FieldError> {
    match amount {
        Value::String(share) => {
            let digits = share.strip_suffix('%').unwrap_or_default();
            let detail = if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex \
                    used for validation is '[0-9]+%')"
            } else if digits.parse::<u32>().is_ok_and(|share| share <= 100) {
                return None;
            } else {
                "must not be greater than 100%"
            };
            Some(FieldError::invalid(path, share.as_str(), detail))
        }
        number => {
            let count = number.as_i64().filter(|count| *count < 0)?;
            Some(FieldError::invalid(path, count, "must be greater than or equal to 0"))
        }
    }
}

fn class(class: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = text(get(class, "metadata"), "name");
    let known = SYSTEM_CLASSES.contains(&name);
    if name.starts_with("system-") && !known {
        let detail = format!(
            "priority class names with 'system-' prefix are reserved for system use only. error: {name} is not a known \
            system priority class"
        );
        errors.push(FieldError::forbidden(&FieldPath::new("metadata.name"), detail));
    } else if !known && number(class, "value") > MOST_PRIORITY {
        let detail = format!("maximum allowed value of a user defined priority is {MOST_PRIORITY}");
        errors.push(FieldError::forbidden(&FieldPath::new("value"), detail));
    }
    let path = FieldPath::new("preemptionPolicy");
    let policy = text(class, "preemptionPolicy");
    let supported = ["PreemptLowerPriority", "Never"];
    if policy.is_empty() {
        errors.push(FieldError::required(&path, ""));
    } else if !supported.contains(&policy) {
        errors.push(FieldError::not_supported(&path, policy, &supported));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::super::values::printed;
    use super::*;

    #[test]
    fn budgets_are_refused_as_by_the_real_server() {
        let refused = |spec: Value| printed(&budget(&json!({ "spec": spec })));
        let wrong = refused(json!({"minAvailable": -1, "maxUnavailable": "x%", "unhealthyPodEvictionPolicy": "q"}));
        assert!(wrong[0].ends_with("}: minAvailable and maxUnavailable cannot be both set"));
        assert_eq!(
            wrong[1..],
            [
                "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0",
                "spec.maxUnavailable: Invalid value: \"x%\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
                "spec.unhealthyPodEvictionPolicy: Unsupported value: \"q\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"",
            ]
        );
        assert_eq!(
            refused(json!({"minAvailable": "120%"})),
            ["spec.minAvailable: Invalid value: \"120%\": must not be greater than 100%"]
        );
        assert!(refused(json!({"minAvailable": "50%"})).is_empty());
    }

    #[test]
    fn classes_are_refused_as_by_the_real_server() {
        let refused = |name: &str, value: i64| {
            let mut class = json!({"metadata": {"name": name}, "value": value});
            (PRIORITY_CLASS.default)(&mut class);
            printed(&(PRIORITY_CLASS.validate_create)(&class))
        };
        assert_eq!(
            refused("system-x", 5),
            [
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-x is not a known system priority class"
            ]
        );
        assert_eq!(
            refused("x", 2_000_000_000),
            ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]
        );
        let old = json!({"value": 5, "preemptionPolicy": "PreemptLowerPriority"});
        let new = json!({"value": 6, "preemptionPolicy": "Never"});
        assert_eq!(
            printed(&(PRIORITY_CLASS.validate_update)(&new, &old)),
            [
                "value: Forbidden: may not be changed in an update.",
                "preemptionPolicy: Invalid value: \"Never\": field is immutable",
            ]
        );
    }
}
