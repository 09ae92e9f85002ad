//! Ingresses and NetworkPolicies: defaults, and the commonest of what is refused. Metadata excepted. Left out: backends
//! that are resources, ports' ranges, and exceptions of blocks of addresses.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::service::addresses::ip_range;
use super::values::{self, get, invalid, is_unset, items, items_mut, number, port_number, set, text, texts};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::registry::strategy::Strategy;
use crate::server::selector::validate::label_selector;

/// What is special about Ingresses.
pub const INGRESS: Strategy = Strategy {
    prepare_create: |ingress| set(ingress, "status", json!({"loadBalancer": {}})),
    validate_create: ingress,
    validate_update: |new, _| ingress(new),
    generation: &["spec"],
    has_status: true,
    ..Strategy::PLAIN
};

/// What is special about IngressClasses.
pub const INGRESS_CLASS: Strategy = Strategy {
    generation: &["spec"],
    ..Strategy::PLAIN
};

/// What is special about NetworkPolicies.
pub const NETWORK_POLICY: Strategy = Strategy {
    default: policy_defaults,
    validate_create: policy,
    validate_update: |new, _| policy(new),
    generation: &["spec"],
    ..Strategy::PLAIN
};

fn ingress(ingress: &Value) -> Vec<FieldError> {
    let spec = get(ingress, "spec");
    let path = FieldPath::new("spec");
    let mut errors = Vec::new();
    let backend = get(spec, "defaultBackend");
    if items(spec, "rules").is_empty() && backend.is_null() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        errors.push(FieldError::invalid(&path, get(spec, "rules").clone(), detail));
    }
    if !backend.is_null() {
        errors.extend(ingress_backend(backend, &path.child("defaultBackend")));
    }
    for (index, rule) in items(spec, "rules").iter().enumerate() {
        errors.extend(ingress_rule(rule, &path.child("rules").index(index)));
    }
    for (index, tls) in items(spec, "tls").iter().enumerate() {
        let hosts_path = path.child("tls").index(index).child("hosts");
        for (index, host) in texts(tls, "hosts").into_iter().enumerate() {
            errors.extend(ingress_host(host, &hosts_path.index(index)));
        }
    }
    errors
}

fn ingress_rule(rule: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let host = text(rule, "host");
    if !host.is_empty() {
        if host.parse::<IpAddr>().is_ok() {
            let detail = "must be a DNS name, not an IP address";
            errors.push(FieldError::invalid(&path.child("host"), host, detail));
        }
        errors.extend(ingress_host(host, &path.child("host")));
    }
    let http = get(rule, "http");
    let paths_path = path.child("http").child("paths");
    if !http.is_null() && items(http, "paths").is_empty() {
        errors.push(FieldError::required(&paths_path, ""));
    }
    for (index, route) in items(http, "paths").iter().enumerate() {
        let place = paths_path.index(index);
        let location = text(route, "path");
        match text(route, "pathType") {
            "" => {
                errors.push(FieldError::required(
                    &place.child("pathType"),
                    "pathType must be specified",
                ));
                continue;
            }
            "Exact" | "Prefix" => errors.extend(ingress_path(location, &place.child("path"))),
            "ImplementationSpecific" if location.is_empty() || location.starts_with('/') => {}
            "ImplementationSpecific" => {
                let detail = "must be an absolute path";
                errors.push(FieldError::invalid(&place.child("path"), location, detail));
            }
            other => {
                let supported = ["Exact", "ImplementationSpecific", "Prefix"];
                errors.push(FieldError::not_supported(&place.child("pathType"), other, &supported));
            }
        }
        errors.extend(ingress_backend(get(route, "backend"), &place.child("backend")));
    }
    errors
}

/// What is wrong with a path that requests are compared with.
fn ingress_path(location: &str, path: &FieldPath) -> Vec<FieldError> {
    let mut problems = Vec::new();
    if !location.starts_with('/') {
        problems.push("must be an absolute path".to_owned());
    }
    let inside = ["//", "/./", "/../", "%2f", "%2F"]
        .iter()
        .filter(|part| location.contains(**part));
    problems.extend(inside.map(|part| format!("must not contain '{part}'")));
    let at_the_end = ["/..", "/."].iter().filter(|part| location.ends_with(**part));
    problems.extend(at_the_end.map(|part| format!("cannot end with '{part}'")));
    invalid(path, location, problems)
}

fn ingress_host(host: &str, path: &FieldPath) -> Vec<FieldError> {
    if !host.contains('*') {
        return invalid(path, host, names::subdomain(host));
    }
    let rest = host.strip_prefix("*.").unwrap_or_default();
    if !rest.is_empty() && names::subdomain(rest).is_empty() {
        return Vec::new();
    }
    let problem = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist \
        of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', \
        regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    vec![FieldError::invalid(path, host, problem)]
}

fn ingress_backend(backend: &Value, path: &FieldPath) -> Vec<FieldError> {
    let service = get(backend, "service");
    let service_path = path.child("service");
    let refused = |detail: &str| vec![FieldError::invalid(path, "", detail)];
    match (service, get(backend, "resource")) {
        (Value::Null, Value::Null) => return refused("resource or service backend is required"),
        (Value::Null, _) => return Vec::new(),
        (_, Value::Null) => {}
        _ => return refused("cannot set both resource and service backends"),
    }
    let mut errors = match text(service, "name") {
        "" => vec![FieldError::required(&service_path.child("name"), "")],
        name => invalid(&service_path.child("name"), name, names::label(name)),
    };
    let port = get(service, "port");
    let port_path = service_path.child("port");
    match (text(port, "name"), number(port, "number")) {
        ("", 0) => errors.push(FieldError::required(path, "port name or number is required")),
        ("", number) => errors.extend(port_number(&port_path.child("number"), number)),
        (name, 0) => errors.extend(invalid(&port_path.child("name"), name, values::port_name(name))),
        _ => errors.extend(refused("cannot set both port name & port number")),
    }
    errors
}

fn policy_defaults(policy: &mut Value) {
    let Some(spec) = policy.get_mut("spec") else {
        return;
    };
    for direction in ["ingress", "egress"] {
        for rule in items_mut(spec, direction) {
            for port in items_mut(rule, "ports") {
                if get(port, "protocol").is_null() {
                    set(port, "protocol", "TCP");
                }
            }
        }
    }
    if items(spec, "policyTypes").is_empty() {
        let egress = !items(spec, "egress").is_empty();
        let types = if egress {
            json!(["Ingress", "Egress"])
        } else {
            json!(["Ingress"])
        };
        set(spec, "policyTypes", types);
    }
}

fn policy(policy: &Value) -> Vec<FieldError> {
    let spec = get(policy, "spec");
    let path = FieldPath::new("spec");
    let mut errors = label_selector(spec.get("podSelector"), &path.child("podSelector"));
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in items(spec, direction).iter().enumerate() {
            let place = path.child(direction).index(index);
            for (index, port) in items(rule, "ports").iter().enumerate() {
                errors.extend(policy_port(port, &place.child("ports").index(index)));
            }
            for (index, peer) in items(rule, peers).iter().enumerate() {
                errors.extend(policy_peer(peer, &place.child(peers).index(index)));
            }
        }
    }
    for (index, kind) in texts(spec, "policyTypes").into_iter().enumerate() {
        let supported = ["Ingress", "Egress"];
        if !supported.contains(&kind) {
            let place = path.child("policyTypes").index(index);
            errors.push(FieldError::not_supported(&place, kind, &supported));
        }
    }
    errors
}

fn policy_port(port: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let protocol = text(port, "protocol");
    let supported = ["TCP", "UDP", "SCTP"];
    if !supported.contains(&protocol) {
        errors.push(FieldError::not_supported(&path.child("protocol"), protocol, &supported));
    }
    if !get(port, "port").is_null() {
        errors.extend(values::port(&path.child("port"), get(port, "port")));
    }
    errors
}

fn policy_peer(peer: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let given = |field: &str| !get(peer, field).is_null();
    let mut peers = 0;
    for field in ["podSelector", "namespaceSelector"] {
        errors.extend(label_selector(peer.get(field), &path.child(field)));
        peers += usize::from(given(field));
    }
    if given("ipBlock") {
        let range_path = path.child("ipBlock").child("cidr");
        let range = get(get(peer, "ipBlock"), "cidr");
        if is_unset(range) {
            errors.push(FieldError::required(&range_path, ""));
        } else {
            errors.extend(ip_range(&range_path, range.as_str().unwrap_or_default()));
        }
        if peers > 0 {
            let detail = "may not specify both ipBlock and another peer";
            errors.push(FieldError::forbidden(path, detail));
        }
    } else if peers == 0 {
        errors.push(FieldError::required(path, "must specify a peer"));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::super::values::printed;
    use super::*;

    #[test]
    fn ingresses_are_refused_as_by_the_real_server() {
        let refused = |spec: Value| printed(&ingress(&json!({ "spec": spec })));
        assert_eq!(
            refused(json!({})),
            ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]
        );
        let rules = json!({"rules": [{"http": {"paths": []}}, {"http": {"paths": [
            {"path": "x", "backend": {}},
            {"path": "x", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {}}}},
        ]}}]});
        assert_eq!(
            refused(rules),
            [
                "spec.rules[0].http.paths: Required value",
                "spec.rules[1].http.paths[0].pathType: Required value: pathType must be specified",
                "spec.rules[1].http.paths[1].path: Invalid value: \"x\": must be an absolute path",
                "spec.rules[1].http.paths[1].backend: Required value: port name or number is required",
            ]
        );
        let both = json!({"defaultBackend": {"service": {"name": "s", "port": {"number": 80, "name": "x"}}},
            "tls": [{"hosts": ["*.a", "b"]}]});
        assert_eq!(
            refused(both),
            ["spec.defaultBackend: Invalid value: \"\": cannot set both port name & port number"]
        );
    }

    #[test]
    fn policies_are_refused_as_by_the_real_server() {
        let wrong = json!({"spec": {"podSelector": {}, "policyTypes": ["X"], "ingress": [{
            "ports": [{"port": 0, "protocol": "X"}],
            "from": [{}, {"ipBlock": {"cidr": "x"}, "podSelector": {}}],
        }]}});
        assert_eq!(
            printed(&policy(&wrong)),
            [
                "spec.ingress[0].ports[0].protocol: Unsupported value: \"X\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
                "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "spec.ingress[0].from[0]: Required value: must specify a peer",
                "spec.ingress[0].from[1].ipBlock.cidr: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
                "spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer",
                "spec.policyTypes[0]: Unsupported value: \"X\": supported values: \"Ingress\", \"Egress\"",
            ]
        );
        let mut open = json!({"spec": {"egress": [{"ports": [{"port": 80}]}]}});
        policy_defaults(&mut open);
        assert_eq!(
            open["spec"],
            json!({"egress": [{"ports": [{"port": 80, "protocol": "TCP"}]}], "policyTypes": ["Ingress", "Egress"]})
        );
    }
}
