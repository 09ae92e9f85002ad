//! What a real server said of objects and definitions, and what must hold for all of them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::server::field::FieldError;

fn shown(errors: &[FieldError]) -> Vec<[String; 3]> {
    let mut shown: Vec<[String; 3]> = errors
        .iter()
        .map(|error| [error.path.to_string(), error.problem.reason().to_owned(), error.body()])
        .collect();
    shown.sort();
    shown
}

/// The server answers in the order of Go's maps, which is none.
fn expected(case: &Value) -> Vec<[String; 3]> {
    let mut expected: Vec<[String; 3]> = serde_json::from_value(case["errors"].clone()).unwrap();
    expected.sort();
    expected
}

fn object(spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Case", "metadata": {"name": "x"}, "spec": spec})
}

#[test]
fn objects_are_judged_as_the_server_does() {
    let data: Value = serde_json::from_str(include_str!("testdata/objects.json")).unwrap();
    let mut failures = Vec::new();
    for (index, case) in data["cases"].as_array().unwrap().iter().enumerate() {
        let schema = Structural::new(&data["schemas"][case["schema"].as_str().unwrap()]);
        let read = |spec: &Value| {
            let mut object = object(spec);
            let unknown = schema.decode(&mut object);
            schema.default(&mut object);
            unknown.map(|unknown| (object, unknown))
        };
        let old = case.get("old").map(|old| read(old).unwrap().0);
        let (new, unknown) = match read(&case["new"]) {
            Ok(read) => read,
            Err(error) => {
                assert!(
                    case["decode"].as_str().unwrap().ends_with(&error),
                    "case {index}: {error}"
                );
                continue;
            }
        };
        if let Some(strict) = case.get("strict") {
            assert!(
                strict.as_str().unwrap().ends_with(&unknown.join(", ")),
                "case {index}: {unknown:?} {strict}"
            );
        }
        if let Some(result) = case.get("result") {
            assert_eq!(&new["spec"], result, "case {index}");
        }
        let (found, wanted) = (shown(&schema.validate(&new, old.as_ref())), expected(case));
        if found != wanted {
            failures.push(format!(
                "case {index} {}\n  found  {found:#?}\n  wanted {wanted:#?}",
                case["new"]
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn statuses_are_judged_as_the_server_does() {
    let data: Value = serde_json::from_str(include_str!("testdata/statuses.json")).unwrap();
    let schema = Structural::new(&data["schema"]);
    let paths = json!({"specReplicasPath": ".spec.r", "statusReplicasPath": ".status.r"});
    let scale = ScalePaths::of_version(&json!({"subresources": {"scale": paths}})).unwrap();
    for (index, case) in data["cases"].as_array().unwrap().iter().enumerate() {
        let found = schema.validate_status(Vec::new(), &case["new"], &case["old"], Some(&scale));
        assert_eq!(shown(&found), expected(case), "case {index} {}", case["new"]);
    }
}

#[test]
fn definitions_are_judged_as_the_server_does() {
    let data: Vec<Value> = serde_json::from_str(include_str!("testdata/definitions.json")).unwrap();
    let about_metadata = |error: &[String; 3]| error[0].starts_with("metadata.") && error[2].contains("RFC 1123");
    let mut failures = Vec::new();
    for (index, case) in data.iter().enumerate() {
        let mut new = case["new"].clone();
        definition::default(&mut new);
        let found = match case.get("old") {
            None => {
                definition::prepare_create(&mut new);
                definition::validate_create(&new)
            }
            Some(old) => {
                definition::prepare_update(&mut new, old);
                definition::validate_update(&new, old)
            }
        };
        if let Some(result) = case.get("result") {
            assert_eq!(
                (&new["spec"], &new["status"]),
                (&result["spec"], &result["status"]),
                "case {index}"
            );
        }
        let (found, mut wanted) = (shown(&found), expected(case));
        wanted.retain(|error| !about_metadata(error) && error[0] != "metadata.resourceVersion");
        if found != wanted {
            failures.push(format!("case {index}\n  found  {found:#?}\n  wanted {wanted:#?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..5).prop_map(Value::from),
        (-2.0..2.0).prop_map(Value::from),
        "[abx]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Without `all`, none in which an unchanged object counts as changed: items that should have keys and have none, and
/// fields that are kept without being known, are never the same as before.
fn any_schema(all: bool) -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!({"type": "string", "maxLength": 2, "pattern": "^a"})),
        Just(json!({"type": "string", "nullable": true, "default": "d", "format": "date"})),
        Just(
            json!({"type": "integer", "minimum": 1, "default": 3, "x-kubernetes-validations": [{"rule": "self > 1"}]})
        ),
        Just(json!({"type": "number", "multipleOf": 0.5})),
        Just(json!({"type": "boolean", "default": true})),
        Just(json!({"x-kubernetes-int-or-string": true, "enum": [1, "a"]})),
        Just(
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": all, "properties": {"a": {"type": "object"}}})
        ),
        Just(
            json!({"type": "object", "x-kubernetes-embedded-resource": all, "x-kubernetes-preserve-unknown-fields": all})
        ),
    ];
    scalar.prop_recursive(3, 16, 3, move |inner| {
        prop_oneof![
            prop::collection::btree_map("[abc]", inner.clone(), 0..4).prop_map(|properties| {
                let required: Vec<&String> = properties.keys().take(1).collect();
                json!({"type": "object", "properties": properties, "required": required, "default": {},
                    "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
                    "x-kubernetes-validations": [{"rule": "has(self.a) || self == oldSelf"}]})
            }),
            inner
                .clone()
                .prop_map(|values| json!({"type": "object", "additionalProperties": values, "maxProperties": 2})),
            (
                inner,
                prop_oneof![
                    Just(json!({"x-kubernetes-list-type": "atomic"})),
                    Just(json!({"x-kubernetes-list-type": "set"})),
                    Just(match all {
                        true => json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]}),
                        false => json!({}),
                    }),
                ]
            )
                .prop_map(|(items, mut list)| {
                    list["type"] = "array".into();
                    list["items"] = items;
                    list["minItems"] = 1.into();
                    list
                }),
        ]
    })
}

/// Rules that the server was asked about: `None` where it takes the definition, else the end of its error.
#[test]
fn rules_compile_as_on_the_server() {
    let cases = [
        ("format.dns1123Label().validate(self.a).hasValue()", None),
        ("format.named('dns1123Label').hasValue()", None),
        ("lists.range(3).size() == 3", None),
        ("strings.quote(self.a) == 'x'", None),
        ("ip.isCanonical(self.a)", None),
        ("optional.of(1).hasValue()", None),
        ("sets.contains([1],[1])", None),
        (
            "self.metadata.labels.size() == 0",
            Some("undefined field 'labels'\n | self.metadata.labels.size() == 0\n | .............^"),
        ),
        ("self.metadata.name == 'x' && self.kind == 'X'", None),
        ("type(self.a) == string", None),
        ("type(self) == map", None),
        ("[[1]].flatten() == [1]", None),
        ("[1,2].first().hasValue()", None),
        ("[1].exists(i,v,v>1)", None),
        ("uint(1) > 0u", None),
        ("1 in [1,2]", None),
        ("{'a':1}['a'] == 1", None),
        (
            "self.a.matches('^(a')",
            Some("1:16: invalid matches argument\n | self.a.matches('^(a')\n | ...............^"),
        ),
        ("self.a == dyn(1)", None),
        (
            "duration('x') > duration('1s')",
            Some("1:10: invalid duration argument\n | duration('x') > duration('1s')\n | .........^"),
        ),
        ("self.?a.orValue('') == 'x'", None),
        (
            "optional.of(self.a).optMap(v, v + 'x').hasValue()",
            Some("maxProperties, and maxLength where arrays, maps, and strings are declared)"),
        ),
        ("[1].transformList(i, v, v + i).size() == 1", None),
    ];
    for (rule, error) in cases {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}},
            "x-kubernetes-validations": [{"rule": rule}]});
        let versions = json!([{"name": "v1", "storage": true, "schema": {"openAPIV3Schema": schema}}]);
        let mut definition = json!({"metadata": {"name": "xs.a.b"}, "spec": {"group": "a.b", "scope": "Cluster",
            "names": {"plural": "xs", "kind": "X"}, "versions": versions}});
        definition::default(&mut definition);
        let found = definition::validate_create(&definition);
        match error {
            None => assert!(found.is_empty(), "{rule}: {found:?}"),
            Some(error) => assert!(found[0].detail.ends_with(error), "{rule}: {found:?}"),
        }
    }
}

#[test]
fn schemas_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Structural>();
}

fn any_token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "self",
        "oldSelf",
        ".a",
        ".b",
        ".?a",
        "[0]",
        "[?0]",
        " > ",
        " == ",
        " in ",
        "1",
        "1.5",
        "'x'",
        "(",
        ")",
        "-",
        "!",
        " && ",
        ".all(x, ",
        ".exists(i, v, ",
        ".map(x, ",
        ".optMap(v, ",
        "has(",
        "size(",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ":",
        "?",
        "x",
        "type(",
        ".sortBy(x, ",
        ".transformList(i, v, ",
        "null",
        "true",
        "duration(",
        "\n",
        "ü",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn objects_of_any_schema_are_read_once(schema in any_schema(true), spec in any_json(), other in any_json()) {
        let schema = Structural::new(&json!({"type": "object", "properties": {"spec": schema}}));
        let mut new = object(&spec);
        schema.prune(&mut new);
        let pruned = new.clone();
        prop_assert!(schema.prune(&mut new).is_empty());
        prop_assert_eq!(&new, &pruned);
        schema.default(&mut new);
        let defaulted = new.clone();
        schema.default(&mut new);
        prop_assert_eq!(&new, &defaulted);
        let _ = schema.validate(&new, None);
        let _ = schema.validate(&new, Some(&object(&other)));
        let _ = schema.shapes();
    }

    #[test]
    fn what_did_not_change_is_tolerated(schema in any_schema(false), spec in any_json()) {
        let schema = Structural::new(&json!({"type": "object", "properties": {"spec": schema}}));
        let mut object = object(&spec);
        if schema.decode(&mut object).is_ok() {
            let embedded = |error: &FieldError| error.path.as_str().contains("apiVersion") || error.path.as_str().contains("kind");
            let found: Vec<_> = schema
                .validate(&object, Some(&object))
                .into_iter()
                .filter(|error| !embedded(error) && error.path.as_str() != "")
                .filter(|error| !error.detail.contains("evaluating rule") && !error.detail.contains("for rule"))
                .filter(|error| !error.detail.contains("self == oldSelf"))
                .collect();
            prop_assert!(found.is_empty(), "{:?}", found);
        }
    }

    #[test]
    fn no_rule_makes_the_compiler_panic(tokens in prop::collection::vec(any_token(), 0..8), value in any_json()) {
        let rule = json!({"rule": tokens.concat(), "messageExpression": tokens.concat()});
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-validations": [rule],
            "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "string"}}}}}});
        let _ = Structural::new(&schema).validate(&object(&value), Some(&object(&json!({"a": 1}))));
        let versions = json!([{"name": "v1", "storage": true, "schema": {"openAPIV3Schema": schema}}]);
        let _ = definition::validate_create(&json!({"spec": {"versions": versions}}));
    }

    #[test]
    fn nothing_makes_the_compiler_panic(schema in any_json(), object in any_json()) {
        let _ = definition::validate_create(&json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": &schema}}]}}));
        let _ = definition::validate_update(&object, &schema);
        let schema = Structural::new(&schema);
        let mut copy = object.clone();
        let _ = schema.decode(&mut copy);
        schema.default(&mut copy);
        let _ = schema.validate(&copy, Some(&object));
        let _ = schema.shapes();
    }
}
