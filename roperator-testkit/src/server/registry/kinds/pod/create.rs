//! What the creation of a pod sets, the default admission plugins included: tolerations, priority, the first status
//! with its quality of service class, and selectors made from label keys. A defaulted pod in, the pod to store out.
//!
//! Left out, since it needs other objects or refuses: priority classes other than the system's own two, runtime
//! classes, limit ranges, quotas, pod security, and the app armor annotations of old clusters.

use serde_json::{Map, Value, json};

use super::super::values::{self, items, items_mut, text};
use super::quantity;

/// How long a pod stays on a node that fails, in seconds.
const TOLERATED: i64 = 300;

/// Makes a pod as it is first stored.
pub fn prepare(pod: &mut Value) {
    admit(pod, None);
    let mut status = json!({ "phase": "Pending", "qosClass": quality(pod) });
    let gated = pod
        .get("spec")
        .is_some_and(|spec| items(spec, "schedulingGates").iter().next().is_some());
    if gated {
        let since = pod.pointer("/metadata/creationTimestamp").cloned();
        let condition = json!({
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": null,
            "lastTransitionTime": since.unwrap_or_default(),
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        });
        values::set(&mut status, "conditions", json!([condition]));
    }
    values::set(pod, "status", status);
    apply_label_keys(pod);
}

/// What admission changes in a pod that is written, `old` being what it replaces.
pub fn admit(pod: &mut Value, old: Option<&Value>) {
    let Some(spec) = pod.get_mut("spec") else {
        return;
    };
    match old {
        None => {
            let priority = match text(spec, "priorityClassName") {
                "system-node-critical" => 2_000_001_000,
                "system-cluster-critical" => 2_000_000_000,
                _ => 0,
            };
            values::default_absent(spec, "priority", priority);
            values::default_absent(spec, "preemptionPolicy", "PreemptLowerPriority");
        }
        Some(old) => {
            for name in ["priority", "preemptionPolicy"] {
                if let Some(value) = old.get("spec").and_then(|spec| spec.get(name)) {
                    values::default_absent(spec, name, value.clone());
                }
            }
        }
    }
    for taint in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        tolerate(spec, taint);
    }
}

fn tolerate(spec: &mut Value, taint: &str) {
    let tolerated = items(spec, "tolerations").iter().any(|toleration| {
        let (key, effect) = (text(toleration, "key"), text(toleration, "effect"));
        (key == taint || key.is_empty()) && matches!(effect, "" | "NoExecute")
    });
    if tolerated {
        return;
    }
    values::default_absent(spec, "tolerations", json!([]));
    if let Some(tolerations) = spec.get_mut("tolerations").and_then(Value::as_array_mut) {
        tolerations.push(json!({
            "key": taint,
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": TOLERATED,
        }));
    }
}

/// The quality of service class of a pod: what its requests and limits of processors and memory say.
pub(super) fn quality(pod: &Value) -> &'static str {
    let Some(spec) = pod.get("spec") else {
        return "BestEffort";
    };
    let mut requests = [0_i128; 2];
    let mut limits = [0_i128; 2];
    let mut all_limited = true;
    let own = spec.get("resources").filter(|resources| !resources.is_null());
    let of_containers = ["containers", "initContainers"].into_iter().flat_map(|list| {
        items(spec, list)
            .iter()
            .map(|container| container.get("resources").unwrap_or(&Value::Null))
    });
    let counted: Vec<&Value> = match own {
        Some(own) => vec![own],
        None => of_containers.collect(),
    };
    for resources in counted {
        for (place, name) in ["cpu", "memory"].into_iter().enumerate() {
            let amount = |list: &str| {
                let quantity = resources.get(list).map(|list| text(list, name)).unwrap_or_default();
                quantity::parse(quantity).unwrap_or_default().max(0)
            };
            let (request, limit) = (amount("requests"), amount("limits"));
            if let (Some(requested), Some(limited)) = (requests.get_mut(place), limits.get_mut(place)) {
                *requested += request;
                *limited += limit;
            }
            // A pod that sets resources itself, but no limits, is told by its requests alone.
            let judged = own.is_none() || resources.get("limits").is_some();
            all_limited = all_limited && (limit > 0 || !judged);
        }
    }
    if requests == [0; 2] && limits == [0; 2] {
        "BestEffort"
    } else if all_limited && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds the pod's own values of label keys to the selectors that name them.
fn apply_label_keys(pod: &mut Value) {
    let labels = pod.pointer("/metadata/labels").cloned().unwrap_or_default();
    let Some(spec) = pod.get_mut("spec") else {
        return;
    };
    for side in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = spec.get_mut("affinity").and_then(|affinity| affinity.get_mut(side)) else {
            continue;
        };
        for weighted in items_mut(affinity, "preferredDuringSchedulingIgnoredDuringExecution") {
            if let Some(term) = weighted.get_mut("podAffinityTerm") {
                add_requirements(term, &labels);
            }
        }
        for term in items_mut(affinity, "requiredDuringSchedulingIgnoredDuringExecution") {
            add_requirements(term, &labels);
        }
    }
    for constraint in items_mut(spec, "topologySpreadConstraints") {
        add_requirements(constraint, &labels);
    }
}

fn add_requirements(term: &mut Value, labels: &Value) {
    let mut made = Vec::new();
    for (list, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        for key in items(term, list).iter().filter_map(Value::as_str) {
            if let Some(value) = labels.get(key) {
                made.push(json!({ "key": key, "operator": operator, "values": [value] }));
            }
        }
    }
    let has_selector = term.get("labelSelector").is_some_and(Value::is_object);
    if made.is_empty() || !has_selector {
        return;
    }
    let selector: Option<&mut Map<String, Value>> = values::object(term, "labelSelector");
    let expressions = selector.map(|selector| selector.entry("matchExpressions").or_insert_with(|| json!([])));
    if let Some(Value::Array(expressions)) = expressions {
        expressions.extend(made);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality_of(resources: Value) -> &'static str {
        quality(&json!({"spec": {"containers": [{"resources": resources}]}}))
    }

    #[test]
    fn quality_of_service_is_told_from_resources() {
        assert_eq!(quality_of(json!({})), "BestEffort");
        assert_eq!(quality_of(json!({"requests": {"cpu": "1"}})), "Burstable");
        let both = json!({"cpu": "1", "memory": "1Gi"});
        assert_eq!(quality_of(json!({"requests": both, "limits": both})), "Guaranteed");
        let more = json!({"cpu": "1", "memory": "2Gi"});
        assert_eq!(quality_of(json!({"requests": both, "limits": more})), "Burstable");
    }

    #[test]
    fn a_pod_that_tolerates_everything_needs_no_toleration() {
        let mut spec = json!({"tolerations": [{"operator": "Exists"}]});
        tolerate(&mut spec, "x");
        assert_eq!(spec["tolerations"].as_array().unwrap().len(), 1);
    }
}
