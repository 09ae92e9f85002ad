use serde_json::from_str;

use super::*;

/// What the real server printed, of objects of every kind that is known here.
const ANSWERS: &str = include_str!("tests/answers.json");

fn options(include: Include) -> Options<'static> {
    Options {
        version: "v1",
        include,
        headers: true,
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

#[test]
fn tables_are_those_of_the_real_server() {
    let answers: Vec<Value> = from_str(ANSWERS).unwrap();
    for answer in answers {
        let (group, resource) = (answer["group"].as_str().unwrap(), answer["resource"].as_str().unwrap());
        let columns = columns(group, resource);
        let headings: Vec<Value> = columns
            .iter()
            .map(|column| json!([column.name, column.kind, column.format, column.priority]))
            .collect();
        assert_eq!(json!(headings), answer["columns"], "{resource}");
        let now = answer["now"].as_str().unwrap().parse().unwrap();
        for row in answer["rows"].as_array().unwrap() {
            assert_eq!(json!(cells(columns, &row["object"], now)), row["cells"], "{resource}");
        }
    }
}

#[test]
fn every_column_reads_an_empty_object() {
    let answers: Vec<Value> = from_str(ANSWERS).unwrap();
    for answer in answers {
        let columns = columns(answer["group"].as_str().unwrap(), answer["resource"].as_str().unwrap());
        let cells = cells(columns, &json!({}), options(Include::None).now);
        assert_eq!(cells.len(), columns.len());
    }
}

#[test]
fn a_table_has_what_is_asked_for() {
    let object = json!({
        "kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "b"},
        "metadata": {"name": "a", "creationTimestamp": "2025-12-31T23:59:00Z"},
    });
    let metadata = json!({"resourceVersion": "7", "continue": "x", "remainingItemCount": 1, "selfLink": "y"});
    let table_of = |include| table(columns("", "configmaps"), &metadata, &[&object], options(include));
    let metadata_only = table_of(Include::Metadata);
    assert_eq!(metadata_only["kind"], "Table");
    assert_eq!(metadata_only["apiVersion"], "meta.k8s.io/v1");
    assert_eq!(
        metadata_only["metadata"],
        json!({"resourceVersion": "7", "continue": "x", "remainingItemCount": 1})
    );
    assert_eq!(
        metadata_only["columnDefinitions"][0],
        json!({"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0})
    );
    assert_eq!(
        metadata_only["rows"],
        json!([{"cells": ["a", 1, "60s"], "object": {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
        }}])
    );
    assert_eq!(table_of(Include::Object)["rows"][0]["object"], object);
    assert_eq!(
        table_of(Include::None)["rows"],
        json!([{"cells": ["a", 1, "60s"], "object": null}])
    );
}

#[test]
fn without_objects_there_may_be_no_rows_at_all() {
    let empty = |resource| table(columns("", resource), &json!({}), &[], options(Include::Metadata));
    assert_eq!(empty("configmaps")["rows"], json!([]));
    assert_eq!(empty("limitranges")["rows"], Value::Null, "as the real server answers");
    let later = Options {
        headers: false,
        ..options(Include::None)
    };
    let event = table(columns("", "configmaps"), &json!({}), &[], later);
    assert_eq!(event["columnDefinitions"], Value::Null);
}

#[test]
fn pods_that_have_ended_say_so() {
    let pod = json!({"metadata": {"name": "p"}, "status": {"phase": "Failed"}});
    let ended = table(columns("", "pods"), &json!({}), &[&pod], options(Include::None));
    assert_eq!(
        ended["rows"][0]["conditions"],
        json!([{"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."}])
    );
}

#[test]
fn only_known_parts_are_included() {
    assert_eq!(Include::parse(None).unwrap(), Include::Metadata);
    assert_eq!(
        Include::parse(Some("X")).unwrap_err().message,
        "Unable to convert to Table as requested: includeObject: Invalid value: \"X\": must be 'Metadata', 'Object', 'None', or empty"
    );
}
