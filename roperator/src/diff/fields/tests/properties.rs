//! Properties, against a small model of a server that applies objects and records `fieldsV1`. The first letter of a member's
//! name is its schema: `s` scalar, `m` map, `t` atomic map, `a` atomic list, `v` set, `k` list keyed by `name` and `port`,
//! where `port` has the default 80.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use super::super::FieldSet;

type Members = Map<String, Value>;

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..9_u8).prop_map(Value::from),
        "[a-c]".prop_map(Value::from)
    ]
}

/// The key of the item of this name: sometimes the default is left out, sometimes it is stated.
fn key(name: &str) -> Members {
    let key = match name {
        "b" => json!({"name": name}),
        "c" => json!({"name": name, "port": 80}),
        _ => json!({"name": name, "port": 81}),
    };
    key.as_object().unwrap().clone()
}

/// An object of the schema above. `whose` marks members and items, so that two owners never set the same; others leave atomic
/// things alone.
fn object(whose: &'static str, least: usize) -> impl Strategy<Value = Value> {
    let atomic = prop::collection::btree_map("[xy]", scalar(), 1..3).prop_map(|map| json!(map));
    let list = prop::collection::vec(scalar(), least..3).prop_map(Value::from);
    let set = prop::collection::btree_set(names("[xyz]", whose), least..3).prop_map(|set| json!(set));
    let leaves = (
        prop::collection::btree_map(names("s[01]", whose), scalar(), least..3),
        prop::option::of(set),
        prop::option::of(atomic),
        prop::option::of(list),
    );
    let leaves = leaves.prop_map(move |(scalars, set, atomic, list)| {
        let mut map: Members = scalars.into_iter().collect();
        map.extend(set.map(|set| ("v0".to_owned(), set)));
        if whose.is_empty() {
            map.extend(atomic.map(|atomic| ("t0".to_owned(), atomic)));
            map.extend(list.map(|list| ("a0".to_owned(), list)));
        }
        Value::Object(map)
    });
    leaves.prop_recursive(3, 24, 3, move |inner| {
        let items = prop::collection::btree_map("[abc]", inner.clone(), least..3);
        let items = items.prop_map(|items: BTreeMap<String, Value>| -> Value {
            let named = items.into_iter();
            named
                .map(|(name, item)| {
                    Value::Object(
                        item.as_object()
                            .unwrap()
                            .clone()
                            .into_iter()
                            .chain(key(&name))
                            .collect(),
                    )
                })
                .collect()
        });
        (inner.clone(), prop::option::of(inner), prop::option::of(items)).prop_map(|(base, map, items)| {
            let mut base = base.as_object().unwrap().clone();
            base.extend(map.map(|map| ("m0".to_owned(), map)));
            base.extend(items.map(|items| ("k0".to_owned(), items)));
            Value::Object(base)
        })
    })
}

fn names(pattern: &str, whose: &str) -> impl Strategy<Value = String> {
    prop::string::string_regex(&format!("{pattern}{whose}")).unwrap()
}

fn desired() -> impl Strategy<Value = Value> {
    object("", 0)
}

/// What the server records for an apply of this.
fn record(value: &Value) -> Value {
    let mut fields = Members::new();
    for (name, value) in value.as_object().unwrap() {
        let node = match name.chars().next() {
            Some('m') => record(value),
            Some('k') => keyed(value)
                .into_iter()
                .map(|(key, item)| (format!("k:{key}"), with_dot(record(item))))
                .collect(),
            Some('v') => value
                .as_array()
                .unwrap()
                .iter()
                .map(|element| (format!("v:{element}"), json!({})))
                .collect(),
            _ => json!({}),
        };
        let is_empty_list = value.as_array().is_some_and(Vec::is_empty);
        if !is_empty_list || name.starts_with('a') {
            fields.insert(format!("f:{name}"), node);
        }
    }
    Value::Object(fields)
}

fn with_dot(mut node: Value) -> Value {
    node.as_object_mut().unwrap().insert(".".to_owned(), json!({}));
    node
}

fn keyed(list: &Value) -> BTreeMap<String, &Value> {
    let key = |item: &Value| json!({"name": item["name"], "port": item.get("port").unwrap_or(&json!(80))}).to_string();
    list.as_array().unwrap().iter().map(|item| (key(item), item)).collect()
}

/// As the server stores it: defaults filled in, and what has no order sorted.
fn stored(value: &Value) -> Value {
    mix(value, &json!({}))
}

/// Desired and what others set, merged.
fn mix(desired: &Value, others: &Value) -> Value {
    let (desired, others) = (desired.as_object().unwrap(), others.as_object().unwrap());
    let mut out = Members::new();
    for name in desired.keys().chain(others.keys()) {
        let (one, two) = (desired.get(name), others.get(name));
        let mixed = match name.chars().next() {
            Some('m') => mix(one.unwrap_or(&json!({})), two.unwrap_or(&json!({}))),
            Some('v') => {
                let both = [one, two].into_iter().flatten().flat_map(|set| set.as_array().unwrap());
                json!(
                    both.map(|element| element.as_str().unwrap())
                        .collect::<std::collections::BTreeSet<_>>()
                )
            }
            Some('k') => {
                let (empty, default) = (json!([]), json!({}));
                let (one, two) = (keyed(one.unwrap_or(&empty)), keyed(two.unwrap_or(&empty)));
                let keys: std::collections::BTreeSet<_> = one.keys().chain(two.keys()).collect();
                keys.into_iter()
                    .map(|key| {
                        let mut item = mix(one.get(key).unwrap_or(&&default), two.get(key).unwrap_or(&&default));
                        item.as_object_mut().unwrap().entry("port").or_insert(json!(80));
                        item
                    })
                    .collect()
            }
            _ => one.or(two).unwrap().clone(),
        };
        out.insert(name.clone(), mixed);
    }
    Value::Object(out)
}

/// The places that can be taken from a set: its steps, and the path that is then uncovered. Key members go with their item.
fn leaves(fields: &Value, steps: &[String], path: &str, out: &mut Vec<(Vec<String>, String)>) {
    for (step, node) in fields.as_object().unwrap() {
        let here = [steps, std::slice::from_ref(step)].concat();
        let (kind, rest) = step.split_once(':').unwrap_or((".", ""));
        match kind {
            "f" if matches!(rest, "name" | "port") => {}
            "f" if node == &json!({}) => out.push((here, format!("{path}.{rest}"))),
            "f" => leaves(node, &here, &format!("{path}.{rest}"), out),
            "v" => out.push((here, format!("{path}[{rest}]"))),
            "k" => {
                let name = serde_json::from_str::<Value>(rest).unwrap();
                let path = format!("{path}[name={}", name["name"]);
                out.push((here.clone(), path.clone()));
                // Between these two there may be the port.
                leaves(node, &here, &path, out);
            }
            _ => {}
        }
    }
}

/// Takes a place from a set, with the nodes on the way to it that are then empty, as the server does it.
fn take(fields: &mut Value, steps: &[String]) {
    let map = fields.as_object_mut().unwrap();
    let (first, rest) = steps.split_first().unwrap();
    let remove = rest.is_empty() || {
        take(&mut map[first], rest);
        map[first] == json!({})
    };
    if remove {
        map.remove(first);
    }
}

fn at<'a>(desired: &'a Value, steps: &[String]) -> &'a Value {
    steps
        .iter()
        .fold(desired, |value, step| match step.split_once(':').unwrap() {
            ("f", name) => &value[name],
            ("k", key) => keyed(value)[key],
            _ => &Value::Bool(true),
        })
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.values().all(asks_for_nothing),
        Value::Array(items) => items.is_empty(),
        value => value.is_null(),
    }
}

fn set_of(desired: &Value) -> FieldSet {
    FieldSet::parse(&record(desired).to_string()).unwrap()
}

fn arbitrary_set() -> impl Strategy<Value = FieldSet> {
    (desired(), any::<bool>()).prop_map(|(desired, update)| {
        let raw = record(&desired).to_string();
        if update {
            FieldSet::parse_update(&raw).unwrap()
        } else {
            FieldSet::parse(&raw).unwrap()
        }
    })
}

fn contains(live: &Value, desired: &Value) -> bool {
    super::super::element::contains(Some(live), desired, super::super::element::Texts::Exactly)
}

proptest! {
    #[test]
    fn what_was_recorded_for_desired_covers_it(desired in desired(), others in object("o", 1)) {
        prop_assert_eq!(set_of(&desired).uncovered(&desired), Vec::<String>::new());
        let update = FieldSet::parse_update(&record(&desired).to_string()).unwrap();
        prop_assert_eq!(update.drifted(&desired, &&mix(&desired, &others)), Vec::<String>::new());
    }

    #[test]
    fn what_is_taken_is_uncovered_and_nothing_else(desired in desired(), pick: Index) {
        let mut fields = record(&desired);
        let mut places = Vec::new();
        leaves(&fields, &[], "", &mut places);
        places.retain(|(steps, _)| !asks_for_nothing(at(&desired, steps)));
        if !places.is_empty() {
            let (steps, path) = pick.get(&places);
            take(&mut fields, steps);
            let uncovered = FieldSet::parse(&fields.to_string()).unwrap().uncovered(&desired);
            // Paths with the port, which the model leaves out of them.
            let plain: Vec<String> = uncovered.iter().map(|path| path.replace(",port=80", "").replace(",port=81", "").replace("\"]", "\"")).collect();
            let path = path.replace("\"]", "\"");
            prop_assert!(!plain.is_empty(), "{} is covered", path);
            for found in &plain {
                prop_assert!(found.starts_with(&path) || path.starts_with(found), "{} for {}", found, path);
            }
        }
    }

    #[test]
    fn union_is_a_join(a in arbitrary_set(), b in arbitrary_set(), c in arbitrary_set(), desired in desired(), live in desired()) {
        let ab = a.clone().union(b.clone());
        prop_assert_eq!(&ab, &b.clone().union(a.clone()));
        prop_assert_eq!(ab.clone().union(c.clone()), a.clone().union(b.clone().union(c)));
        prop_assert_eq!(&a.clone().union(a.clone()), &a);
        prop_assert_eq!(&a.clone().union(FieldSet::default()), &a);
        // What is missing of both is missing of each, or below what is missing there as a whole.
        let under = |paths: &[String], path: &String| paths.iter().any(|whole| path.starts_with(whole));
        for set in [&a, &b] {
            prop_assert!(ab.uncovered(&desired).iter().all(|path| under(&set.uncovered(&desired), path)));
            prop_assert!(ab.drifted(&desired, &&live).iter().all(|path| under(&set.drifted(&desired, &&live), path)));
        }
    }

    #[test]
    fn parse_reads_what_to_value_writes(a in desired(), b in desired()) {
        let fields = record(&a);
        let set = FieldSet::parse(&fields.to_string()).unwrap();
        prop_assert_eq!(FieldSet::parse(&set.to_value().to_string()).unwrap(), set.clone());
        let bare_items = |fields: &Value| {
            let text = fields.to_string().replace("{\".\":{}}", "{}");
            serde_json::from_str::<Value>(&text).unwrap()
        };
        prop_assert_eq!(bare_items(&set.to_value()), bare_items(&fields));
        let updated = FieldSet::parse_update(&record(&b).to_string()).unwrap();
        prop_assert_eq!(FieldSet::parse_update(&updated.to_value().to_string()).unwrap(), updated);
    }

    #[test]
    fn overlay_contains_desired_is_idempotent_and_keeps_the_rest(
        before in desired(), desired in desired(), others in object("o", 1), set in arbitrary_set(),
    ) {
        let mut live = mix(&before, &others);
        set.overlay(&mut live, &desired);
        prop_assert!(contains(&live, &desired), "{live}");
        let once = live.clone();
        set.overlay(&mut live, &desired);
        prop_assert_eq!(&live, &once);
        // With a set that knows the lists, the result is what the server would make of it.
        let mut live = mix(&before, &others);
        let knows = set_of(&before).union(set_of(&desired)).union(set_of(&others));
        knows.overlay(&mut live, &desired);
        prop_assert!(contains(&stored(&live), &others), "{live}");
        prop_assert!(contains(&live, &desired), "{live}");
    }

    #[test]
    fn dropping_and_laying_over_leaves_desired_and_what_others_set(
        before in object("", 1), desired in desired(), others in object("o", 1),
    ) {
        let set = set_of(&before).union(set_of(&desired));
        let mut live = mix(&before, &others);
        set_of(&before).remove_dropped(&mut live, &desired);
        set.overlay(&mut live, &desired);
        prop_assert_eq!(without_empty(&stored(&live)), without_empty(&mix(&desired, &others)));
    }

    #[test]
    fn nothing_makes_it_panic(set in arbitrary_set(), live in json_value(), desired in json_value(), raw in ".{0,20}") {
        let _ = FieldSet::parse(&raw);
        let asked = [set.drifted(&desired, &&live), set.filled(&desired, &&live)];
        prop_assert_eq!(asked, set.at_once(&desired, &live));
        let _ = set.uncovered(&desired);
        let mut changed = live.clone();
        set.remove_dropped(&mut changed, &desired);
        set.overlay(&mut changed, &desired);
        prop_assert!(contains(&changed, &desired));
    }
}

/// Any JSON at names that the sets know.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![scalar(), Just(Value::Null)];
    let value = leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::btree_map("[smktva][01]|name|port", inner.clone(), 0..4).prop_map(|map| json!(map)),
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    });
    prop::collection::btree_map("[smktva][01]", value, 0..4).prop_map(|map| json!(map))
}

/// Without empty maps and lists as members: dropping the last of its members may leave or remove the container.
fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().map(|(name, value)| (name.clone(), without_empty(value)));
            Value::Object(
                kept.filter(|(_, value)| *value != json!({}) && *value != json!([]))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(without_empty).collect(),
        scalar => scalar.clone(),
    }
}
