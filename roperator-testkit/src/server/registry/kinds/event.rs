//! Events, of the core group and of `events.k8s.io`: what is refused, and what can be selected. Objects in, field errors
//! out; metadata excepted. The two groups show the same events under other names; errors always use those of the core.

use serde_json::Value;

use super::values::{get, invalid, is_unset, number, same, text};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::registry::strategy::Strategy;

/// What is special about Events of the core group.
pub const STRATEGY: Strategy = Strategy {
    validate_create: |event| common(event, &CORE),
    validate_update: |new, _| common(new, &CORE),
    selectable: |event| selectable(event, &CORE),
    validate_name: names::path_segment,
    creates_on_update: true,
    ..Strategy::PLAIN
};

/// What is special about Events of `events.k8s.io`.
pub const STRATEGY_EVENTS: Strategy = Strategy {
    validate_create: |event| {
        let mut errors = common(event, &EVENTS);
        errors.extend(strict(event));
        errors
    },
    validate_update: |new, old| {
        let mut errors = common(new, &EVENTS);
        errors.extend(changed(new, old));
        errors
    },
    selectable: |event| selectable(event, &EVENTS),
    creates_on_update: true,
    ..Strategy::PLAIN
};

/// How a group names an event's fields.
struct Words {
    object: &'static str,
    message: &'static str,
    source: &'static str,
    controller: &'static str,
}

const CORE: Words = Words {
    object: "involvedObject",
    message: "message",
    source: "source",
    controller: "reportingComponent",
};

const EVENTS: Words = Words {
    object: "regarding",
    message: "note",
    source: "deprecatedSource",
    controller: "reportingController",
};

fn common(event: &Value, words: &Words) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let namespace = text(get(event, "metadata"), "namespace");
    let object_namespace = text(get(event, words.object), "namespace");
    let timed = !is_unset(get(event, "eventTime"));
    let agrees = match object_namespace {
        "" if timed => matches!(namespace, "default" | "kube-system"),
        "" => matches!(namespace, "" | "default"),
        other => timed || other == namespace,
    };
    if !agrees {
        let path = FieldPath::new("involvedObject.namespace");
        let detail = "does not match event.namespace";
        errors.push(FieldError::invalid(&path, object_namespace, detail));
    }
    if timed {
        errors.extend(reported(event, words));
    }
    errors.extend(invalid(
        &FieldPath::new("namespace"),
        namespace,
        names::subdomain(namespace),
    ));
    errors
}

fn reported(event: &Value, words: &Words) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let controller = text(event, words.controller);
    let path = FieldPath::new(words.controller);
    if controller.is_empty() {
        errors.push(FieldError::required(&path, ""));
    }
    errors.extend(invalid(&path, controller, names::qualified(controller)));
    for field in ["reportingInstance", "action", "reason"] {
        let value = text(event, field);
        if value.is_empty() {
            errors.push(FieldError::required(&FieldPath::new(field), ""));
        }
        errors.extend(too_long(field, value, 128));
    }
    errors.extend(too_long("message", text(event, words.message), 1024));
    errors
}

fn too_long(field: &str, value: &str, most: usize) -> Option<FieldError> {
    let detail = format!("can have at most {most} characters");
    (value.len() > most).then(|| FieldError::invalid(&FieldPath::new(field), "", detail))
}

/// What only creations by way of `events.k8s.io` are asked.
fn strict(event: &Value) -> Vec<FieldError> {
    let mut errors = series(event);
    if is_unset(get(event, "eventTime")) {
        errors.push(FieldError::required(&FieldPath::new("eventTime"), ""));
    }
    let kind = text(event, "type");
    if !["Normal", "Warning"].contains(&kind) {
        let detail = format!("has invalid value: {kind}");
        errors.push(FieldError::invalid(&FieldPath::new("type"), "", detail));
    }
    let source = get(event, "deprecatedSource");
    let unset = [
        ("firstTimestamp", is_unset(get(event, "deprecatedFirstTimestamp"))),
        ("lastTimestamp", is_unset(get(event, "deprecatedLastTimestamp"))),
        ("count", number(event, "deprecatedCount") == 0),
        (
            "source",
            text(source, "component").is_empty() && text(source, "host").is_empty(),
        ),
    ];
    for (field, _) in unset.into_iter().filter(|(_, unset)| !unset) {
        errors.push(FieldError::invalid(&FieldPath::new(field), "", "needs to be unset"));
    }
    errors
}

fn series(event: &Value) -> Vec<FieldError> {
    let series = get(event, "series");
    let mut errors = Vec::new();
    if !series.is_null() {
        if number(series, "count") < 2 {
            let path = FieldPath::new("series.count");
            errors.push(FieldError::invalid(&path, "", "should be at least 2"));
        }
        if is_unset(get(series, "lastObservedTime")) {
            errors.push(FieldError::required(&FieldPath::new("series.lastObservedTime"), ""));
        }
    }
    errors
}

/// What updates by way of `events.k8s.io` may not change; the reason is judged twice, as in the real server.
fn changed(new: &Value, old: &Value) -> Vec<FieldError> {
    const FIXED: [(&str, &str); 14] = [
        ("regarding", "involvedObject"),
        ("reason", "reason"),
        ("note", "message"),
        ("deprecatedSource", "source"),
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
        ("reason", "reason"),
        ("type", "type"),
        ("eventTime", "eventTime"),
        ("action", "action"),
        ("related", "related"),
        ("reportingController", "reportingController"),
        ("reportingInstance", "reportingInstance"),
    ];
    let mut errors = Vec::new();
    if !same(get(new, "series"), get(old, "series")) {
        errors.extend(series(new));
    }
    for (field, shown) in FIXED {
        let value = get(new, field);
        if !same(value, get(old, field)) {
            let path = FieldPath::new(shown);
            errors.push(FieldError::invalid(&path, value.clone(), "field is immutable"));
        }
    }
    errors
}

fn selectable(event: &Value, words: &Words) -> Vec<(&'static str, String)> {
    let object = get(event, words.object);
    let controller = text(event, words.controller);
    let source = match text(get(event, words.source), "component") {
        "" => controller,
        component => component,
    };
    let fields = [
        ("involvedObject.kind", text(object, "kind")),
        ("involvedObject.namespace", text(object, "namespace")),
        ("involvedObject.name", text(object, "name")),
        ("involvedObject.uid", text(object, "uid")),
        ("involvedObject.apiVersion", text(object, "apiVersion")),
        ("involvedObject.resourceVersion", text(object, "resourceVersion")),
        ("involvedObject.fieldPath", text(object, "fieldPath")),
        ("reason", text(event, "reason")),
        ("reportingComponent", controller),
        ("source", source),
        ("type", text(event, "type")),
    ];
    fields.map(|(name, value)| (name, value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::values::printed;
    use super::*;

    fn event(mut rest: Value) -> Value {
        rest["metadata"] = json!({"name": "e", "namespace": "ns"});
        rest
    }

    #[test]
    fn core_events_are_refused_as_by_the_real_server() {
        let refused = |rest: Value| printed(&(STRATEGY.validate_create)(&event(rest)));
        assert_eq!(
            refused(json!({})),
            ["involvedObject.namespace: Invalid value: \"\": does not match event.namespace"]
        );
        assert!(refused(json!({"involvedObject": {"namespace": "ns"}})).is_empty());
        let timed = json!({"involvedObject": {"namespace": "ns"}, "eventTime": "2020-01-01T00:00:00.000000Z"});
        let timed = refused(timed);
        assert_eq!(timed[0], "reportingComponent: Required value");
        assert_eq!(
            timed[1],
            "reportingComponent: Invalid value: \"\": name part must be non-empty"
        );
        assert_eq!(
            timed[3..],
            [
                "reportingInstance: Required value",
                "action: Required value",
                "reason: Required value"
            ]
        );
    }

    #[test]
    fn new_events_are_refused_as_by_the_real_server() {
        let refused = |rest: Value| printed(&(STRATEGY_EVENTS.validate_create)(&event(rest)));
        assert_eq!(
            refused(json!({})),
            [
                "involvedObject.namespace: Invalid value: \"\": does not match event.namespace",
                "eventTime: Required value",
                "type: Invalid value: \"\": has invalid value: ",
            ]
        );
        let mut new = json!({"regarding": {"namespace": "ns"}, "eventTime": "2020-01-01T00:00:00.000000Z",
            "reportingController": "c", "reportingInstance": "i", "action": "a", "reason": "r", "type": "X",
            "series": {"count": 1}, "deprecatedCount": 3});
        assert_eq!(
            refused(new.clone()),
            [
                "series.count: Invalid value: \"\": should be at least 2",
                "series.lastObservedTime: Required value",
                "type: Invalid value: \"\": has invalid value: X",
                "count: Invalid value: \"\": needs to be unset",
            ]
        );
        let old = event(new.clone());
        new["reason"] = json!("z");
        new["note"] = json!("n");
        assert_eq!(
            printed(&(STRATEGY_EVENTS.validate_update)(&event(new), &old)),
            [
                "reason: Invalid value: \"z\": field is immutable",
                "message: Invalid value: \"n\": field is immutable",
                "reason: Invalid value: \"z\": field is immutable",
            ]
        );
    }
}
