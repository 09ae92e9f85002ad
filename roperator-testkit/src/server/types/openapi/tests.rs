//! Samples of the documents; what reads them is tried with the real clients.

use serde_json::json;

use super::*;

fn apps() -> Value {
    Types::kubernetes().openapi("apps", "v1", &[]).unwrap()
}

fn widgets() -> CustomKind {
    CustomKind {
        plural: "widgets".to_owned(),
        kind: "Widget".to_owned(),
        list_kind: "WidgetList".to_owned(),
        namespaced: true,
        schema: json!({"type": "object", "properties": {"spec": {"type": "object"}}}),
        selectable: Vec::new(),
        status: true,
        scale: true,
    }
}

/// All references in a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_document_has_all_that_it_refers_to() {
    let types = Types::kubernetes();
    let custom = [widgets()];
    let built_in = types.groups().iter().flat_map(|group| {
        let versions = group.versions.iter();
        versions.map(|version| types.openapi(group.name, version.name, &[]).unwrap())
    });
    for document in built_in.chain(types.openapi("example.com", "v1", &custom)) {
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
    assert_eq!(types.openapi("example.com", "v1", &[]), None);
}

#[test]
fn schemas_are_those_of_the_real_server() {
    let document = apps();
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["io.k8s.api.core.v1.ContainerPort"],
        json!({
            "type": "object",
            "required": ["containerPort"],
            "properties": {
                "containerPort": {"type": "integer", "format": "int32", "default": 0},
                "hostIP": {"type": "string"},
                "hostPort": {"type": "integer", "format": "int32"},
                "name": {"type": "string"},
                "protocol": {"type": "string", "default": "TCP"},
            },
        })
    );
    assert_eq!(
        schemas["io.k8s.api.core.v1.Container"]["properties"]["ports"],
        json!({
            "type": "array",
            "items": {"default": {}, "allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.ContainerPort"}]},
            "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
            "x-kubernetes-list-type": "map",
            "x-kubernetes-patch-merge-key": "containerPort",
            "x-kubernetes-patch-strategy": "merge",
        })
    );
    let kinds = &schemas["io.k8s.api.apps.v1.Deployment"]["x-kubernetes-group-version-kind"];
    assert_eq!(
        *kinds,
        json!([{"group": "apps", "version": "v1", "kind": "Deployment"}])
    );
}

#[test]
fn patches_tell_that_they_can_be_validated() {
    let document = apps();
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["operationId"], "patchAppsV1NamespacedDeployment");
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    let names: Vec<&str> = patch["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["name"].as_str())
        .collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
}

#[test]
fn custom_kinds_are_served_like_others() {
    let document = Types::kubernetes().openapi("example.com", "v1", &[widgets()]).unwrap();
    let widget = &document["components"]["schemas"]["com.example.v1.Widget"];
    assert_eq!(widget["properties"]["kind"]["type"], "string");
    assert_eq!(
        widget["properties"]["metadata"]["description"],
        format!(
            "Standard object's metadata. More info: {}#metadata",
            custom::CONVENTIONS
        )
    );
    assert!(document["components"]["schemas"]["com.example.v1.WidgetList"].is_object());
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let base = "/apis/example.com/v1";
    assert_eq!(
        paths,
        [
            &format!("{base}/namespaces/{{namespace}}/widgets"),
            &format!("{base}/namespaces/{{namespace}}/widgets/{{name}}"),
            &format!("{base}/namespaces/{{namespace}}/widgets/{{name}}/scale"),
            &format!("{base}/namespaces/{{namespace}}/widgets/{{name}}/status"),
            &format!("{base}/widgets"),
        ]
    );
}

#[test]
fn the_index_changes_with_a_custom_kind() {
    let types = Types::kubernetes();
    let url = |kind: CustomKind| {
        let index = types.openapi_index([("example.com", "v1", vec![kind])].into_iter());
        index["paths"]["apis/example.com/v1"]["serverRelativeURL"].clone()
    };
    let mut other = widgets();
    other.schema = json!({"type": "object"});
    assert_ne!(url(widgets()), url(other));
    let index = types.openapi_index([("", "v1", Vec::new())].into_iter());
    assert!(
        index["paths"]["api/v1"]["serverRelativeURL"]
            .as_str()
            .unwrap()
            .starts_with("/openapi/v3/api/v1?hash=")
    );
}

fn v2(kinds: Vec<CustomKind>) -> Value {
    let types = Types::kubernetes();
    let built_in = types.groups().iter().flat_map(|group| {
        let versions = group.versions.iter();
        versions.map(|version| (group.name, version.name, Vec::new()))
    });
    types.openapi_v2(built_in.chain([("example.com", "v1", kinds)]))
}

#[test]
fn the_document_of_v2_has_all_that_it_refers_to() {
    let document = v2(vec![widgets()]);
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in found {
        let name = reference.strip_prefix("#/definitions/").unwrap();
        assert!(document["definitions"][name].is_object(), "{name}");
    }
    let in_v3 = |value: &Value| value.to_string().contains("allOf") || value.to_string().contains("\"default\":");
    assert!(!in_v3(&document["definitions"]["io.k8s.api.core.v1.Container"]));
}

#[test]
fn v2_says_what_it_can_of_built_in_kinds() {
    let document = v2(Vec::new());
    let definitions = &document["definitions"];
    let quantity = &definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"];
    assert_eq!(*quantity, json!({"type": "string"}));
    let either = &definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"];
    assert_eq!(*either, json!({"type": "string", "format": "int-or-string"}));
    assert_eq!(
        definitions["io.k8s.api.core.v1.Container"]["properties"]["ports"]["items"],
        json!({"$ref": "#/definitions/io.k8s.api.core.v1.ContainerPort"})
    );
    let options = &definitions["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"];
    let kinds = options["x-kubernetes-group-version-kind"].as_array().unwrap();
    let is_of = |kind: &Value, group: &str| kind["group"] == group && kind["version"] == "v1";
    assert!(is_of(&kinds[0], "") && kinds.iter().any(|kind| is_of(kind, "apps")));
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(
        patch["parameters"][0],
        json!({
            "name": "body", "in": "body", "required": true,
            "schema": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Patch"},
        })
    );
    assert_eq!(patch["consumes"][3], "application/apply-patch+yaml");
    let get = &document["paths"]["/api/v1/namespaces/{name}"]["get"];
    assert_eq!(get["consumes"], json!(["*/*"]));
    assert_eq!(
        get["responses"]["200"],
        json!({"description": "OK", "schema": {"$ref": "#/definitions/io.k8s.api.core.v1.Namespace"}})
    );
}

fn custom(schema: Value) -> Value {
    let kind = CustomKind { schema, ..widgets() };
    v2(vec![kind])["definitions"]["com.example.v1.Widget"].take()
}

#[test]
fn v2_leaves_out_what_it_cannot_say_of_custom_kinds() {
    let nullable = json!({"type": "string", "nullable": true, "default": "d"});
    let schema = custom(json!({
        "type": "object",
        "required": ["a", "b"],
        "oneOf": [{"required": ["a"]}],
        "properties": {
            "a": nullable,
            "b": {"x-kubernetes-int-or-string": true},
            "c": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-embedded-resource": true},
            "default": {"type": "array", "nullable": true, "items": {"type": "string"}},
        },
    }));
    assert_eq!(schema["required"], json!(["b"]));
    assert_eq!(schema.get("oneOf"), None);
    let properties = &schema["properties"];
    assert_eq!(properties["a"], json!({}));
    assert_eq!(properties["b"], json!({"x-kubernetes-int-or-string": true}));
    assert_eq!(
        properties["c"],
        json!({"x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-embedded-resource": true})
    );
    assert_eq!(properties["default"], json!({}));
    let anything = custom(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    let told = json!([{"group": "example.com", "version": "v1", "kind": "Widget"}]);
    assert_eq!(
        anything,
        json!({"type": "object", "x-kubernetes-group-version-kind": told})
    );
}

#[test]
fn what_extensions_imply_is_said() {
    let kind = CustomKind {
        schema: json!({"type": "object", "properties": {
            "either": {"x-kubernetes-int-or-string": true},
            "bounded": {"x-kubernetes-int-or-string": true, "anyOf": [{"minimum": 1}]},
            "object": {"type": "object", "x-kubernetes-embedded-resource": true},
        }}),
        selectable: vec!["spec.a".to_owned()],
        ..widgets()
    };
    let document = Types::kubernetes().openapi("example.com", "v1", &[kind]).unwrap();
    let schema = &document["components"]["schemas"]["com.example.v1.Widget"];
    let both = json!([{"type": "integer"}, {"type": "string"}]);
    assert_eq!(schema["properties"]["either"]["anyOf"], both);
    assert_eq!(schema["properties"]["bounded"]["allOf"], json!([{"anyOf": both}]));
    assert_eq!(
        schema["properties"]["object"]["required"],
        json!(["kind", "apiVersion"])
    );
    assert!(schema["properties"]["object"]["properties"]["metadata"].is_object());
    assert_eq!(schema[custom::SELECTABLE], json!([{"fieldPath": "spec.a"}]));
}
