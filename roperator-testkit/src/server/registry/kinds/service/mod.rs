//! Services: their defaults, what clients may not set, what is refused. Whole objects in, changed objects or errors out.
//!
//! Cluster IPs and node ports are handed out by [`allocate`], before anything here but the defaults is asked: the real
//! server allocates before it validates. Left out: warnings, and the checks of deprecated annotations.

pub mod addresses;
pub mod allocate;
pub mod spec;
mod validate;

use serde_json::{Value, json};

use super::values::{default, default_absent, get, items_mut, number, remove, same, set, text, texts};
use crate::server::names;
use crate::server::registry::strategy::Strategy;

/// What is special about Services.
pub const STRATEGY: Strategy = Strategy {
    default: defaults,
    prepare_create: |service| set(service, "status", json!({"loadBalancer": {}})),
    validate_create: |service| validate::service(service, None),
    prepare_update: drop_what_the_type_does_not_need,
    validate_update: validate::update,
    validate_status: validate::status,
    selectable: |service| {
        let spec = get(service, "spec");
        vec![
            ("spec.clusterIP", text(spec, "clusterIP").to_owned()),
            ("spec.type", text(spec, "type").to_owned()),
        ]
    },
    validate_name: names::label,
    has_status: true,
    creates_on_update: true,
    ..Strategy::PLAIN
};

fn defaults(service: &mut Value) {
    let Some(spec) = service.get_mut("spec") else {
        return;
    };
    default(spec, "sessionAffinity", "None");
    session_affinity(spec);
    default(spec, "type", "ClusterIP");
    for port in items_mut(spec, "ports") {
        default(port, "protocol", "TCP");
        let target = get(port, "targetPort");
        if target.is_null() || target == 0 || target == "" {
            let number = number(port, "port");
            set(port, "targetPort", number);
        }
    }
    if spec::is_external(spec) {
        default(spec, "externalTrafficPolicy", "Cluster");
    }
    match spec::kind(spec) {
        "NodePort" | "LoadBalancer" | "ClusterIP" => default_absent(spec, "internalTrafficPolicy", "Cluster"),
        // The real server drops it where it is read; what is no policy is refused before.
        "ExternalName" if matches!(text(spec, "internalTrafficPolicy"), "Cluster" | "Local") => {
            remove(spec, "internalTrafficPolicy");
        }
        _ => {}
    }
    if spec::kind(spec) == "LoadBalancer" {
        default_absent(spec, "allocateLoadBalancerNodePorts", true);
        let balancer = service
            .get_mut("status")
            .and_then(|status| status.get_mut("loadBalancer"));
        for ingress in balancer
            .map(|balancer| items_mut(balancer, "ingress"))
            .unwrap_or_default()
        {
            if !text(ingress, "ip").is_empty() {
                default_absent(ingress, "ipMode", "VIP");
            }
        }
    }
}

fn session_affinity(spec: &mut Value) {
    match text(spec, "sessionAffinity") {
        "None" => remove(spec, "sessionAffinityConfig"),
        "ClientIP" => {
            let client = get(get(spec, "sessionAffinityConfig"), "clientIP");
            if get(client, "timeoutSeconds").is_null() {
                let three_hours = json!({"clientIP": {"timeoutSeconds": 10800}});
                set(spec, "sessionAffinityConfig", three_hours);
            }
        }
        _ => {}
    }
}

/// When the type changes, fields go that the new type does not have, unless the client changed them too.
fn drop_what_the_type_does_not_need(new: &mut Value, old: &Value) {
    let old = get(old, "spec");
    let kept_status = spec::kind(get(new, "spec")) == "LoadBalancer";
    if let Some(spec) = new.get_mut("spec") {
        drop_addresses(spec, old);
        let was_load_balancer = spec::kind(old) == "LoadBalancer" && spec::kind(spec) != "LoadBalancer";
        let obsolete = [
            (
                spec::needs_health_port(old) && !spec::needs_health_port(spec),
                "healthCheckNodePort",
            ),
            (was_load_balancer, "allocateLoadBalancerNodePorts"),
            (was_load_balancer, "loadBalancerClass"),
            (
                spec::is_external(old) && !spec::is_external(spec),
                "externalTrafficPolicy",
            ),
        ];
        for (obsolete, field) in obsolete {
            if obsolete && get(spec, field) == get(old, field) {
                remove(spec, field);
            }
        }
    }
    if !kept_status {
        set(new, "status", json!({"loadBalancer": {}}));
    }
}

fn drop_addresses(spec: &mut Value, old: &Value) {
    if spec::needs_cluster_ip(old) && !spec::needs_cluster_ip(spec) {
        if text(spec, "clusterIP") == text(old, "clusterIP") && texts(spec, "clusterIPs") == texts(old, "clusterIPs") {
            remove(spec, "clusterIP");
            remove(spec, "clusterIPs");
        }
        for field in ["ipFamilies", "ipFamilyPolicy"] {
            if same(get(spec, field), get(old, field)) {
                remove(spec, field);
            }
        }
    }
    let typed = |spec: &Value| matches!(spec::kind(spec), "NodePort" | "LoadBalancer");
    let known = spec::node_ports(old);
    let adds_none = spec::node_ports(spec).iter().all(|port| known.contains(port));
    if typed(old) && !typed(spec) && adds_none {
        for port in items_mut(spec, "ports") {
            remove(port, "nodePort");
        }
    }
}

#[cfg(test)]
mod tests;
