//! Nodes: one that is new is not ready, whatever it says, and may bring its status along. Whole objects in, changed objects
//! out. What is in a node's spec and status is not judged.

use serde_json::{Value, json};

use super::values::{get, items, object, set, text};
use crate::server::registry::strategy::Strategy;

const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// What is special about Nodes.
pub const STRATEGY: Strategy = Strategy {
    prepare_create: taint,
    selectable: |node| {
        let unschedulable = get(get(node, "spec"), "unschedulable").as_bool() == Some(true);
        vec![("spec.unschedulable", unschedulable.to_string())]
    },
    has_status: true,
    created_with_status: true,
    ..Strategy::PLAIN
};

fn taint(node: &mut Value) {
    let spec = get(node, "spec");
    let is_tainted = |taint: &Value| text(taint, "key") == NOT_READY && text(taint, "effect") == "NoSchedule";
    if items(spec, "taints").iter().any(is_tainted) {
        return;
    }
    let mut taints = items(spec, "taints").to_vec();
    taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
    object(node, "spec");
    if let Some(spec) = node.get_mut("spec") {
        set(spec, "taints", taints);
    }
}
