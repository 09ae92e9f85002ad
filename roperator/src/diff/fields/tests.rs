use serde_json::{Value, json};

use super::FieldSet;

mod properties;

/// The sets of fields in here were taken from Kubernetes' own field manager (`k8s.io/apimachinery` 0.36.3 with its built-in
/// types), shortened, and with the server's defaults where these matter.
fn applied(fields: Value) -> FieldSet {
    FieldSet::parse(&fields.to_string()).unwrap()
}

fn updated(fields: Value) -> FieldSet {
    FieldSet::parse_update(&fields.to_string()).unwrap()
}

const NONE: [&str; 0] = [];

/// The entry that a POST of [`deployment`] leaves, with the server's defaults.
fn posted_deployment() -> Value {
    json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {
        "f:progressDeadlineSeconds": {}, "f:replicas": {}, "f:revisionHistoryLimit": {}, "f:selector": {},
        "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}},
        "f:template": {
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:containers": {"k:{\"name\":\"app\"}": {
                    ".": {}, "f:args": {},
                    "f:env": {".": {},
                        "k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}},
                        "k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:valueFrom": {".": {}, "f:configMapKeyRef": {}}}},
                    "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
                    "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                        ".": {}, "f:containerPort": {}, "f:protocol": {}}},
                    "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}}},
                    "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
                    "f:volumeMounts": {".": {}, "k:{\"mountPath\":\"/tmp\"}": {".": {}, "f:mountPath": {}, "f:name": {}}}}},
                "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {},
                "f:terminationGracePeriodSeconds": {},
                "f:volumes": {".": {}, "k:{\"name\":\"tmp\"}": {".": {}, "f:emptyDir": {}, "f:name": {}}}}}}})
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "n", "labels": {"app": "x"}, "creationTimestamp": null},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "x"}}, "template": {
            "metadata": {"labels": {"app": "x"}, "annotations": {}},
            "spec": {
                "securityContext": {}, "tolerations": [],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
                "containers": [{
                    "name": "app", "image": "nginx", "args": ["-v"],
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}],
                    "ports": [{"containerPort": 80}],
                    "resources": {"limits": {"cpu": "1000m"}},
                    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}]}}},
    })
}

/// The set without the node at this path of steps.
fn without(mut fields: Value, steps: &[&str]) -> Value {
    let (last, way) = steps.split_last().unwrap();
    let parent = way.iter().fold(&mut fields, |node, step| node.get_mut(*step).unwrap());
    assert!(parent.as_object_mut().unwrap().remove(*last).is_some());
    fields
}

#[test]
fn a_posted_deployment_is_covered_by_the_entry_that_the_post_left() {
    let set = updated(posted_deployment());
    assert_eq!(set.uncovered(&deployment()), NONE);
    assert_eq!(set.drifted(&deployment(), &&deployment()), NONE);
}

#[test]
fn a_foreign_edit_uncovers_exactly_what_it_took() {
    let app = ["f:spec", "f:template", "f:spec", "f:containers", "k:{\"name\":\"app\"}"];
    let edits: [(&[&str], &str); 8] = [
        (&["f:spec", "f:replicas"], ".spec.replicas"),
        (&["f:spec", "f:selector"], ".spec.selector.matchLabels.app"),
        (&app[..4], ".spec.template.spec.containers"),
        (
            &[&app[..], &["f:image"]].concat(),
            ".spec.template.spec.containers[name=\"app\"].image",
        ),
        (
            &[&app[..], &["f:args"]].concat(),
            ".spec.template.spec.containers[name=\"app\"].args",
        ),
        (
            &[&app[..], &["f:env", "k:{\"name\":\"B\"}"]].concat(),
            ".spec.template.spec.containers[name=\"app\"].env[name=\"B\"]",
        ),
        (
            &[&app[..], &["f:env", "k:{\"name\":\"A\"}", "f:value"]].concat(),
            ".spec.template.spec.containers[name=\"app\"].env[name=\"A\"].value",
        ),
        (
            &[
                &app[..],
                &[
                    "f:ports",
                    "k:{\"containerPort\":80,\"protocol\":\"TCP\"}",
                    "f:containerPort",
                ],
            ]
            .concat(),
            ".spec.template.spec.containers[name=\"app\"].ports[containerPort=80].containerPort",
        ),
    ];
    for (steps, path) in edits {
        assert_eq!(
            applied(without(posted_deployment(), steps)).uncovered(&deployment()),
            [path]
        );
    }
}

#[test]
fn a_service_whose_only_port_was_exchanged_has_drifted() {
    let service = |port: u16| {
        json!({
            "metadata": {"name": "a", "ownerReferences": [{"uid": "u1", "kind": "Pod"}], "finalizers": ["x/a"]},
            "spec": {"selector": {"app": "x"}, "ports": [{"port": port, "targetPort": 8080}]},
        })
    };
    let entry = |ports: Value| {
        json!({
            "f:metadata": {
                "f:finalizers": {".": {}, "v:\"x/a\"": {}},
                "f:ownerReferences": {".": {}, "k:{\"uid\":\"u1\"}": {}}},
            "f:spec": {"f:internalTrafficPolicy": {}, "f:ports": ports, "f:selector": {}, "f:sessionAffinity": {}, "f:type": {}},
        })
    };
    let posted = updated(entry(json!({".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {
        ".": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}})));
    assert_eq!(posted.uncovered(&service(80)), NONE);
    assert_eq!(posted.uncovered(&service(81)), [".spec.ports[port=81]"]);
    // `kubectl edit` made it 81. What is left of our ports reads like an atomic list, which only the live object betrays.
    let edited = updated(entry(json!({})));
    assert_eq!(edited.uncovered(&service(80)), NONE);
    assert_eq!(edited.drifted(&service(80), &&service(81)), [".spec.ports"]);
    // The apply that heals it leaves this entry beside it. The port of others stays, and is no drift.
    let healed = edited.union(applied(json!({
        "f:metadata": {"f:finalizers": {"v:\"x/a\"": {}}, "f:ownerReferences": {"k:{\"uid\":\"u1\"}": {}}},
        "f:spec": {"f:selector": {}, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}}}},
    })));
    assert_eq!(healed.drifted(&service(80), &&service(81)), NONE);
}

#[test]
fn a_config_map_whose_only_key_was_edited_has_drifted() {
    let map = |value: &str| json!({"data": {"k": value}, "metadata": {"labels": {"app": value}}});
    let posted = json!({"f:data": {".": {}, "f:k": {}}, "f:metadata": {"f:labels": {".": {}, "f:app": {}}}});
    assert_eq!(updated(posted).drifted(&map("1"), &&map("1")), NONE);
    let edited = updated(json!({"f:data": {}, "f:metadata": {"f:labels": {}}}));
    assert_eq!(
        edited.drifted(&map("1"), &&map("2")),
        [".data.k", ".metadata.labels.app"]
    );
    // In an apply entry a bare node is an atomic map: a webhook changed it as we wrote it, and may.
    let atomic = applied(json!({"f:data": {}, "f:metadata": {"f:labels": {}}}));
    assert_eq!(atomic.drifted(&map("1"), &&map("2")), NONE);
}

#[test]
fn an_empty_selector_that_somebody_narrowed_is_filled() {
    let policy = |selector: Value| json!({"spec": {"podSelector": selector, "ingress": [{}]}});
    let live = policy(json!({"matchLabels": {"a": "b"}}));
    let edited = updated(json!({"f:spec": {".": {}, "f:ingress": {}}}));
    assert_eq!(edited.drifted(&policy(json!({})), &&live), NONE);
    assert_eq!(edited.filled(&policy(json!({})), &&live), [".spec.podSelector"]);
    assert_eq!(edited.filled(&policy(json!({})), &&policy(json!({}))), NONE);
    let healed = edited.union(applied(json!({"f:spec": {"f:ingress": {}, "f:podSelector": {}}})));
    assert_eq!(healed.filled(&policy(json!({})), &&live), NONE);
}

#[test]
fn a_pod_with_two_ports_of_one_number() {
    let set = updated(
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:env": {".": {}, "k:{\"name\":\"A\"}": {}},
        "f:name": {}, "f:ports": {".": {},
            "k:{\"containerPort\":53,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
            "k:{\"containerPort\":53,\"protocol\":\"UDP\"}": {".": {}, "f:containerPort": {}, "f:hostPort": {}, "f:protocol": {}}}}}}}),
    );
    let pod = |ports: Value| {
        json!({"spec": {"containers": [
        {"name": "app", "ports": ports, "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}]}})
    };
    let path = |rest: &str| format!(".spec.containers[name=\"app\"].ports{rest}");
    assert_eq!(
        set.uncovered(&pod(
            json!([{"containerPort": 53}, {"containerPort": 53.0, "protocol": "UDP"}])
        )),
        NONE
    );
    // Any that agrees will do.
    assert_eq!(set.uncovered(&pod(json!([{"containerPort": 53, "hostPort": 1}]))), NONE);
    assert_eq!(
        set.uncovered(&pod(json!([{"containerPort": 53, "name": "dns"}]))),
        [path("[containerPort=53].name")]
    );
    let sctp = pod(json!([{"containerPort": 53, "protocol": "SCTP"}]));
    assert_eq!(set.uncovered(&sctp), [path("[containerPort=53,protocol=\"SCTP\"]")]);
    // Neither a string nor an item without a key is a port.
    assert_eq!(
        set.uncovered(&pod(json!([{"containerPort": "53"}, {"hostPort": 1}, 53])))
            .len(),
        3
    );
}

#[test]
fn sets_and_indexes() {
    let set = applied(
        json!({"f:metadata": {"f:finalizers": {"v:\"a/b\"": {}}}, "f:l": {"i:0": {"f:a": {}}}, "f:n": {"v:1": {}}}),
    );
    let desired = json!({"l": [{"a": 1}, {"a": 1}], "metadata": {"finalizers": ["a/b", "a/c"]}, "n": [1.0, "1"]});
    assert_eq!(
        set.uncovered(&desired),
        [".l[1]", ".metadata.finalizers[\"a/c\"]", ".n[\"1\"]"]
    );
}

#[test]
fn names_that_are_no_plain_words_are_quoted() {
    let desired = json!({"metadata": {"labels": {"app.kubernetes.io/name": "x"}}});
    assert_eq!(
        FieldSet::default().uncovered(&desired),
        [".metadata.labels[\"app.kubernetes.io/name\"]"]
    );
}

#[test]
fn what_the_format_does_not_know() {
    for raw in [
        "",
        "[]",
        "{\"f:a\":1}",
        "{\"a\":{}}",
        "{\"k:1\":{}}",
        "{\"v:x\":{}}",
        "{\"i:-1\":{}}",
    ] {
        let error = FieldSet::parse(raw).unwrap_err();
        assert_eq!(
            error.to_string(),
            "managed fields are not in the format fieldsV1",
            "{raw}"
        );
    }
    let later = json!({".": {}, "z:new": {"f:b": 1}, "f:a:b": {}});
    assert_eq!(applied(later).to_value(), json!({"f:a:b": {}}));
    assert_eq!(FieldSet::parse("{}").unwrap(), FieldSet::default());
}

#[test]
fn overlay_keeps_what_others_put_into_a_pod() {
    let set = updated(
        json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:containers": {
        "k:{\"name\":\"app\"}": {".": {}, "f:args": {}, "f:image": {}, "f:name": {}, "f:ports": {".": {},
            "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}}}}}}}),
    );
    let mut live = json!({
        "metadata": {"name": "a", "uid": "u", "resourceVersion": "7", "labels": {"app": "x", "theirs": "y"},
            "finalizers": ["theirs/f"], "ownerReferences": [{"uid": "theirs"}]},
        "spec": {"nodeName": "n", "containers": [
            {"name": "sidecar", "image": "s"},
            {"name": "app", "image": "a:1", "args": ["-v", "-w"], "ports": [
                {"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80, "protocol": "TCP"}]}]},
    });
    set.overlay(&mut live, &json!({
        "metadata": {"name": "a", "uid": "no", "labels": {"app": "z"}, "finalizers": ["ours/f"], "ownerReferences": [{"uid": "ours"}]},
        "spec": {"containers": [
            {"name": "app", "image": "a:2", "args": ["-v"], "tty": null, "ports": [{"containerPort": 80, "name": "http"}]},
            {"name": "new", "tty": null}]},
    }));
    assert_eq!(
        live,
        json!({
            "metadata": {"name": "a", "uid": "u", "resourceVersion": "7", "labels": {"app": "z", "theirs": "y"},
                "finalizers": ["theirs/f", "ours/f"], "ownerReferences": [{"uid": "theirs"}, {"uid": "ours"}]},
            "spec": {"nodeName": "n", "containers": [
                {"name": "sidecar", "image": "s"},
                {"name": "app", "image": "a:2", "args": ["-v"], "ports": [
                    {"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80, "protocol": "TCP", "name": "http"}]},
                {"name": "new"}]},
        })
    );
}

#[test]
fn of_two_ports_the_one_that_says_more_chooses_first() {
    let port = |protocol: &str| format!("k:{{\"port\":53,\"protocol\":\"{protocol}\"}}");
    let set = updated(
        json!({"f:spec": {"f:ports": {port("TCP"): {".": {}, "f:port": {}}, port("UDP"): {".": {}, "f:port": {}}}}}),
    );
    let mut live = json!({"spec": {"ports": [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}});
    let desired = json!({"spec": {"ports": [{"port": 53, "name": "a"}, {"port": 53, "protocol": "TCP", "name": "b"}]}});
    set.overlay(&mut live, &desired);
    assert_eq!(
        live,
        json!({"spec": {"ports": [
        {"port": 53, "protocol": "TCP", "name": "b"}, {"port": 53, "protocol": "UDP", "name": "a"}]}})
    );
}

#[test]
fn dropping_leaves_what_others_own_inside() {
    let set = updated(json!({
        "f:metadata": {"f:labels": {}, "f:finalizers": {".": {}, "v:\"ours/f\"": {}}},
        "f:spec": {"f:selector": {}, "f:type": {}, "f:ports": {".": {},
            "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}},
            "k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}},
            "k:{\"port\":82,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:name": {}}}}}));
    let mut live = json!({
        "metadata": {"labels": {"theirs": "x"}, "finalizers": ["theirs/f", "ours/f"]},
        "spec": {"type": "NodePort", "selector": {"app": "x", "tier": "y"}, "ports": [
            {"port": 80, "protocol": "TCP", "targetPort": 1},
            {"port": 81, "protocol": "TCP", "targetPort": 1, "nodePort": 30000},
            {"port": 82, "protocol": "TCP", "name": "b"},
            {"port": 90, "protocol": "TCP"}]},
    });
    set.remove_dropped(
        &mut live,
        &json!({"spec": {"selector": {"app": "z"}, "ports": [{"port": 82}]}}),
    );
    assert_eq!(
        live,
        json!({
            "metadata": {"labels": {"theirs": "x"}, "finalizers": ["theirs/f"]},
            "spec": {"selector": {"app": "x"}, "ports": [
                {"port": 81, "protocol": "TCP", "nodePort": 30000},
                {"port": 82, "protocol": "TCP"},
                {"port": 90, "protocol": "TCP"}]},
        })
    );
}
