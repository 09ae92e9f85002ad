//! `apply`, on the client's side and on the server's, and `diff`.

use super::{Body, Kubectl};

pub const ALL: &[(&str, Body)] = &[
    ("apply_on_the_clients_side", apply_on_the_clients_side),
    ("apply_of_a_list", apply_of_a_list),
    ("apply_on_the_servers_side", apply_on_the_servers_side),
    ("apply_moves_to_the_servers_side", apply_moves_to_the_servers_side),
    ("apply_prunes", apply_prunes),
    ("diff", diff),
];

fn map(data: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"map"}},"data":{data}}}"#)
}

fn data(kubectl: &Kubectl) -> String {
    kubectl.ok("get cm map -o jsonpath={.data}")
}

fn apply_on_the_clients_side(kubectl: &Kubectl) {
    let apply = |data: &str| kubectl.ok_with("apply -f -", &map(data));
    assert_eq!(apply(r#"{"a":"1","b":"1"}"#), "configmap/map created\n");
    assert_eq!(apply(r#"{"a":"1","b":"1"}"#), "configmap/map unchanged\n");
    kubectl.ok(r#"patch cm map -p '{"data":{"c":"1"}}'"#);
    // What was applied and is no longer goes; what somebody else added stays.
    assert_eq!(apply(r#"{"a":"2"}"#), "configmap/map configured\n");
    assert_eq!(data(kubectl), r#"{"a":"2","c":"1"}"#);
    let dry = kubectl.ok_with("apply --dry-run=server -f -", &map(r#"{"a":"3"}"#));
    assert_eq!(dry, "configmap/map configured (server dry run)\n");
    assert_eq!(data(kubectl), r#"{"a":"2","c":"1"}"#);
    let deployment = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{
        "selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
        "spec":{"containers":[{"name":"web","image":"web:1"}]}}}}"#;
    assert_eq!(
        kubectl.ok_with("apply -f -", deployment),
        "deployment.apps/web created\n"
    );
    assert_eq!(
        kubectl.ok_with("apply -f -", deployment),
        "deployment.apps/web unchanged\n"
    );
    let changed = deployment.replace("web:1", "web:2");
    assert_eq!(
        kubectl.ok_with("apply -f -", &changed),
        "deployment.apps/web configured\n"
    );
    assert_eq!(kubectl.ok("get deploy web -o jsonpath={.metadata.generation}"), "2");
}

/// A document that holds several. kubectl validates it itself, by the OpenAPI v2 document in protobuf.
fn list(items: &[&str]) -> String {
    let items: String = items.iter().map(|item| format!("- {item}\n")).collect();
    format!("apiVersion: v1\nkind: List\nitems:\n{items}")
}

fn apply_of_a_list(kubectl: &Kubectl) {
    let map = map(r#"{"a":"1"}"#);
    let service = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}";
    let apply = |service: &str| kubectl.ok_with("apply -f -", &list(&[&map, service]));
    assert_eq!(apply(service), "configmap/map created\nservice/web created\n");
    assert_eq!(apply(service), "configmap/map unchanged\nservice/web unchanged\n");
    let changed = service.replace("80", "81");
    assert_eq!(apply(&changed), "configmap/map unchanged\nservice/web configured\n");
    let refused = |service: &str| kubectl.fails_with("apply -f -", &list(&[&map, service]));
    let because = |why: &str| {
        format!(
            "error: error validating \"STDIN\": error validating data: ValidationError({why}; if you choose to ignore \
             these errors, turn validation off with --validate=false\n"
        )
    };
    assert_eq!(
        refused(&service.replace("ports", "portz")),
        because("Service.spec): unknown field \"portz\" in io.k8s.api.core.v1.ServiceSpec")
    );
    assert_eq!(
        refused(&service.replace("80", "x")),
        because(
            "Service.spec.ports[0].port): invalid type for io.k8s.api.core.v1.ServicePort.port: got \"string\", \
             expected \"integer\""
        )
    );
    // Nothing of a list that is refused is applied.
    assert_eq!(kubectl.ok("get svc web -o jsonpath={.spec.ports[*].port}"), "81");
}

fn apply_on_the_servers_side(kubectl: &Kubectl) {
    let apply = "apply --server-side --field-manager";
    for _ in 0..2 {
        let applied = kubectl.ok_with(&format!("{apply}=one -f -"), &map(r#"{"a":"1","b":"1"}"#));
        assert_eq!(applied, "configmap/map serverside-applied\n");
    }
    kubectl.ok_with(&format!("{apply}=one -f -"), &map(r#"{"a":"1"}"#));
    assert_eq!(data(kubectl), r#"{"a":"1"}"#);
    let refused = kubectl.fails_with(&format!("{apply}=two -f -"), &map(r#"{"a":"2"}"#));
    assert!(
        refused.starts_with("error: Apply failed with 1 conflict: conflict with \"one\": .data.a\n"),
        "{refused}"
    );
    kubectl.ok_with(&format!("{apply}=two --force-conflicts -f -"), &map(r#"{"a":"2"}"#));
    assert_eq!(data(kubectl), r#"{"a":"2"}"#);
    let managers = "get cm map --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}";
    // The first has nothing left to manage.
    assert_eq!(kubectl.ok(managers), "two");
    // Whoever applies the same value shares it.
    kubectl.ok_with(&format!("{apply}=one -f -"), &map(r#"{"a":"2"}"#));
    assert_eq!(kubectl.ok(managers), "one two");
    let dry = kubectl.ok_with(
        &format!("{apply}=one --dry-run=server -f -"),
        &map(r#"{"a":"2","b":"3"}"#),
    );
    assert_eq!(dry, "configmap/map serverside-applied (server dry run)\n");
    assert_eq!(data(kubectl), r#"{"a":"2"}"#);
}

fn apply_moves_to_the_servers_side(kubectl: &Kubectl) {
    kubectl.ok_with("apply -f -", &map(r#"{"a":"1","b":"1"}"#));
    kubectl.ok_with("apply --server-side -f -", &map(r#"{"a":"2"}"#));
    // What the client applied before now belongs to what the server applied, and goes with it.
    assert_eq!(data(kubectl), r#"{"a":"2"}"#);
}

fn apply_prunes(kubectl: &Kubectl) {
    let labelled =
        |name: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, labels: {{set: x}}}}}}");
    let (one, two) = (labelled("one"), labelled("two"));
    kubectl.ok_with("apply -f -", &list(&[&one, &two]));
    let prune = "apply --prune -l set=x --prune-allowlist=core/v1/ConfigMap -f -";
    assert!(kubectl.ok_with(prune, &list(&[&one])).contains("configmap/two pruned"));
    assert_eq!(kubectl.ok("get cm -o name"), "configmap/one\n");
}

fn diff(kubectl: &Kubectl) {
    kubectl.ok_with("apply -f -", &map(r#"{"a":"1"}"#));
    let (code, out, err) = kubectl.run("diff -f -", &map(r#"{"a":"1"}"#));
    assert_eq!((code, &*out), (0, ""), "{err}");
    for arguments in ["diff -f -", "diff --server-side --force-conflicts -f -"] {
        let (code, out, err) = kubectl.run(arguments, &map(r#"{"a":"2"}"#));
        assert_eq!(code, 1, "{err}");
        assert!(out.contains("\n-  a: \"1\"\n+  a: \"2\"\n"), "{out}");
    }
    assert_eq!(data(kubectl), r#"{"a":"1"}"#);
}
