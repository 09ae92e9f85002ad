//! What is wrong with the probes and the lifecycle of a container. Reads only. `grace_seconds` is how long the pod has
//! to end.

use super::at::{At, Errors};
use super::{check, text};
use crate::server::field::FieldError;

/// What is wrong with a container's lifecycle and its probes.
pub fn lifecycle_and_probes(errors: &mut Errors, container: &At<'_>, grace_seconds: Option<i64>) {
    if let Some(given) = container.child("lifecycle").set() {
        lifecycle(errors, &given, grace_seconds);
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(given) = container.child(name).set() else {
            continue;
        };
        probe(errors, &given, grace_seconds);
        if name == "readinessProbe" {
            let grace = given.child("terminationGracePeriodSeconds");
            if let Some(seconds) = grace.number() {
                let detail = "must not be set for readinessProbes";
                errors.push(FieldError::invalid(&grace.path, seconds, detail));
            }
        } else {
            let threshold = given.child("successThreshold");
            let times = threshold.number().unwrap_or_default();
            if times != 1 {
                errors.push(FieldError::invalid(&threshold.path, times, "must be 1"));
            }
        }
    }
}

fn lifecycle(errors: &mut Errors, lifecycle: &At<'_>, grace_seconds: Option<i64>) {
    for name in ["postStart", "preStop"] {
        if let Some(given) = lifecycle.child(name).set() {
            handler(
                errors,
                &given,
                &["exec", "httpGet", "tcpSocket", "sleep"],
                grace_seconds,
            );
        }
    }
}

fn probe(errors: &mut Errors, probe: &At<'_>, grace_seconds: Option<i64>) {
    handler(errors, probe, &["exec", "httpGet", "tcpSocket", "grpc"], grace_seconds);
    let counts = [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ];
    check::none_negative(errors, probe, &counts);
    let grace = probe.child("terminationGracePeriodSeconds");
    if let Some(seconds) = grace.number().filter(|seconds| *seconds <= 0) {
        errors.push(FieldError::invalid(&grace.path, seconds, "must be greater than 0"));
    }
}

fn handler(errors: &mut Errors, at: &At<'_>, kinds: &[&str], grace_seconds: Option<i64>) {
    let mut handlers = 0;
    for kind in kinds {
        let Some(given) = at.child(kind).set() else {
            continue;
        };
        handlers += 1;
        if handlers > 1 {
            let detail = "may not specify more than 1 handler type";
            errors.push(FieldError::forbidden(&given.path, detail));
            continue;
        }
        match *kind {
            "exec" => {
                let command = given.child("command");
                if command.items().is_empty() {
                    errors.push(FieldError::required(&command.path, ""));
                }
            }
            "httpGet" => http_get(errors, &given),
            "sleep" => sleep(errors, &given, grace_seconds),
            _ => port(errors, &given.child("port")),
        }
    }
    if handlers == 0 {
        errors.push(FieldError::required(&at.path, "must specify a handler type"));
    }
}

fn http_get(errors: &mut Errors, get: &At<'_>) {
    check::required(errors, &get.child("path"));
    port(errors, &get.child("port"));
    check::known(errors, &get.child("scheme"), &["HTTP", "HTTPS"]);
    let headers = get.child("httpHeaders");
    for header in headers.items() {
        let name = header.text_of("name");
        check::problems(errors, &headers.path, name, text::header_name(name));
    }
}

/// A port's number or its name; an absent one is the number zero.
fn port(errors: &mut Errors, at: &At<'_>) {
    match at.value.as_str() {
        Some(name) => check::problems(errors, &at.path, name, text::port_name(name)),
        None => {
            let number = at.number().unwrap_or_default();
            check::problems(errors, &at.path, number, text::port_number(number));
        }
    }
}

fn sleep(errors: &mut Errors, sleep: &At<'_>, grace_seconds: Option<i64>) {
    let seconds = sleep.number_of("seconds").unwrap_or_default();
    if let Some(most) = grace_seconds.filter(|most| !(0..=*most).contains(&seconds)) {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({most})");
        errors.push(FieldError::invalid(&sleep.path, seconds, detail));
    }
}
