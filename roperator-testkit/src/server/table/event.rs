//! Cells of Events, which the core group and `events.k8s.io` show under different names. Events in, text out.

use jiff::Timestamp;
use serde_json::Value;

use super::duration;
use super::values::{number, or, text};

/// The text at the first of two paths, else at the second.
fn either<'a>(event: &'a Value, core: &str, new: &str) -> &'a str {
    or(text(event, core), text(event, new))
}

/// When it happened last.
pub(super) fn last_seen(event: &Value, now: Timestamp) -> String {
    if event.get("series").is_some_and(|series| !series.is_null()) {
        return duration::since(text(event, "/series/lastObservedTime"), now);
    }
    match either(event, "/lastTimestamp", "/deprecatedLastTimestamp") {
        "" => first_seen(event, now),
        time => duration::since(time, now),
    }
}

/// When it happened first.
pub(super) fn first_seen(event: &Value, now: Timestamp) -> String {
    let first = either(event, "/firstTimestamp", "/deprecatedFirstTimestamp");
    duration::since(or(first, text(event, "/eventTime")), now)
}

/// What it happened to.
pub(super) fn object(event: &Value) -> String {
    let kind = either(event, "/involvedObject/kind", "/regarding/kind").to_lowercase();
    match either(event, "/involvedObject/name", "/regarding/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

/// What part of it.
pub(super) fn subobject(event: &Value) -> String {
    either(event, "/involvedObject/fieldPath", "/regarding/fieldPath").to_owned()
}

/// Who says so.
pub(super) fn source(event: &Value) -> String {
    let controller = either(event, "/reportingComponent", "/reportingController");
    let component = or(
        either(event, "/source/component", "/deprecatedSource/component"),
        controller,
    );
    let host = either(event, "/source/host", "/deprecatedSource/host");
    match or(host, text(event, "/reportingInstance")) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    }
}

/// What happened.
pub(super) fn message(event: &Value) -> String {
    either(event, "/message", "/note").trim().to_owned()
}

/// How often it happened.
pub(super) fn count(event: &Value) -> i64 {
    if event.get("series").is_some_and(|series| !series.is_null()) {
        return number(event, "/series/count");
    }
    let count = number(event, "/count").max(number(event, "/deprecatedCount"));
    if count == 0 { 1 } else { count }
}
