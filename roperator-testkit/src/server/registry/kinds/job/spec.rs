//! What is wrong with a job, and with the template of one. Reads only.

use serde_json::{Value, json};

use super::{NAME_LABELS, UID_LABELS, indexes::is_indexed, policy};
use crate::server::field::FieldError;
use crate::server::names;
use crate::server::registry::kinds::pod::at::{At, Errors};
use crate::server::registry::kinds::pod::{check, labels, spec};
use crate::server::registry::kinds::workload;

/// The most that may run, or fail, at once where indexes are recorded one by one.
const MOST_INDEXES: i64 = 100_000;

/// The same above [`MOST_INDEXES`] completions.
const MOST_OF_MANY: i64 = 10_000;

/// What is wrong with a job. Old ones need not have the labels with a prefix.
pub fn job(errors: &mut Errors, job: &At<'_>, needs_prefixed: bool) {
    generated_selector(errors, job, needs_prefixed);
    let spec = job.child("spec");
    self::spec(errors, &spec);
    let completions = spec.number_of("completions").unwrap_or_default();
    if is_indexed(&spec) && completions > 0 {
        let name = job.child("metadata").child("name");
        let host = format!("{}-{}", name.text(), completions - 1);
        if !names::label(&host).is_empty() {
            let detail = format!("will not able to create pod with invalid DNS label: {host}");
            errors.push(FieldError::invalid(&name.path, name.text(), detail));
        }
    }
}

/// A selector that the server made selects the pods that it has labelled.
fn generated_selector(errors: &mut Errors, job: &At<'_>, needs_prefixed: bool) {
    let spec = job.child("spec");
    let selector = spec.child("selector");
    if spec.is_true("manualSelector") || !selector.is_set() {
        return;
    }
    let metadata = job.child("metadata");
    let (name, uid) = (metadata.text_of("name"), metadata.child("uid"));
    if uid.text().is_empty() {
        errors.push(FieldError::required(&uid.path, ""));
    }
    let [old_name, new_name] = NAME_LABELS;
    let [old_uid, new_uid] = UID_LABELS;
    let mut expected = vec![(old_uid, uid.text()), (old_name, name)];
    if needs_prefixed {
        expected.extend([(new_uid, uid.text()), (new_name, name)]);
    }
    let actual = spec.child("template").child("metadata").child("labels");
    for (key, value) in &expected {
        let path = actual.path.key(key);
        let detail = format!("must be '{value}'");
        if !actual.child(key).is_set() {
            errors.push(FieldError::required(&path, detail));
        } else if actual.text_of(key) != *value {
            errors.push(FieldError::invalid(&path, actual.value.clone(), detail));
        }
    }
    let expected: Value = expected
        .into_iter()
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    if labels::is_usable(selector.value) && !labels::matches(selector.value, &expected) {
        errors.push(labels::bad_selector(&selector, "`selector` not auto-generated"));
    }
}

/// What is wrong with a job's spec.
pub fn spec(errors: &mut Errors, spec: &At<'_>) {
    template(errors, spec);
    let selector = spec.child("selector");
    if selector.is_set() {
        labels::selector(errors, &selector);
    } else {
        errors.push(FieldError::required(&selector.path, ""));
    }
    if labels::is_usable(selector.value) {
        workload::must_match(errors, &selector, &spec.child("template"));
    }
}

/// What is wrong with the spec of a job that has no selector yet.
pub fn template(errors: &mut Errors, spec: &At<'_>) {
    counts(errors, spec);
    let managed = spec.child("managedBy");
    if managed.is_set() {
        self::managed_by(errors, &managed);
    }
    completion_mode(errors, spec);
    if let Some(policy) = spec.child("podFailurePolicy").set() {
        policy::failure(errors, spec, &policy);
    }
    if let Some(policy) = spec.child("successPolicy").set() {
        policy::success(errors, spec, &policy);
    }
    replacement(errors, spec);
    spec::template(errors, &spec.child("template"));
    restart(errors, spec);
}

fn counts(errors: &mut Errors, spec: &At<'_>) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    check::none_negative(errors, spec, &counts);
    let per_index = spec.child("backoffLimitPerIndex");
    if spec.child("maxFailedIndexes").is_set() && !per_index.is_set() {
        let detail = "when maxFailedIndexes is specified";
        errors.push(FieldError::required(&per_index.path, detail));
    }
}

fn managed_by(errors: &mut Errors, at: &At<'_>) {
    let text = at.text();
    match text.split_once('/') {
        _ if text.is_empty() => errors.push(FieldError::required(&at.path, "")),
        Some((domain, path)) if !domain.is_empty() && !path.is_empty() => {
            check::problems(errors, &at.path, domain, names::subdomain(domain));
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
            if !path.bytes().all(allowed) {
                let detail = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
                errors.push(FieldError::invalid(&at.path, path, detail));
            }
        }
        _ => {
            let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
            errors.push(FieldError::invalid(&at.path, text, detail));
        }
    }
    if text.len() > 63 {
        errors.push(FieldError::too_long(&at.path, 63));
    }
}

fn completion_mode(errors: &mut Errors, spec: &At<'_>) {
    let mode = spec.child("completionMode");
    if mode.is_set() {
        check::known(errors, &mode, &["NonIndexed", "Indexed"]);
    }
    match mode.text() {
        "Indexed" => indexed(errors, spec),
        "NonIndexed" | "" => {
            for name in ["backoffLimitPerIndex", "maxFailedIndexes"] {
                let at = spec.child(name);
                if let Some(number) = at.number() {
                    let detail = "requires indexed completion mode";
                    errors.push(FieldError::invalid(&at.path, number, detail));
                }
            }
        }
        _ => {}
    }
}

fn indexed(errors: &mut Errors, spec: &At<'_>) {
    let completions = spec.child("completions");
    let parallelism = spec.child("parallelism");
    let failed = spec.child("maxFailedIndexes");
    if !completions.is_set() {
        let detail = "when completion mode is Indexed";
        errors.push(FieldError::required(&completions.path, detail));
    }
    let mut at_most = |at: &At<'_>, most: Option<i64>, detail: String| {
        let given = at.number();
        if let (Some(given), Some(most)) = (given, most)
            && given > most
        {
            errors.push(FieldError::invalid(&at.path, given, detail));
        }
    };
    let detail = format!("must be less than or equal to {MOST_INDEXES} when completion mode is Indexed");
    at_most(&parallelism, Some(MOST_INDEXES), detail);
    let detail = "must be less than or equal to completions";
    at_most(&failed, completions.number(), detail.to_owned());
    let detail = format!("must be less than or equal to {MOST_INDEXES}");
    at_most(&failed, Some(MOST_INDEXES), detail);
    let many = completions.number().is_some_and(|number| number > MOST_INDEXES);
    if !many || !spec.child("backoffLimitPerIndex").is_set() {
        return;
    }
    if !failed.is_set() {
        let detail = format!("must be specified when completions is above {MOST_INDEXES}");
        errors.push(FieldError::required(&failed.path, detail));
    }
    for at in [parallelism, failed] {
        if let Some(number) = at.number().filter(|number| *number > MOST_OF_MANY) {
            let detail = format!(
                "must be less than or equal to {MOST_OF_MANY} when completions are above {MOST_INDEXES} and used with \
                 backoff limit per index"
            );
            errors.push(FieldError::invalid(&at.path, number, detail));
        }
    }
}

fn replacement(errors: &mut Errors, spec: &At<'_>) {
    let policy = spec.child("podReplacementPolicy");
    if policy.is_set() {
        let with_failures = spec.child("podFailurePolicy").is_set();
        let supported: &[&str] = if with_failures {
            &["Failed"]
        } else {
            &["Failed", "TerminatingOrFailed"]
        };
        check::known(errors, &policy, supported);
    }
}

fn restart(errors: &mut Errors, spec: &At<'_>) {
    let policy = spec.child("template").child("spec").child("restartPolicy");
    match policy.text() {
        "" | "Always" => {
            let detail = "valid values: \"OnFailure\", \"Never\"";
            errors.push(FieldError::required(&policy.path, detail));
        }
        "OnFailure" if spec.child("podFailurePolicy").is_set() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.push(FieldError::invalid(&policy.path, policy.text(), detail));
        }
        _ => check::known(errors, &policy, &["OnFailure", "Never"]),
    }
}
