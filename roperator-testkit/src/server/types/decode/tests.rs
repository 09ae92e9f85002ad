//! The real server's answers, as cases.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn kind(group: &str, version: &str, kind: &str) -> StructId {
    Types::kubernetes().kind(group, version, kind).unwrap()
}

fn decoded(id: StructId, object: Value) -> Value {
    Types::kubernetes().decode(id, object).unwrap().object
}

fn refused(id: StructId, object: Value) -> String {
    Types::kubernetes().decode(id, object).unwrap_err().to_string()
}

fn unknown(id: StructId, object: Value) -> Vec<String> {
    let decoded = Types::kubernetes().decode(id, object).unwrap();
    decoded.unknown.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_always_encoded_is_there() {
    let empty = |group, version, of| decoded(kind(group, version, of), json!({}));
    assert_eq!(empty("", "v1", "ConfigMap"), json!({"metadata": {}}));
    assert_eq!(
        empty("", "v1", "Service"),
        json!({"metadata": {}, "spec": {}, "status": {"loadBalancer": {}}})
    );
    assert_eq!(
        empty("rbac.authorization.k8s.io", "v1", "Role"),
        json!({"metadata": {}, "rules": null})
    );
    assert_eq!(
        empty("apps", "v1", "Deployment"),
        json!({
            "metadata": {},
            "spec": {"selector": null, "strategy": {}, "template": {"metadata": {}, "spec": {"containers": null}}},
            "status": {},
        })
    );
    assert_eq!(
        empty("", "v1", "Pod"),
        json!({"metadata": {}, "spec": {"containers": null}, "status": {}})
    );
}

#[test]
fn values_are_answered_in_canonical_form() {
    let pod = json!({
        "metadata": {"name": "a", "labels": {"x": null}, "annotations": {}, "creationTimestamp": null, "finalizers": []},
        "spec": {
            "nodeName": "", "hostNetwork": false, "priority": 0, "terminationGracePeriodSeconds": null,
            "containers": [{
                "name": "a", "command": [], "stdin": null,
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Ki"}, "requests": {"cpu": 0.5}},
                "livenessProbe": {"httpGet": {"port": "http"}, "tcpSocket": {}},
            }, null],
        },
        "status": {"startTime": "2020-01-01T01:00:00+01:00"},
    });
    let answer = json!({
        "metadata": {"name": "a", "labels": {"x": ""}},
        "spec": {
            "priority": 0,
            "containers": [{
                "name": "a",
                "resources": {"limits": {"cpu": "1", "memory": "1Mi"}, "requests": {"cpu": "500m"}},
                "livenessProbe": {"httpGet": {"port": "http"}, "tcpSocket": {"port": 0}},
            }, {"name": "", "resources": {}}],
        },
        "status": {"startTime": "2020-01-01T00:00:00Z"},
    });
    assert_eq!(decoded(kind("", "v1", "Pod"), pod), answer);
    let secret = json!({"data": {"a": null, "b": "", "c": "YR\n==", "d": [97]}, "stringData": {}});
    let answer = json!({"metadata": {}, "data": {"a": "", "b": "", "c": "YQ==", "d": "YQ=="}});
    assert_eq!(decoded(kind("", "v1", "Secret"), secret), answer);
}

#[test]
fn unknown_fields_are_dropped_and_told() {
    let id = kind("apps", "v1", "Deployment");
    let object = json!({
        "spec": {"template": {"spec": {"containers": [{"name": "a"}, {"imagePullpolicy": "x"}]}, "foo": 1}, "Replicas": 1},
        "apiVersion": "apps/v1",
    });
    let told = [
        "spec.Replicas",
        "spec.template.foo",
        "spec.template.spec.containers[1].imagePullpolicy",
    ];
    assert_eq!(unknown(id, object.clone()), told);
    assert_eq!(decoded(id, object.clone()), decoded(id, decoded(id, object)));
}

#[test]
fn strict_errors_come_in_the_order_of_the_document() {
    let types = Types::kubernetes();
    let id = kind("", "v1", "ConfigMap");
    let body = br#"{"metadata":{"name":"a"},"zz":1,"aa":{"b":1,"b":2},"data":{"a":"b","a":"c"},"zz":2,"metadata":{"name":"a"}}"#;
    let parsed = super::super::json::parse(body).unwrap();
    let decoded = types.decode(id, parsed.value).unwrap();
    assert_eq!(
        types.strict_errors(id, body, &parsed.duplicates, &decoded.unknown),
        [
            r#"unknown field "zz""#,
            r#"unknown field "aa""#,
            r#"duplicate field "data.a""#,
            r#"duplicate field "metadata""#
        ]
    );
}

#[test]
fn wrong_types_are_refused_in_the_words_of_go() {
    let id = kind("apps", "v1", "Deployment");
    let in_pod = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
    for (object, type_and_field) in [
        (
            json!({"spec": {"replicas": "x"}}),
            "string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            json!({"spec": {"replicas": 1.5}}),
            "number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            json!({"spec": {"replicas": 99_999_999_999_i64}}),
            "number 99999999999 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            json!({"metadata": []}),
            "array into Go struct field Deployment.metadata of type v1.ObjectMeta",
        ),
        (json!([]), "array into Go value of type v1.Deployment"),
        (
            json!({"metadata": {"labels": {"a": 5}}}),
            "number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            json!({"metadata": {"labels": []}}),
            "array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            json!({"metadata": {"creationTimestamp": 5}}),
            "number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
        ),
        (
            in_pod(json!({"containers": {"a": 1}})),
            "object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            in_pod(json!({"containers": [{"imagePullPolicy": 5}]})),
            "number into Go struct field Container.spec.template.spec.containers.imagePullPolicy of type v1.PullPolicy",
        ),
        (
            in_pod(json!({"volumes": [{"hostPath": {"path": 1}}]})),
            "number into Go struct field HostPathVolumeSource.spec.template.spec.volumes.VolumeSource.hostPath.path \
             of type string",
        ),
        (
            in_pod(json!({"volumes": [{"hostPath": "1"}]})),
            "string into Go struct field Volume.spec.template.spec.volumes.VolumeSource.hostPath \
             of type v1.HostPathVolumeSource",
        ),
        (
            json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": true}}}}),
            "bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32",
        ),
    ] {
        assert_eq!(refused(id, object), format!("json: cannot unmarshal {type_and_field}"));
    }
    let limits = in_pod(json!({"containers": [{"resources": {"limits": {"cpu": "1mm"}}}]}));
    assert_eq!(refused(id, limits), "unable to parse quantity's suffix");
    let secret = json!({"data": {"c": "a"}});
    assert_eq!(
        refused(kind("", "v1", "Secret"), secret),
        "illegal base64 data at input byte 0"
    );
}

#[test]
fn of_several_wrong_values_the_one_is_told_that_go_tells() {
    let id = kind("", "v1", "ConfigMap");
    let told = |body: &str| {
        let object = serde_json::from_str(body).unwrap();
        Types::kubernetes()
            .decode(id, object)
            .unwrap_err()
            .told(body.as_bytes())
    };
    assert!(told(r#"{"data":{"a":1},"binaryData":{"x":5}}"#).ends_with("ConfigMap.data of type string"));
    assert!(told(r#"{"binaryData":{"x":5},"data":{"a":1}}"#).ends_with("ConfigMap.binaryData of type []uint8"));
    assert!(told(r#"{"data":{"a":1},"metadata":{"name":"a","creationTimestamp":"z"}}"#).starts_with("parsing time"));
    let owners = r#"{"metadata":{"ownerReferences":["x",5]},"data":[]}"#;
    assert!(told(owners).starts_with("json: cannot unmarshal string into Go struct field ObjectMeta"));
}

#[test]
fn schemas_in_definitions_are_decoded_without_telling() {
    let id = kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let definition = |schema: Value| json!({"spec": {"group": "a", "versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}});
    let schema = json!({
        "foo": 1, "maximum": 5.0, "default": {"any": ["thing"]}, "enum": [1, null], "properties": {},
        "items": {"type": "string", "foo": 1}, "additionalProperties": false,
        "dependencies": {"a": ["b"], "c": {"type": "object"}},
    });
    let answer = json!({
        "maximum": 5, "default": {"any": ["thing"]}, "enum": [1, null], "items": {"type": "string"},
        "additionalProperties": false, "dependencies": {"a": ["b"], "c": {"type": "object"}},
    });
    let told = unknown(id, definition(schema.clone()));
    assert_eq!(told, ["spec.versions[0].schema.openAPIV3Schema.foo"]);
    let object = decoded(id, definition(schema));
    assert_eq!(object.pointer("/spec/versions/0/schema/openAPIV3Schema"), Some(&answer));
    let wrong = definition(json!({"additionalProperties": 5}));
    assert_eq!(refused(id, wrong), "boolean or JSON schema expected");
    let wrong = definition(json!({"items": {"items": {"type": 5}}}));
    let message = refused(id, wrong);
    assert!(message.ends_with("JSONSchemaProps.spec.versions.schema.openAPIV3Schema.items.items.type of type string"));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..5_i64).prop_map(Value::from),
        Just(json!("")),
        Just(json!("1000m")),
        Just(json!("YQ==")),
        Just(json!("x")),
        Just(json!("2020-01-01T00:00:00.5+01:00")),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let key = prop::sample::select(vec![
            "metadata",
            "spec",
            "template",
            "containers",
            "resources",
            "limits",
            "labels",
            "a",
            "name",
            "strategy",
            "rollingUpdate",
            "maxSurge",
            "creationTimestamp",
            "volumes",
            "secret",
            "ports",
            "env",
            "selector",
            "status",
        ]);
        prop_oneof![
            prop::collection::btree_map(key.prop_map(str::to_owned), inner.clone(), 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_decoded_stays_as_it_is(object in any_value()) {
        let types = Types::kubernetes();
        for id in [kind("apps", "v1", "Deployment"), kind("", "v1", "Secret")] {
            if let Ok(once) = types.decode(id, object.clone()) {
                let twice = types.decode(id, once.object.clone()).unwrap();
                prop_assert_eq!(&twice.object, &once.object);
                prop_assert_eq!(twice.unknown, vec![]);
            }
        }
    }
}
