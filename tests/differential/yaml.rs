//! Values go in, YAML for people comes out: keys sorted, short collections on one line, every string that could be read as
//! something else in quotes. And the way back, for all YAML of this suite.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Collections that fit into a line of this length stand in one.
const WIDTH: usize = 116;

/// Reads YAML.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! {
        // The files are our own: no limits.
        budget: None,
        strict_booleans: true,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: usize::MAX,
            max_alias_expansions_per_anchor: usize::MAX,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

/// Writes a value, beginning at this depth of indentation.
pub fn write(value: &Value, indent: usize) -> String {
    let mut text = String::new();
    block(&mut text, value, indent);
    text
}

/// Writes `key: value` lines, in the order given.
pub fn write_entry(text: &mut String, key: &str, value: &Value, indent: usize) {
    _ = write!(text, "{:indent$}{}:", "", scalar(key));
    nested(text, value, indent);
}

fn block(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                write_entry(text, key, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                _ = write!(text, "{:indent$}-", "");
                nested_item(text, item, indent);
            }
        }
        other => _ = writeln!(text, "{:indent$}{}", "", flow(other)),
    }
}

fn nested(text: &mut String, value: &Value, indent: usize) {
    let line = flow(value);
    if is_leaf(value) || line.len() + indent < WIDTH {
        _ = writeln!(text, " {line}");
    } else {
        text.push('\n');
        block(text, value, indent + 2);
    }
}

fn nested_item(text: &mut String, item: &Value, indent: usize) {
    let line = flow(item);
    if is_leaf(item) || line.len() + indent < WIDTH {
        _ = writeln!(text, " {line}");
        return;
    }
    // The first key stands beside the dash.
    let inner = write(item, indent + 2);
    text.push_str(inner.get(indent + 1..).unwrap_or_default());
}

fn is_leaf(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(string) => scalar(string),
        other => other.to_string(),
    }
}

fn scalar(string: &str) -> String {
    if is_plain(string) {
        string.to_owned()
    } else if string.contains('"') && !string.chars().any(|char| char.is_control() || char == '\\') {
        format!("'{}'", string.replace('\'', "''"))
    } else {
        Value::from(string).to_string()
    }
}

/// Whether YAML reads the bare text as this very string, in any place.
fn is_plain(string: &str) -> bool {
    const WORDS: [&str; 11] = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ];
    let (Some(first), Some(last)) = (string.chars().next(), string.chars().last()) else {
        return false;
    };
    (first.is_ascii_alphabetic() || "$</".contains(first))
        && (last.is_ascii_alphanumeric() || ")>/.".contains(last))
        && string
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || " $<>/._-()=:;+@".contains(char))
        && !string.contains(": ")
        && !string.contains("  ")
        && !WORDS.contains(&string.to_ascii_lowercase().as_str())
}
