//! What is wrong with how versions are converted: a definition's `spec` in, errors out.

use serde_json::Value;

use super::address;
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::schema::fields::text;

/// What is wrong with `conversion`; `preserves`: the definition keeps unknown fields, in the old way.
pub(super) fn validate(spec: &Value, preserves: bool, path: &FieldPath) -> Vec<FieldError> {
    let Some(conversion) = spec.get("conversion").filter(|conversion| conversion.is_object()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let strategy = text(conversion, "strategy");
    if strategy != "None" && preserves {
        let why = "must be None if spec.preserveUnknownFields is true";
        found.push(FieldError::invalid(&path.child("strategy"), strategy.as_str(), why));
    }
    found.extend(FieldError::unless_one_of(
        &path.child("strategy"),
        &strategy,
        &["None", "Webhook"],
    ));
    let config = conversion
        .pointer("/webhook/clientConfig")
        .filter(|config| config.is_object());
    let reviews = conversion
        .pointer("/webhook/conversionReviewVersions")
        .and_then(Value::as_array);
    let reviews = reviews.map_or(&[][..], Vec::as_slice);
    let (config_path, reviews_path) = (
        path.child("webhookClientConfig"),
        path.child("conversionReviewVersions"),
    );
    if strategy == "Webhook" {
        let given = |name: &str| {
            config
                .and_then(|config| config.get(name))
                .is_some_and(|value| !value.is_null())
        };
        if config.is_none() {
            found.push(FieldError::required(
                &config_path,
                "required when strategy is set to Webhook",
            ));
        } else if given("url") == given("service") {
            found.push(FieldError::required(
                &config_path,
                "exactly one of url or service is required",
            ));
        } else if let Some(url) = config.and_then(|config| config.get("url")).and_then(Value::as_str) {
            found.extend(address::validate_url(url, &config_path.child("url")));
        } else if let Some(service) = config.and_then(|config| config.get("service")) {
            found.extend(address::validate_service(service, &config_path.child("service")));
        }
        found.extend(review_versions(reviews, &reviews_path));
        return found;
    }
    let why = "should not be set when strategy is not set to Webhook";
    if config.is_some() {
        found.push(FieldError::forbidden(&config_path, why));
    }
    if !reviews.is_empty() {
        found.push(FieldError::forbidden(&reviews_path, why));
    }
    found
}

fn review_versions(versions: &[Value], path: &FieldPath) -> Vec<FieldError> {
    if versions.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let mut found = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let here = path.index(index);
        if versions.iter().take(index).any(|other| other == version) {
            found.push(FieldError::invalid(&here, version.clone(), "duplicate version"));
            continue;
        }
        let problems = names::label_1035(version.as_str().unwrap_or_default()).into_iter();
        found.extend(problems.map(|problem| FieldError::invalid(&here, version.clone(), problem)));
    }
    if !versions
        .iter()
        .any(|version| matches!(version.as_str(), Some("v1" | "v1beta1")))
    {
        let why = "must include at least one of v1, v1beta1";
        found.push(FieldError::invalid(path, versions.to_vec(), why));
    }
    found
}
