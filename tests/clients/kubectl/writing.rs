//! What is created, patched, replaced, edited, scaled and deleted, and what is waited for.

use std::os::unix::fs::PermissionsExt as _;

use super::{Body, Kubectl};
use crate::sandbox::{Process, eventually};

pub const ALL: &[(&str, Body)] = &[
    ("create", create),
    ("create_refuses_what_is_wrong", create_refuses_what_is_wrong),
    ("patch", patch),
    ("label_and_annotate", label_and_annotate),
    ("scale_and_rollout", scale_and_rollout),
    ("replace", replace),
    ("edit", edit),
    ("delete", delete),
    ("delete_cascades", delete_cascades),
    ("wait", wait),
];

fn create(kubectl: &Kubectl) {
    for (arguments, said) in [
        ("cm map --from-literal=a=b", "configmap/map"),
        ("secret generic secret --from-literal=password=hunter2", "secret/secret"),
        ("sa robot", "serviceaccount/robot"),
        ("deployment web --image=web:1", "deployment.apps/web"),
        ("job once --image=once:1 -- true", "job.batch/once"),
        (
            "cronjob daily --image=daily:1 --schedule='0 0 * * *'",
            "cronjob.batch/daily",
        ),
        ("service clusterip front --tcp=80:8080", "service/front"),
        ("service nodeport door --tcp=80:8080", "service/door"),
        ("ns place", "namespace/place"),
        (
            "role reader --verb=get --resource=pods",
            "role.rbac.authorization.k8s.io/reader",
        ),
        ("quota small --hard=pods=1 -n place", "resourcequota/small"),
    ] {
        assert_eq!(kubectl.ok(&format!("create {arguments}")), format!("{said} created\n"));
    }
    assert_eq!(
        kubectl.ok("get secret secret -o jsonpath={.data.password}"),
        "aHVudGVyMg=="
    );
    assert_eq!(
        kubectl.ok("get svc front -o jsonpath={.spec.ports[0].targetPort}"),
        "8080"
    );
    assert_eq!(kubectl.ok("get svc door -o jsonpath={.spec.type}"), "NodePort");
    assert!(!kubectl.ok("create token robot").trim().is_empty());
}

fn create_refuses_what_is_wrong(kubectl: &Kubectl) {
    kubectl.ok("create cm map");
    let exists = "error: failed to create configmap: configmaps \"map\" already exists\n";
    assert_eq!(kubectl.fails("create cm map"), exists);
    assert!(
        kubectl
            .fails("create cm Wrong_Name")
            .contains("a lowercase RFC 1123 subdomain must consist of")
    );
    let missing = kubectl.fails("create cm map -n none");
    assert_eq!(
        missing,
        "error: failed to create configmap: namespaces \"none\" not found\n"
    );
    let pod = |spec: &str| format!(r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p"}},"spec":{spec}}}"#);
    let unknown = kubectl.fails_with(
        "create -f -",
        &pod(r#"{"containers":[{"name":"a","image":"a","nonsense":1}]}"#),
    );
    assert!(
        unknown.contains("strict decoding error: unknown field \"spec.containers[0].nonsense\""),
        "{unknown}"
    );
    let invalid = kubectl.fails_with("create -f -", &pod(r#"{"containers":[]}"#));
    assert_eq!(invalid, "The Pod \"p\" is invalid: spec.containers: Required value\n");
    let (code, _, warned) = kubectl.run(
        "create --validate=warn -f -",
        &pod(r#"{"containers":[{"name":"a","image":"a","nonsense":1}]}"#),
    );
    assert_eq!(code, 0, "{warned}");
    assert!(
        warned.contains("Warning: unknown field \"spec.containers[0].nonsense\""),
        "{warned}"
    );
    kubectl.ok("create cm dry --from-literal=a=b --dry-run=server -o yaml");
    kubectl.fails("get cm dry");
}

fn patch(kubectl: &Kubectl) {
    kubectl.ok("create deployment web --image=web:1");
    let containers =
        |kubectl: &Kubectl| kubectl.ok("get deploy web -o jsonpath={.spec.template.spec.containers[*].image}");
    kubectl.ok(
        r#"patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}'"#,
    );
    assert_eq!(containers(kubectl), "side:1 web:1");
    kubectl.ok(r#"patch deploy web --type=merge -p '{"spec":{"template":{"spec":{"containers":[{"name":"one","image":"one:1"}]}}}}'"#);
    assert_eq!(containers(kubectl), "one:1");
    let replace = r#"[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"one:2"}]"#;
    kubectl.ok(&format!("patch deploy web --type=json -p '{replace}'"));
    assert_eq!(containers(kubectl), "one:2");
    let again = kubectl.ok(&format!("patch deploy web --type=json -p '{replace}'"));
    assert_eq!(again, "deployment.apps/web patched (no change)\n");
    let failed =
        kubectl.fails(r#"patch deploy web --type=json -p '[{"op":"test","path":"/spec/replicas","value":9}]'"#);
    assert_eq!(
        failed,
        "The request is invalid: the server rejected our request due to an error in our request\n"
    );
    let status =
        r#"patch deploy web --subresource=status --type=merge -p '{"status":{"replicas":1,"readyReplicas":1}}'"#;
    kubectl.ok(status);
    assert_eq!(kubectl.ok("get deploy web -o jsonpath={.status.readyReplicas}"), "1");
    assert!(
        kubectl
            .fails("patch cm none -p '{}'")
            .contains("configmaps \"none\" not found")
    );
}

fn label_and_annotate(kubectl: &Kubectl) {
    kubectl.ok("create cm map");
    assert_eq!(kubectl.ok("label cm map a=b"), "configmap/map labeled\n");
    let refused = kubectl.fails("label cm map a=c");
    assert_eq!(
        refused,
        "error: 'a' already has a value (b), and --overwrite is false\n"
    );
    kubectl.ok("label cm map a=c --overwrite");
    assert_eq!(kubectl.ok("get cm -l a=c -o name"), "configmap/map\n");
    assert_eq!(kubectl.ok("label cm map a-"), "configmap/map unlabeled\n");
    assert_eq!(
        kubectl.ok("annotate cm map note='two words'"),
        "configmap/map annotated\n"
    );
    assert_eq!(
        kubectl.ok("get cm map -o jsonpath={.metadata.annotations.note}"),
        "two words"
    );
    assert!(
        kubectl
            .fails("label cm map 'a=not valid'")
            .contains("a valid label must be an empty string or consist of")
    );
}

fn scale_and_rollout(kubectl: &Kubectl) {
    kubectl.ok("create deployment web --image=web:1 --replicas=2");
    assert_eq!(
        kubectl.ok("scale deploy web --replicas=5"),
        "deployment.apps/web scaled\n"
    );
    assert_eq!(kubectl.ok("get deploy web -o jsonpath={.spec.replicas}"), "5");
    let refused = kubectl.fails("scale deploy web --replicas=1 --current-replicas=2");
    assert!(refused.contains("Expected replicas to be 2, was 5"), "{refused}");
    assert!(
        kubectl
            .ok("rollout history deploy web")
            .contains("No rollout history found.")
    );
    assert_eq!(kubectl.ok("rollout pause deploy web"), "deployment.apps/web paused\n");
    assert_eq!(
        kubectl.fails("rollout pause deploy web"),
        "error: deployments.apps \"web\" is already paused\n"
    );
    assert_eq!(kubectl.ok("rollout resume deploy web"), "deployment.apps/web resumed\n");
    assert_eq!(
        kubectl.ok("rollout restart deploy web"),
        "deployment.apps/web restarted\n"
    );
    assert_eq!(
        kubectl.ok("set image deploy web web=web:2"),
        "deployment.apps/web image updated\n"
    );
    assert_eq!(
        kubectl.ok("autoscale deploy web --max=3"),
        "horizontalpodautoscaler.autoscaling/web autoscaled\n"
    );
}

fn replace(kubectl: &Kubectl) {
    let map = |more: &str, value: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"map"{more}}},"data":{{"a":"{value}"}}}}"#
        )
    };
    assert!(
        kubectl
            .fails_with("replace -f -", &map("", "1"))
            .contains("configmaps \"map\" not found")
    );
    kubectl.ok_with("create -f -", &map("", "1"));
    let uid = kubectl.ok("get cm map -o jsonpath={.metadata.uid}");
    assert_eq!(
        kubectl.ok_with("replace -f -", &map("", "2")),
        "configmap/map replaced\n"
    );
    assert_eq!(
        kubectl.ok("get cm map -o jsonpath={.data.a}{.metadata.uid}"),
        format!("2{uid}")
    );
    let stale = kubectl.fails_with("replace -f -", &map(r#","resourceVersion":"1""#, "3"));
    assert!(
        stale.contains("the object has been modified; please apply your changes to the latest version and try again"),
        "{stale}"
    );
    kubectl.ok_with("replace --force -f -", &map("", "4"));
    assert_ne!(kubectl.ok("get cm map -o jsonpath={.metadata.uid}"), uid);
}

fn edit(kubectl: &Kubectl) {
    kubectl.ok("create cm map --from-literal=a=before");
    let folder = tempfile::tempdir().unwrap();
    let editor = |script: &str| {
        let path = folder.path().join("editor");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = kubectl.command("edit cm map");
        command.env("KUBE_EDITOR", &path);
        Process::start(&mut command, "").wait()
    };
    let edited = editor(r#"sed 's/a: before/a: after/' "$1" > "$1.new" && mv "$1.new" "$1""#);
    assert_eq!(
        (edited.status.code(), &*edited.out),
        (Some(0), "configmap/map edited\n"),
        "{edited:?}"
    );
    assert_eq!(kubectl.ok("get cm map -o jsonpath={.data.a}"), "after");
    let left = editor("true");
    assert!(left.err.contains("Edit cancelled, no changes made."), "{left:?}");
}

fn delete(kubectl: &Kubectl) {
    kubectl.ok("create cm map");
    assert!(
        kubectl
            .ok("delete cm map --dry-run=server")
            .starts_with("configmap \"map\" deleted")
    );
    assert!(kubectl.ok("delete cm map").starts_with("configmap \"map\" deleted"));
    assert_eq!(
        kubectl.fails("delete cm map"),
        "Error from server (NotFound): configmaps \"map\" not found\n"
    );
    assert_eq!(kubectl.ok("delete cm map --ignore-not-found"), "");
    for number in 0..3 {
        kubectl.ok(&format!("create cm map-{number}"));
    }
    kubectl.ok("label cm map-0 map-1 go=yes");
    assert_eq!(kubectl.ok("delete cm -l go=yes").lines().count(), 2);
    assert_eq!(kubectl.ok("delete cm --all").lines().count(), 1);
    kubectl.ok("create ns place");
    kubectl.ok("create cm map -n place");
    kubectl.ok("delete ns place");
    assert!(kubectl.fails("get cm map -n place").contains("not found"));
    let kept = kubectl.fails("delete ns default");
    assert!(
        kept.contains("namespaces \"default\" is forbidden: this namespace may not be deleted"),
        "{kept}"
    );
}

fn delete_cascades(kubectl: &Kubectl) {
    let child = |kubectl: &Kubectl| {
        let uid = kubectl.ok("get cm owner -o jsonpath={.metadata.uid}");
        let child = format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"child","ownerReferences":[{{"apiVersion":"v1",
            "kind":"ConfigMap","name":"owner","uid":"{uid}","blockOwnerDeletion":true}}]}}}}"#
        );
        kubectl.ok_with("create -f -", &child);
    };
    for (mode, goes) in [("background", true), ("foreground", true), ("orphan", false)] {
        kubectl.ok("create cm owner");
        child(kubectl);
        kubectl.ok(&format!("delete cm owner --cascade={mode}"));
        kubectl.fails("get cm owner");
        if goes {
            eventually("the child goes", || {
                kubectl.ok("get cm child --ignore-not-found").is_empty()
            });
        } else {
            assert_eq!(kubectl.ok("get cm child -o jsonpath={.metadata.ownerReferences}"), "");
        }
    }
}

fn wait(kubectl: &Kubectl) {
    kubectl.ok("create deployment web --image=web:1");
    let late = kubectl.fails("wait deploy/web --for=condition=Available --timeout=1s");
    assert_eq!(late, "error: timed out waiting for the condition on deployments/web\n");
    let waiting = Process::start(
        &mut kubectl.command("wait deploy/web --for=condition=Available --timeout=50s"),
        "",
    );
    let status = r#"{"status":{"conditions":[{"type":"Available","status":"True"}]}}"#;
    kubectl.ok(&format!("patch deploy web --subresource=status -p '{status}'"));
    let ended = waiting.wait();
    assert_eq!(ended.out, "deployment.apps/web condition met\n", "{ended:?}");
    let waiting = Process::start(&mut kubectl.command("wait deploy/web --for=delete --timeout=50s"), "");
    kubectl.ok("delete deploy web");
    let ended = waiting.wait();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    kubectl.ok("create cm map --from-literal=a=b");
    assert_eq!(
        kubectl.ok("wait cm/map --for=jsonpath={.data.a}=b"),
        "configmap/map condition met\n"
    );
}
