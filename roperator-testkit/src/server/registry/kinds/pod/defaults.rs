//! The defaults of pods and of the pod specs in templates: a decoded object in, the same with its defaults out. Nothing
//! is judged, and what only a creation sets is not set.
//!
//! Left out: the sums of the containers' requests as requests of the pod, where a pod has limits of its own and more
//! than one container requests something; and the rounding of quantities to thousandths.

use serde_json::{Value, json};

use super::super::values::{self, items, items_mut, text};
use super::image;

/// The lists of containers in a pod spec.
pub const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Gives a pod its defaults.
pub fn pod(pod: &mut Value) {
    values::object(pod, "spec");
    if let Some(spec) = pod.get_mut("spec") {
        for list in ["containers", "initContainers"] {
            items_mut(spec, list).iter_mut().for_each(requests_from_limits);
        }
        pod_requests(spec);
        values::default_absent(spec, "enableServiceLinks", true);
        if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
            host_ports(spec);
        }
        let grace = spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64);
        if grace.is_some_and(|seconds| seconds < 0) {
            values::set(spec, "terminationGracePeriodSeconds", 1);
        }
        pod_spec(spec);
    }
    if let Some(status) = pod.get_mut("status") {
        pod_ips(status);
    }
}

/// Gives a pod template its defaults.
pub fn template(template: &mut Value) {
    values::object(template, "spec");
    if let Some(spec) = template.get_mut("spec") {
        pod_spec(spec);
    }
}

fn pod_spec(spec: &mut Value) {
    values::default(spec, "dnsPolicy", "ClusterFirst");
    values::default(spec, "restartPolicy", "Always");
    values::default_absent(spec, "securityContext", json!({}));
    values::default_absent(spec, "terminationGracePeriodSeconds", 30);
    values::default(spec, "schedulerName", "default-scheduler");
    service_account(spec);
    items_mut(spec, "volumes").iter_mut().for_each(volume);
    for list in CONTAINER_LISTS {
        items_mut(spec, list).iter_mut().for_each(container);
    }
}

/// The account has two names, of which the old one says what the new one says.
fn service_account(spec: &mut Value) {
    let account = match text(spec, "serviceAccountName") {
        "" => text(spec, "serviceAccount"),
        name => name,
    };
    if !account.is_empty() {
        let account = account.to_owned();
        values::set(spec, "serviceAccountName", account.clone());
        values::set(spec, "serviceAccount", account);
    }
}

/// The pod's address has two fields, of which the plural one is the newer; where they differ the singular one counts.
fn pod_ips(status: &mut Value) {
    let first = items(status, "podIPs")
        .iter()
        .next()
        .map(|ip| text(ip, "ip").to_owned());
    let single = text(status, "podIP").to_owned();
    match (single.as_str(), first) {
        ("", Some(first)) => values::set(status, "podIP", first),
        ("", None) => {}
        (single, Some(first)) if single == first => {}
        (single, _) => {
            let ips = json!([{ "ip": single }]);
            values::set(status, "podIPs", ips);
        }
    }
}

fn requests_from_limits(container: &mut Value) {
    let Some(resources) = container.get_mut("resources") else {
        return;
    };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    if let Some(requests) = values::object(resources, "requests") {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

/// Where a pod has limits of its own, it requests what its containers request, or else its limits.
fn pod_requests(spec: &mut Value) {
    let Some(limits) = spec.pointer("/resources/limits").and_then(Value::as_object).cloned() else {
        return;
    };
    if limits.is_empty() {
        return;
    }
    let mut defaults = limits;
    defaults.retain(|name, _| matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-"));
    for name in ["cpu", "memory"] {
        let requested: Vec<&Value> = items(spec, "containers")
            .iter()
            .filter_map(|container| container.pointer("/resources/requests")?.get(name))
            .collect();
        if let [one] = requested.as_slice() {
            defaults.insert(name.to_owned(), (*one).clone());
        }
    }
    let requests = spec
        .get_mut("resources")
        .and_then(|resources| values::object(resources, "requests"));
    if let Some(requests) = requests {
        for (name, quantity) in defaults {
            requests.entry(name).or_insert(quantity);
        }
    }
}

fn host_ports(spec: &mut Value) {
    for list in ["containers", "initContainers"] {
        for container in items_mut(spec, list) {
            for port in items_mut(container, "ports") {
                if let Some(number) = port.get("containerPort").cloned() {
                    values::default(port, "hostPort", number);
                }
            }
        }
    }
}

fn pull_policy(image: &str) -> &'static str {
    if image::is_latest(image) {
        "Always"
    } else {
        "IfNotPresent"
    }
}

fn container(container: &mut Value) {
    let policy = pull_policy(text(container, "image"));
    values::default(container, "imagePullPolicy", policy);
    values::default(container, "terminationMessagePath", "/dev/termination-log");
    values::default(container, "terminationMessagePolicy", "File");
    values::default_absent(container, "resources", json!({}));
    for port in items_mut(container, "ports") {
        values::default(port, "protocol", "TCP");
    }
    for variable in items_mut(container, "env") {
        if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef") {
            values::default(field, "apiVersion", "v1");
        }
        if let Some(resource) = variable.pointer_mut("/valueFrom/resourceFieldRef") {
            values::default_absent(resource, "divisor", "0");
        }
        if let Some(key) = variable.pointer_mut("/valueFrom/fileKeyRef") {
            values::default_absent(key, "optional", false);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(given) = container.get_mut(name) {
            probe(given);
        }
    }
    stop_signal(container);
    for name in ["/lifecycle/postStart/httpGet", "/lifecycle/preStop/httpGet"] {
        if let Some(get) = container.pointer_mut(name) {
            http_get(get);
        }
    }
}

/// The signal that ends a container is a field that is not switched on: it is dropped, and nothing is said of it.
fn stop_signal(container: &mut Value) {
    let Some(lifecycle) = container.get_mut("lifecycle").and_then(Value::as_object_mut) else {
        return;
    };
    if lifecycle.remove("stopSignal").is_some() && lifecycle.is_empty() {
        values::remove(container, "lifecycle");
    }
}

fn probe(probe: &mut Value) {
    for (name, default) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        values::default(probe, name, default);
    }
    if let Some(get) = probe.get_mut("httpGet") {
        http_get(get);
    }
    if let Some(grpc) = probe.get_mut("grpc") {
        values::default_absent(grpc, "service", "");
    }
}

fn http_get(get: &mut Value) {
    values::default(get, "path", "/");
    values::default(get, "scheme", "HTTP");
}

fn volume(volume: &mut Value) {
    let has_source = volume
        .as_object()
        .is_some_and(|fields| fields.iter().any(|(name, value)| name != "name" && !value.is_null()));
    if !has_source {
        values::set(volume, "emptyDir", json!({}));
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(name) {
            values::default_absent(source, "defaultMode", 0o644);
        }
    }
    if let Some(path) = volume.get_mut("hostPath") {
        values::default_absent(path, "type", "");
    }
    if let Some(image) = volume.get_mut("image") {
        let policy = pull_policy(text(image, "reference"));
        values::default(image, "pullPolicy", policy);
    }
    if let Some(claim) = volume.pointer_mut("/ephemeral/volumeClaimTemplate") {
        values::object(claim, "spec");
    }
    if let Some(claim) = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec") {
        values::default_absent(claim, "volumeMode", "Filesystem");
    }
    if let Some(source) = volume.get_mut("downwardAPI") {
        downward_files(source);
    }
    if let Some(projected) = volume.get_mut("projected") {
        for source in items_mut(projected, "sources") {
            if let Some(downward) = source.get_mut("downwardAPI") {
                downward_files(downward);
            }
            if let Some(token) = source.get_mut("serviceAccountToken") {
                values::default_absent(token, "expirationSeconds", 3600);
            }
        }
    }
    old_sources(volume);
}

fn downward_files(source: &mut Value) {
    for file in items_mut(source, "items") {
        if let Some(field) = file.get_mut("fieldRef") {
            values::default(field, "apiVersion", "v1");
        }
        if let Some(resource) = file.get_mut("resourceFieldRef") {
            values::default_absent(resource, "divisor", "0");
        }
    }
}

/// The defaults of volumes that only old clusters still know.
fn old_sources(volume: &mut Value) {
    let defaults = [
        ("iscsi", "iscsiInterface", json!("default")),
        ("rbd", "pool", json!("rbd")),
        ("rbd", "user", json!("admin")),
        ("rbd", "keyring", json!("/etc/ceph/keyring")),
        ("azureDisk", "cachingMode", json!("ReadWrite")),
        ("azureDisk", "fsType", json!("ext4")),
        ("azureDisk", "readOnly", json!(false)),
        ("azureDisk", "kind", json!("Shared")),
        ("scaleIO", "storageMode", json!("ThinProvisioned")),
        ("scaleIO", "fsType", json!("xfs")),
    ];
    for (source, field, default) in defaults {
        if let Some(given) = volume.get_mut(source) {
            values::default(given, field, default);
        }
    }
}
