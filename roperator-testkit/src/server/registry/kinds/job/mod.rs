//! Jobs: defaults, the selector and the labels that are made for them, what is refused and what may change. Whole
//! objects in, changed objects or errors out. A job is created with its `metadata.uid` set already. Warnings are left
//! out.
//!
//! A job without labels has those of its template, the ones made by the server included. Known difference: the real
//! server takes the template's own labels before it notes who set which field, and here they are taken afterwards, so
//! that nobody has set them.

pub mod spec;

mod indexes;
mod policy;
mod status;
mod update;

use serde_json::{Map, Value, json};

use super::pod::at::{At, Errors};
use super::values::{self, items_mut, text};
use super::workload;
use crate::server::registry::strategy::Strategy;

/// The labels of a job's pods that say its name, as old and as new clusters write them.
const NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];

/// The labels of a job's pods that say its uid.
const UID_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

/// The one of them by which a job selects its pods.
const SELECTED: &str = "batch.kubernetes.io/controller-uid";

/// What is special about jobs.
pub const STRATEGY: Strategy = Strategy {
    default,
    prepare_create,
    validate_create: |job| {
        let mut errors = Errors::new();
        spec::job(&mut errors, &At::root(job), true);
        errors
    },
    prepare_update: |new, _| take_labels(new),
    validate_update: update::validate,
    validate_status: status::validate,
    selectable: |job| {
        let succeeded = At::root(job).child("status").number_of("succeeded");
        vec![("status.successful", succeeded.unwrap_or_default().to_string())]
    },
    generation: &["spec"],
    has_status: true,
    orphans_by_default: true,
    ..Strategy::PLAIN
};

fn default(job: &mut Value) {
    values::object(job, "spec");
    if let Some(spec) = job.get_mut("spec") {
        default_spec(spec);
        default_completion(spec);
    }
}

/// The defaults of a job's spec that the template of a cron job has, too.
pub fn default_spec(spec: &mut Value) {
    let rules = spec
        .pointer_mut("/podFailurePolicy/rules")
        .and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        for condition in items_mut(rule, "onPodConditions") {
            values::default(condition, "status", "True");
        }
    }
    workload::default_template(spec);
}

fn default_completion(spec: &mut Value) {
    let absent = |spec: &Value, name: &str| spec.get(name).is_none_or(Value::is_null);
    if absent(spec, "completions") && absent(spec, "parallelism") {
        values::set(spec, "completions", 1);
    }
    values::default_absent(spec, "parallelism", 1);
    let retries = if absent(spec, "backoffLimitPerIndex") {
        6
    } else {
        i32::MAX
    };
    values::default_absent(spec, "backoffLimit", retries);
    values::default_absent(spec, "completionMode", "NonIndexed");
    values::default_absent(spec, "suspend", false);
    let replacement = if absent(spec, "podFailurePolicy") {
        "TerminatingOrFailed"
    } else {
        "Failed"
    };
    values::default_absent(spec, "podReplacementPolicy", replacement);
    values::default_absent(spec, "manualSelector", false);
}

fn prepare_create(job: &mut Value) {
    values::set(job, "status", json!({}));
    if job.pointer("/spec/manualSelector") != Some(&Value::Bool(true)) {
        make_selector(job);
    }
    take_labels(job);
}

/// A job without labels has those of its template.
fn take_labels(job: &mut Value) {
    let has_labels = job
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .is_some_and(|labels| !labels.is_empty());
    let labels = job.pointer("/spec/template/metadata/labels").cloned();
    if let (Some(labels), Some(metadata), false) = (labels, job.get_mut("metadata"), has_labels) {
        values::set(metadata, "labels", labels);
    }
}

/// Labels the template's pods with the job's name and uid, and selects them by the uid.
fn make_selector(job: &mut Value) {
    let metadata = job.get("metadata").cloned().unwrap_or_default();
    let (name, uid) = (text(&metadata, "name"), text(&metadata, "uid"));
    let Some(spec) = job.get_mut("spec") else {
        return;
    };
    if let Some(template) = spec.get_mut("template") {
        values::object(template, "metadata");
        let metadata = template.get_mut("metadata");
        let labels = metadata.and_then(|metadata| values::object(metadata, "labels"));
        if let Some(labels) = labels {
            add_labels(labels, name, uid);
        }
    }
    values::object(spec, "selector");
    let selector = spec.get_mut("selector");
    let labels = selector.and_then(|selector| values::object(selector, "matchLabels"));
    if let Some(labels) = labels {
        labels.entry(SELECTED).or_insert_with(|| uid.into());
    }
}

fn add_labels(labels: &mut Map<String, Value>, name: &str, uid: &str) {
    for (keys, value) in [(NAME_LABELS, name), (UID_LABELS, uid)] {
        for key in keys {
            labels.entry(key).or_insert_with(|| value.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_the_real_server() {
        crate::server::registry::kinds::pod::cases::replay(&STRATEGY, include_str!("cases.json"));
    }
}
