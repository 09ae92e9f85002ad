//! What a real server of version 1.36.3 answered to sequences of writes, played again. Its defaults and its bookkeeping
//! (uid, versions, generations) are taken from its answers; what is merged and who owns what must come out alike. Times
//! are the number of the step.

use serde_json::{Map, Value, json};

use super::apply::{Author, FieldManager, FieldSet, OneVersion, Reset, Schema, Versions, keep_times};
use super::shapes_from_json::Named;
use super::{json as json_patch, merge, strategic};
use crate::server::status::ApiError;

struct Step<'a> {
    kind: &'a str,
    number: usize,
    json: &'a Value,
}

impl Step<'_> {
    fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap()
    }

    fn answer(&self) -> &Value {
        &self.json["result"]
    }

    fn now(&self) -> String {
        format!("2026-01-01T00:00:{:02}Z", self.number)
    }

    /// Whether the server refused the write before or after merging.
    fn refused_elsewhere(&self) -> bool {
        let message = self.answer()["message"].as_str().unwrap_or_default();
        self.json["code"] == 422 && message.contains(" is invalid: ")
    }
}

struct ThingVersions<'a>(&'a Named);

impl Versions for ThingVersions<'_> {
    fn schema(&self, api_version: &str) -> Option<Schema<'_>> {
        Some(schema(self.0, "Thing", api_version))
    }

    fn convert(&self, object: &Value, api_version: &str) -> Value {
        in_version(object, api_version)
    }
}

fn schema<'a>(named: &'a Named, kind: &str, api_version: &str) -> Schema<'a> {
    let name = if api_version == "patch.test/v2" {
        "ThingV2"
    } else {
        kind
    };
    Schema {
        shapes: &named.shapes,
        root: named.id(name),
    }
}

fn in_version(object: &Value, api_version: &str) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(api_version);
    object
}

/// An object before anything is set, as Go's types write it.
fn blank(kind: &str) -> Value {
    match kind {
        "ConfigMap" => json!({"metadata": {}}),
        "Service" => json!({"metadata": {}, "spec": {}, "status": {"loadBalancer": {}}}),
        "Deployment" => json!({
            "metadata": {},
            "spec": {
                "selector": null,
                "strategy": {},
                "template": {"metadata": {}, "spec": {"containers": null}},
            },
            "status": {},
        }),
        _ => json!({}),
    }
}

fn reset(kind: &str, subresource: &str) -> Reset {
    Reset::Fields(match (kind, subresource) {
        ("ConfigMap", _) => return Reset::Nothing,
        ("Thing", "status") => FieldSet::of_fields(&[&["metadata"], &["spec"]]),
        (_, "status") => FieldSet::of_fields(&[&["spec"], &["metadata", "labels"]]),
        _ => FieldSet::of_fields(&[&["status"]]),
    })
}

/// Plays one write; the object that the server has afterwards.
fn play(named: &Named, step: &Step<'_>, live: Option<&Value>) -> Result<Value, ApiError> {
    let api_version = step.text("version");
    let live = live.map(|live| in_version(live, api_version));
    let live = live.as_ref();
    let (blank, reset) = (blank(step.kind), reset(step.kind, step.text("subresource")));
    let things = ThingVersions(named);
    let manager = FieldManager {
        schema: schema(named, step.kind, api_version),
        api_version,
        kind: step.kind,
        subresource: step.text("subresource"),
        blank: &blank,
        reset: &reset,
        versions: if step.kind == "Thing" { &things } else { &OneVersion },
    };
    let now = step.now();
    let author = Author {
        manager: step.text("manager"),
        now: &now,
    };
    let body = &step.json["body"];
    if step.text("op") == "apply" {
        let applied = manager.apply(live, body, author, step.json["force"] == true)?;
        return Ok(finished(step, live, applied));
    }
    let written = written(&manager, step.text("op"), live, body)?;
    let mut new = finished(step, None, written.clone());
    if step.kind == "Service" && live.is_none() {
        // Addresses are allocated after owners are noted.
        if let Some(spec) = new["spec"].as_object_mut() {
            spec.retain(|name, _| !name.starts_with("clusterIP") && !name.starts_with("ipFamil"));
        }
    }
    if !step.text("subresource").is_empty() {
        // What the endpoint resets is still as the client wants it when owners are looked for.
        for (name, value) in written
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != "status")
        {
            new[name] = value.clone();
        }
    }
    if step.kind == "Thing" && new["metadata"]["managedFields"] == json!([]) {
        // Decoding a custom object drops an empty list; for built-in kinds it asks to forget all managers.
        new["metadata"].as_object_mut().unwrap().remove("managedFields");
    }
    manager.own_update(live, &mut new, author);
    Ok(finished(step, live, new))
}

/// What a write that is no apply makes of an object.
fn written(manager: &FieldManager<'_>, op: &str, live: Option<&Value>, body: &Value) -> Result<Value, ApiError> {
    let object = live.cloned().unwrap_or_default();
    match op {
        "merge" => merge::apply(&object, body),
        "json" => json_patch::apply(&object, body).map(|patched| patched.object),
        "strategic" => strategic::apply(manager.schema.shapes, manager.schema.root, &object, body),
        _ => Ok(body.clone()),
    }
}

/// The object with everything that the server did after merging; its managed fields are those of `merged`.
fn finished(step: &Step<'_>, live: Option<&Value>, merged: Value) -> Value {
    if step.refused_elsewhere() {
        return merged;
    }
    let mut object = step.answer().clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    if let Some(managed) = merged["metadata"].get("managedFields") {
        metadata.insert("managedFields".to_owned(), managed.clone());
    }
    if let Some(live) = live {
        keep_times(live, &mut object);
    }
    assert_within(&merged, &object, step, "");
    object
}

/// Whether everything in `merged` that is of the client's making is also in the server's answer.
fn assert_within(merged: &Value, answer: &Value, step: &Step<'_>, path: &str) {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        other => other == "" || other == false,
    };
    match (merged, answer) {
        // Decoding makes nothing of null, and does not know a directive in an item that is new.
        (Value::Null, answer) if empty(answer) => {}
        (Value::Object(merged), Value::Object(answer)) => {
            for (name, value) in merged.iter().filter(|(name, _)| *name != "$patch") {
                let path = format!("{path}.{name}");
                let own = [
                    ".metadata.generation",
                    ".metadata.creationTimestamp",
                    ".metadata.managedFields",
                ];
                if own.contains(&path.as_str()) || !is_kept(step, &path) {
                    continue;
                }
                match answer.get(name) {
                    Some(answer) => assert_within(value, answer, step, &path),
                    None => assert!(empty(value), "{path} is not in the answer: {value}"),
                }
            }
        }
        (Value::Array(merged), Value::Array(answer)) if merged.len() == answer.len() => {
            for (value, answer) in merged.iter().zip(answer) {
                assert_within(value, answer, step, path);
            }
        }
        _ => assert!(super::apply::equal(merged, answer), "{path} is {answer}, not {merged}"),
    }
}

/// Whether the endpoint keeps what is written there.
fn is_kept(step: &Step<'_>, path: &str) -> bool {
    match step.text("subresource") {
        "status" => path.starts_with(".status"),
        _ => step.kind == "ConfigMap" || !path.starts_with(".status"),
    }
}

/// The real server has the managers of several conflicts in no order.
fn with_sorted_causes(mut status: Value) -> Value {
    if let Some(causes) = status.pointer_mut("/details/causes").and_then(Value::as_array_mut) {
        causes.sort_by_key(ToString::to_string);
    }
    status
}

fn owners(object: &Value) -> Map<String, Value> {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    entries
        .into_iter()
        .enumerate()
        .map(|(index, entry)| (format!("{index}"), entry))
        .collect()
}

#[test]
fn the_real_server_is_followed() {
    let named = Named::recorded();
    let sequences: Vec<Value> = serde_json::from_str(include_str!("testdata/recorded.json")).unwrap();
    let mut failures = Vec::new();
    for sequence in &sequences {
        let name = sequence["name"].as_str().unwrap();
        let mut live: Option<Value> = None;
        for (number, json) in sequence["steps"].as_array().unwrap().iter().enumerate() {
            let step = Step {
                kind: sequence["kind"].as_str().unwrap(),
                number,
                json,
            };
            if step.refused_elsewhere() {
                continue;
            }
            let played = std::panic::catch_unwind(|| play(&named, &step, live.as_ref()));
            let place = format!("{name}, step {number}");
            match played {
                Err(_) => failures.push(format!("{place}: panicked")),
                Ok(Err(refusal)) => {
                    let (ours, theirs) = (
                        with_sorted_causes(refusal.to_json()),
                        with_sorted_causes(step.answer().clone()),
                    );
                    if ours != theirs {
                        failures.push(format!("{place}:\n  {ours}\n  instead of\n  {theirs}"));
                    }
                }
                Ok(Ok(object)) => {
                    let (ours, theirs) = (owners(&object), owners(step.answer()));
                    if json["code"].as_u64() >= Some(300) {
                        failures.push(format!("{place}: was not refused: {}", step.answer()));
                        continue;
                    }
                    if ours != theirs {
                        failures.push(format!(
                            "{place}:\n  {}\n  instead of\n  {}",
                            json!(ours),
                            json!(theirs)
                        ));
                    }
                }
            }
            if json["code"].as_u64() < Some(300) {
                live = Some(step.answer().clone());
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differences:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
