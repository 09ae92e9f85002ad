//! The JSON form of a [`FieldSet`]: `{"f:spec":{".":{},"f:replicas":{}}}`. A field in the set below which nothing is
//! has an empty object, one below which something is has a `.` in its object.

use serde_json::{Map, Value, json};

use super::path::{PathElement, PathElementError};
use super::set::{FieldSet, Node};

impl FieldSet {
    /// The set's JSON form.
    #[must_use]
    pub fn to_fields_v1(&self) -> Value {
        Value::Object(
            self.iter()
                .map(|(element, node)| (element.to_text(), node_to_json(node)))
                .collect(),
        )
    }

    /// A set from its JSON form. Elements of unknown kinds are dropped.
    ///
    /// # Errors
    ///
    /// The words in which an element is no element.
    pub fn from_fields_v1(json: &Value) -> Result<Self, String> {
        match json {
            Value::Object(fields) => children(fields),
            Value::Null => Ok(Self::default()),
            other => Err(format!("ReadMapCB: expect {{ or n, but found {other}")),
        }
    }
}

fn node_to_json(node: &Node) -> Value {
    let mut json = node.children.to_fields_v1();
    if let Some(fields) = json.as_object_mut().filter(|fields| node.member && !fields.is_empty()) {
        fields.insert(".".to_owned(), json!({}));
    }
    json
}

fn children(fields: &Map<String, Value>) -> Result<FieldSet, String> {
    let mut set = FieldSet::default();
    for (text, below) in fields.iter().filter(|(text, _)| *text != ".") {
        let element = match PathElement::parse(text) {
            Ok(element) => element,
            Err(PathElementError::Unknown) => continue,
            Err(PathElementError::Malformed(message)) => {
                return Err(format!("parsing key as path element: {message}"));
            }
        };
        let children = FieldSet::from_fields_v1(below)?;
        let member = children.is_empty() || below.get(".").is_some();
        set.add(element, Node { member, children });
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_round_trip() {
        let json = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:finalizers": {".": {}, "v:\"a/b\"": {}}},
            "f:spec": {
                "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}},
                "f:replicas": {},
            },
        });
        let set = FieldSet::from_fields_v1(&json).unwrap();
        assert_eq!(set.to_fields_v1(), json);
        assert_eq!(set.len(), 7);
    }

    #[test]
    fn the_unknown_is_dropped_and_the_malformed_refused() {
        let set = FieldSet::from_fields_v1(&json!({"f:a": {}, "r:b": {}})).unwrap();
        assert_eq!(set, FieldSet::of_fields(&[&["a"]]));
        assert!(FieldSet::from_fields_v1(&json!({"a": {}})).is_err());
        assert!(FieldSet::from_fields_v1(&json!("a")).is_err());
    }
}
