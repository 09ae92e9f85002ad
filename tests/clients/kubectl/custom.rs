//! Custom kinds: definitions, their objects, columns, short names, validation, subresources.

use super::{Body, Kubectl, table};

pub const ALL: &[(&str, Body)] = &[("a_custom_kind", a_custom_kind)];

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Note, type: string, jsonPath: .spec.note, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: A widget of any size.
        properties:
          spec:
            type: object
            required: [size]
            x-kubernetes-validations:
            - {rule: "self.size < 100 || has(self.note)", message: large ones need a note}
            properties:
              size: {type: integer, minimum: 1, description: How large it is.}
              note: {type: string, default: none}
              replicas: {type: integer}
          status: {type: object, properties: {replicas: {type: integer}}}
"#;

fn widget(spec: &str) -> String {
    format!("apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: one}}\nspec: {spec}\n")
}

fn a_custom_kind(kubectl: &Kubectl) {
    let created = kubectl.ok_with("create -f -", DEFINITION);
    assert_eq!(
        created,
        "customresourcedefinition.apiextensions.k8s.io/widgets.example.com created\n"
    );
    kubectl.ok("wait crd/widgets.example.com --for=condition=Established --timeout=30s");
    assert_eq!(
        kubectl.ok_with("create -f -", &widget("{size: 5, replicas: 1}")),
        "widget.example.com/one created\n"
    );
    let narrow = kubectl.ok("get wd");
    assert_eq!(table(&narrow)[0], ["NAME", "SIZE", "AGE"]);
    assert_eq!(table(&narrow)[1][..2], ["one", "5"]);
    let wide = kubectl.ok("get widgets.v1.example.com -o wide");
    assert_eq!(table(&wide)[0], ["NAME", "SIZE", "NOTE", "AGE"]);
    assert_eq!(table(&wide)[1][..3], ["one", "5", "none"]);
    assert!(kubectl.ok("get all").contains("widget.example.com/one"));
    assert!(kubectl.ok("describe widget one").contains("Kind:         Widget"));

    let invalid = kubectl.fails_with("apply -f -", &widget("{size: 0}"));
    assert!(
        invalid.contains("spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        "{invalid}"
    );
    let unknown = kubectl.fails_with("create -f -", &widget("{size: 1, nonsense: 1}"));
    assert!(unknown.contains("unknown field \"spec.nonsense\""), "{unknown}");
    let listed = format!(
        "apiVersion: v1\nkind: List\nitems: [{}]\n",
        "{apiVersion: example.com/v1, kind: Widget, metadata: {name: one}, spec: {size: 1, nonsense: 1}}"
    );
    let unknown = kubectl.fails_with("apply -f -", &listed);
    assert!(
        unknown.contains("ValidationError(Widget.spec): unknown field \"nonsense\" in com.example.v1.Widget.spec;"),
        "{unknown}"
    );
    // There is no strategic merge of custom kinds.
    assert!(
        kubectl
            .fails("patch widget one --type=strategic -p '{}'")
            .contains("the body of the request was in an unknown format")
    );
    kubectl.ok(r#"patch widget one --type=merge -p '{"spec":{"size":7}}'"#);
    assert_eq!(
        kubectl.ok_with("apply --server-side --force-conflicts -f -", &widget("{size: 8}")),
        "widget.example.com/one serverside-applied\n"
    );
    assert_eq!(
        kubectl.ok("scale widget one --replicas=4"),
        "widget.example.com/one scaled\n"
    );
    kubectl.ok(r#"patch widget one --subresource=status --type=merge -p '{"status":{"replicas":4}}'"#);
    assert_eq!(
        kubectl.ok("get widget one -o jsonpath={.spec.size}{.spec.replicas}{.status.replicas}"),
        "844"
    );
    for output in ["plaintext", "plaintext-openapiv2"] {
        let explained = kubectl.ok(&format!("explain widget.spec.size --output={output}"));
        assert!(explained.contains("How large it is."), "{explained}");
    }

    let gone = kubectl.ok("delete crd widgets.example.com");
    assert!(
        gone.starts_with("customresourcedefinition.apiextensions.k8s.io \"widgets.example.com\" deleted"),
        "{gone}"
    );
    kubectl.fails("get widgets");
}
