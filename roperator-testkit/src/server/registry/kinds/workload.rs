//! What the workloads that keep pods running have in common: a selector with a template that it matches, numbers of
//! pods or percentages of them, and counts in the status. All but the default of a template reads only.

use serde_json::Value;

use super::pod::at::{At, Errors};
use super::pod::{check, defaults, go_json, labels, spec, text};
use super::values;
use crate::server::field::{FieldError, Problem};

/// How a kind words what is wrong with its selector and its template.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// What an empty selector is.
    pub empty: &'static str,
    /// What a selector is that cannot be used.
    pub unusable: &'static str,
    /// The kind, as one whose pods cannot end by themselves.
    pub kind: &'static str,
}

/// Fills in the defaults of a template, which is there afterwards.
pub fn default_template(spec: &mut Value) {
    values::object(spec, "template");
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
}

/// What is wrong with a selector; `false` if no template can be judged by it.
pub fn selector(errors: &mut Errors, spec: &At<'_>, words: Words) -> bool {
    let selector = spec.child("selector");
    if selector.is_set() {
        labels::selector(errors, &selector);
        asks_for_something(errors, &selector, words);
    } else {
        errors.push(FieldError::required(&selector.path, ""));
    }
    let usable = labels::is_usable(selector.value);
    if !usable {
        errors.push(labels::bad_selector(&selector, words.unusable));
    }
    usable
}

/// A selector that is there must ask for something.
pub fn asks_for_something(errors: &mut Errors, selector: &At<'_>, words: Words) {
    if selector.is_set() && labels::is_empty(selector.value) {
        errors.push(labels::bad_selector(selector, words.empty));
    }
}

/// A selector that asks for something must match its template.
pub fn template_matches(errors: &mut Errors, selector: &At<'_>, template: &At<'_>) {
    let everything = selector.is_set() && labels::is_empty(selector.value);
    if !everything {
        must_match(errors, selector, template);
    }
}

/// A selector must match its template.
pub fn must_match(errors: &mut Errors, selector: &At<'_>, template: &At<'_>) {
    let labels = template.child("metadata").child("labels");
    if !labels::matches(selector.value, labels.value) {
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(&labels.path, labels.value.clone(), detail));
    }
}

/// What is wrong with a template whose pods run for ever.
pub fn endless(errors: &mut Errors, template: &At<'_>, words: Words) {
    let spec = template.child("spec");
    let restart = spec.child("restartPolicy");
    check::known(errors, &restart, &["Always"]);
    let deadline = spec.child("activeDeadlineSeconds");
    if deadline.is_set() {
        let detail = format!("activeDeadlineSeconds in {} is not Supported", words.kind);
        errors.push(FieldError::forbidden(&deadline.path, detail));
    }
}

/// What is wrong with the selector and the template of a deployment or a replica set.
pub fn selector_and_template(errors: &mut Errors, spec: &At<'_>, words: Words) {
    if selector(errors, spec, words) {
        let template = spec.child("template");
        template_matches(errors, &spec.child("selector"), &template);
        spec::template(errors, &template);
        endless(errors, &template, words);
    }
}

/// A number of pods or a percentage of them is not negative.
pub fn amount(errors: &mut Errors, at: &At<'_>) {
    match at.value.as_str() {
        Some(percent) => check::problems(errors, &at.path, percent, text::percent(percent)),
        None => check::not_negative(errors, at),
    }
}

/// A percentage is not above 100.
pub fn at_most_all(errors: &mut Errors, at: &At<'_>) {
    if text::percent_value(at.text()).is_some_and(|percent| percent > 100) {
        let detail = "must not be greater than 100%";
        errors.push(FieldError::invalid(&at.path, at.text(), detail));
    }
}

/// Whether a number of pods or a percentage of them is nothing.
#[must_use]
pub fn is_nothing(at: &At<'_>) -> bool {
    match at.value.as_str() {
        Some(text) => {
            text::percent_value(text)
                .or_else(|| text.parse().ok())
                .unwrap_or_default()
                == 0
        }
        None => at.number().unwrap_or_default() == 0,
    }
}

/// A strategy of an unknown type, `name` being the real server's of its kind.
#[must_use]
pub fn unknown_strategy(at: &At<'_>, name: &str, [one, other]: [&str; 2]) -> FieldError {
    let detail = format!("supported values: \"{one}\", \"{other}\"");
    let shown = go_json::compact(name, at.value);
    check::shown(&at.path, Problem::NotSupported, &shown, &detail)
}

/// What is wrong with an update of a deployment or a replica set: with its spec, as `judge` finds it, and with its selector.
pub fn update(new: &Value, old: &Value, judge: fn(&mut Errors, &At<'_>)) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new).child("spec"), At::root(old).child("spec"));
    judge(&mut errors, &new);
    labels::immutable_selector(&mut errors, &new, &old);
    errors
}

/// The counts of pods in a status: none of these parts is above all replicas, and no more are available than `ready`, as
/// the kind words it.
pub fn replicas(errors: &mut Errors, status: &At<'_>, parts: &[&str], ready: &str) {
    for part in parts {
        no_more(
            errors,
            status,
            part,
            "replicas",
            "cannot be greater than status.replicas",
        );
    }
    let detail = format!("cannot be greater than {ready}");
    no_more(errors, status, "availableReplicas", "readyReplicas", &detail);
}

/// One count of a status is not above another, `of` which it is a part.
fn no_more(errors: &mut Errors, status: &At<'_>, name: &str, of: &str, detail: &str) {
    let count = status.child(name);
    let given = count.number().unwrap_or_default();
    if given > status.number_of(of).unwrap_or_default() {
        errors.push(FieldError::invalid(&count.path, given, detail));
    }
}

/// The count of collisions of a status never falls.
pub fn collisions_grow(errors: &mut Errors, status: &At<'_>, old: &Value) {
    let count = status.child("collisionCount");
    let before = old.pointer("/status/collisionCount").and_then(Value::as_i64);
    let now = count.number();
    if before.is_some_and(|before| now.is_none_or(|now| now < before)) {
        let detail = "cannot be decremented";
        errors.push(FieldError::invalid(&count.path, now.unwrap_or_default(), detail));
    }
}
