//! What an object costs while it is held. A test of its own process: it counts every allocation.

#![allow(clippy::unwrap_used, reason = "a test")]

use roperator::{Object, k8s_types::core::v1::Pod};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// A Pod as clusters have them: five kilobytes of JSON, most of it environment.
fn pod(number: usize) -> Value {
    let environment: Vec<Value> = (0..33)
        .map(|place| json!({"name": format!("VARIABLE_{place}"), "value": format!("a value of some length, {place}")}))
        .collect();
    let container = |name: &str| {
        json!({
            "name": name, "image": format!("registry.example.com/team/{name}:1.2.3"), "env": environment,
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent",
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("pod-{number}"), "namespace": "default", "uid": format!("00000000-0000-0000-0000-{number:012}"),
            "resourceVersion": number.to_string(), "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "server", "roperator.dev/operator": "server"},
            "annotations": {"roperator.dev/applied": "v1.0123456789012345678901234567890123456789012.0123456789012345678901234567890123456789012"},
            "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "Server", "name": "a", "controller": true,
                "uid": "00000000-0000-0000-0000-000000000001"}],
        },
        "spec": {"containers": [container("server"), container("proxy")], "restartPolicy": "Always", "dnsPolicy": "ClusterFirst"},
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    })
}

#[test]
fn a_pod_of_five_kilobytes_is_held_in_less_than_six() {
    const PODS: usize = 500;
    let size = pod(PODS).to_string().len();
    assert!((5000..5500).contains(&size), "{size} bytes");

    let _profiler = dhat::Profiler::builder().testing().build();
    let mut held = Vec::with_capacity(PODS);
    let before = dhat::HeapStats::get().curr_bytes;
    for number in 0..PODS {
        held.push(Object::from_value(&Pod, &pod(number)).unwrap());
    }
    let each = (dhat::HeapStats::get().curr_bytes - before) / PODS;
    assert!(each < 6 * 1024, "{each} bytes");
    assert_eq!(held[7].name(), "pod-7");
    println!("{size} bytes of JSON are held in {each}");
}
