use serde_json::{Value, json};

use super::scale::{from_scale, to_scale};
use super::*;
use crate::server::patch::shapes_from_json::Named;

fn things() -> Named {
    Named::parse(&json!({
        "thing": {"fields": {
            "apiVersion": "scalar",
            "kind": "scalar",
            "metadata": {"fields": {"name": "scalar", "uid": "scalar", "labels": {"values": "scalar"}}},
            "spec": {"fields": {
                "name": "scalar",
                "tags": {"items": "scalar", "set": true},
                "ports": {
                    "items": {"fields": {"port": "scalar", "protocol": "scalar", "note": "scalar"}},
                    "keys": [{"name": "port"}, {"name": "protocol", "default": "TCP"}],
                },
                "list": {"items": "scalar"},
                "whole": {"values": "scalar", "atomic": true},
                "free": {"values": "deduced"},
                "open": {"fields": {"name": "scalar"}, "open": true},
            }},
        }},
    }))
}

fn schema(named: &Named) -> Schema<'_> {
    Schema {
        shapes: &named.shapes,
        root: named.id("thing"),
    }
}

fn set(json: &Value) -> FieldSet {
    FieldSet::from_fields_v1(json).unwrap()
}

fn ports(numbers: &[i64]) -> Value {
    let items: Vec<Value> = numbers.iter().map(|number| json!({"port": number})).collect();
    json!({"spec": {"ports": items}})
}

#[test]
fn merged_lists_are_in_the_order_of_both() {
    let named = things();
    let cases: [(&[i64], &[i64], &[i64]); 8] = [
        (&[1, 2, 3], &[4], &[1, 2, 3, 4]),
        (&[1, 2, 3], &[3, 1], &[2, 3, 1]),
        (&[1, 2, 3], &[2, 9], &[1, 2, 3, 9]),
        (&[1, 2, 3], &[9, 2], &[1, 9, 2, 3]),
        (&[1, 2, 3], &[], &[1, 2, 3]),
        (&[], &[2, 1], &[2, 1]),
        (&[1, 3], &[2, 3, 0], &[1, 2, 3, 0]),
        (&[1, 2, 3, 4], &[4, 3, 2, 1], &[4, 3, 2, 1]),
    ];
    for (live, config, expected) in cases {
        let merged = schema(&named).merge(&ports(live), &ports(config));
        let order: Vec<i64> = merged["spec"]["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| port["port"].as_i64().unwrap())
            .collect();
        assert_eq!(order, expected, "{live:?} {config:?}");
    }
}

#[test]
fn items_that_are_there_twice_are_owned_as_one() {
    let named = things();
    let twice = ports(&[1, 1, 2]);
    let one = r#"k:{"port":1,"protocol":"TCP"}"#;
    let two = r#"k:{"port":2,"protocol":"TCP"}"#;
    let expected = json!({"f:spec": {"f:ports": {one: {}, two: {".": {}, "f:port": {}}}}});
    assert_eq!(schema(&named).field_set(&twice), set(&expected));
    let differences = schema(&named).compare(&twice, &ports(&[1, 2]));
    let back = json!({"f:spec": {"f:ports": {one: {".": {}, "f:port": {}}}}});
    assert_eq!(differences.added, set(&back));
    assert_eq!(differences.removed, set(&json!({"f:spec": {"f:ports": {one: {}}}})));
    let merged = schema(&named).merge(&twice, &json!({"spec": {"ports": [{"port": 1, "note": "n"}]}}));
    assert_eq!(merged["spec"]["ports"], json!([{"port": 1, "note": "n"}, {"port": 2}]));
}

#[test]
fn an_object_that_takes_the_place_of_a_scalar_counts_on_both_sides() {
    let named = things();
    let (scalar, object) = (
        json!({"spec": {"free": {"x": 1}}}),
        json!({"spec": {"free": {"x": {"y": 1}}}}),
    );
    let differences = schema(&named).compare(&scalar, &object);
    assert_eq!(differences.modified, set(&json!({"f:spec": {"f:free": {"f:x": {}}}})));
    assert_eq!(
        differences.added,
        set(&json!({"f:spec": {"f:free": {"f:x": {"f:y": {}}}}}))
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let named = things();
    let cases = [
        (json!({"spec": {"nome": 1}}), ".spec.nome: field not declared in schema"),
        (
            json!({"spec": {"ports": [{"port": 1, "nota": 1}]}}),
            ".spec.ports[port=1,protocol=\"TCP\"].nota: field not declared in schema",
        ),
        (
            json!({"spec": {"name": {"a": 1}}}),
            ".spec.name: expected any scalar, got &{map[a:1]}",
        ),
        (
            json!({"spec": 1, "kind": []}),
            "errors:\n  .kind: expected any scalar, got &{[]}\n  .spec: expected map, got &{1}",
        ),
        (json!([1]), "expected map, got &{[1]}"),
    ];
    for (value, message) in cases {
        assert_eq!(schema(&named).validate(&value, false), Err(message.to_owned()));
    }
    let open = json!({"spec": {"open": {"nome": {"free": [1]}}, "free": {"x": [{}]}}});
    assert_eq!(schema(&named).validate(&open, false), Ok(()));
}

#[test]
fn what_becomes_atomic_is_owned_as_a_whole() {
    let named = things();
    let before = json!({"f:spec": {"f:name": {}, "f:whole": {".": {}, "f:a": {}}, "f:list": {"v:1": {}}}});
    let after = json!({"f:spec": {"f:name": {}, "f:whole": {}, "f:list": {}}});
    assert_eq!(schema(&named).reconcile(&set(&before)), Some(set(&after)));
    assert_eq!(schema(&named).reconcile(&set(&after)), None);
}

#[test]
fn a_manager_of_a_version_that_is_gone_owns_nothing() {
    let named = things();
    let blank = json!({});
    let manager = FieldManager {
        schema: schema(&named),
        api_version: "x/v2",
        kind: "Thing",
        subresource: "",
        blank: &blank,
        reset: &Reset::Nothing,
        versions: &OneVersion,
    };
    let live = json!({
        "apiVersion": "x/v2",
        "kind": "Thing",
        "metadata": {"name": "n", "uid": "u", "managedFields": [{
            "manager": "old", "operation": "Update", "apiVersion": "x/v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:name": {}}},
        }]},
        "spec": {"name": "a"},
    });
    let config = json!({"apiVersion": "x/v2", "kind": "Thing", "metadata": {"name": "n"}, "spec": {"name": "b"}});
    let author = Author {
        manager: "new",
        now: "2026-01-01T00:00:00Z",
    };
    let applied = manager.apply(Some(&live), &config, author, false).unwrap();
    let managers: Vec<String> = Managers::of(&applied)
        .unwrap()
        .0
        .into_keys()
        .map(|key| key.manager)
        .collect();
    assert_eq!(managers, ["new"]);
}

#[test]
fn conflicts_name_subresources_and_are_listed_by_manager() {
    let conflict = |manager: &str, subresource: &str, field: &str| Conflict {
        owner: ManagerKey::new(manager, Operation::Update, "v1", subresource),
        path: vec![PathElement::field("status"), PathElement::field(field)],
    };
    let refusal = super::conflict::refuse(vec![
        conflict("b", "", "x"),
        conflict("a", "status", "x"),
        conflict("b", "", "y"),
    ]);
    assert_eq!(
        refusal.message,
        "Apply failed with 3 conflicts: conflicts with \"a\" with subresource \"status\" using v1:\n- .status.x\n\
         conflicts with \"b\" using v1:\n- .status.x\n- .status.y"
    );
}

#[test]
fn times_alone_are_no_change() {
    let object = |time: &str, name: &str| {
        let managed = json!([{"manager": "a", "time": time}]);
        json!({"metadata": {"name": "n", "managedFields": managed}, "spec": {"name": name}})
    };
    let live = object("1", "a");
    let mut same = object("2", "a");
    keep_times(&live, &mut same);
    assert_eq!(same, live);
    let mut other = object("2", "b");
    keep_times(&live, &mut other);
    assert_eq!(other, object("2", "b"));
}

#[test]
fn replicas_have_the_same_owners_in_a_scale() {
    let replicas = |version: &str| {
        (version == "apps/v1").then(|| vec![PathElement::field("spec"), PathElement::field("replicas")])
    };
    let managers = |fields: &[(&str, Operation, &str, &str, Value)]| {
        Managers(
            fields
                .iter()
                .map(|(manager, operation, version, subresource, fields)| {
                    let managed = Managed {
                        set: set(fields),
                        api_version: (*version).to_owned(),
                        time: Some("t".to_owned()),
                    };
                    (ManagerKey::new(manager, *operation, version, subresource), managed)
                })
                .collect(),
        )
    };
    let number = json!({"f:spec": {"f:replicas": {}}});
    let parent = managers(&[
        (
            "a",
            Operation::Apply,
            "apps/v1",
            "",
            json!({"f:spec": {"f:paused": {}, "f:replicas": {}}}),
        ),
        (
            "b",
            Operation::Update,
            "apps/v1",
            "",
            json!({"f:spec": {"f:paused": {}}}),
        ),
    ]);
    let scale = to_scale(&parent, &replicas);
    assert_eq!(
        scale,
        managers(&[("a", Operation::Apply, "autoscaling/v1", "", number.clone())])
    );
    assert_eq!(from_scale(&parent, &scale, "apps/v1", &replicas), parent);
    let scaled = managers(&[("s", Operation::Update, "autoscaling/v1", "scale", number.clone())]);
    let after = from_scale(&parent, &scaled, "apps/v1", &replicas);
    let owners: Vec<(&str, &FieldSet)> = after
        .0
        .iter()
        .map(|(key, it)| (key.manager.as_str(), &it.set))
        .collect();
    let paused = set(&json!({"f:spec": {"f:paused": {}}}));
    assert_eq!(owners, [("a", &paused), ("b", &paused), ("s", &set(&number))]);
}
