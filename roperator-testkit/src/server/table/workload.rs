//! Cells of workloads, nodes, volumes and roles that are made of several fields. Objects in, text out.

use jiff::Timestamp;
use serde_json::Value;

use super::duration;
use super::values::{has_condition, items, number, or, text};
use crate::server::selector::labels::Selector;

fn join(texts: impl IntoIterator<Item = String>, separator: &str) -> String {
    texts.into_iter().collect::<Vec<_>>().join(separator)
}

/// A Deployment's selector.
pub(super) fn deployment_selector(deployment: &Value) -> String {
    let selector = Selector::from_object(deployment.pointer("/spec/selector"));
    selector.map_or_else(|_| "<invalid>".to_owned(), |selector| selector.to_string())
}

/// What a Job is doing.
pub(super) fn job_status(job: &Value) -> String {
    let deleted = job
        .pointer("/metadata/deletionTimestamp")
        .is_some_and(|time| !time.is_null());
    let status = match () {
        () if has_condition(job, "Complete") => "Complete",
        () if has_condition(job, "Failed") => "Failed",
        () if deleted => "Terminating",
        () if has_condition(job, "Suspended") => "Suspended",
        () if has_condition(job, "FailureTarget") => "FailureTarget",
        () if has_condition(job, "SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    };
    status.to_owned()
}

/// How many of a Job's pods have succeeded.
pub(super) fn job_completions(job: &Value) -> String {
    let succeeded = number(job, "/status/succeeded");
    if let Some(completions) = job.pointer("/spec/completions").and_then(Value::as_i64) {
        return format!("{succeeded}/{completions}");
    }
    match number(job, "/spec/parallelism") {
        parallelism if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        _ => format!("{succeeded}/1"),
    }
}

/// How long a Job took, or takes.
pub(super) fn job_duration(job: &Value, now: Timestamp) -> String {
    let start = text(job, "/status/startTime");
    if start.is_empty() {
        return String::new();
    }
    let end = text(job, "/status/completionTime").parse().unwrap_or(now);
    duration::since(start, end)
}

/// Whether a CronJob is suspended.
pub(super) fn suspended(job: &Value) -> String {
    let suspended = job.pointer("/spec/suspend").and_then(Value::as_bool);
    suspended
        .map_or("<unset>", |suspended| if suspended { "True" } else { "False" })
        .to_owned()
}

/// The controller of a ControllerRevision.
pub(super) fn controller(revision: &Value) -> String {
    let mut owners = items(revision, "/metadata/ownerReferences").iter();
    let Some(owner) = owners.find(|owner| owner.get("controller") == Some(&Value::Bool(true))) else {
        return "<none>".to_owned();
    };
    let kind = text(owner, "/kind").to_lowercase();
    let name = text(owner, "/name");
    match text(owner, "/apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{}/{name}", group.to_lowercase()),
        None => format!("{kind}/{name}"),
    }
}

/// Whether a Node is ready.
pub(super) fn node_status(node: &Value) -> String {
    let mut conditions = items(node, "/status/conditions").iter().rev();
    let ready = conditions.find(|condition| text(condition, "/type") == "Ready");
    let status = match ready.map(|condition| text(condition, "/status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let closed = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    format!("{status}{}", if closed { ",SchedulingDisabled" } else { "" })
}

/// A Node's roles, which its labels tell.
pub(super) fn node_roles(node: &Value) -> String {
    let labels = node
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.as_str() {
            "kubernetes.io/role" => value.as_str(),
            other => other.strip_prefix("node-role.kubernetes.io/"),
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    or(&roles.join(","), "<none>").to_owned()
}

fn node_address(node: &Value, kind: &str) -> String {
    let mut addresses = items(node, "/status/addresses").iter();
    let found = addresses.find(|address| text(address, "/type") == kind);
    found.map_or("<none>", |address| text(address, "/address")).to_owned()
}

/// A Node's address inside the cluster.
pub(super) fn node_internal_ip(node: &Value) -> String {
    node_address(node, "InternalIP")
}

/// A Node's address outside.
pub(super) fn node_external_ip(node: &Value) -> String {
    node_address(node, "ExternalIP")
}

/// A Node's kernel, and its architecture.
pub(super) fn node_kernel(node: &Value) -> String {
    let kernel = or(text(node, "/status/nodeInfo/kernelVersion"), "<unknown>");
    match text(node, "/status/nodeInfo/architecture") {
        "" => kernel.to_owned(),
        architecture => format!("{kernel} ({architecture})"),
    }
}

/// The phase of a volume or a claim.
pub(super) fn volume_phase(volume: &Value) -> String {
    match volume.pointer("/metadata/deletionTimestamp") {
        None | Some(Value::Null) => text(volume, "/status/phase").to_owned(),
        Some(_) => "Terminating".to_owned(),
    }
}

fn access_modes(modes: &[Value]) -> String {
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |name: &str| modes.iter().any(|mode| mode.as_str() == Some(name));
    let shown = short.iter().filter(|(mode, _)| has(mode));
    join(shown.map(|(_, short)| (*short).to_owned()), ",")
}

/// How a PersistentVolume can be used.
pub(super) fn volume_modes(volume: &Value) -> String {
    access_modes(items(volume, "/spec/accessModes"))
}

/// How a claim's volume can be used, once it has one.
pub(super) fn claim_modes(claim: &Value) -> String {
    match text(claim, "/spec/volumeName") {
        "" => String::new(),
        _ => access_modes(items(claim, "/status/accessModes")),
    }
}

/// How large a claim's volume is, once it has one.
pub(super) fn claim_capacity(claim: &Value) -> String {
    match text(claim, "/spec/volumeName") {
        "" => String::new(),
        _ => or(text(claim, "/status/capacity/storage"), "0").to_owned(),
    }
}

/// The claim that a PersistentVolume is bound to.
pub(super) fn volume_claim(volume: &Value) -> String {
    match volume.pointer("/spec/claimRef") {
        None | Some(Value::Null) => String::new(),
        Some(claim) => format!("{}/{}", text(claim, "/namespace"), text(claim, "/name")),
    }
}

/// The storage class of a volume or a claim.
pub(super) fn volume_class(volume: &Value) -> String {
    let annotated = volume.pointer("/metadata/annotations/volume.beta.kubernetes.io~1storage-class");
    let class = annotated.or_else(|| volume.pointer("/spec/storageClassName"));
    class.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn name_with_default(object: &Value, annotations: &[&str]) -> String {
    let is_set = |annotation: &&str| text(object, &format!("/metadata/annotations/{annotation}")) == "true";
    let mark = if annotations.iter().any(is_set) {
        " (default)"
    } else {
        ""
    };
    format!("{}{mark}", text(object, "/metadata/name"))
}

/// A StorageClass's name, and whether it is the default.
pub(super) fn storage_class_name(class: &Value) -> String {
    let annotations = [
        "storageclass.kubernetes.io~1is-default-class",
        "storageclass.beta.kubernetes.io~1is-default-class",
    ];
    name_with_default(class, &annotations)
}

/// An IngressClass's name, and whether it is the default.
pub(super) fn ingress_class_name(class: &Value) -> String {
    name_with_default(class, &["ingressclass.kubernetes.io~1is-default-class"])
}

/// The role that a binding grants.
pub(super) fn bound_role(binding: &Value) -> String {
    format!("{}/{}", text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"))
}

fn subjects(binding: &Value, kind: &str) -> String {
    let subjects = items(binding, "/subjects")
        .iter()
        .filter(|subject| text(subject, "/kind") == kind);
    let shown = subjects.map(|subject| match kind {
        "ServiceAccount" => format!("{}/{}", text(subject, "/namespace"), text(subject, "/name")),
        _ => text(subject, "/name").to_owned(),
    });
    join(shown, ", ")
}

/// The users that a binding is for.
pub(super) fn bound_users(binding: &Value) -> String {
    subjects(binding, "User")
}

/// The groups that a binding is for.
pub(super) fn bound_groups(binding: &Value) -> String {
    subjects(binding, "Group")
}

/// The ServiceAccounts that a binding is for.
pub(super) fn bound_accounts(binding: &Value) -> String {
    subjects(binding, "ServiceAccount")
}

fn quota(quota: &Value, limits: bool) -> String {
    let hard = quota
        .pointer("/status/hard")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let shown = hard.filter(|(resource, _)| resource.starts_with("limits.") == limits);
    let shown = shown.map(|(resource, hard)| {
        let used = quota
            .pointer("/status/used")
            .and_then(|used| used.get(resource)?.as_str());
        format!(
            "{resource}: {}/{}",
            used.unwrap_or("0"),
            hard.as_str().unwrap_or_default()
        )
    });
    join(shown, ", ")
}

/// What a ResourceQuota allows to request.
pub(super) fn quota_requests(object: &Value) -> String {
    quota(object, false)
}

/// What a ResourceQuota allows as limits.
pub(super) fn quota_limits(object: &Value) -> String {
    quota(object, true)
}

/// The Service behind an APIService.
pub(super) fn api_service(service: &Value) -> String {
    match service.pointer("/spec/service") {
        None | Some(Value::Null) => "Local".to_owned(),
        Some(reference) => format!("{}/{}", text(reference, "/namespace"), text(reference, "/name")),
    }
}

/// Whether an APIService answers.
pub(super) fn api_service_available(service: &Value) -> String {
    let mut conditions = items(service, "/status/conditions").iter();
    let found = conditions.find(|condition| text(condition, "/type") == "Available");
    let status = found.map_or("Unknown", |condition| text(condition, "/status"));
    match found.map(|condition| text(condition, "/reason")) {
        Some(reason) if status != "True" && !reason.is_empty() => format!("{status} ({reason})"),
        _ => status.to_owned(),
    }
}

/// The object with an IngressClass's parameters.
pub(super) fn class_parameters(class: &Value) -> String {
    match class.pointer("/spec/parameters") {
        None | Some(Value::Null) => "<none>".to_owned(),
        Some(parameters) => {
            let group = match text(parameters, "/apiGroup") {
                "" => String::new(),
                group => format!(".{group}"),
            };
            format!("{}{group}/{}", text(parameters, "/kind"), text(parameters, "/name"))
        }
    }
}

/// What became of a CertificateSigningRequest.
pub(super) fn signing_condition(request: &Value) -> String {
    let conditions = items(request, "/status/conditions");
    let has = |kind: &str| conditions.iter().any(|condition| text(condition, "/type") == kind);
    let decision = match () {
        () if has("Denied") => "Denied",
        () if has("Approved") => "Approved",
        () => "Pending",
    };
    let failed = if has("Failed") { ",Failed" } else { "" };
    let issued = if text(request, "/status/certificate").is_empty() {
        ""
    } else {
        ",Issued"
    };
    format!("{decision}{failed}{issued}")
}

/// How long a CertificateSigningRequest's certificate shall be valid.
pub(super) fn signing_duration(request: &Value) -> String {
    let seconds = request.pointer("/spec/expirationSeconds").and_then(Value::as_i64);
    seconds.map_or_else(|| "<none>".to_owned(), duration::human)
}

/// The ranges of a ServiceCIDR.
pub(super) fn service_ranges(ranges: &Value) -> String {
    let ranges = items(ranges, "/spec/cidrs").iter();
    join(ranges.map(|range| range.as_str().unwrap_or_default().to_owned()), ",")
}
