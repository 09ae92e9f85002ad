//! HorizontalPodAutoscalers, as `autoscaling/v2` and `autoscaling/v1` show them: defaults, and the commonest of what is
//! refused. Metadata excepted. Left out: what is inside metrics and behaviors.

use serde_json::{Value, json};

use super::values::{default, default_absent, get, invalid, items, number, set, text};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::registry::strategy::Strategy;

/// What is special about HorizontalPodAutoscalers of `autoscaling/v2`.
pub const V2: Strategy = Strategy {
    default: |autoscaler| {
        if let Some(spec) = autoscaler.get_mut("spec") {
            default_absent(spec, "minReplicas", 1);
            if items(spec, "metrics").is_empty() {
                let target = json!({"type": "Utilization", "averageUtilization": 80});
                let metric = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
                set(spec, "metrics", metric);
            }
            if let Some(behavior) = spec.get_mut("behavior").filter(|behavior| behavior.is_object()) {
                behavior_defaults(behavior);
            }
        }
    },
    ..ANY
};

/// What is special about HorizontalPodAutoscalers of `autoscaling/v1`.
pub const V1: Strategy = Strategy {
    default: |autoscaler| {
        if let Some(spec) = autoscaler.get_mut("spec") {
            default_absent(spec, "minReplicas", 1);
            default_absent(spec, "targetCPUUtilizationPercentage", 80);
        }
    },
    ..ANY
};

const ANY: Strategy = Strategy {
    validate_create: autoscaler,
    validate_update: |new, _| autoscaler(new),
    has_status: true,
    ..Strategy::PLAIN
};

fn behavior_defaults(behavior: &mut Value) {
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    let directions = [
        ("scaleUp", json!([pods, percent.clone()])),
        ("scaleDown", json!([percent])),
    ];
    for (direction, policies) in directions {
        if get(behavior, direction).is_null() {
            set(behavior, direction, json!({}));
        }
        let Some(rules) = behavior.get_mut(direction) else {
            continue;
        };
        default(rules, "selectPolicy", "Max");
        if items(rules, "policies").is_empty() {
            set(rules, "policies", policies);
        }
        if direction == "scaleUp" {
            default_absent(rules, "stabilizationWindowSeconds", 0);
        }
    }
}

fn autoscaler(autoscaler: &Value) -> Vec<FieldError> {
    let spec = get(autoscaler, "spec");
    let path = FieldPath::new("spec");
    let mut errors = Vec::new();
    let (least, most) = (number(spec, "minReplicas"), number(spec, "maxReplicas"));
    if least < 1 {
        let detail = "must be greater than or equal to 1";
        errors.push(FieldError::invalid(&path.child("minReplicas"), least, detail));
    }
    match most {
        0 => {
            let detail = "must be set and greater than 0";
            errors.push(FieldError::required(&path.child("maxReplicas"), detail));
        }
        most if most < 0 => {
            let detail = "must be greater than or equal to 1";
            errors.push(FieldError::invalid(&path.child("maxReplicas"), most, detail));
        }
        _ => {}
    }
    if most < least {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid(&path.child("maxReplicas"), most, detail));
    }
    let target = get(spec, "scaleTargetRef");
    let target_path = path.child("scaleTargetRef");
    for field in ["kind", "name"] {
        match text(target, field) {
            "" => errors.push(FieldError::required(&target_path.child(field), "")),
            value => errors.extend(invalid(&target_path.child(field), value, names::path_segment(value))),
        }
    }
    let version = text(target, "apiVersion");
    let detail = match version.split('/').collect::<Vec<_>>().as_slice() {
        [group, _] if !group.is_empty() => None,
        [_] | [_, _] => Some("apiVersion must specify API group".to_owned()),
        _ => Some(format!("unexpected GroupVersion string: {version}")),
    };
    errors.extend(detail.map(|detail| FieldError::invalid(&target_path.child("apiVersion"), version, detail)));
    let wakes = |metric: &Value| matches!(text(metric, "type"), "Object" | "External");
    if least == 0 && !get(spec, "metrics").is_null() && !items(spec, "metrics").iter().any(wakes) {
        let detail = "must specify at least one Object or External metric to support scaling to zero replicas";
        errors.push(FieldError::forbidden(&path.child("metrics"), detail));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::super::values::printed;
    use super::*;

    #[test]
    fn refusals_are_those_of_the_real_server() {
        let mut empty = json!({"spec": {}});
        (V1.default)(&mut empty);
        assert_eq!(
            printed(&autoscaler(&empty)),
            [
                "spec.maxReplicas: Required value: must be set and greater than 0",
                "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
                "spec.scaleTargetRef.kind: Required value",
                "spec.scaleTargetRef.name: Required value",
                "spec.scaleTargetRef.apiVersion: Invalid value: \"\": apiVersion must specify API group",
            ]
        );
    }

    #[test]
    fn behaviors_are_filled_in() {
        let mut scaled = json!({"spec": {"maxReplicas": 3, "behavior": {"scaleDown": {}}}});
        (V2.default)(&mut scaled);
        let once = scaled.clone();
        (V2.default)(&mut scaled);
        assert_eq!(scaled, once);
        assert_eq!(
            scaled["spec"]["behavior"],
            json!({
                "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
                    {"type": "Pods", "value": 4, "periodSeconds": 15},
                    {"type": "Percent", "value": 100, "periodSeconds": 15}]},
                "scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
            })
        );
    }
}
