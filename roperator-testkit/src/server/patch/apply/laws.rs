//! What holds for all sets of fields, and for all applies and updates.

use std::sync::LazyLock;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::path::PathElement;
use super::{Author, FieldManager, FieldSet, Managers, OneVersion, Operation, Reset, Schema};
use crate::server::patch::shapes_from_json::Named;

fn elements() -> impl Strategy<Value = PathElement> {
    prop_oneof![
        "[a-c]".prop_map(|name| PathElement::field(&name)),
        "[a-b]".prop_map(|name| PathElement::key(vec![("name".to_owned(), json!(name))])),
        (0..2).prop_map(|number| PathElement::value(json!(number))),
        (0..2_i64).prop_map(PathElement::Index),
    ]
}

fn sets() -> impl Strategy<Value = FieldSet> {
    vec(vec(elements(), 1..4), 0..8).prop_map(|paths| {
        let mut set = FieldSet::default();
        for path in &paths {
            set.insert(path);
        }
        set
    })
}

proptest! {
    #[test]
    fn union_and_intersection_form_a_lattice(a in sets(), b in sets(), c in sets()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(a.intersection(&b).intersection(&c), a.intersection(&b.intersection(&c)));
        prop_assert_eq!(a.union(&a), a.clone());
        prop_assert_eq!(a.intersection(&a.union(&b)), a.clone());
        prop_assert_eq!(a.union(&a.intersection(&b)), a.clone());
        prop_assert_eq!(a.intersection(&b.union(&c)), a.intersection(&b).union(&a.intersection(&c)));
    }

    #[test]
    fn a_difference_and_an_intersection_make_a_whole(a in sets(), b in sets()) {
        prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
        prop_assert!(a.difference(&b).intersection(&b).is_empty());
        prop_assert!(a.difference(&a).is_empty());
        let mut left = a.clone();
        left.subtract(&b);
        prop_assert_eq!(left, a.difference(&b));
        prop_assert!(a.recursive_difference(&b).is_subset(&a.difference(&b)));
        prop_assert!(a.leaves().is_subset(&a));
        prop_assert_eq!(a.is_subset(&b), a.difference(&b).is_empty());
        prop_assert_eq!(a.len() + b.len(), a.union(&b).len() + a.intersection(&b).len());
    }

    #[test]
    fn membership_is_what_the_operations_say(a in sets(), b in sets(), path in vec(elements(), 1..4)) {
        prop_assert_eq!(a.union(&b).has(&path), a.has(&path) || b.has(&path));
        prop_assert_eq!(a.intersection(&b).has(&path), a.has(&path) && b.has(&path));
        prop_assert_eq!(a.difference(&b).has(&path), a.has(&path) && !b.has(&path));
        let below = (1..=path.len()).any(|length| b.has(&path[..length]));
        prop_assert_eq!(a.recursive_difference(&b).has(&path), a.has(&path) && !below);
        prop_assert_eq!(a.paths().contains(&path), a.has(&path));
    }

    #[test]
    fn sets_survive_their_json_form(a in sets()) {
        prop_assert_eq!(FieldSet::from_fields_v1(&a.to_fields_v1()), Ok(a));
    }
}

fn texts(names: &'static str) -> impl Strategy<Value = Value> {
    btree_map(names, "[12]", 1..3).prop_map(|texts| json!(texts))
}

fn ports() -> impl Strategy<Value = Value> {
    let port = (1..4, option::of("TCP|UDP"), option::of("[ab]"));
    vec(port, 1..3).prop_map(|ports| {
        let mut seen = Vec::new();
        let mut items = Vec::new();
        for (port, protocol, note) in ports {
            if seen.contains(&port) {
                continue;
            }
            seen.push(port);
            let mut item = Map::from_iter([("port".to_owned(), json!(port))]);
            item.extend(protocol.map(|protocol| ("protocol".to_owned(), json!(protocol))));
            item.extend(note.map(|note| ("note".to_owned(), json!(note))));
            items.push(Value::Object(item));
        }
        Value::Array(items)
    })
}

prop_compose! {
    /// Configurations of things, without nulls and empty objects or lists.
    fn configs()(
        name in option::of("[ab]"),
        labels in option::of(texts("[a-c]")),
        whole in option::of(texts("[ab]")),
        tags in option::of(btree_set("[x-z]", 1..3)),
        steps in option::of(vec("[ab]", 1..3)),
        ports in option::of(ports()),
        nested in option::of(texts("[cd]")),
        free in option::of(texts("[ab]")),
    ) -> Value {
        let fields = [
            ("name", name.map(|name| json!(name))),
            ("labels", labels),
            ("whole", whole),
            ("tags", tags.map(|tags| json!(tags))),
            ("steps", steps.map(|steps| json!(steps))),
            ("ports", ports),
            ("nested", nested.map(|inner| json!({"b": inner}))),
            ("free", free),
        ];
        let spec: Map<String, Value> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        thing(Value::Object(spec))
    }
}

fn thing(spec: Value) -> Value {
    let mut thing = json!({"apiVersion": "patch.test/v1", "kind": "Thing", "metadata": {"name": "n", "uid": "u"}});
    if spec != json!({}) {
        thing["spec"] = spec;
    }
    thing
}

static NAMED: LazyLock<Named> = LazyLock::new(Named::recorded);

struct Bench {
    blank: Value,
}

impl Bench {
    fn new() -> Self {
        Self { blank: json!({}) }
    }

    fn schema(&self) -> Schema<'_> {
        Schema {
            shapes: &NAMED.shapes,
            root: NAMED.id("Thing"),
        }
    }

    fn manager(&self) -> FieldManager<'_> {
        FieldManager {
            schema: self.schema(),
            api_version: "patch.test/v1",
            kind: "Thing",
            subresource: "",
            blank: &self.blank,
            reset: &Reset::Nothing,
            versions: &OneVersion,
        }
    }

    fn apply(&self, live: Option<&Value>, config: &Value, manager: &str, second: u8) -> Value {
        let now = format!("2026-01-01T00:00:{second:02}Z");
        let author = Author { manager, now: &now };
        self.manager().apply(live, config, author, true).unwrap()
    }
}

fn owned(object: &Value, manager: &str, operation: Operation) -> FieldSet {
    let managers = Managers::of(object).unwrap();
    let of_manager = managers
        .0
        .into_iter()
        .find(|(key, _)| key.manager == manager && key.operation == operation);
    of_manager.map(|(_, managed)| managed.set).unwrap_or_default()
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(first in configs(), second in configs()) {
        let bench = Bench::new();
        let live = bench.apply(None, &first, "a", 0);
        let once = bench.apply(Some(&live), &second, "b", 1);
        prop_assert_eq!(bench.apply(Some(&once), &second, "b", 2), once);
    }

    #[test]
    fn what_is_merged_is_there(live in configs(), config in configs()) {
        let bench = Bench::new();
        let schema = bench.schema();
        let merged = schema.merge(&live, &config);
        prop_assert_eq!(&schema.merge(&merged, &config), &merged);
        prop_assert!(schema.field_set(&config).is_subset(&schema.field_set(&merged)));
        prop_assert!(schema.compare(&merged, &live).added.is_subset(&schema.field_set(&live)));
    }

    #[test]
    fn disjoint_applies_commute(first in texts("[a-c]"), second in texts("[x-z]"), other in configs()) {
        let bench = Bench::new();
        let (first, second) = (thing(json!({"labels": first})), thing(json!({"labels": second})));
        let live = bench.apply(None, &other, "o", 0);
        let one = bench.apply(Some(&bench.apply(Some(&live), &first, "a", 1)), &second, "b", 1);
        let two = bench.apply(Some(&bench.apply(Some(&live), &second, "b", 1)), &first, "a", 1);
        prop_assert_eq!(one, two);
    }

    #[test]
    fn pruning_takes_just_what_nobody_owns(first in configs(), second in configs()) {
        let bench = Bench::new();
        let schema = bench.schema();
        let both = bench.apply(Some(&bench.apply(None, &first, "a", 0)), &second, "b", 1);
        let left = bench.apply(Some(&both), &thing(json!({})), "a", 2);
        let of_b = owned(&left, "b", Operation::Apply);
        prop_assert_eq!(&of_b, &owned(&both, "b", Operation::Apply));
        let gone = schema.compare(&both, &left).removed;
        prop_assert!(gone.intersection(&of_b).is_empty());
        prop_assert!(schema.compare(&second, &left).removed.is_empty());
        let unowned = schema.field_set(&left).leaves().difference(&schema.with_named_fields(&of_b));
        prop_assert!(unowned.difference(&super::STRIPPED).is_empty(), "{}", unowned.to_fields_v1());
    }

    #[test]
    fn an_update_takes_from_others_just_what_it_changes(first in configs(), second in configs()) {
        let bench = Bench::new();
        let schema = bench.schema();
        let live = bench.apply(None, &first, "a", 0);
        // An object that nobody owns anything of stays so.
        prop_assume!(!owned(&live, "a", Operation::Apply).is_empty());
        let mut new = second.clone();
        let author = Author { manager: "u", now: "2026-01-01T00:00:01Z" };
        bench.manager().own_update(Some(&live), &mut new, author);
        let differences = schema.compare(&live, &second);
        let changed = differences.added.union(&differences.modified).difference(&super::STRIPPED);
        let before = owned(&live, "a", Operation::Apply);
        let kept = before.difference(&changed).difference(&differences.removed);
        prop_assert_eq!(owned(&new, "a", Operation::Apply), kept);
        prop_assert_eq!(owned(&new, "u", Operation::Update), changed);
    }
}
