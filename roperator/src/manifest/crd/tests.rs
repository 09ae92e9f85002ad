use kube::{CustomResource, CustomResourceExt};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{fixtures, yaml};
use super::*;

/// A CRD of one version whose root schema has this `properties.status`, `null` meaning none.
fn with_status(status: Value) -> CustomResourceDefinition {
    let mut root = json!({
        "type": "object",
        "properties": {"spec": {"type": "object"}},
        "required": ["spec", "status"],
    });
    if !status.is_null() {
        root["properties"]["status"] = status;
    }
    with_root(root)
}

fn with_root(root: Value) -> CustomResourceDefinition {
    serde_json::from_value(json!({
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Thing", "plural": "things"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": root}}],
        },
    }))
    .unwrap()
}

fn root(crd: &CustomResourceDefinition) -> Value {
    let root = crd.spec.versions[0]
        .schema
        .as_ref()
        .unwrap()
        .open_api_v3_schema
        .as_ref();
    serde_json::to_value(root.unwrap()).unwrap()
}

fn status(crd: &CustomResourceDefinition) -> Value {
    root(crd)["properties"]["status"].clone()
}

fn grafted(status: Value) -> Value {
    self::status(&graft(with_status(status)))
}

#[test]
fn a_derived_crd_gets_what_the_runtime_writes() {
    fixtures::assert_manifest!(yaml::document(fixtures::echo().0.crd()).unwrap());
}

#[test]
fn a_parent_without_a_status_gets_one() {
    fixtures::assert_manifest!(yaml::document(fixtures::temp_namespace().0.crd()).unwrap());
}

#[test]
fn the_conditions_are_the_standard_ones() {
    // The same keys, types and required fields as k8s-openapi's Condition, so that users can decode into that.
    let item = conditions()
        .items
        .map(|items| serde_json::to_value(items).unwrap())
        .unwrap();
    let example = json!({
        "type": "Ready", "status": "True", "reason": "AllReady", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 3,
    });
    let condition: k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition =
        serde_json::from_value(example.clone()).unwrap();
    assert_eq!(serde_json::to_value(condition).unwrap(), example);
    let fields: Vec<_> = item["properties"].as_object().unwrap().keys().collect();
    assert_eq!(fields, example.as_object().unwrap().keys().collect::<Vec<_>>());
}

#[test]
fn a_users_own_fields_stay_as_they_are() {
    let own = json!({
        "type": "object", "nullable": true, "description": "Mine.",
        "properties": {
            "conditions": {"type": "array", "items": {"type": "string"}},
            "observedGeneration": {"type": "string"},
            "inner": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}},
        },
    });
    assert_eq!(grafted(own.clone()), own);
}

#[test]
fn nothing_is_required_at_the_root_of_the_status() {
    let status = grafted(json!({
        "type": "object", "nullable": true, "required": ["ready"], "minProperties": 1,
        "properties": {"ready": {"type": "boolean"}, "failed": {"type": "boolean"}},
        "oneOf": [{"required": ["ready"]}, {"required": ["failed"]}],
    }));
    assert_eq!(status["nullable"], json!(true));
    for rule in ["required", "oneOf", "minProperties"] {
        assert_eq!(status.get(rule), None, "{rule}");
    }
    assert_eq!(
        status["properties"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["conditions", "failed", "observedGeneration", "ready"]
    );
}

#[test]
fn the_status_itself_is_not_required() {
    assert_eq!(root(&graft(with_status(Value::Null)))["required"], json!(["spec"]));
    let only_status = with_root(json!({"type": "object", "required": ["status"]}));
    assert_eq!(root(&graft(only_status)).get("required"), None);
}

#[test]
fn what_keeps_unknown_fields_or_is_no_object_is_left_alone() {
    for own in [
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        json!({"x-kubernetes-preserve-unknown-fields": true}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "string"}),
    ] {
        assert_eq!(grafted(own.clone()), own);
    }
    let open = with_root(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    assert_eq!(root(&graft(open.clone())), root(&open));
}

#[test]
fn the_subresource_is_added_and_others_stay() {
    let mut crd = with_status(Value::Null);
    let scale = json!({"scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}});
    crd.spec.versions[0].subresources = Some(serde_json::from_value(scale.clone()).unwrap());
    let subresources = serde_json::to_value(&graft(crd).spec.versions[0].subresources).unwrap();
    assert_eq!(subresources, json!({"scale": scale["scale"], "status": {}}));
}

#[test]
fn a_version_without_a_schema_stays_without() {
    let mut crd = with_status(Value::Null);
    crd.spec.versions[0].schema = None;
    let crd = graft(crd);
    assert_eq!(crd.spec.versions[0].schema, None);
    assert!(support(&crd, "v1").problems().is_empty());
}

#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Outer", status = "OuterStatus")]
struct OuterSpec {}

#[derive(Serialize, Deserialize, Clone, Debug, JsonSchema)]
enum OuterStatus {
    Pending { since: String },
    Done { at: String },
}

#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Untagged", status = "UntaggedStatus")]
struct UntaggedSpec {}

#[derive(Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[serde(untagged)]
enum UntaggedStatus {
    Pending { since: String },
    Done { at: String },
}

#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Open", status = "OpenStatus")]
struct OpenSpec {}

#[derive(Serialize, Deserialize, Clone, Debug, JsonSchema)]
struct OpenStatus {
    ready: bool,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[test]
fn a_status_of_any_shape_can_hold_conditions_alone() {
    for crd in [Outer::crd(), Untagged::crd(), Open::crd()] {
        let crd = graft(crd);
        let support = support(&crd, "v1");
        assert_eq!(support.problems(), [""; 0]);
        for rule in ["oneOf", "anyOf", "allOf", "required"] {
            assert_eq!(status(&crd).get(rule), None, "{}", status(&crd));
        }
    }
}

#[test]
fn what_is_grafted_is_supported() {
    for manifests in [fixtures::echo().0, fixtures::temp_namespace().0] {
        let support = support(manifests.crd(), "v1alpha1");
        assert!(support.served && support.subresource && support.conditions && support.observed_generation);
        assert!(support.condition_generation);
        assert_eq!(support.problems(), [""; 0]);
    }
}

#[test]
fn a_bare_crd_has_problems_that_say_how_to_mend_them() {
    let support = support(
        &with_status(json!({"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}}})),
        "v1",
    );
    assert!(support.served && !support.subresource && !support.conditions && !support.observed_generation);
    fixtures::assert_manifest!(support.problems().join("\n"));
}

#[test]
fn a_version_that_is_not_served_is_the_only_problem() {
    let mut crd = graft(with_status(Value::Null));
    fixtures::assert_manifest!(support(&crd, "v2").problems().join("\n"));
    crd.spec.versions[0].served = false;
    assert!(!support(&crd, "v1").served);
}

/// (status schema, conditions, observedGeneration)
#[test]
fn support_sees_what_the_server_would_prune() {
    let kept = json!({"x-kubernetes-preserve-unknown-fields": true});
    let items =
        |items: Value| json!({"type": "object", "properties": {"conditions": {"type": "array", "items": items}}});
    for (schema, conditions, generation) in [
        (Value::Null, false, false),
        (kept.clone(), true, true),
        (
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
            true,
            true,
        ),
        (json!({"type": "object"}), false, false),
        (json!({"type": "string"}), false, false),
        (items(kept.clone()), true, false),
        (
            items(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
            true,
            false,
        ),
        (items(json!({"type": "object"})), false, false),
        (items(json!({"type": "string"})), false, false),
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            false,
            false,
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            false,
            true,
        ),
        (json!({"type": "object", "additionalProperties": true}), false, true),
        (
            json!({"type": "object", "properties": {"conditions": kept}}),
            true,
            false,
        ),
        (
            json!({"type": "object", "properties": {"observedGeneration": {"type": "string"}}}),
            false,
            false,
        ),
        (
            json!({"type": "object", "properties": {"observedGeneration": {"type": "number"}}}),
            false,
            true,
        ),
    ] {
        let support = support(&with_status(schema.clone()), "v1");
        assert_eq!(
            (support.conditions, support.observed_generation),
            (conditions, generation),
            "{schema}"
        );
    }
    let open = with_root(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    assert!(support(&open, "v1").conditions);
}

#[test]
fn support_sees_older_conditions_and_foreign_requirements() {
    let string = json!({"type": "string"});
    let mut item = json!({
        "type": "object",
        "required": ["type", "status", "lastUpdateTime"],
        "properties": {
            "type": string, "status": string, "reason": string, "message": string, "lastTransitionTime": string,
            "lastUpdateTime": string,
        },
    });
    let with = |item: &Value| {
        let mut status = json!({"type": "object", "properties": {"observedGeneration": {"type": "integer"}}});
        status["properties"]["conditions"] = json!({"type": "array", "items": item});
        with_status(status)
    };
    let older = support(&with(&item), "v1");
    assert!(older.conditions && !older.condition_generation);
    assert_eq!(older.required, ["status.conditions[].lastUpdateTime"]);
    fixtures::assert_manifest!(older.problems().join("\n"));

    item["properties"]["observedGeneration"] = json!({"type": "integer"});
    item["required"] = json!(["type", "observedGeneration"]);
    assert_eq!(support(&with(&item), "v1").required, [""; 0]);
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "integer", "nullable": true})),
        Just(json!({})),
        Just(json!({"x-kubernetes-preserve-unknown-fields": true})),
        Just(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
        Just(json!({"type": "object", "additionalProperties": {"type": "string"}})),
        Just(json!({"type": "object", "additionalProperties": true})),
    ];
    let name = prop_oneof!["conditions", "observedGeneration", "ready", "status", "spec"];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        let required = proptest::collection::vec(name.clone(), 0..3);
        let properties = proptest::collection::btree_map(name.clone(), inner.clone(), 0..5);
        prop_oneof![
            inner.prop_map(|items| json!({"type": "array", "items": items})),
            (properties, required, any::<bool>(), any::<bool>()).prop_map(
                |(properties, required, nullable, preserve)| {
                    let mut schema = json!({"type": "object", "properties": properties, "required": required});
                    if nullable {
                        schema["nullable"] = json!(true);
                        schema["oneOf"] = json!([{"required": ["ready"]}]);
                    }
                    if preserve {
                        schema["x-kubernetes-preserve-unknown-fields"] = json!(true);
                    }
                    schema
                }
            ),
        ]
    })
}

proptest! {
    #[test]
    fn grafting_twice_is_grafting_once(root in schema()) {
        let once = graft(with_root(root));
        prop_assert_eq!(graft(once.clone()), once);
    }

    #[test]
    fn grafting_keeps_every_property(status in schema()) {
        let before = with_status(status);
        let after = status_properties(&graft(before.clone()));
        for (name, schema) in status_properties(&before) {
            prop_assert_eq!(after.get(&name), Some(&schema));
        }
    }
}

fn status_properties(crd: &CustomResourceDefinition) -> serde_json::Map<String, Value> {
    status(crd)["properties"].as_object().cloned().unwrap_or_default()
}
