use serde_json::{Value, json};

use super::*;
use crate::server::patch::shapes_from_json::Named;

fn deployment(pod: Value) -> Value {
    json!({"kind": "Deployment", "spec": {"template": {"spec": pod}}})
}

fn patched(object: &Value, patch: &Value) -> Result<Value, ApiError> {
    let named = Named::recorded();
    let kind = object["kind"].as_str().unwrap();
    apply(&named.shapes, named.id(kind), object, patch)
}

fn pod_patched(pod: Value, patch: Value) -> Value {
    let patch = json!({"spec": {"template": {"spec": patch}}});
    patched(&deployment(pod), &patch).unwrap()["spec"]["template"]["spec"].take()
}

fn names(pod: &Value) -> Vec<&str> {
    pod["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|container| container["name"].as_str().unwrap())
        .collect()
}

fn containers(names: &[&str]) -> Value {
    let containers: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    json!({"containers": containers})
}

#[test]
fn lists_are_merged_by_key_and_replaced_without_one() {
    let pod = json!({
        "containers": [{"name": "a", "image": "i", "args": ["x"], "env": [{"name": "E", "value": "1"}]}, {"name": "b"}],
        "tolerations": [{"key": "k"}],
    });
    let patch = json!({
        "containers": [{"name": "a", "image": "j", "args": ["y"], "env": [{"name": "F", "value": "2"}]}],
        "tolerations": [{"key": "l"}],
    });
    let expected = json!({
        "containers": [
            {"name": "a", "image": "j", "args": ["y"], "env": [{"name": "F", "value": "2"}, {"name": "E", "value": "1"}]},
            {"name": "b"},
        ],
        "tolerations": [{"key": "l"}],
    });
    assert_eq!(pod_patched(pod, patch), expected);
}

#[test]
fn directives_delete_replace_and_retain() {
    let pod = json!({"containers": [{"name": "a", "image": "i"}, {"name": "b"}], "nodeSelector": {"x": "1", "y": "2"}});
    let cases = [
        (
            json!({"containers": [{"$patch": "delete", "name": "a"}]}),
            json!([{"name": "b"}]),
            json!({"x": "1", "y": "2"}),
        ),
        (
            json!({"containers": [{"$patch": "replace"}, {"name": "c"}]}),
            json!([{"name": "c"}]),
            json!({"x": "1", "y": "2"}),
        ),
        (
            json!({"nodeSelector": {"$patch": "replace", "z": "3"}}),
            pod["containers"].clone(),
            json!({"z": "3"}),
        ),
        (
            json!({"nodeSelector": {"$patch": "delete"}}),
            pod["containers"].clone(),
            json!({}),
        ),
        (
            json!({"nodeSelector": {"$retainKeys": ["y"]}}),
            pod["containers"].clone(),
            json!({"y": "2"}),
        ),
        (
            json!({"nodeSelector": {"x": null}}),
            pod["containers"].clone(),
            json!({"y": "2"}),
        ),
    ];
    for (patch, containers, selector) in cases {
        let result = pod_patched(pod.clone(), patch.clone());
        assert_eq!(
            (&result["containers"], &result["nodeSelector"]),
            (&containers, &selector),
            "{patch}"
        );
    }
    let gone = pod_patched(pod, json!({"nodeSelector": null}));
    assert_eq!(gone.get("nodeSelector"), None);
}

#[test]
fn the_patch_says_the_order() {
    let pod = containers(&["a", "b", "c"]);
    let order = |names: &[&str]| containers(names)["containers"].clone();
    let cases: [(Value, &[&str]); 4] = [
        (
            json!({"$setElementOrder/containers": order(&["c", "a"])}),
            &["b", "c", "a"],
        ),
        (
            json!({"$setElementOrder/containers": order(&["d", "a"]), "containers": order(&["d"])}),
            &["d", "a", "b", "c"],
        ),
        (json!({"containers": order(&["d"])}), &["d", "a", "b", "c"]),
        (json!({"containers": order(&["c", "a"])}), &["b", "c", "a"]),
    ];
    for (patch, expected) in cases {
        assert_eq!(names(&pod_patched(pod.clone(), patch.clone())), expected, "{patch}");
    }
}

#[test]
fn lists_of_scalars_are_merged_and_deleted_from() {
    let object = json!({"kind": "ConfigMap", "metadata": {"finalizers": ["a", "b", "c"]}});
    let cases = [
        (json!({"finalizers": ["d", "a"]}), json!(["d", "a", "b", "c"])),
        (
            json!({"$deleteFromPrimitiveList/finalizers": ["b", "x"]}),
            json!(["a", "c"]),
        ),
        (
            json!({"$setElementOrder/finalizers": ["c", "a"]}),
            json!(["b", "c", "a"]),
        ),
    ];
    for (patch, expected) in cases {
        let result = patched(&object, &json!({"metadata": patch})).unwrap();
        assert_eq!(result["metadata"]["finalizers"], expected, "{patch}");
    }
}

#[test]
fn what_is_new_comes_without_nulls_and_directives() {
    let object = json!({"kind": "ConfigMap", "metadata": {}});
    let patch = json!({"metadata": {
        "labels": {"a": null, "b": "1"},
        "ownerReferences": [{"uid": "1", "name": null}, {"uid": "2", "$patch": "delete"}],
        "$deleteFromPrimitiveList/finalizers": ["x"],
    }});
    let expected = json!({"labels": {"b": "1"}, "ownerReferences": [{"uid": "1"}]});
    assert_eq!(patched(&object, &patch).unwrap()["metadata"], expected);
}

#[test]
fn faults_are_told_in_the_real_servers_words() {
    let object = json!({
        "kind": "ConfigMap",
        "metadata": {"finalizers": ["a.b/1"], "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "x", "uid": "1"}]},
        "data": {"a": "1"},
    });
    let cases = [
        (
            json!([]),
            400,
            "json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (
            json!(1),
            400,
            "json: cannot unmarshal number into Go value of type map[string]interface {}",
        ),
        (
            json!({"$setElementOrder/x": ["a"]}),
            500,
            "unable to find api field in struct ConfigMap for the json field \"x\"",
        ),
        (
            json!({"metadata": {"$setElementOrder/finalizers": 5}}),
            500,
            "expected a []interface {}, but received a int64",
        ),
        (
            json!({"metadata": {"$deleteFromPrimitiveListx": ["a"]}}),
            400,
            "invalid patch format of primitive list",
        ),
        (
            json!({"metadata": {"$setElementOrderx": ["a"]}}),
            400,
            "invalid patch format of setElementOrder list",
        ),
        (json!({"$retainKeys": 5}), 400, "invalid patch format of retainKeys"),
        (
            json!({"$retainKeys": ["x"], "data": {}}),
            400,
            "invalid patch format of retainKeys",
        ),
        (
            json!({"metadata": {"finalizers": [["a"]]}}),
            500,
            "list element types are not identical: [[a.b/1] [[a]]]",
        ),
        (
            json!({"metadata": {"finalizers": [1]}}),
            500,
            "list element types are not identical: [[a.b/1] [1]]",
        ),
        (
            json!({"metadata": {"$setElementOrder/finalizers": ["b", "a"], "finalizers": ["a", "b"]}}),
            500,
            "The order in patch list:\n[a b]\n doesn't match $setElementOrder list:\n[b a]\n",
        ),
        (
            json!({"metadata": {"ownerReferences": ["x"]}}),
            500,
            "list element types are not identical: [[map[apiVersion:v1 kind:K name:x uid:1]] [x]]",
        ),
        (
            json!({"metadata": {"ownerReferences": [{"$patch": "delete"}]}}),
            500,
            "map: map[$patch:delete] does not contain declared merge key: uid",
        ),
        (
            json!({"metadata": {"ownerReferences": [{"name": "x"}]}}),
            500,
            "map: map[name:x] does not contain declared merge key: uid",
        ),
        (
            json!({"metadata": {"$setElementOrder/ownerReferences": ["1"]}}),
            500,
            "value for key 0 is not a map",
        ),
        (
            json!({"metadata": {"$setElementOrder/ownerReferences": [{"uid": "1"}], "ownerReferences": ["a"]}}),
            500,
            "expected a map[string]interface {}, but received a string",
        ),
        (
            json!({"metadata": {"ownerReferences": [{"uid": "1", "$patch": "merge"}]}}),
            500,
            "merging lists cannot yet be specified in the patch",
        ),
        (
            json!({"data": {"$patch": "nope"}}),
            500,
            "unknown patch type: nope in map: map[$patch:nope]",
        ),
    ];
    for (patch, code, message) in cases {
        let refusal = patched(&object, &patch).unwrap_err();
        assert_eq!(
            (refusal.code.as_u16(), refusal.message.as_str()),
            (code, message),
            "{patch}"
        );
    }
}
