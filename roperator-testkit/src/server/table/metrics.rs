//! What a HorizontalPodAutoscaler aims at, and where it is: `cpu: 40%/80%`. Autoscalers in, text out.

use serde_json::Value;

use super::values::{few, items, scalar};

const UNKNOWN: &str = "<unknown>";

/// The targets of an autoscaler, of `autoscaling/v2` or `autoscaling/v1`.
pub(super) fn targets(autoscaler: &Value) -> String {
    if let Some(target) = scalar(autoscaler.pointer("/spec/targetCPUUtilizationPercentage")) {
        let current = scalar(autoscaler.pointer("/status/currentCPUUtilizationPercentage"));
        return format!("cpu: {}/{target}%", percent(current));
    }
    let current = items(autoscaler, "/status/currentMetrics");
    let metrics = items(autoscaler, "/spec/metrics");
    if metrics.is_empty() {
        return "<none>".to_owned();
    }
    let list = metrics
        .iter()
        .enumerate()
        .map(|(index, metric)| target(metric, current.get(index)));
    few(&list.collect::<Vec<_>>(), 2, ", ")
}

fn percent(share: Option<String>) -> String {
    share.map_or_else(|| UNKNOWN.to_owned(), |share| format!("{share}%"))
}

fn target(metric: &Value, status: Option<&Value>) -> String {
    let (field, resource) = match metric.get("type").and_then(Value::as_str) {
        Some("External") => ("external", false),
        Some("Pods") => ("pods", false),
        Some("Object") => ("object", false),
        Some("Resource") => ("resource", true),
        Some("ContainerResource") => ("containerResource", true),
        _ => return "<unknown type>".to_owned(),
    };
    let aim = |name: &str| scalar(metric.pointer(&format!("/{field}/target/{name}")));
    let is = |name: &str| scalar(status.and_then(|status| status.pointer(&format!("/{field}/current/{name}"))));
    let known = |value: Option<String>| value.unwrap_or_else(|| UNKNOWN.to_owned());
    let text = match (aim("averageValue"), field) {
        (Some(aim), "external" | "object") => format!("{}/{aim} (avg)", known(is("averageValue"))),
        (Some(aim), _) => format!("{}/{aim}", known(is("averageValue"))),
        (None, _) if resource => {
            let aim = aim("averageUtilization").map_or_else(|| "<auto>".to_owned(), |aim| format!("{aim}%"));
            format!("{}/{aim}", percent(is("averageUtilization")))
        }
        (None, _) => format!(
            "{}/{}",
            known(is("value")),
            aim("value").unwrap_or_else(|| "0".to_owned())
        ),
    };
    if !resource {
        return text;
    }
    let name = scalar(metric.pointer(&format!("/{field}/name")));
    format!("{}: {text}", name.unwrap_or_default())
}

/// What an autoscaler scales.
pub(super) fn reference(autoscaler: &Value) -> String {
    let field = |name: &str| scalar(autoscaler.pointer(&format!("/spec/scaleTargetRef/{name}"))).unwrap_or_default();
    format!("{}/{}", field("kind"), field("name"))
}
