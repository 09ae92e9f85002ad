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
            schemas::CONVENTIONS
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
    let url = |kinds: &[CustomKind]| {
        let index = types.openapi_index([("example.com", "v1", kinds)].into_iter());
        index["paths"]["apis/example.com/v1"]["serverRelativeURL"].clone()
    };
    let mut other = widgets();
    other.schema = json!({"type": "object"});
    assert_ne!(url(&[widgets()]), url(&[other]));
    let index = types.openapi_index(std::iter::empty());
    assert!(
        index["paths"]["api/v1"]["serverRelativeURL"]
            .as_str()
            .unwrap()
            .starts_with("/openapi/v3/api/v1?hash=")
    );
}
