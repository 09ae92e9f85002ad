//! Definitions in groups that belong to Kubernetes need its approval: a definition in; what is wrong, and the condition that
//! says so, out.

use serde_json::Value;

use super::condition::Condition;
use crate::server::field::{FieldError, FieldPath};

const ANNOTATION: &str = "api-approved.kubernetes.io";
const PROTECTED: &str = "protected groups must have approval annotation \"api-approved.kubernetes.io\"";
const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Approval {
    Invalid,
    Approved,
    Bypassed,
    Missing,
}

/// What is wrong with the approval; a state that did not change is tolerated.
pub(super) fn validate(definition: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if !is_protected(definition) {
        return Vec::new();
    }
    let (state, reason) = approval(definition);
    if old.is_some_and(|old| approval(old).0 == state) {
        return Vec::new();
    }
    let path = FieldPath::new("metadata.annotations").key(ANNOTATION);
    match state {
        Approval::Invalid => vec![FieldError::invalid(&path, annotation(definition), reason)],
        Approval::Missing => vec![FieldError::required(&path, reason)],
        Approval::Approved | Approval::Bypassed => Vec::new(),
    }
}

/// The condition `KubernetesAPIApprovalPolicyConformant` of a definition in a protected group.
pub(super) fn condition(definition: &Value) -> Option<Condition> {
    if !is_protected(definition) {
        return None;
    }
    let (state, message) = approval(definition);
    let reason = match state {
        Approval::Invalid => "InvalidAnnotation",
        Approval::Missing => "MissingAnnotation",
        Approval::Approved => "ApprovedAnnotation",
        Approval::Bypassed => "UnapprovedAnnotation",
    };
    Some(Condition::new(
        "KubernetesAPIApprovalPolicyConformant",
        state == Approval::Approved,
        reason,
        message,
    ))
}

fn is_protected(definition: &Value) -> bool {
    let group = definition
        .pointer("/spec/group")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ["k8s.io", "kubernetes.io"].iter().any(|owned| {
        group
            .strip_suffix(owned)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn annotation(definition: &Value) -> &str {
    let annotations = definition
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(ANNOTATION));
    annotations.and_then(Value::as_str).unwrap_or_default()
}

fn approval(definition: &Value) -> (Approval, String) {
    let annotation = annotation(definition);
    let has_host = annotation
        .split_once("://")
        .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.starts_with('/') && !rest.is_empty());
    if annotation.is_empty() {
        (Approval::Missing, format!("{PROTECTED}, {SEE}"))
    } else if annotation.starts_with("unapproved") {
        (Approval::Bypassed, format!("not approved: \"{annotation}\""))
    } else if has_host {
        (Approval::Approved, format!("approved in {annotation}"))
    } else {
        let reason = format!("{PROTECTED} with either a URL or a reason starting with \"unapproved\", {SEE}");
        (Approval::Invalid, reason)
    }
}
