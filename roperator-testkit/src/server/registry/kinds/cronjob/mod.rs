//! Cron jobs: defaults, what is refused and what may change. Whole objects in, changed objects or errors out. Warnings
//! are left out, and so is whether a time zone exists: only how its name is written is judged.

mod schedule;

use serde_json::{Value, json};

use super::job;
use super::pod::at::{At, Errors};
use super::pod::{check, labels};
use super::values;
use crate::server::field::FieldError;
use crate::server::registry::strategy::Strategy;

/// The most bytes of a cron job's name: a job's name is eleven longer.
const MOST_NAME_BYTES: usize = 52;

/// What is special about cron jobs.
pub const STRATEGY: Strategy = Strategy {
    default,
    prepare_create: |cron| values::set(cron, "status", json!({})),
    validate_create,
    validate_update,
    generation: &["spec"],
    has_status: true,
    ..Strategy::PLAIN
};

fn default(cron: &mut Value) {
    values::object(cron, "spec");
    let Some(spec) = cron.get_mut("spec") else {
        return;
    };
    values::default(spec, "concurrencyPolicy", "Allow");
    values::default_absent(spec, "suspend", false);
    values::default_absent(spec, "successfulJobsHistoryLimit", 3);
    values::default_absent(spec, "failedJobsHistoryLimit", 1);
    values::object(spec, "jobTemplate");
    if let Some(template) = spec.get_mut("jobTemplate") {
        values::object(template, "spec");
        if let Some(job) = template.get_mut("spec") {
            job::default_spec(job);
        }
    }
}

fn validate_create(cron: &Value) -> Errors {
    let mut errors = Errors::new();
    let at = At::root(cron);
    spec(&mut errors, &at.child("spec"), None);
    let name = at.child("metadata").child("name");
    if name.text().len() > MOST_NAME_BYTES {
        let detail = format!("must be no more than {MOST_NAME_BYTES} characters");
        errors.push(FieldError::invalid(&name.path, name.text(), detail));
    }
    errors
}

fn validate_update(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let old = At::root(old).child("spec");
    spec(&mut errors, &At::root(new).child("spec"), Some(&old));
    errors
}

fn spec(errors: &mut Errors, spec: &At<'_>, old: Option<&At<'_>>) {
    schedule(errors, spec, old);
    check::not_negative(errors, &spec.child("startingDeadlineSeconds"));
    let zone = spec.child("timeZone");
    let was = old.map(|old| old.child("timeZone"));
    if zone.is_set() && was.is_none_or(|was| was.value != zone.value) {
        time_zone(errors, &zone);
    }
    let concurrency = spec.child("concurrencyPolicy");
    check::one_of(errors, &concurrency, &["Allow", "Forbid", "Replace"]);
    let job = spec.child("jobTemplate").child("spec");
    job::spec::template(errors, &job);
    let selector = job.child("selector");
    if selector.is_set() {
        let detail = "`selector` will be auto-generated";
        errors.push(labels::bad_selector(&selector, detail));
    }
    let manual = job.child("manualSelector");
    if job.is_true("manualSelector") {
        errors.push(FieldError::not_supported(&manual.path, true, &["nil", "false"]));
    }
    check::none_negative(errors, spec, &["successfulJobsHistoryLimit", "failedJobsHistoryLimit"]);
}

fn schedule(errors: &mut Errors, spec: &At<'_>, old: Option<&At<'_>>) {
    let schedule = spec.child("schedule");
    let text = schedule.text();
    if text.is_empty() {
        errors.push(FieldError::required(&schedule.path, ""));
        return;
    }
    if let Err(problem) = schedule::parse(text) {
        errors.push(FieldError::invalid(&schedule.path, text, problem));
    }
    let had_zone = old.is_some_and(|old| old.text_of("schedule").contains("TZ"));
    let detail = match (text.contains("TZ"), had_zone) {
        (true, false) => "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        (true, true) if spec.child("timeZone").is_set() => {
            "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        }
        _ => return,
    };
    errors.push(FieldError::invalid(&schedule.path, text, detail));
}

fn time_zone(errors: &mut Errors, at: &At<'_>) {
    let zone = at.text();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..") && part.len() <= 14 && !part.starts_with('-') && part.bytes().all(allowed)
    };
    let detail = if zone.is_empty() {
        "timeZone must be nil or non-empty string".to_owned()
    } else if !zone.split('/').all(is_part) || !is_known_zone(zone) {
        format!("unknown time zone {zone}")
    } else if zone.eq_ignore_ascii_case("local") {
        "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones".to_owned()
    } else {
        return;
    };
    errors.push(FieldError::invalid(&at.path, zone, detail));
}

/// Whether there is such a time zone; where the system knows none at all, every one.
fn is_known_zone(zone: &str) -> bool {
    let database = jiff::tz::db();
    zone == "UTC" || database.get(zone).is_ok() || database.available().next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_the_real_server() {
        crate::server::registry::kinds::pod::cases::replay(&STRATEGY, include_str!("cases.json"));
    }
}
