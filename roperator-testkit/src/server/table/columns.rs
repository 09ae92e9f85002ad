//! The columns of built-in kinds. Data only. Left out are kinds that clusters manage themselves, such as those of storage
//! drivers and of dynamic resources: they are shown by name and time of creation.

mod core;

use std::borrow::Cow;

use super::cell::Cell::{self, *};
use super::{Column, event, metrics, network, workload};

/// The columns of a built-in kind, or of one that is not known.
#[must_use]
pub fn columns(group: &str, resource: &str) -> &'static [Column] {
    let mut core = core::KINDS.iter().filter(|_| group.is_empty());
    if let Some((_, columns)) = core.find(|(of_resource, _)| *of_resource == resource) {
        return columns;
    }
    let mut others = KINDS.iter();
    let found = others.find(|(of_group, of_resource, _)| *of_group == group && *of_resource == resource);
    found.map_or(DEFAULT, |(_, _, columns)| columns)
}

const fn column(name: &'static str, kind: &'static str, cell: Cell) -> Column {
    Column {
        name: Cow::Borrowed(name),
        kind: Cow::Borrowed(kind),
        format: Cow::Borrowed(""),
        priority: 0,
        description: Cow::Borrowed(""),
        cell,
    }
}

const fn string(name: &'static str, cell: Cell) -> Column {
    column(name, "string", cell)
}

const fn integer(name: &'static str, cell: Cell) -> Column {
    column(name, "integer", cell)
}

const fn boolean(name: &'static str, path: &'static str, absent: bool) -> Column {
    column(name, "boolean", Flag(path, absent))
}

const fn wide(name: &'static str, cell: Cell) -> Column {
    Column {
        name: Cow::Borrowed(name),
        kind: Cow::Borrowed("string"),
        format: Cow::Borrowed(""),
        priority: 1,
        description: Cow::Borrowed(""),
        cell,
    }
}

const fn named(name: &'static str, priority: i64, cell: Cell) -> Column {
    Column {
        name: Cow::Borrowed(name),
        kind: Cow::Borrowed("string"),
        format: Cow::Borrowed("name"),
        priority,
        description: Cow::Borrowed(""),
        cell,
    }
}

const NAME: Column = named("Name", 0, Name);
const AGE: Column = string("Age", Age);
const CONTAINERS: Column = wide("Containers", Each("/spec/template/spec/containers", "name"));
const IMAGES: Column = wide("Images", Each("/spec/template/spec/containers", "image"));
const SELECTOR: Column = wide("Selector", Selector("/spec/selector"));

const DEFAULT: &[Column] = &[NAME, column("Created At", "date", CreatedAt)];

const EVENTS: &[Column] = &[
    string("Last Seen", Timed(event::last_seen)),
    string("Type", Text("/type", "")),
    string("Reason", Text("/reason", "")),
    string("Object", Made(event::object)),
    wide("Subobject", Made(event::subobject)),
    wide("Source", Made(event::source)),
    string("Message", Made(event::message)),
    wide("First Seen", Timed(event::first_seen)),
    wide("Count", Counted(event::count)),
    named("Name", 1, Name),
];

const BINDINGS: &[Column] = &[
    NAME,
    string("Role", Made(workload::bound_role)),
    AGE,
    wide("Users", Made(workload::bound_users)),
    wide("Groups", Made(workload::bound_groups)),
    wide("ServiceAccounts", Made(workload::bound_accounts)),
];

const WEBHOOKS: &[Column] = &[NAME, integer("Webhooks", Count(&["/webhooks"])), AGE];

const ONLY_AGE: &[Column] = &[NAME, AGE];

/// Kinds outside the core group: group, resource, columns.
const KINDS: &[(&str, &str, &[Column])] = &[
    ("events.k8s.io", "events", EVENTS),
    (
        "apps",
        "deployments",
        &[
            NAME,
            string("Ready", Fraction("/status/readyReplicas", "/spec/replicas")),
            string("Up-to-date", Number("/status/updatedReplicas")),
            string("Available", Number("/status/availableReplicas")),
            AGE,
            CONTAINERS,
            IMAGES,
            wide("Selector", Made(workload::deployment_selector)),
        ],
    ),
    (
        "apps",
        "replicasets",
        &[
            NAME,
            integer("Desired", Number("/spec/replicas")),
            integer("Current", Number("/status/replicas")),
            integer("Ready", Number("/status/readyReplicas")),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "apps",
        "statefulsets",
        &[
            NAME,
            string("Ready", Fraction("/status/readyReplicas", "/spec/replicas")),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
    ),
    (
        "apps",
        "daemonsets",
        &[
            NAME,
            integer("Desired", Number("/status/desiredNumberScheduled")),
            integer("Current", Number("/status/currentNumberScheduled")),
            integer("Ready", Number("/status/numberReady")),
            integer("Up-to-date", Number("/status/updatedNumberScheduled")),
            integer("Available", Number("/status/numberAvailable")),
            string("Node Selector", Labels("/spec/template/spec/nodeSelector")),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "apps",
        "controllerrevisions",
        &[
            NAME,
            string("Controller", Made(workload::controller)),
            string("Revision", Number("/revision")),
            AGE,
        ],
    ),
    (
        "batch",
        "jobs",
        &[
            NAME,
            string("Status", Made(workload::job_status)),
            string("Completions", Made(workload::job_completions)),
            string("Duration", Timed(workload::job_duration)),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "batch",
        "cronjobs",
        &[
            NAME,
            string("Schedule", Text("/spec/schedule", "")),
            string("Timezone", Text("/spec/timeZone", "<none>")),
            column("Suspend", "boolean", Made(workload::suspended)),
            integer("Active", Count(&["/status/active"])),
            string("Last Schedule", Since("/status/lastScheduleTime", "<none>")),
            AGE,
            wide(
                "Containers",
                Each("/spec/jobTemplate/spec/template/spec/containers", "name"),
            ),
            wide(
                "Images",
                Each("/spec/jobTemplate/spec/template/spec/containers", "image"),
            ),
            wide("Selector", Selector("/spec/jobTemplate/spec/selector")),
        ],
    ),
    (
        "coordination.k8s.io",
        "leases",
        &[NAME, string("Holder", Text("/spec/holderIdentity", "")), AGE],
    ),
    (
        "discovery.k8s.io",
        "endpointslices",
        &[
            NAME,
            string("AddressType", Text("/addressType", "")),
            string("Ports", Made(network::endpoint_slice_ports)),
            string("Endpoints", Made(network::endpoint_slice_addresses)),
            AGE,
        ],
    ),
    (
        "networking.k8s.io",
        "ingresses",
        &[
            NAME,
            string("Class", Text("/spec/ingressClassName", "<none>")),
            string("Hosts", Made(network::ingress_hosts)),
            string("Address", Made(network::ingress_address)),
            string("Ports", Made(network::ingress_ports)),
            AGE,
        ],
    ),
    (
        "networking.k8s.io",
        "ingressclasses",
        &[
            named("Name", 0, Made(workload::ingress_class_name)),
            string("Controller", Text("/spec/controller", "")),
            string("Parameters", Made(workload::class_parameters)),
            AGE,
        ],
    ),
    (
        "networking.k8s.io",
        "networkpolicies",
        &[NAME, string("Pod-Selector", Selector("/spec/podSelector")), AGE],
    ),
    (
        "networking.k8s.io",
        "servicecidrs",
        &[NAME, string("CIDRs", Made(workload::service_ranges)), AGE],
    ),
    (
        "policy",
        "poddisruptionbudgets",
        &[
            NAME,
            string("Min Available", Scalar("/spec/minAvailable", "N/A")),
            string("Max Unavailable", Scalar("/spec/maxUnavailable", "N/A")),
            integer("Allowed Disruptions", Number("/status/disruptionsAllowed")),
            AGE,
        ],
    ),
    (
        "autoscaling",
        "horizontalpodautoscalers",
        &[
            NAME,
            string("Reference", Made(metrics::reference)),
            string("Targets", Made(metrics::targets)),
            string("MinPods", Scalar("/spec/minReplicas", "<unset>")),
            string("MaxPods", Number("/spec/maxReplicas")),
            string("Replicas", Number("/status/currentReplicas")),
            AGE,
        ],
    ),
    (
        "autoscaling",
        "scales",
        &[
            string("Name", Text("/metadata/name", "")),
            integer("Desired", Number("/spec/replicas")),
            integer("Available", Number("/status/replicas")),
            AGE,
        ],
    ),
    ("rbac.authorization.k8s.io", "rolebindings", BINDINGS),
    ("rbac.authorization.k8s.io", "clusterrolebindings", BINDINGS),
    (
        "storage.k8s.io",
        "storageclasses",
        &[
            named("Name", 0, Made(workload::storage_class_name)),
            string("Provisioner", Text("/provisioner", "")),
            string("ReclaimPolicy", Text("/reclaimPolicy", "Delete")),
            string("VolumeBindingMode", Text("/volumeBindingMode", "Immediate")),
            string("AllowVolumeExpansion", Flag("/allowVolumeExpansion", false)),
            AGE,
        ],
    ),
    (
        "storage.k8s.io",
        "csinodes",
        &[NAME, integer("Drivers", Count(&["/spec/drivers"])), AGE],
    ),
    (
        "storage.k8s.io",
        "volumeattachments",
        &[
            NAME,
            named("Attacher", 0, Text("/spec/attacher", "")),
            string("PV", Text("/spec/source/persistentVolumeName", "")),
            string("Node", Text("/spec/nodeName", "")),
            boolean("Attached", "/status/attached", false),
            AGE,
        ],
    ),
    (
        "storage.k8s.io",
        "volumeattributesclasses",
        &[NAME, string("DriverName", Text("/driverName", "")), AGE],
    ),
    (
        "scheduling.k8s.io",
        "priorityclasses",
        &[
            NAME,
            integer("Value", Number("/value")),
            boolean("Global-Default", "/globalDefault", false),
            AGE,
            string("PreemptionPolicy", Text("/preemptionPolicy", "")),
        ],
    ),
    (
        "apiregistration.k8s.io",
        "apiservices",
        &[
            NAME,
            string("Service", Made(workload::api_service)),
            string("Available", Made(workload::api_service_available)),
            AGE,
        ],
    ),
    (
        "certificates.k8s.io",
        "certificatesigningrequests",
        &[
            NAME,
            AGE,
            string("SignerName", Text("/spec/signerName", "<none>")),
            string("Requestor", Text("/spec/username", "")),
            string("RequestedDuration", Made(workload::signing_duration)),
            string("Condition", Made(workload::signing_condition)),
        ],
    ),
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        WEBHOOKS,
    ),
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        WEBHOOKS,
    ),
    (
        "node.k8s.io",
        "runtimeclasses",
        &[NAME, string("Handler", Text("/handler", "")), AGE],
    ),
];
