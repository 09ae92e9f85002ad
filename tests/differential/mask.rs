//! Answers go in; out they come without what is new in every run: uids, versions, times, addresses and the case's names
//! become stable names, in order of their first appearance, so that equalities are still seen. One mask serves one case.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::{Captures, Regex};
use serde_json::{Map, Value};

static UID: LazyLock<Regex> = LazyLock::new(|| regex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static TIME: LazyLock<Regex> = LazyLock::new(|| regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"));
static CLUSTER_IP: LazyLock<Regex> = LazyLock::new(|| regex(r"\b10\.0\.\d+\.\d+\b"));
static AGE: LazyLock<Regex> = LazyLock::new(|| regex(r"^(\d+[smhd])+$"));
static PORT_IN_TABLE: LazyLock<Regex> = LazyLock::new(|| regex(r":(3[0-2]\d{3})/"));
static CURRENT_VERSION: LazyLock<Regex> = LazyLock::new(|| regex(r"current: \d+"));
/// A whole object as the server's own types write it, quoted in a message.
static OBJECT: LazyLock<Regex> = LazyLock::new(|| regex(r#""\{\\"[^"].*\}": "#));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| regex(r"\b\d+\b"));
/// What the server appends to a `generateName`.
static SUFFIX: LazyLock<Regex> = LazyLock::new(|| regex("^[bcdfghjklmnpqrstvwxz2456789]{5}$"));

/// Where nodePorts are allocated.
const NODE_PORTS: std::ops::RangeInclusive<u64> = 30000..=32767;

/// What one case has seen.
#[derive(Default)]
pub struct Mask {
    /// Text of this run, and what stands for it.
    names: Vec<(String, String)>,
    uids: Vec<String>,
    versions: Vec<String>,
    addresses: Vec<String>,
    ports: Vec<String>,
}

impl Mask {
    /// A mask for the case with these names: text of this run, and what stands for it.
    pub fn new(names: Vec<(String, String)>) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }

    /// Masks an answer's body, or an event.
    pub fn value(&mut self, value: &mut Value) {
        self.note_generated(value);
        self.walk(value, "");
    }

    /// Masks a text.
    pub fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, stand_in) in &self.names {
            text = text.replace(name, stand_in);
        }
        let text = UID.replace_all(&text, |found: &Captures| stable("uid", &mut self.uids, &found[0]));
        let text = TIME.replace_all(&text, |found: &Captures| time(&found[0]));
        let text = CLUSTER_IP.replace_all(&text, |found: &Captures| stable("ip", &mut self.addresses, &found[0]));
        let text = PORT_IN_TABLE.replace_all(&text, |found: &Captures| {
            format!(":{}/", stable("port", &mut self.ports, &found[1]))
        });
        let text = OBJECT.replace_all(&text, "<object>: ");
        let text = CURRENT_VERSION.replace_all(&text, "current: <rv>");
        if !text.to_ascii_lowercase().contains("resourceversion") {
            return text.into_owned();
        }
        let known = |found: &Captures| match self.versions.iter().position(|known| *known == found[0]) {
            Some(index) => format!("<rv:{}>", index + 1),
            None => found[0].to_owned(),
        };
        NUMBER.replace_all(&text, known).into_owned()
    }

    /// Names that the server made are names of this run.
    fn note_generated(&mut self, value: &Value) {
        if let Some(metadata) = value.get("metadata") {
            let prefix = metadata.get("generateName").and_then(Value::as_str);
            let name = metadata.get("name").and_then(Value::as_str);
            if let (Some(prefix), Some(name)) = (prefix, name)
                && name.strip_prefix(prefix).is_some_and(|suffix| SUFFIX.is_match(suffix))
                && !self.names.iter().any(|(known, _)| known == name)
            {
                self.names.push((name.to_owned(), format!("{prefix}<generated>")));
            }
        }
        match value {
            Value::Object(entries) => entries.values().for_each(|value| self.note_generated(value)),
            Value::Array(items) => items.iter().for_each(|value| self.note_generated(value)),
            _ => {}
        }
    }

    fn walk(&mut self, value: &mut Value, key: &str) {
        // What is kept by pointer has the pointer as its key.
        let key = key.rsplit('/').next().unwrap_or(key);
        match value {
            Value::Object(entries) => {
                if let Some(Value::Array(causes)) = entries.get_mut("causes")
                    && causes.iter().all(|cause| cause["reason"] == "FieldManagerConflict")
                {
                    // The server goes through the managers in any order.
                    causes.sort_by_key(Value::to_string);
                }
                sort_complaints(entries);
                if let Some(Value::Array(owners)) = entries.get_mut("managedFields") {
                    // The server sorts them by time too, and the case may cross the boundary of a second.
                    owners.sort_by_key(owner);
                }
                if entries.get("type").is_some_and(|kind| kind == "BOOKMARK") {
                    set(entries, "/object/metadata/resourceVersion", "<rv>");
                }
                let old = std::mem::take(entries);
                for (key, mut value) in old {
                    self.walk(&mut value, &key);
                    entries.insert(self.text(&key), value);
                }
            }
            Value::Array(items) if key == "cells" => items.iter_mut().for_each(|item| {
                if item.as_str().is_some_and(|text| AGE.is_match(text)) {
                    *item = "<age>".into();
                }
                self.walk(item, key);
            }),
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item, key)),
            Value::String(text) if key == "resourceVersion" && is_version(text) => {
                *text = stable("rv", &mut self.versions, text);
            }
            Value::String(text) => *text = self.text(text),
            Value::Number(number)
                if ["nodePort", "healthCheckNodePort"].contains(&key)
                    && number.as_u64().is_some_and(|port| NODE_PORTS.contains(&port)) =>
            {
                *value = stable("port", &mut self.ports, &number.to_string()).into();
            }
            _ => {}
        }
    }
}

/// The server goes through the properties of a custom object in any order, and complains in that order, in the causes as
/// in the message.
fn sort_complaints(status: &mut Map<String, Value>) {
    let custom = |details: &Value| {
        details["group"]
            .as_str()
            .is_some_and(|group| group.ends_with(".example.com"))
    };
    if !status.get("details").is_some_and(custom) {
        return;
    }
    let listed = |status: &Map<String, Value>| {
        let causes = status.get("details")?.get("causes")?.as_array()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let complaint = |cause: &Value| Some(format!("{}: {}", text(&cause["field"])?, text(&cause["message"])?));
        Some(format!(
            "[{}]",
            causes.iter().map(complaint).collect::<Option<Vec<_>>>()?.join(", ")
        ))
    };
    let before = listed(status);
    if let Some(Value::Array(causes)) = status.get_mut("details").and_then(|details| details.get_mut("causes")) {
        causes.sort_by_key(|cause| (cause["field"] == "<nil>", cause.to_string()));
    }
    if let (Some(before), Some(after)) = (before, listed(status))
        && let Some(Value::String(message)) = status.get_mut("message")
    {
        *message = message.replace(&before, &after);
    }
}

/// Masks what is of this run but is not worth a name: do it to the whole, before parts of it are kept.
pub fn collections(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            if is_collection(entries) {
                mask_collection(entries);
            }
            entries.values_mut().for_each(collections);
        }
        Value::Array(items) => items.iter_mut().for_each(collections),
        _ => {}
    }
}

/// The version of a collection says how much the whole server has seen, which other cases change too.
fn mask_collection(entries: &mut Map<String, Value>) {
    set(entries, "/metadata/resourceVersion", "<rv>");
    set(entries, "/metadata/continue", "<continue>");
    // The descriptions are prose of the API's documentation.
    if let Some(Value::Array(columns)) = entries.get_mut("columnDefinitions") {
        for column in columns.iter_mut().filter_map(Value::as_object_mut) {
            column.remove("description");
        }
    }
}

/// What an entry of `managedFields` is sorted by, times apart.
fn owner(entry: &Value) -> [String; 4] {
    ["operation", "manager", "apiVersion", "subresource"]
        .map(|key| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn is_collection(entries: &Map<String, Value>) -> bool {
    entries.contains_key("items") || entries.contains_key("columnDefinitions") || entries.contains_key("rows")
}

/// Replaces a text that is there and not empty.
fn set(entries: &mut Map<String, Value>, pointer: &str, text: &str) {
    let mut place = entries.get_mut(pointer.split('/').nth(1).unwrap_or_default());
    for key in pointer.split('/').skip(2) {
        place = place.and_then(|value| value.get_mut(key));
    }
    if let Some(place) = place
        && place.as_str() != Some("")
    {
        *place = text.into();
    }
}

fn is_version(text: &str) -> bool {
    text != "0" && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Times of this run; those that a script sends are long ago.
fn time(text: &str) -> String {
    let recent = |time: Timestamp| time.duration_until(Timestamp::now()).abs() < SignedDuration::from_hours(24);
    match text.parse() {
        Ok(time) if recent(time) && text.contains('.') => "<microtime>".to_owned(),
        Ok(time) if recent(time) => "<time>".to_owned(),
        _ => text.to_owned(),
    }
}

fn stable(what: &str, seen: &mut Vec<String>, text: &str) -> String {
    let index = seen.iter().position(|known| known == text).unwrap_or_else(|| {
        seen.push(text.to_owned());
        seen.len() - 1
    });
    format!("<{what}:{}>", index + 1)
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns of this file are regular expressions")
}
