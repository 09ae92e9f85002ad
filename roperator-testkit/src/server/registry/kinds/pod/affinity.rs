//! What is wrong with the affinities of a pod: to nodes, to pods and against pods. Reads only.

use super::at::{At, Errors};
use super::{check, labels};
use crate::server::field::FieldError;
use crate::server::names;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// What is wrong with a pod's affinities.
pub fn affinity(errors: &mut Errors, at: &At<'_>) {
    if let Some(given) = at.child("nodeAffinity").set() {
        nodes(errors, &given);
    }
    for name in ["podAffinity", "podAntiAffinity"] {
        let given = at.child(name);
        for term in given.child(REQUIRED).items() {
            pods(errors, &term);
        }
        for weighted in given.child(PREFERRED).items() {
            weight(errors, &weighted);
            pods(errors, &weighted.child("podAffinityTerm"));
        }
    }
}

fn nodes(errors: &mut Errors, at: &At<'_>) {
    if let Some(required) = at.child(REQUIRED).set() {
        let terms = required.child("nodeSelectorTerms");
        if terms.items().is_empty() {
            let detail = "must have at least one node selector term";
            errors.push(FieldError::required(&terms.path, detail));
        }
        for term in terms.items() {
            node_term(errors, &term, true);
        }
    }
    for weighted in at.child(PREFERRED).items() {
        weight(errors, &weighted);
        node_term(errors, &weighted.child("preference"), false);
    }
}

fn weight(errors: &mut Errors, weighted: &At<'_>) {
    let weight = weighted.child("weight");
    let given = weight.number().unwrap_or_default();
    if !(1..=100).contains(&given) {
        errors.push(FieldError::invalid(&weight.path, given, "must be in the range 1-100"));
    }
}

fn node_term(errors: &mut Errors, term: &At<'_>, strict: bool) {
    for requirement in term.child("matchExpressions").items() {
        let values = requirement.child("values");
        labels::expression_values(errors, &requirement.child("operator"), &values, &["Gt", "Lt"]);
        check::text(errors, &requirement.child("key"), names::qualified);
        if strict {
            for value in values.items() {
                check::text(errors, &value, names::label_value);
            }
        }
    }
    for requirement in term.child("matchFields").items() {
        node_field(errors, &requirement);
    }
}

fn node_field(errors: &mut Errors, requirement: &At<'_>) {
    let operator = requirement.child("operator");
    let values = requirement.child("values");
    if !matches!(operator.text(), "In" | "NotIn") {
        let detail = "not a valid selector operator";
        errors.push(FieldError::invalid(&operator.path, operator.text(), detail));
    } else if values.items().len() != 1 {
        let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
        errors.push(FieldError::required(&values.path, detail));
    }
    let key = requirement.child("key");
    if key.text() != "metadata.name" {
        let detail = "not a valid field selector key";
        errors.push(FieldError::invalid(&key.path, key.text(), detail));
        return;
    }
    for value in values.items() {
        check::text(errors, &value, names::subdomain);
    }
}

fn pods(errors: &mut Errors, term: &At<'_>) {
    for name in ["labelSelector", "namespaceSelector"] {
        labels::selector(errors, &term.child(name));
    }
    for namespace in term.child("namespaces").items() {
        let here = namespace.shown_at(term.path.child("namespace"));
        check::text(errors, &here, names::label);
    }
    label_keys(errors, term);
    let topology = term.child("topologyKey");
    if topology.text().is_empty() {
        errors.push(FieldError::required(&topology.path, "can not be empty"));
    }
    check::text(errors, &topology, names::qualified);
}

/// What is wrong with label keys that add to a term's selector.
pub fn label_keys(errors: &mut Errors, term: &At<'_>) {
    let selector = term.child("labelSelector");
    for name in ["matchLabelKeys", "mismatchLabelKeys"] {
        let keys = term.child(name);
        if keys.items().is_empty() {
            continue;
        }
        if !selector.is_set() {
            let detail = "must not be specified when labelSelector is not set";
            errors.push(FieldError::forbidden(&keys.path, detail));
            continue;
        }
        for key in keys.items() {
            check::text(errors, &key, names::qualified);
        }
    }
    let matching = term.child("matchLabelKeys").items();
    let mut known: Vec<&str> = selector.child("matchLabels").entries().map(|(key, _)| key).collect();
    for expression in selector.child("matchExpressions").items() {
        let key = expression.text_of("key");
        if let Some(index) = matching.iter().rposition(|matching| matching.text() == key)
            && known.contains(&key)
        {
            let detail = "exists in both matchLabelKeys and labelSelector";
            errors.push(FieldError::invalid(&term.path.index(index), key, detail));
        }
        known.push(key);
    }
    let mismatching = term.child("mismatchLabelKeys").items();
    for key in matching {
        if mismatching.iter().any(|other| other.text() == key.text()) {
            let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
            errors.push(FieldError::invalid(&key.path, key.text(), detail));
        }
    }
}
