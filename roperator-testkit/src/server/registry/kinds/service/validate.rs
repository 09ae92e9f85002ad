//! What is wrong with a Service: objects in, field errors out, in the real server's order. Metadata excepted.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::super::values::{self, get, invalid, is_unset, items, number, one_of, port_number, text, texts};
use super::{addresses, spec};
use crate::server::field::{FieldError, FieldPath, Problem};
use crate::server::names;
use crate::server::registry::shown;
use crate::server::selector::validate::labels;

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const ONLY_FOR_LOAD_BALANCERS: &str = "may only be used when `type` is 'LoadBalancer'";

fn path(field: &str) -> FieldPath {
    FieldPath::new("spec").child(field)
}

/// What is wrong with a Service.
pub(super) fn service(service: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let (spec, old) = (get(service, "spec"), old.map(|old| get(old, "spec")));
    let mut errors = of_type(spec);
    let mut names = BTreeSet::new();
    let ports = items(spec, "ports");
    for (index, port) in ports.iter().enumerate() {
        errors.extend(service_port(
            port,
            ports.len() > 1,
            &mut names,
            &path("ports").index(index),
        ));
    }
    errors.extend(labels(spec.get("selector"), &path("selector")));
    errors.extend(session_affinity(spec));
    errors.extend(addresses::validate(spec, old));
    errors.extend(external_ips(spec, old));
    errors.extend(one_of(spec::kind(spec), &path("type"), &TYPES));
    errors.extend(node_ports(spec));
    errors.extend(source_ranges(spec, old));
    if !get(spec, "allocateLoadBalancerNodePorts").is_null() && spec::kind(spec) != "LoadBalancer" {
        let place = path("allocateLoadBalancerNodePorts");
        errors.push(FieldError::forbidden(&place, ONLY_FOR_LOAD_BALANCERS));
    }
    errors.extend(load_balancer_class(spec));
    errors.extend(traffic(spec));
    errors
}

/// What is wrong with an update.
pub(super) fn update(new: &Value, old: &Value) -> Vec<FieldError> {
    let (spec, before) = (get(new, "spec"), get(old, "spec"));
    let mut errors = Vec::new();
    if spec::needs_cluster_ip(spec) && spec::needs_cluster_ip(before) {
        errors.extend(changed_addresses(spec, before));
        errors.extend(changed_families(spec, before));
    }
    if spec::kind(spec) == "LoadBalancer" && spec::kind(before) == "LoadBalancer" {
        let class = get(spec, "loadBalancerClass");
        if class != get(before, "loadBalancerClass") {
            errors.push(FieldError::invalid(
                &path("loadBalancerClass"),
                class.clone(),
                "may not change once set",
            ));
        }
    }
    errors.extend(load_balancer_class(spec));
    if spec::needs_health_port(before) && spec::needs_health_port(spec) {
        let field = "healthCheckNodePort";
        if number(spec, field) != number(before, field) {
            errors.push(FieldError::forbidden(&path(field), "field is immutable"));
        }
    }
    errors.extend(service(new, Some(old)));
    errors
}

/// What is wrong with an update of the status.
pub(super) fn status(new: &Value, old: &Value) -> Vec<FieldError> {
    let list = |service| items(get(get(service, "status"), "loadBalancer"), "ingress");
    let place = FieldPath::new("status.loadBalancer.ingress");
    if spec::kind(get(new, "spec")) != "LoadBalancer" {
        let detail = "may only be used when `spec.type` is 'LoadBalancer'";
        let wrong = (!list(new).is_empty()).then(|| FieldError::forbidden(&place, detail));
        return wrong.into_iter().collect();
    }
    let known: BTreeSet<&str> = list(old).iter().map(|ingress| text(ingress, "ip")).collect();
    let mut errors = Vec::new();
    for (index, ingress) in list(new).iter().enumerate() {
        let place = place.index(index);
        let (address, mode) = (text(ingress, "ip"), text(ingress, "ipMode"));
        if !address.is_empty() && !known.contains(address) {
            errors.extend(addresses::ip_address(&place.child("ip"), address));
        }
        let mode_path = place.child("ipMode");
        match (address, mode) {
            ("", "") => {}
            (_, "") => errors.push(FieldError::required(&mode_path, "must be specified when `ip` is set")),
            ("", _) => errors.push(FieldError::forbidden(
                &mode_path,
                "may not be specified when `ip` is not set",
            )),
            _ => errors.extend(one_of(mode, &mode_path, &["Proxy", "VIP"])),
        }
        let host = text(ingress, "hostname");
        if !host.is_empty() {
            errors.extend(invalid(&place.child("hostname"), host, names::subdomain(host)));
            if host.parse::<IpAddr>().is_ok() {
                let detail = "must be a DNS name, not an IP address";
                errors.push(FieldError::invalid(&place.child("hostname"), host, detail));
            }
        }
    }
    errors
}

fn of_type(spec: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let headless = spec::is_headless(spec);
    let kind = spec::kind(spec);
    if items(spec, "ports").is_empty() && !headless && kind != "ExternalName" {
        errors.push(FieldError::required(&path("ports"), ""));
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let detail = format!("may not be set to 'None' for {kind} services");
            errors.push(FieldError::invalid(&path("clusterIPs").index(0), "None", detail));
        }
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                let value = get(spec, field);
                if !is_unset(value) && !value.as_array().is_some_and(Vec::is_empty) {
                    let detail = "may not be set for ExternalName services";
                    errors.push(FieldError::forbidden(&path(field), detail));
                }
            }
            let name = text(spec, "externalName");
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.is_empty() {
                errors.push(FieldError::required(&path("externalName"), ""));
            } else {
                errors.extend(invalid(&path("externalName"), name, names::subdomain(name)));
            }
        }
        _ => {}
    }
    errors
}

fn service_port<'a>(port: &'a Value, named: bool, seen: &mut BTreeSet<&'a str>, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = text(port, "name");
    if !name.is_empty() {
        errors.extend(invalid(&path.child("name"), name, names::label(name)));
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
    } else if named {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    errors.extend(port_number(&path.child("port"), number(port, "port")));
    errors.extend(one_of(
        text(port, "protocol"),
        &path.child("protocol"),
        &["SCTP", "TCP", "UDP"],
    ));
    errors.extend(values::port(&path.child("targetPort"), get(port, "targetPort")));
    if let Some(protocol) = get(port, "appProtocol").as_str() {
        errors.extend(invalid(
            &path.child("appProtocol"),
            protocol,
            names::qualified(protocol),
        ));
    }
    errors
}

fn session_affinity(spec: &Value) -> Vec<FieldError> {
    let affinity = text(spec, "sessionAffinity");
    let mut errors: Vec<FieldError> = one_of(affinity, &path("sessionAffinity"), &["ClientIP", "None"])
        .into_iter()
        .collect();
    if affinity == "ClientIP" {
        let timeout = number(get(get(spec, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds");
        if !(1..=86400).contains(&timeout) {
            let place = path("sessionAffinityConfig").child("clientIP").child("timeoutSeconds");
            let detail = "must be greater than 0 and less than 86400";
            errors.push(FieldError::invalid(&place, timeout, detail));
        }
    }
    errors
}

fn external_ips(spec: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let known = old.map(|old| texts(old, "externalIPs")).unwrap_or_default();
    let mut errors = Vec::new();
    for (index, address) in texts(spec, "externalIPs").into_iter().enumerate() {
        let place = path("externalIPs").index(index);
        if let Some(error) = addresses::ip_address(&place, address).filter(|_| !known.contains(&address)) {
            errors.push(error);
        } else if let Ok(parsed) = address.parse::<IpAddr>() {
            errors.extend(special_address(parsed, address, &place));
        }
    }
    errors
}

fn special_address(parsed: IpAddr, address: &str, path: &FieldPath) -> Option<FieldError> {
    let (link_local, local_multicast) = match parsed {
        IpAddr::V4(four) => (four.is_link_local(), matches!(four.octets(), [224, 0, 0, _])),
        IpAddr::V6(six) => (
            six.is_unicast_link_local(),
            six.segments().first().is_some_and(|first| first & 0xff0f == 0xff02),
        ),
    };
    let detail = if parsed.is_unspecified() {
        format!("may not be unspecified ({address})")
    } else if parsed.is_loopback() {
        "may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned()
    } else if link_local {
        "may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned()
    } else if local_multicast {
        "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned()
    } else {
        return None;
    };
    Some(FieldError::invalid(path, address, detail))
}

fn node_ports(spec: &Value) -> Vec<FieldError> {
    let ports = items(spec, "ports");
    let mut errors = Vec::new();
    if spec::kind(spec) == "ClusterIP" {
        for (index, _) in ports
            .iter()
            .enumerate()
            .filter(|(_, port)| number(port, "nodePort") != 0)
        {
            let place = path("ports").index(index).child("nodePort");
            errors.push(FieldError::forbidden(
                &place,
                "may not be used when `type` is 'ClusterIP'",
            ));
        }
    }
    let repeated = |index: usize, field: &str| {
        let key = |port| (text(port, "protocol"), number(port, field));
        let (earlier, rest) = ports.split_at_checked(index).unwrap_or_default();
        let port = rest.first().map(key);
        earlier.iter().any(|earlier| Some(key(earlier)) == port)
    };
    for (index, port) in ports.iter().enumerate() {
        let node_port = number(port, "nodePort");
        if node_port != 0 && repeated(index, "nodePort") {
            let place = path("ports").index(index).child("nodePort");
            errors.push(FieldError::duplicate(&place, node_port));
        }
    }
    for (index, port) in ports.iter().enumerate().filter(|(index, _)| repeated(*index, "port")) {
        let (protocol, number) = (text(port, "protocol"), number(port, "port"));
        let shown = format!(
            "{{\"Name\":\"\",\"Protocol\":\"{protocol}\",\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}"
        );
        errors.push(shown::error(
            &path("ports").index(index),
            Problem::Duplicate,
            &shown,
            "",
        ));
    }
    errors
}

fn source_ranges(spec: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let field = "loadBalancerSourceRanges";
    // The real server's path has a capital letter.
    let place = path("LoadBalancerSourceRanges");
    let ranges = texts(spec, field);
    let known = old.map(|old| texts(old, field)).unwrap_or_default();
    let mut errors = Vec::new();
    if !ranges.is_empty() && spec::kind(spec) != "LoadBalancer" {
        errors.push(FieldError::forbidden(&place, ONLY_FOR_LOAD_BALANCERS));
    }
    for (index, range) in ranges
        .into_iter()
        .enumerate()
        .filter(|(_, range)| !known.contains(range))
    {
        errors.extend(addresses::ip_range(&place.index(index), range.trim()));
    }
    errors
}

fn load_balancer_class(spec: &Value) -> Vec<FieldError> {
    let place = path("loadBalancerClass");
    match get(spec, "loadBalancerClass").as_str() {
        None => Vec::new(),
        Some(class) if spec::kind(spec) == "LoadBalancer" => invalid(&place, class, names::qualified(class)),
        Some(_) => vec![FieldError::forbidden(&place, ONLY_FOR_LOAD_BALANCERS)],
    }
}

fn traffic(spec: &Value) -> Vec<FieldError> {
    const POLICIES: [&str; 2] = ["Cluster", "Local"];
    let mut errors = Vec::new();
    let (external_path, external) = (path("externalTrafficPolicy"), text(spec, "externalTrafficPolicy"));
    if spec::is_external(spec) {
        errors.extend(one_of(external, &external_path, &POLICIES));
    } else if !external.is_empty() {
        let detail = "may only be set for externally-accessible services";
        errors.push(FieldError::invalid(&external_path, external, detail));
    }
    let (health_path, health) = (path("healthCheckNodePort"), number(spec, "healthCheckNodePort"));
    if spec::needs_health_port(spec) {
        if health == 0 {
            errors.push(FieldError::required(&health_path, ""));
        } else {
            errors.extend(port_number(&health_path, health));
        }
    } else if health != 0 {
        let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errors.push(FieldError::invalid(&health_path, health, detail));
    }
    if let Some(internal) = get(spec, "internalTrafficPolicy").as_str() {
        errors.extend(one_of(internal, &path("internalTrafficPolicy"), &POLICIES));
    }
    if let Some(distribution) = get(spec, "trafficDistribution").as_str() {
        let supported = ["PreferClose", "PreferSameZone", "PreferSameNode"];
        errors.extend(one_of(distribution, &path("trafficDistribution"), &supported));
    }
    errors
}

fn changed_addresses(spec: &Value, old: &Value) -> Vec<FieldError> {
    if spec::is_headless(spec) && spec::is_headless(old) {
        return Vec::new();
    }
    let (after, before) = (texts(spec, "clusterIPs"), texts(old, "clusterIPs"));
    let shown = || get(spec, "clusterIPs").clone();
    if after.is_empty() && !before.is_empty() {
        let detail = "primary clusterIP can not be unset";
        return vec![FieldError::invalid(&path("clusterIPs").index(0), shown(), detail)];
    }
    let compared = if after.len() == before.len() { after.len() } else { 1 };
    let pairs = after.iter().zip(&before).take(compared).enumerate();
    pairs
        .filter(|(_, (after, before))| after != before)
        .map(|(index, _)| FieldError::invalid(&path("clusterIPs").index(index), shown(), "may not change once set"))
        .collect()
}

fn changed_families(spec: &Value, old: &Value) -> Vec<FieldError> {
    if spec::is_headless(spec) || spec::is_headless(old) {
        return Vec::new();
    }
    let (after, before) = (texts(spec, "ipFamilies"), texts(old, "ipFamilies"));
    let compared = if after.len() == before.len() { after.len() } else { 1 };
    let changed = after
        .iter()
        .zip(&before)
        .take(compared)
        .filter(|(after, before)| after != before);
    let place = path("ipFamilies").index(0);
    changed
        .map(|_| FieldError::invalid(&place, get(spec, "ipFamilies").clone(), "may not change once set"))
        .collect()
}
