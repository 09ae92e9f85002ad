//! Values that are wrong in the ways values are: of another type, too large, too deep, empty, missing, elsewhere.

use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

/// One change of a document.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// Something else is there.
    Replace(Value),
    /// Nothing is there.
    Remove,
    /// It is there under another name.
    Rename(String),
    /// What is elsewhere in the document is here.
    Copy(Index),
    /// It is in a list, or in an object.
    Wrap(Option<String>),
    /// It is there more than once.
    Repeat(usize),
    /// Something is added beside it.
    Add(String, Value),
}

/// Keys that mean something somewhere.
const KEYS: &[&str] = &[
    "",
    "a",
    "$patch",
    "$retainKeys",
    "$deleteFromPrimitiveList/finalizers",
    "$setElementOrder/containers",
    "$setElementOrder/ports",
    "name",
    "namespace",
    "metadata",
    "spec",
    "status",
    "items",
    "apiVersion",
    "kind",
    "uid",
    "resourceVersion",
    "generateName",
    "managedFields",
    "fieldsV1",
    "f:metadata",
    "k:{\"name\":\"a\"}",
    "v:1",
    "i:0",
    ".",
    "ownerReferences",
    "deletionTimestamp",
    "finalizers",
    "labels",
    "annotations",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-int-or-string",
    "properties",
    "items",
    "additionalProperties",
    "default",
    "type",
    "format",
    "pattern",
    "enum",
    "allOf",
    "not",
    "oneOf",
    "$ref",
    "rule",
    "maximum",
    "minLength",
    "selector",
    "matchLabels",
    "ports",
    "clusterIP",
    "nodePort",
    "é\u{0}",
    "a.b/c",
    "a~1b",
];

/// Texts that mean something somewhere.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "-",
    "0",
    "1",
    "-1",
    "100%",
    "1e99999999",
    "9223372036854775808",
    "1Ei",
    "0.0000000001m",
    "1e-400",
    "default",
    "kube-system",
    "None",
    "10.0.0.1",
    "::1",
    "10.0.0.0/99",
    "TCP",
    "http",
    "ClusterIP",
    "ExternalName",
    "replace",
    "delete",
    "merge",
    "Always",
    "2026-01-01T00:00:00Z",
    "9999999999-01-01T00:00:00Z",
    "true",
    "null",
    "self",
    "self.a + 1 > 0",
    "self.all(x, x.all(y, self.all(z, true)))",
    "self.matches('(a*)*b')",
    "1/0 == 0",
    "oldSelf.a == self.a",
    "size(self.b) < 1 ||",
    "'\\xff'",
    "{.spec.a}",
    ".spec.b[*]",
    ".status['x",
    "$$$",
    "^(a+)+$",
    "[",
    "(?P<a>x){1000}{1000}",
    "é",
    "\u{0}",
    "\u{10ffff}",
    "a/b",
    "../..",
    "string",
    "integer",
    "number",
    "object",
    "array",
    "boolean",
    "int32",
    "date-time",
    "byte",
    "cidr",
    "example.com/v1",
    "v1",
    "Namespaced",
    "Cluster",
    "$(A)",
    "@every 0s",
];

/// Any value.
pub fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(0),
            json!(-1),
            json!(1),
            json!(65536),
            json!(i32::MAX),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1.5),
            json!(-0.0),
            json!(1e308),
            json!(5e-324),
            json!(2_147_483_648_u64),
        ]),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        (1_usize..2000).prop_map(|length| Value::from("x".repeat(length))),
        (1_usize..120).prop_map(|depth| deep(depth, true)),
        (1_usize..120).prop_map(|depth| deep(depth, false)),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..5)
                .prop_map(|entries| entries.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Any key.
pub fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

/// One change of a document, and where.
pub fn any_mutation() -> impl Strategy<Value = (Index, Mutation)> {
    let mutation = prop_oneof![
        6 => any_value().prop_map(Mutation::Replace),
        2 => Just(Mutation::Remove),
        2 => any_key().prop_map(Mutation::Rename),
        2 => any::<Index>().prop_map(Mutation::Copy),
        1 => prop::option::of(any_key()).prop_map(Mutation::Wrap),
        1 => (2_usize..4).prop_map(Mutation::Repeat),
        3 => (any_key(), any_value()).prop_map(|(key, value)| Mutation::Add(key, value)),
    ];
    (any::<Index>(), mutation)
}

/// So many lists or objects in one another.
pub fn deep(depth: usize, lists: bool) -> Value {
    let mut value = json!(1);
    for _ in 0..depth {
        value = if lists { json!([value]) } else { json!({"a": value}) };
    }
    value
}

/// The pointers to everything in a document.
pub fn pointers(document: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut open = vec![(String::new(), document)];
    while let Some((at, value)) = open.pop() {
        let inside: Vec<(String, &Value)> = match value {
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (format!("{at}/{}", escaped(key)), value))
                .collect(),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(index, value)| (format!("{at}/{index}"), value))
                .collect(),
            _ => Vec::new(),
        };
        found.extend(inside.iter().map(|(pointer, _)| pointer.clone()));
        open.extend(inside);
    }
    found
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Changes a document.
pub fn mutate(document: &mut Value, (place, mutation): &(Index, Mutation)) {
    let all = pointers(document);
    let pointer = place.get(all.as_slice());
    let copied = match mutation {
        Mutation::Copy(from) => document.pointer(from.get::<String>(&all)).cloned(),
        _ => None,
    };
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", ""));
    let key = key.replace("~1", "/").replace("~0", "~");
    match mutation {
        Mutation::Remove => {
            if let Some(parent) = document.pointer_mut(parent) {
                take(parent, &key);
            }
        }
        Mutation::Rename(name) => {
            if let Some(parent) = document.pointer_mut(parent)
                && let Some(value) = take(parent, &key)
                && let Some(map) = parent.as_object_mut()
            {
                map.insert(name.clone(), value);
            }
        }
        _ => {
            if let Some(value) = document.pointer_mut(pointer) {
                change(value, mutation, copied);
            }
        }
    }
}

fn take(parent: &mut Value, key: &str) -> Option<Value> {
    match parent {
        Value::Object(map) => map.remove(key),
        Value::Array(list) => {
            let index = key.parse().ok()?;
            (index < list.len()).then(|| list.remove(index))
        }
        _ => None,
    }
}

fn change(value: &mut Value, mutation: &Mutation, copied: Option<Value>) {
    let old = value.take();
    *value = match mutation {
        Mutation::Replace(new) => new.clone(),
        Mutation::Copy(_) => copied.unwrap_or_default(),
        Mutation::Wrap(None) => json!([old]),
        Mutation::Wrap(Some(key)) => json!({key: old}),
        Mutation::Repeat(times) => match old {
            Value::Array(list) => list.iter().cycle().take(list.len() * times).cloned().collect(),
            other => vec![other; *times].into(),
        },
        Mutation::Add(key, added) => match old {
            Value::Object(mut map) => {
                map.insert(key.clone(), added.clone());
                map.into()
            }
            Value::Array(mut list) => {
                list.push(added.clone());
                list.into()
            }
            other => json!({key: other, "": added}),
        },
        Mutation::Remove | Mutation::Rename(_) => old,
    };
}
