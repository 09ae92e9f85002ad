//! What is wrong with the policies by which a job fails or succeeds early. Reads only.

use std::collections::BTreeSet;

use super::indexes::{count_indexes, is_indexed};
use crate::server::field::{FieldError, Problem};
use crate::server::names;
use crate::server::registry::kinds::pod::at::{At, Errors, same};
use crate::server::registry::kinds::pod::text::quoted_list;
use crate::server::registry::kinds::pod::{check, go_json};
use crate::server::registry::kinds::values::{items, text};

const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];
const MOST_RULES: usize = 20;
const MOST_INDEX_BYTES: usize = 64 * 1024;

/// What is wrong with how failures of pods are taken.
pub fn failure(errors: &mut Errors, spec: &At<'_>, policy: &At<'_>) {
    let rules = policy.child("rules");
    let given = rules.items();
    if given.len() > MOST_RULES {
        errors.push(FieldError::too_many(&rules.path, given.len(), MOST_RULES));
    }
    let pod = spec.child("template").child("spec");
    let containers: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| items(pod.value, list))
        .map(|container| text(container, "name"))
        .collect();
    for rule in given {
        let action = rule.child("action");
        match action.text() {
            "FailIndex" if !spec.child("backoffLimitPerIndex").is_set() => {
                let detail = "requires the backoffLimitPerIndex to be set";
                errors.push(FieldError::invalid(&action.path, action.text(), detail));
            }
            _ => required_choice(errors, &action, &ACTIONS),
        }
        let codes = rule.child("onExitCodes");
        let conditions = rule.child("onPodConditions");
        if codes.is_set() {
            exit_codes(errors, &codes, &containers);
        }
        let has_conditions = !conditions.items().is_empty();
        if has_conditions {
            pod_conditions(errors, &conditions);
        }
        let wrong = match (codes.is_set(), has_conditions) {
            (true, true) => "specifying both OnExitCodes and OnPodConditions is not supported",
            (false, false) => "specifying one of OnExitCodes and OnPodConditions is required",
            _ => continue,
        };
        errors.push(FieldError::omitted(&rule.path, wrong));
    }
}

fn required_choice(errors: &mut Errors, at: &At<'_>, choices: &[&str]) {
    if at.text().is_empty() {
        let detail = format!("valid values: {}", quoted_list(choices));
        errors.push(FieldError::required(&at.path, detail));
    } else {
        check::known(errors, at, choices);
    }
}

fn exit_codes(errors: &mut Errors, at: &At<'_>, containers: &[&str]) {
    let operator = at.child("operator");
    required_choice(errors, &operator, &["In", "NotIn"]);
    let container = at.child("containerName");
    if container.is_set() && !containers.contains(&container.text()) {
        let detail = "must be one of the container or initContainer names in the pod template";
        errors.push(FieldError::invalid(&container.path, container.text(), detail));
    }
    let values = at.child("values");
    let given = values.items();
    if given.is_empty() {
        let detail = "at least one value is required";
        errors.push(FieldError::invalid(&values.path, values.value.clone(), detail));
    } else if given.len() > 255 {
        errors.push(FieldError::too_many(&values.path, given.len(), 255));
    }
    let codes: Vec<i64> = given.iter().map(|code| code.number().unwrap_or_default()).collect();
    let mut seen = BTreeSet::new();
    for (at, code) in given.iter().zip(&codes) {
        if operator.text() == "In" && *code == 0 {
            let detail = "must not be 0 for the In operator";
            errors.push(FieldError::invalid(&at.path, *code, detail));
        }
        if !seen.insert(*code) {
            errors.push(FieldError::duplicate(&at.path, *code));
        }
    }
    if !codes.is_sorted() {
        errors.push(FieldError::invalid(
            &values.path,
            values.value.clone(),
            "must be ordered",
        ));
    }
}

fn pod_conditions(errors: &mut Errors, at: &At<'_>) {
    let given = at.items();
    if given.len() > MOST_RULES {
        errors.push(FieldError::too_many(&at.path, given.len(), MOST_RULES));
    }
    for condition in given {
        check::text(errors, &condition.child("type"), names::qualified);
        required_choice(errors, &condition.child("status"), &["False", "True", "Unknown"]);
    }
}

/// What is wrong with when a job has succeeded before all its indexes have.
pub fn success(errors: &mut Errors, spec: &At<'_>, policy: &At<'_>) {
    if !is_indexed(spec) {
        let detail = "requires indexed completion mode";
        let shown = go_json::compact("SuccessPolicy", policy.value);
        errors.push(check::shown(&policy.path, Problem::Invalid, &shown, detail));
        return;
    }
    let rules = policy.child("rules");
    let given = rules.items();
    if given.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errors.push(FieldError::required(&rules.path, detail));
    }
    if given.len() > MOST_RULES {
        errors.push(FieldError::too_many(&rules.path, given.len(), MOST_RULES));
    }
    for rule in given {
        success_rule(errors, &rule, spec.number_of("completions").unwrap_or_default());
    }
}

fn success_rule(errors: &mut Errors, rule: &At<'_>, completions: i64) {
    let count = rule.child("succeededCount");
    let indexes = rule.child("succeededIndexes");
    if !count.is_set() && !indexes.is_set() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(FieldError::required(&rule.path, detail));
    }
    let mut total = 0;
    if indexes.is_set() {
        if indexes.text().len() > MOST_INDEX_BYTES {
            errors.push(FieldError::too_long(&indexes.path, MOST_INDEX_BYTES));
        }
        match count_indexes(indexes.text(), completions) {
            Ok(counted) => total = counted,
            Err(problem) => {
                let detail = format!("error parsing succeededIndexes: {problem}");
                errors.push(FieldError::invalid(&indexes.path, indexes.text(), detail));
            }
        }
    }
    check::not_negative(errors, &count);
    let bounds = [
        (true, completions, "the number of specified completions"),
        (
            indexes.is_set(),
            total,
            "the number of indexes in the specified succeededIndexes field",
        ),
    ];
    for (applies, most, what) in bounds {
        if let Some(given) = count.number().filter(|given| applies && *given > most) {
            let detail = format!("must be less than or equal to {most} ({what})");
            errors.push(FieldError::invalid(&count.path, given, detail));
        }
    }
}

/// A policy is what it was; `name` is the real server's of its kind.
pub fn stays(errors: &mut Errors, new: &At<'_>, old: &At<'_>, name: &str) {
    if !same(new.value, old.value) {
        let value = if new.is_set() {
            go_json::compact(name, new.value)
        } else {
            "null".to_owned()
        };
        errors.push(check::shown(&new.path, Problem::Invalid, &value, "field is immutable"));
    }
}
