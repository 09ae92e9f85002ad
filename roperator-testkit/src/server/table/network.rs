//! Cells of Services, Ingresses and endpoints that are made of several fields. Objects in, text out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::values::{few, items, number, or, scalar, text};

fn join(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().collect::<Vec<_>>().join(",")
}

fn strings(object: &Value, path: &str) -> Vec<String> {
    let items = items(object, path).iter();
    items.map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
}

/// A load balancer's addresses, sorted.
fn balancer(object: &Value) -> String {
    let ingress = items(object, "/status/loadBalancer/ingress").iter();
    let addresses = ingress.map(|ingress| or(text(ingress, "/ip"), text(ingress, "/hostname")).to_owned());
    let addresses: BTreeSet<String> = addresses.filter(|address| !address.is_empty()).collect();
    join(addresses)
}

/// Where a Service is reached from outside.
pub(super) fn external_ip(service: &Value) -> String {
    let outside = join(strings(service, "/spec/externalIPs"));
    match text(service, "/spec/type") {
        "ClusterIP" | "NodePort" => or(&outside, "<none>").to_owned(),
        "LoadBalancer" => {
            let both = [balancer(service), outside];
            let known = join(both.into_iter().filter(|addresses| !addresses.is_empty()));
            or(&known, "<pending>").to_owned()
        }
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// A Service's ports.
pub(super) fn service_ports(service: &Value) -> String {
    let ports = items(service, "/spec/ports").iter().map(|port| {
        let (port_number, protocol) = (number(port, "/port"), text(port, "/protocol"));
        match number(port, "/nodePort") {
            0 => format!("{port_number}/{protocol}"),
            node => format!("{port_number}:{node}/{protocol}"),
        }
    });
    or(&join(ports), "<none>").to_owned()
}

/// The hosts of an Ingress: once three are shown, all rules after them count as more.
pub(super) fn ingress_hosts(ingress: &Value) -> String {
    let rules = items(ingress, "/spec/rules");
    let mut shown = Vec::new();
    let mut more = false;
    for rule in rules {
        let host = text(rule, "/host");
        more |= shown.len() == 3;
        if !more && !host.is_empty() {
            shown.push(host);
        }
    }
    let hosts = shown.join(",");
    match () {
        () if shown.is_empty() => "*".to_owned(),
        () if more => format!("{hosts} + {} more...", rules.len() - 3),
        () => hosts,
    }
}

/// An Ingress's addresses.
pub(super) fn ingress_address(ingress: &Value) -> String {
    balancer(ingress)
}

/// An Ingress's ports.
pub(super) fn ingress_ports(ingress: &Value) -> String {
    let encrypted = !items(ingress, "/spec/tls").is_empty();
    if encrypted { "80, 443" } else { "80" }.to_owned()
}

/// The addresses of Endpoints.
pub(super) fn endpoints(endpoints: &Value) -> String {
    let subsets = items(endpoints, "/subsets");
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    let mut list = Vec::new();
    for subset in subsets {
        let addresses = || items(subset, "/addresses").iter().map(|address| text(address, "/ip"));
        let ports = items(subset, "/ports");
        if ports.is_empty() {
            list.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            let port = number(port, "/port");
            list.extend(addresses().map(|address| {
                if address.contains(':') {
                    format!("[{address}]:{port}")
                } else {
                    format!("{address}:{port}")
                }
            }));
        }
    }
    few(&list, 3, ",")
}

/// The ports of an EndpointSlice.
pub(super) fn endpoint_slice_ports(slice: &Value) -> String {
    let ports = items(slice, "/ports").iter().map(|port| {
        let number = scalar(port.get("port"));
        number
            .or_else(|| scalar(port.get("name")))
            .unwrap_or_else(|| "*".to_owned())
    });
    or(&few(&ports.collect::<Vec<_>>(), 3, ","), "<unset>").to_owned()
}

/// The addresses of an EndpointSlice.
pub(super) fn endpoint_slice_addresses(slice: &Value) -> String {
    let endpoints = items(slice, "/endpoints").iter();
    let addresses: Vec<String> = endpoints.flat_map(|endpoint| strings(endpoint, "/addresses")).collect();
    or(&few(&addresses, 3, ","), "<unset>").to_owned()
}
