//! What is shown: tables, objects, descriptions, watches, discovery.

use std::time::Duration;

use super::{Body, Kubectl, table};
use crate::sandbox::{Process, eventually};

pub const ALL: &[(&str, Body)] = &[
    ("get_shows_tables_and_objects", get_shows_tables_and_objects),
    ("get_watches", get_watches),
    ("describe", describe),
    ("discovery", discovery),
    ("explain", explain),
    ("who_am_i", who_am_i),
    ("events", events),
];

fn get_shows_tables_and_objects(kubectl: &Kubectl) {
    let names: Vec<String> = kubectl.ok("get ns").lines().map(str::to_owned).collect();
    assert_eq!(table(&names[0]), [["NAME", "STATUS", "AGE"]]);
    assert_eq!(table(&names[1])[0][..2], ["default", "Active"]);
    kubectl.ok("create deployment web --image=web:1 --replicas=3");
    let wide = kubectl.ok("get deploy -o wide");
    let wide = table(&wide);
    assert_eq!(
        wide[0],
        [
            "NAME",
            "READY",
            "UP-TO-DATE",
            "AVAILABLE",
            "AGE",
            "CONTAINERS",
            "IMAGES",
            "SELECTOR"
        ]
    );
    assert_eq!(wide[1][..4], ["web", "0/3", "0", "0"]);
    assert_eq!(wide[1][5..], ["web", "web:1", "app=web"]);
    let yaml = kubectl.ok("get deploy web -o yaml");
    assert!(yaml.starts_with("apiVersion: apps/v1\nkind: Deployment\n"), "{yaml}");
    assert!(!yaml.contains("managedFields"), "{yaml}");
    assert!(
        kubectl
            .ok("get deploy web -o yaml --show-managed-fields")
            .contains("managedFields")
    );
    assert_eq!(kubectl.ok("get deploy web -o jsonpath={.spec.replicas}"), "3");
    assert_eq!(
        kubectl.ok("get deploy,svc -o name"),
        "deployment.apps/web\nservice/kubernetes\n"
    );
    assert_eq!(kubectl.ok("get deploy -l app=other -o name"), "");
    assert_eq!(
        kubectl.ok("get deploy -A --field-selector metadata.name=web -o name"),
        "deployment.apps/web\n"
    );
    assert_eq!(
        kubectl.ok("get svc --sort-by=.metadata.name --no-headers -o custom-columns=N:.metadata.name"),
        "kubernetes\n"
    );
    for number in 0..12 {
        kubectl.ok(&format!("create cm map-{number}"));
    }
    assert_eq!(kubectl.ok("get cm --chunk-size=5 -o name").lines().count(), 12);
    assert_eq!(
        kubectl.fails("get cm none"),
        "Error from server (NotFound): configmaps \"none\" not found\n"
    );
    assert_eq!(
        kubectl.fails("get none"),
        "error: the server doesn't have a resource type \"none\"\n"
    );
    assert_eq!(
        kubectl.run("get pods", "").2,
        "No resources found in default namespace.\n"
    );
}

fn get_watches(kubectl: &Kubectl) {
    kubectl.ok("create cm first");
    let watch = Process::start(&mut kubectl.command("get cm -w --output-watch-events"), "");
    eventually("the first is there", || watch.out().contains("first"));
    kubectl.ok("create cm second --from-literal=a=b");
    kubectl.ok("label cm first x=y");
    kubectl.ok("delete cm second");
    eventually("all is seen", || watch.out().contains("DELETED"));
    let out = watch.out();
    let seen: Vec<_> = table(&out).into_iter().map(|row| row[..3].join(" ")).collect();
    assert_eq!(
        seen,
        [
            "EVENT NAME DATA",
            "ADDED first 0",
            "ADDED second 1",
            "MODIFIED first 0",
            "DELETED second 1"
        ]
    );
    let since = std::time::Instant::now();
    kubectl.run("get cm -w --request-timeout=1s", "");
    assert!(since.elapsed() < Duration::from_secs(20));
}

fn describe(kubectl: &Kubectl) {
    kubectl.ok("create cm map --from-literal=key=value");
    let map = kubectl.ok("describe cm map");
    assert!(map.starts_with("Name:         map\nNamespace:    default\n"), "{map}");
    assert!(map.contains("key:\n----\nvalue\n"), "{map}");
    kubectl.ok("create deployment web --image=web:1");
    let web = kubectl.ok("describe deploy web");
    assert!(
        web.contains("1 desired | 0 updated | 0 total | 0 available | 0 unavailable"),
        "{web}"
    );
    assert!(web.contains("25% max unavailable, 25% max surge"), "{web}");
    let service = kubectl.ok("describe svc kubernetes");
    assert!(service.contains("10.0.0.1"), "{service}");
    assert!(kubectl.ok("describe ns default").contains("Status:       Active"));
    assert!(
        kubectl
            .fails("describe cm none")
            .contains("configmaps \"none\" not found")
    );
}

fn discovery(kubectl: &Kubectl) {
    let resources = kubectl.ok("api-resources");
    let resources = table(&resources);
    assert_eq!(resources[0], ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]);
    assert!(resources.contains(&vec!["deployments", "deploy", "apps/v1", "true", "Deployment"]));
    assert!(resources.contains(&vec!["namespaces", "ns", "v1", "false", "Namespace"]));
    let versions = kubectl.ok("api-versions");
    for wanted in ["v1", "apps/v1", "apiextensions.k8s.io/v1", "coordination.k8s.io/v1"] {
        assert!(versions.lines().any(|version| version == wanted), "{versions}");
    }
    let version = kubectl.ok("version");
    assert!(version.contains("Server Version: v1.36.3"), "{version}");
    assert_eq!(kubectl.ok("get --raw /readyz"), "ok");
    assert!(kubectl.ok("cluster-info").contains(&kubectl.sandbox.url));
}

fn explain(kubectl: &Kubectl) {
    let strategy = kubectl.ok("explain deployment.spec.strategy");
    for wanted in [
        "GROUP:      apps",
        "KIND:       Deployment",
        "FIELD: strategy <DeploymentStrategy>",
        "rollingUpdate\t<RollingUpdateDeployment>",
    ] {
        assert!(strategy.contains(wanted), "{strategy}");
    }
    assert!(kubectl.ok("explain pod --recursive").contains("containers"));
    assert!(
        kubectl
            .fails("explain pod.nothing")
            .contains("field \"nothing\" does not exist")
    );
}

fn who_am_i(kubectl: &Kubectl) {
    assert_eq!(kubectl.ok("auth can-i create pods"), "yes\n");
    assert_eq!(kubectl.ok("auth can-i '*' '*' -A"), "yes\n");
    assert!(kubectl.ok("auth whoami").contains("system:masters"));
}

fn events(kubectl: &Kubectl) {
    assert_eq!(kubectl.run("events", "").2, "No events found in default namespace.\n");
    let event = r#"{"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "default"}, "type": "Warning",
        "reason": "Burnt", "message": "the toast", "count": 2, "lastTimestamp": "2026-01-01T00:00:00Z",
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "name": "map", "namespace": "default"}}"#;
    kubectl.ok_with("create -f -", event);
    let events = kubectl.ok("events --for cm/map");
    let events = table(&events);
    assert_eq!(
        events[1][events[1].len() - 5..],
        ["Warning", "Burnt", "ConfigMap/map", "the", "toast"]
    );
    let events = kubectl.ok("get events");
    assert!(events.contains("Burnt") && events.contains("configmap/map"), "{events}");
}
