use serde_json::json;

use super::*;

const RULES: Rules = Rules {
    qualified_finalizers: true,
    revalidates: true,
    ..Rules::custom(true)
};

fn object(metadata: Value) -> Value {
    let mut whole = json!({"name": "c", "namespace": "ns", "resourceVersion": "1"});
    for (key, value) in metadata.as_object().unwrap() {
        whole[key] = value.clone();
    }
    json!({"metadata": whole})
}

fn created(metadata: Value) -> Vec<String> {
    let errors = validate_create(&object(metadata), &RULES, Vec::new());
    errors.iter().map(ToString::to_string).collect()
}

fn updated(new: Value, old: Value) -> Vec<String> {
    let errors = validate_update(&object(new), &object(old), &RULES, Vec::new());
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn names_are_judged_first() {
    assert_eq!(
        created(json!({"name": "", "namespace": ""})),
        [
            "metadata.name: Required value: name or generateName is required",
            "metadata.namespace: Required value"
        ]
    );
    let both = created(json!({"generateName": "A_", "name": "A_wgntv"}));
    assert!(both[0].starts_with("metadata.generateName: Invalid value: \"A_\": a lowercase RFC 1123 subdomain"));
    assert!(both[1].starts_with("metadata.name: Invalid value: \"A_wgntv\": a lowercase RFC 1123 subdomain"));
    assert!(
        created(json!({"generateName": "B-"})).is_empty(),
        "the real server takes it"
    );
    assert!(created(json!({"generateName": "ab-"})).is_empty());
    let cluster = Rules {
        namespaced: false,
        ..RULES
    };
    let errors = validate_create(&object(json!({})), &cluster, Vec::new());
    assert_eq!(
        errors[0].to_string(),
        "metadata.namespace: Forbidden: not allowed on this type"
    );
    assert_eq!(
        created(json!({"generation": -1})),
        ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"]
    );
}

#[test]
fn annotations_may_be_large_but_not_too_large() {
    assert_eq!(
        created(json!({"annotations": {"x": "y".repeat(262_144), "/z": "", "A/B": ""}})),
        [
            "metadata.annotations: Invalid value: \"/z\": prefix part must be non-empty",
            "metadata.annotations: Too long: may not be more than 262144 bytes"
        ]
    );
    assert!(created(json!({"annotations": {"x": "y".repeat(262_143)}})).is_empty());
}

#[test]
fn owners_must_be_named_and_one_controls() {
    let errors = created(json!({"ownerReferences": [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "", "uid": "", "controller": true},
        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": true},
        {"apiVersion": "v1", "kind": "Event", "name": "p", "uid": "u"},
        {"apiVersion": "a/b/c", "kind": "", "name": "x", "uid": "y"},
    ]}));
    assert_eq!(
        errors[0],
        "metadata.ownerReferences.name: Invalid value: \"\": must not be empty"
    );
    assert_eq!(
        errors[1],
        "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty"
    );
    assert!(errors[2].starts_with(
        "metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"\",\"uid\":\"\",\"controller\":true},{"
    ));
    assert!(errors[2].ends_with(
        "}]: Only one reference can have Controller set to true. Found \"true\" in references for ConfigMap/ and Pod/p"
    ));
    assert!(errors[3].ends_with("}: /v1, Kind=Event is disallowed from being an owner"));
    assert_eq!(
        errors[4..],
        [
            "metadata.ownerReferences.apiVersion: Invalid value: \"a/b/c\": version must not be empty",
            "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty"
        ]
    );
}

#[test]
fn finalizers_are_qualified_names() {
    let errors = created(json!({"finalizers": ["a", "-b", "orphan", "foregroundDeletion", "x/y"]}));
    assert!(errors[0].starts_with("metadata.finalizers: Invalid value: \"-b\": name part must consist of"));
    assert_eq!(
        errors[1..],
        [
            "metadata.finalizers: Invalid value: [\"a\",\"-b\",\"orphan\",\"foregroundDeletion\",\"x/y\"]: finalizer orphan and foregroundDeletion cannot be both set",
            "metadata.finalizers[0]: Invalid value: \"a\": name is neither a standard finalizer name nor is it fully qualified",
            "metadata.finalizers[1]: Invalid value: \"-b\": name is neither a standard finalizer name nor is it fully qualified",
        ]
    );
}

#[test]
fn what_is_deleted_gets_no_new_finalizers() {
    let old = json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x.y/z"]});
    let new = json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x.y/z", "aa", "a.b/c"]});
    let forbidden = "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"a.b/c\", \"aa\"}";
    let plain = "metadata.finalizers[1]: Invalid value: \"aa\": name is neither a standard finalizer name nor is it fully qualified";
    assert_eq!(updated(new, old), [forbidden, forbidden, plain, plain]);
}

#[test]
fn some_fields_never_change() {
    let twice = |text: &str| vec![text.to_owned(), text.to_owned()];
    let cases = [
        (
            json!({"deletionTimestamp": "2020-01-01T00:00:00Z"}),
            "metadata.deletionTimestamp: Invalid value: \"2020-01-01T00:00:00Z\": field is immutable",
        ),
        (
            json!({"deletionGracePeriodSeconds": 3}),
            "metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable",
        ),
        (
            json!({"uid": "u"}),
            "metadata.uid: Invalid value: \"u\": field is immutable",
        ),
        (
            json!({"resourceVersion": ""}),
            "metadata.resourceVersion: Invalid value: \"\": must be specified for an update",
        ),
    ];
    for (new, text) in cases {
        assert_eq!(updated(new, json!({})), twice(text));
    }
    let labels = updated(json!({"labels": {"-": "x"}}), json!({}));
    assert_eq!(labels.len(), 4, "the real server lists it four times among the causes");
}
