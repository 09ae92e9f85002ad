//! Kinds that are served twice and stored once: Events of both groups, and HorizontalPodAutoscalers of both versions. An
//! object as one of the two in, the same as the other out; what only Go's types write is not added here.
//!
//! Left out: the annotations in which `autoscaling/v1` hands on what it has no fields for.

use serde_json::{Map, Value, json};

use super::values::{get, items, object, remove, set, text};
use crate::server::status::GroupResource;

/// How a kind is stored that is stored as another.
#[derive(Debug, Clone)]
pub struct Twin {
    /// Where.
    pub place: GroupResource,
    /// Makes an object what is stored.
    pub store: fn(&mut Value),
    /// Makes what is stored an object.
    pub show: fn(&mut Value),
}

/// The twin as which a kind is stored.
#[must_use]
pub fn twin(group: &str, version: &str, plural: &str) -> Option<Twin> {
    match (group, version, plural) {
        ("events.k8s.io", _, "events") => Some(Twin {
            place: GroupResource::new("", "events"),
            store: |event| EVENT_FIELDS.iter().for_each(|(core, new)| rename(event, new, core)),
            show: |event| EVENT_FIELDS.iter().for_each(|(core, new)| rename(event, core, new)),
        }),
        ("autoscaling", "v1", "horizontalpodautoscalers") => Some(Twin {
            place: GroupResource::new(group, plural),
            store: to_metrics,
            show: from_metrics,
        }),
        _ => None,
    }
}

/// The fields of Events: in the core group, and in `events.k8s.io`.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

fn rename(object: &mut Value, from: &str, to: &str) {
    if let Some(value) = object.as_object_mut().and_then(|map| map.remove(from)) {
        set(object, to, value);
    }
}

fn to_metrics(autoscaler: &mut Value) {
    if let Some(spec) = autoscaler.get_mut("spec") {
        let share = get(spec, "targetCPUUtilizationPercentage").as_i64().unwrap_or(80);
        remove(spec, "targetCPUUtilizationPercentage");
        let target = json!({"type": "Utilization", "averageUtilization": share});
        set(
            spec,
            "metrics",
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]),
        );
    }
    if let Some(status) = autoscaler.get_mut("status") {
        let share = get(status, "currentCPUUtilizationPercentage").clone();
        remove(status, "currentCPUUtilizationPercentage");
        let current =
            json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": share}}}]);
        set(
            status,
            "currentMetrics",
            if share.is_null() { Value::Null } else { current },
        );
        // Only the first version writes a zero.
        if get(status, "currentReplicas").as_i64() == Some(0) {
            remove(status, "currentReplicas");
        }
    }
}

fn from_metrics(autoscaler: &mut Value) {
    let share = |list: &Value, metrics: &str, value: &str| {
        let of_processors = |metric: &&Value| text(get(metric, "resource"), "name") == "cpu";
        let metric = items(list, metrics).iter().find(of_processors);
        metric.map(|metric| get(get(get(metric, "resource"), value), "averageUtilization").clone())
    };
    let wanted = share(get(autoscaler, "spec"), "metrics", "target");
    let is = share(get(autoscaler, "status"), "currentMetrics", "current");
    keep(
        object(autoscaler, "spec"),
        &["metrics", "behavior"],
        "targetCPUUtilizationPercentage",
        wanted,
    );
    let dropped = ["currentMetrics", "conditions"];
    keep(
        object(autoscaler, "status"),
        &dropped,
        "currentCPUUtilizationPercentage",
        is,
    );
}

fn keep(part: Option<&mut Map<String, Value>>, dropped: &[&str], field: &str, value: Option<Value>) {
    let Some(part) = part else { return };
    part.retain(|name, _| !dropped.contains(&name.as_str()));
    if let Some(value) = value.filter(|value| !value.is_null()) {
        part.insert(field.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_under_other_names() {
        let event = json!({"regarding": {"name": "p"}, "note": "n", "reason": "r"});
        let twin = twin("events.k8s.io", "v1", "events").unwrap();
        let mut stored = event.clone();
        (twin.store)(&mut stored);
        assert_eq!(
            stored,
            json!({"involvedObject": {"name": "p"}, "message": "n", "reason": "r"})
        );
        (twin.show)(&mut stored);
        assert_eq!(stored, event);
    }

    #[test]
    fn autoscalers_have_one_metric_in_their_first_version() {
        let scaler =
            json!({"spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 60}, "status": {"desiredReplicas": 1}});
        let twin = twin("autoscaling", "v1", "horizontalpodautoscalers").unwrap();
        let mut stored = scaler.clone();
        (twin.store)(&mut stored);
        assert_eq!(
            stored["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"],
            60
        );
        (twin.show)(&mut stored);
        assert_eq!(stored, scaler);
    }
}
