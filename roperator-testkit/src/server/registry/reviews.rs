//! Questions about who somebody is and what he may do: a review in, the same with its answer out. There is no access control
//! yet: whoever asks is an administrator, and everyone may do everything. Single requirements of selectors are not judged.

use serde_json::{Value, json};

use super::{
    Registry,
    kinds::values,
    object::{meta, set_meta, text},
    shown,
    write::Target,
};
use crate::server::{
    clock::seconds,
    field::{FieldError, FieldPath, Problem},
    go,
    status::ApiError,
};

/// Answers a review.
///
/// # Errors
///
/// 400 and 422 for a review that is none.
pub fn answer(registry: &Registry, target: &Target<'_>, mut review: Value) -> Result<Value, ApiError> {
    let resource = target.resource;
    let errors = problems(&resource.plural, &review);
    if !errors.is_empty() {
        return Err(ApiError::invalid(&resource.group, "", "", &errors));
    }
    let who = json!({"username": "admin", "uid": "admin", "groups": ["system:masters", "system:authenticated"]});
    let status = match resource.plural.as_str() {
        "tokenreviews" if text(&review, "/spec/token").is_empty() => {
            return Err(ApiError::bad_request(
                "token is required for TokenReview in authentication",
            ));
        }
        "tokenreviews" => {
            let audiences = review.pointer("/spec/audiences").and_then(Value::as_array);
            registry.review_token(text(&review, "/spec/token"), audiences.map_or(&[], Vec::as_slice))
        }
        "selfsubjectreviews" => {
            review = made_anew(target);
            set_meta(&mut review, "creationTimestamp", &seconds(registry.clock.now()));
            json!({"userInfo": who})
        }
        "selfsubjectrulesreviews" if text(&review, "/spec/namespace").is_empty() => {
            return Err(ApiError::bad_request("no namespace on request"));
        }
        "selfsubjectrulesreviews" => {
            review = made_anew(target);
            values::set(&mut review, "spec", json!({}));
            json!({
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            })
        }
        _ => json!({"allowed": true}),
    };
    values::set(&mut review, "status", status);
    Ok(review)
}

/// Some answers have nothing of the question.
fn made_anew(target: &Target<'_>) -> Value {
    json!({
        "kind": target.resource.kind,
        "apiVersion": target.resource.api_version(),
        "metadata": {},
    })
}

/// What is wrong with a question about access.
fn problems(plural: &str, review: &Value) -> Vec<FieldError> {
    if !plural.ends_with("accessreviews") {
        return Vec::new();
    }
    let spec = FieldPath::new("spec");
    let is_local = plural == "localsubjectaccessreviews";
    let attributes = |name: &str| review.get("spec")?.get(name).filter(|given| given.is_object());
    let (resource, other) = (attributes("resourceAttributes"), attributes("nonResourceAttributes"));
    let mut errors = Vec::new();
    match (resource, other) {
        (Some(_), Some(other)) => {
            errors.push(refused_path(
                other,
                "cannot be specified in combination with resourceAttributes",
            ));
        }
        (None, None) => {
            let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            errors.push(FieldError::invalid(
                &spec.child("resourceAttributes"),
                Value::Null,
                detail,
            ));
        }
        _ => {}
    }
    let groups = review.pointer("/spec/groups").and_then(Value::as_array);
    let is_about_nobody = text(review, "/spec/user").is_empty() && groups.is_none_or(Vec::is_empty);
    if is_about_nobody && plural != "selfsubjectaccessreviews" {
        let detail = "at least one of user or group must be specified";
        errors.push(FieldError::invalid(&spec.child("user"), "", detail));
    }
    let resource_path = spec.child("resourceAttributes");
    for selector in ["fieldSelector", "labelSelector"] {
        let given = resource.and_then(|resource| resource.get(selector));
        errors.extend(given.and_then(|given| selector_problem(given, &resource_path.child(selector))));
    }
    errors.extend(metadata_problem(review, is_local));
    if let (Some(resource), true) = (resource, is_local) {
        let namespace = text(resource, "/namespace");
        if namespace != meta(review, "namespace") {
            let path = resource_path.child("namespace");
            errors.push(FieldError::invalid(&path, namespace, "must match metadata.namespace"));
        }
    }
    if let (Some(other), true) = (other, is_local) {
        errors.push(refused_path(other, "disallowed on this kind of request"));
    }
    errors
}

/// A path that may not be asked about, shown as Go's own type of it.
fn refused_path(attributes: &Value, detail: &str) -> FieldError {
    let field = |pointer: &str| go::json(&text(attributes, pointer).into());
    let shown = shown::pairs([("Path", field("/path")), ("Verb", field("/verb"))]);
    let path = FieldPath::new("spec.nonResourceAttributes");
    shown::error(&path, Problem::Invalid, &shown, detail)
}

fn selector_problem(selector: &Value, path: &FieldPath) -> Option<FieldError> {
    let raw = text(selector, "/rawSelector");
    let requirements = selector.get("requirements").and_then(Value::as_array);
    match (raw.is_empty(), requirements.is_none_or(Vec::is_empty)) {
        (true, true) => {
            let detail = format!("when {path} is specified, requirements or rawSelector is required");
            Some(FieldError::required(&path.child("requirements"), detail))
        }
        (false, false) => {
            let detail = "may not specified at the same time as requirements";
            Some(FieldError::invalid(&path.child("rawSelector"), raw, detail))
        }
        _ => None,
    }
}

fn metadata_problem(review: &Value, is_local: bool) -> Option<FieldError> {
    let metadata = review.get("metadata")?;
    let is_free = |field: &str| field == "managedFields" || is_local && field == "namespace";
    if metadata.as_object()?.keys().all(|field| is_free(field)) {
        return None;
    }
    let order = [
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "labels",
        "annotations",
        "ownerReferences",
        "finalizers",
        "managedFields",
    ];
    let except = if is_local { " except for namespace" } else { "" };
    let (shown, detail) = (shown::object(metadata, &order), format!("must be empty{except}"));
    Some(shown::error(
        &FieldPath::new("metadata"),
        Problem::Invalid,
        &shown,
        &detail,
    ))
}
