//! Questions about a Service's `spec`: what its type needs. Values in, answers out; nothing changes.

use serde_json::Value;

use super::super::values::{flag, get, items, number, text, texts};

/// The type: `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
#[must_use]
pub fn kind(spec: &Value) -> &str {
    text(spec, "type")
}

/// Whether it has cluster IPs, `None` included.
#[must_use]
pub fn needs_cluster_ip(spec: &Value) -> bool {
    kind(spec) != "ExternalName"
}

/// Whether it is reached from outside the cluster.
#[must_use]
pub fn is_external(spec: &Value) -> bool {
    match kind(spec) {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => !items(spec, "externalIPs").is_empty(),
        _ => false,
    }
}

/// Whether a node port answers health checks.
#[must_use]
pub fn needs_health_port(spec: &Value) -> bool {
    kind(spec) == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

/// Whether ports without a node port get one.
#[must_use]
pub fn allocates_node_ports(spec: &Value) -> bool {
    let wanted = get(spec, "allocateLoadBalancerNodePorts").is_null() || flag(spec, "allocateLoadBalancerNodePorts");
    kind(spec) == "NodePort" || (kind(spec) == "LoadBalancer" && wanted)
}

/// Whether its only cluster IP is `None`.
#[must_use]
pub fn is_headless(spec: &Value) -> bool {
    texts(spec, "clusterIPs") == ["None"]
}

/// Whether it has a selector.
#[must_use]
pub fn has_selector(spec: &Value) -> bool {
    get(spec, "selector")
        .as_object()
        .is_some_and(|selector| !selector.is_empty())
}

/// The ports' node ports that are set.
#[must_use]
pub fn node_ports(spec: &Value) -> Vec<i64> {
    let ports = items(spec, "ports").iter().map(|port| number(port, "nodePort"));
    ports.filter(|port| *port != 0).collect()
}
