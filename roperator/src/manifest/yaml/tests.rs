use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read_back(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// Drops what [`document`] omits.
fn written(value: &Value) -> Value {
    fn strip(value: &Value) -> Value {
        match value {
            Value::Object(map) => map
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), strip(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Array(items) => items.iter().map(strip).collect(),
            scalar => scalar.clone(),
        }
    }
    strip(value)
}

#[test]
fn the_top_has_the_order_of_people_and_the_rest_that_of_the_alphabet() {
    let object = json!({
        "webhooks": [], "status": {}, "spec": {"b": 1, "a": {"kind": "x", "apiVersion": "y"}}, "kind": "Thing",
        "metadata": {"labels": {"z": "1", "a": "2"}, "namespace": "ns", "creationTimestamp": null, "name": "n"},
        "apiVersion": "v1", "data": null,
    });
    insta::assert_snapshot!(document(&object).unwrap(), @r#"
    apiVersion: v1
    kind: Thing
    metadata:
      name: "n"
      namespace: ns
      labels:
        a: "2"
        z: "1"
    spec:
      a:
        apiVersion: "y"
        kind: x
      b: 1
    webhooks: []
    "#);
}

#[test]
fn an_absent_value_leaves_no_trace_but_a_null_in_a_list_stays() {
    let object = json!({"a": null, "b": {"c": null}, "enum": ["x", null], "spec": {"status": {}}});
    assert_eq!(
        read_back(&document(&object).unwrap()),
        json!({"b": {}, "enum": ["x", null], "spec": {"status": {}}})
    );
}

#[test]
fn documents_are_separated() {
    let yaml = documents([&json!({"a": 1}), &json!({"b": 2})]).unwrap();
    assert_eq!(yaml, "a: 1\n---\nb: 2\n");
    let read: Vec<Value> = serde_saphyr::from_multiple(&yaml).unwrap();
    assert_eq!(read, [json!({"a": 1}), json!({"b": 2})]);
}

#[test]
fn what_yaml_1_1_would_not_read_as_a_string_is_quoted() {
    let ambiguous = [
        "yes",
        "Yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "Y",
        "N",
        "true",
        "False",
        "null",
        "Null",
        "~",
        "",
        "1",
        "-1",
        "+1",
        "1.0",
        ".5",
        "1e3",
        "1E3",
        "1.0e+3",
        "0o7",
        "07",
        "0x1f",
        "0b1",
        "1_000",
        "12:30:45",
        "1:30",
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        ".inf",
        "-.INF",
        ".nan",
        "=",
        "<<",
        "-",
        "- a",
        "? a",
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
        "{a",
        "[a",
        "]",
        "}",
        ",",
        "'a",
        "\"a",
        " a",
        "a ",
        "---",
        "...",
        "a:",
    ];
    for string in ambiguous {
        for yaml in [
            document(&json!({ "key": string })).unwrap(),
            document(&json!([string])).unwrap(),
        ] {
            let scalar = yaml.trim_end().trim_start_matches("key: ").trim_start_matches("- ");
            assert!(scalar.starts_with(['"', '\'']), "{string:?} is written as {yaml:?}");
        }
        let as_key = document(&json!({ string: "value" })).unwrap();
        assert_eq!(read_back(&as_key), json!({ string: "value" }), "{as_key}");
    }
    // Versions, quantities and the like stay readable.
    for string in [
        "v1",
        "100m",
        "64Mi",
        "example.com",
        "a:b",
        "http://x",
        "RuntimeDefault",
        "--flag",
        "/health",
    ] {
        assert_eq!(document(&json!({ "key": string })).unwrap(), format!("key: {string}\n"));
    }
}

#[test]
fn strings_of_several_lines_become_blocks() {
    let long = "words ".repeat(40);
    let object = json!({"lines": "first\n  second\n", "list": [{"text": "a\nb"}], "long": long.trim_end()});
    let yaml = document(&object).unwrap();
    assert!(yaml.contains("lines: |\n  first\n    second\n"), "{yaml}");
    assert!(yaml.contains("long: >-\n  words"), "{yaml}");
    assert_eq!(read_back(&yaml), object);
}

#[test]
fn a_block_never_begins_with_a_tab() {
    for text in ["\ta\nb", "\n\ta", "\n \ta\n"] {
        let yaml = document(&json!({ "key": text })).unwrap();
        assert!(yaml.starts_with("key: \""), "{yaml}");
        assert_eq!(read_back(&yaml), json!({ "key": text }));
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        "[ -~\\n\\t]{0,12}",
        "\\PC{0,8}",
        "([a-z]{1,9}[ \\n]{1,2}){0,30}",
        "[-+0-9eExob_:.T Z]{1,10}",
        any::<String>(),
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(word.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(spec in json_value()) {
        let object = json!({ "spec": spec });
        let yaml = document(&object).unwrap();
        prop_assert_eq!(read_back(&yaml), written(&object), "{}", yaml);
    }
}
