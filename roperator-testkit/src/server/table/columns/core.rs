//! The columns of the kinds of the core group. Data only.

use super::super::cell::Cell::*;
use super::super::{Column, network, pod, workload};
use super::{AGE, CONTAINERS, EVENTS, IMAGES, NAME, ONLY_AGE, integer, string, wide};

/// Resource, columns.
pub(super) const KINDS: &[(&str, &[Column])] = &[
    (
        "pods",
        &[
            NAME,
            string("Ready", Made(pod::ready)),
            string("Status", PodStatus),
            string("Restarts", Timed(pod::restarts)),
            AGE,
            wide("IP", Made(pod::ip)),
            wide("Node", Text("/spec/nodeName", "<none>")),
            wide("Nominated Node", Text("/status/nominatedNodeName", "<none>")),
            wide("Readiness Gates", Made(pod::readiness_gates)),
        ],
    ),
    (
        "podtemplates",
        &[
            NAME,
            string("Containers", Each("/template/spec/containers", "name")),
            string("Images", Each("/template/spec/containers", "image")),
            string("Pod Labels", Labels("/template/metadata/labels")),
        ],
    ),
    (
        "replicationcontrollers",
        &[
            NAME,
            integer("Desired", Number("/spec/replicas")),
            integer("Current", Number("/status/replicas")),
            integer("Ready", Number("/status/readyReplicas")),
            AGE,
            CONTAINERS,
            IMAGES,
            wide("Selector", Labels("/spec/selector")),
        ],
    ),
    (
        "services",
        &[
            NAME,
            string("Type", Text("/spec/type", "")),
            string("Cluster-IP", Text("/spec/clusterIPs/0", "<none>")),
            string("External-IP", Made(network::external_ip)),
            string("Port(s)", Made(network::service_ports)),
            AGE,
            wide("Selector", Labels("/spec/selector")),
        ],
    ),
    (
        "configmaps",
        &[NAME, string("Data", Count(&["/data", "/binaryData"])), AGE],
    ),
    (
        "secrets",
        &[
            NAME,
            string("Type", Text("/type", "")),
            string("Data", Count(&["/data"])),
            AGE,
        ],
    ),
    ("namespaces", &[NAME, string("Status", Text("/status/phase", "")), AGE]),
    ("serviceaccounts", ONLY_AGE),
    ("endpoints", &[NAME, string("Endpoints", Made(network::endpoints)), AGE]),
    ("events", EVENTS),
    (
        "nodes",
        &[
            NAME,
            string("Status", Made(workload::node_status)),
            string("Roles", Made(workload::node_roles)),
            AGE,
            string("Version", Text("/status/nodeInfo/kubeletVersion", "")),
            wide("Internal-IP", Made(workload::node_internal_ip)),
            wide("External-IP", Made(workload::node_external_ip)),
            wide("OS-Image", Text("/status/nodeInfo/osImage", "<unknown>")),
            wide("Kernel-Version", Made(workload::node_kernel)),
            wide(
                "Container-Runtime",
                Text("/status/nodeInfo/containerRuntimeVersion", "<unknown>"),
            ),
        ],
    ),
    (
        "persistentvolumes",
        &[
            NAME,
            string("Capacity", Text("/spec/capacity/storage", "0")),
            string("Access Modes", Made(workload::volume_modes)),
            string("Reclaim Policy", Text("/spec/persistentVolumeReclaimPolicy", "")),
            string("Status", Made(workload::volume_phase)),
            string("Claim", Made(workload::volume_claim)),
            string("StorageClass", Made(workload::volume_class)),
            string(
                "VolumeAttributesClass",
                Text("/spec/volumeAttributesClassName", "<unset>"),
            ),
            string("Reason", Text("/status/reason", "")),
            AGE,
            wide("VolumeMode", Text("/spec/volumeMode", "<unset>")),
        ],
    ),
    (
        "persistentvolumeclaims",
        &[
            NAME,
            string("Status", Made(workload::volume_phase)),
            string("Volume", Text("/spec/volumeName", "")),
            string("Capacity", Made(workload::claim_capacity)),
            string("Access Modes", Made(workload::claim_modes)),
            string("StorageClass", Made(workload::volume_class)),
            string(
                "VolumeAttributesClass",
                Text("/spec/volumeAttributesClassName", "<unset>"),
            ),
            AGE,
            wide("VolumeMode", Text("/spec/volumeMode", "<unset>")),
        ],
    ),
    (
        "resourcequotas",
        &[
            NAME,
            string("Request", Made(workload::quota_requests)),
            string("Limit", Made(workload::quota_limits)),
            AGE,
        ],
    ),
];
