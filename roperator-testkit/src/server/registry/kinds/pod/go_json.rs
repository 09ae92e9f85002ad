//! Specs as the real server writes its own structs into messages: every field in the order and with the name it has
//! there, those that are not set included. A value as clients know it in, text out. Which structs there are is a table
//! beside this file: a line with a name starts one, and the lines below are its fields: the name, the name that clients
//! know, the type.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

static TABLE: &str = include_str!("go_structs.txt");

type Fields = Vec<Vec<&'static str>>;

/// A value as it is to be written.
enum Node {
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// A struct in one line.
#[must_use]
pub fn compact(name: &str, value: &Value) -> String {
    let mut text = String::new();
    of_type(name, value).write(&mut text, None);
    text
}

/// A pod spec in one line.
#[must_use]
pub fn compact_spec(spec: &Value) -> String {
    compact("PodSpec", &with_host_fields(spec))
}

/// A pod template in one line.
#[must_use]
pub fn compact_template(template: &Value) -> String {
    let mut fields = metadata(template);
    let spec = template.get("spec").unwrap_or(&Value::Null);
    fields.push(("Spec".to_owned(), of_type("PodSpec", &with_host_fields(spec))));
    let mut text = String::new();
    Node::Object(fields).write(&mut text, None);
    text
}

/// The lines of a pod spec, indented.
#[must_use]
pub fn spec_lines(spec: &Value) -> Vec<String> {
    let mut text = String::new();
    of_type("PodSpec", &with_host_fields(spec)).write(&mut text, Some(0));
    text.lines().map(str::to_owned).collect()
}

fn table() -> &'static BTreeMap<&'static str, Fields> {
    static PARSED: OnceLock<BTreeMap<&'static str, Fields>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let mut structs: BTreeMap<&str, Fields> = BTreeMap::new();
        let mut name = "";
        for line in TABLE.lines() {
            match line.strip_prefix(' ') {
                Some(field) => structs.entry(name).or_default().push(field.split(' ').collect()),
                None => name = line,
            }
        }
        structs
    })
}

/// The real server has what a pod shares with its node in the security context.
fn with_host_fields(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let shared = [
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "shareProcessNamespace",
        "hostUsers",
    ];
    let values: Vec<Option<Value>> = shared.iter().map(|name| spec.get(*name).cloned()).collect();
    let Some(fields) = spec.as_object_mut() else {
        return spec;
    };
    let context = fields.entry("securityContext").or_insert_with(|| json!({}));
    if let Some(context) = context.as_object_mut() {
        for (name, value) in shared.iter().zip(values) {
            if let Some(value) = value {
                context.insert((*name).to_owned(), value);
            }
        }
    }
    spec
}

fn of_type(name: &str, value: &Value) -> Node {
    let mut fields = Vec::new();
    collect(name, value, &mut fields);
    Node::Object(fields)
}

fn collect(name: &str, value: &Value, fields: &mut Vec<(String, Node)>) {
    for field in table().get(name).into_iter().flatten() {
        match field.as_slice() {
            ["meta"] => fields.extend(metadata(value)),
            [embedded] => collect(embedded.trim_start_matches('^'), value, fields),
            [name, known, kind] => {
                let value = value.get(*known).unwrap_or(&Value::Null);
                fields.push(((*name).to_owned(), field_value(kind, value)));
            }
            _ => {}
        }
    }
}

fn field_value(kind: &str, value: &Value) -> Node {
    let is_list = kind.strip_prefix("[]");
    match (kind, value) {
        ("text", Value::Null) => Node::Text("\"\"".to_owned()),
        ("flag", Value::Null) => Node::Text("false".to_owned()),
        ("zero", Value::Null) => Node::Text("0".to_owned()),
        ("quantity", Value::Null) => Node::Text("\"0\"".to_owned()),
        ("text" | "flag" | "zero" | "quantity" | "null" | "map" | "[]", value) => plain(value),
        ("selector", value) if value.is_object() => selector(value),
        (kind, Value::Null) if kind.starts_with(['*', '[']) || kind == "selector" => Node::Text("null".to_owned()),
        (_, Value::Array(items)) if is_list.is_some() => {
            let each = items.iter().map(|item| of_type(is_list.unwrap_or_default(), item));
            Node::List(each.collect())
        }
        (kind, value) => of_type(kind.trim_start_matches('*'), value),
    }
}

/// Label selectors keep the names that clients know, and only have what is set.
fn selector(value: &Value) -> Node {
    let mut fields = Vec::new();
    let labels = value.get("matchLabels").and_then(Value::as_object);
    if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
        fields.push(("matchLabels".to_owned(), Node::Object(sorted(labels))));
    }
    let expressions = value.get("matchExpressions").and_then(Value::as_array);
    if let Some(expressions) = expressions.filter(|expressions| !expressions.is_empty()) {
        let expression = |given: &Value| ordered(given, &["key", "operator", "values"]);
        let all = expressions.iter().map(expression).collect();
        fields.push(("matchExpressions".to_owned(), Node::List(all)));
    }
    Node::Object(fields)
}

/// Metadata of templates keeps the names that clients know, too, and stands among the fields of its object.
fn metadata(object: &Value) -> Vec<(String, Node)> {
    let names = ["name", "labels", "annotations"];
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    match ordered(metadata, &names) {
        Node::Object(fields) => fields,
        _ => Vec::new(),
    }
}

fn ordered(value: &Value, names: &[&str]) -> Node {
    let set = names.iter().filter_map(|name| Some((*name, value.get(*name)?)));
    Node::Object(set.map(|(name, value)| (name.to_owned(), plain(value))).collect())
}

fn plain(value: &Value) -> Node {
    match value {
        Value::Array(items) => Node::List(items.iter().map(plain).collect()),
        Value::Object(fields) => Node::Object(sorted(fields)),
        // Go escapes what would mean something in a web page.
        other => Node::Text(
            other
                .to_string()
                .replace('<', "\\u003c")
                .replace('>', "\\u003e")
                .replace('&', "\\u0026"),
        ),
    }
}

fn sorted(fields: &Map<String, Value>) -> Vec<(String, Node)> {
    fields
        .iter()
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

impl Node {
    /// Writes the value; `depth` is given where each part has a line of its own.
    fn write(&self, text: &mut String, depth: Option<usize>) {
        match self {
            Self::Text(value) => text.push_str(value),
            Self::List(items) => {
                let parts = items.iter().map(|item| (None, item));
                write_parts(text, parts.collect(), ['[', ']'], depth);
            }
            Self::Object(fields) => {
                let parts = fields.iter().map(|(name, value)| (Some(name.as_str()), value));
                write_parts(text, parts.collect(), ['{', '}'], depth);
            }
        }
    }
}

fn write_parts(text: &mut String, parts: Vec<(Option<&str>, &Node)>, [open, close]: [char; 2], depth: Option<usize>) {
    let new_line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&" ".repeat(depth));
    };
    text.push(open);
    let is_empty = parts.is_empty();
    for (index, (name, part)) in parts.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        if let Some(depth) = depth {
            new_line(text, depth + 1);
        }
        if let Some(name) = name {
            text.push_str(&Value::from(name).to_string());
            text.push_str(if depth.is_some() { ": " } else { ":" });
        }
        part.write(text, depth.map(|depth| depth + 1));
    }
    if let Some(depth) = depth.filter(|_| !is_empty) {
        new_line(text, depth);
    }
    text.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_not_set_are_written() {
        let toleration = json!({"key": "a<b", "tolerationSeconds": 3});
        let expected = r#"{"Key":"a\u003cb","Operator":"","Value":"","Effect":"","TolerationSeconds":3}"#;
        assert_eq!(compact("Toleration", &toleration), expected);
    }

    #[test]
    fn lines_are_indented() {
        let lines = spec_lines(&json!({"containers": [], "hostPID": true}));
        assert_eq!(
            lines[..4],
            [
                "{",
                " \"Volumes\": null,",
                " \"InitContainers\": null,",
                " \"Containers\": [],"
            ]
        );
        assert!(lines.contains(&"  \"HostPID\": true,".to_owned()));
    }
}
